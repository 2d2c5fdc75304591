"""Records the instruments in `remi_two_stage/rendering/instruments/`: single notes of a soundfont, one after another.

    python maintenance/record_instruments.py FluidR3Mono_GM.sf3 [piano guitar ...]

FluidSynth plays them, without reverberation. The soundfont is under the MIT licence; Debian has both, as
fluidr3mono-gm-soundfont (2.315-7) and fluidsynth (2.3.1).
"""

from __future__ import annotations

import argparse
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import soundfile

from remi_two_stage import Bar, Key, Meter, Note, Piece, write_score
from remi_two_stage.rendering.sound import INSTRUMENTS, INSTRUMENTS_FOLDER, Instrument

PROGRAMS = {"piano": 0, "guitar": 24, "fiddle": 40, "flute": 73, "organ": 19}  # General MIDI
SAMPLE_RATE = 32_000
VELOCITY = 84
PEAK = 0.9


def notes_of(instrument: Instrument) -> Piece:
    """The notes that are recorded, each in a bar of a second a quarter, with a moment's rest at its end."""
    meter = Meter(instrument.seconds, 4)
    bars = [
        Bar(meter, Key(), meter.bar_length, ((Note(0, pitch, meter.bar_length - 2, VELOCITY),),))
        for pitch in instrument.pitches
    ]
    return Piece(("V1",), tuple(bars), tempo=60)


def record(name: str, soundfont: Path) -> None:
    """Write the recording of an instrument."""
    instrument = INSTRUMENTS[name]
    with TemporaryDirectory() as folder:
        score, commands, sound = (Path(folder) / file for file in ("notes.mid", "commands", "notes.wav"))
        write_score(notes_of(instrument), score)
        commands.write_text(f"select 0 1 0 {PROGRAMS[name]}\n")
        options = ["-ni", "-R0", "-C0", "-g0.5", f"-r{SAMPLE_RATE}", "-f", commands, "-F", sound]
        subprocess.run(["fluidsynth", *options, soundfont, score], check=True)
        samples = soundfile.read(sound)[0].mean(axis=1)
    samples = np.resize(samples, instrument.seconds * SAMPLE_RATE * len(instrument.pitches))
    samples *= PEAK / np.abs(samples).max()
    path = INSTRUMENTS_FOLDER / f"{name}.ogg"
    with soundfile.SoundFile(path, "w", SAMPLE_RATE, 1, format="OGG", subtype="VORBIS", compression_level=0.6) as file:
        for block in np.array_split(samples, len(instrument.pitches)):
            file.write(block)
    print(f"wrote {path}, {path.stat().st_size:,} bytes")


def main() -> None:
    """Record the instruments that are named."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("soundfont", type=Path)
    parser.add_argument("names", nargs="*", default=list(INSTRUMENTS), help="the instruments  [default: all]")
    arguments = parser.parse_args()
    for name in arguments.names:
        record(name, arguments.soundfont)


if __name__ == "__main__":
    main()
