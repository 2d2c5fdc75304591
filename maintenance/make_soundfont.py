"""Makes `remi_two_stage/scores/soundfont/`: two instruments of Fluid (R3) Mono GM, a soundfont under the MIT licence.

    python maintenance/make_soundfont.py FluidR3Mono_GM.sf3

Debian ships the source as fluidr3mono-gm-soundfont (2.315-7). SoundFont 2.04 says what the chunks are; in SF3 each
sample is an Ogg Vorbis stream, its start and end count bytes, its loop counts from its own start.
"""

from __future__ import annotations

import argparse
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

TARGET = Path(__file__).parents[1] / "remi_two_stage" / "scores" / "soundfont" / "piano-guitar.sf3"
PROGRAMS = (0, 24)  # General MIDI: grand piano, nylon string guitar
INFO = (b"ifil", b"isng", b"INAM", b"IENG", b"ICOP", b"ICMT")
FORMATS = {
    b"phdr": "<20sHHHIII",
    b"inst": "<20sH",
    b"shdr": "<20sIIIIIBbHH",
    **dict.fromkeys((b"pbag", b"ibag", b"pgen", b"igen"), "<HH"),
    **dict.fromkeys((b"pmod", b"imod"), "<HHhHH"),
}
INSTRUMENT, SAMPLE = 41, 53  # generators that refer to an instrument or a sample

Row = tuple[bytes | int, ...]


@dataclass
class Zones:
    """Bags, generators and modulators of presets or of instruments, with what they refer to numbered anew."""

    reference: int
    bags: list[Row] = field(default_factory=list)
    generators: list[Row] = field(default_factory=list)
    modulators: list[Row] = field(default_factory=list)
    referred: list[int] = field(default_factory=list)

    def take(self, bags: Sequence[Row], generators: Sequence[Row], modulators: Sequence[Row]) -> None:
        """Take over the zones between the first and the last bag."""
        for (generator, modulator), (next_generator, next_modulator) in pairwise(bags):
            self.bags.append((len(self.generators), len(self.modulators)))
            self.modulators += modulators[modulator:next_modulator]
            for kind, amount in generators[generator:next_generator]:
                self.generators.append((kind, self.renumbered(amount) if kind == self.reference else amount))

    def renumbered(self, index: int) -> int:
        """The new number of an instrument or a sample."""
        if index not in self.referred:
            self.referred.append(index)
        return self.referred.index(index)

    def close(self) -> None:
        """Add the rows that end each table."""
        self.bags.append((len(self.generators), len(self.modulators)))
        self.generators.append((0, 0))
        self.modulators.append((0, 0, 0, 0, 0))


def chunks(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, bytes]]:
    """Name and content of each chunk; some writers leave out the padding after an odd length."""
    while start < end:
        name, length = struct.unpack_from("<4sI", data, start)
        content = data[start + 8 : start + 8 + length]
        yield name, content
        start += 8 + length + (length % 2 and data[start + 8 + length : start + 9 + length] == b"\0")


def read(data: bytes) -> dict[bytes, bytes]:
    """Every chunk of a soundfont by its name."""
    found: dict[bytes, bytes] = {}
    for _, content in chunks(data, 12, len(data)):
        found |= dict(chunks(content, 4, len(content)))
    return found


def chunk(name: bytes, content: bytes) -> bytes:
    """A chunk, padded to an even length."""
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def packed(name: bytes, rows: Sequence[Row]) -> bytes:
    """A table as a chunk."""
    return chunk(name, b"".join(struct.pack(FORMATS[name], *row) for row in rows))


def subset(data: bytes, programs: Sequence[int]) -> bytes:
    """A soundfont with some programs of another one's first bank."""
    source = read(data)
    tables = {name: list(struct.iter_unpack(form, source[name])) for name, form in FORMATS.items()}
    presets, instruments, samples = Zones(INSTRUMENT), Zones(SAMPLE), bytearray()
    headers: list[Row] = []
    for preset, following in pairwise(tables[b"phdr"]):
        if preset[1] in programs and preset[2] == 0:
            headers.append((*preset[:3], len(presets.bags), *preset[4:]))
            presets.take(tables[b"pbag"][preset[3] : following[3] + 1], tables[b"pgen"], tables[b"pmod"])
    headers.append((b"EOP", 0, 0, len(presets.bags), 0, 0, 0))
    names: list[Row] = []
    for index in presets.referred:
        (name, first), (_, last) = tables[b"inst"][index : index + 2]
        names.append((name, len(instruments.bags)))
        instruments.take(tables[b"ibag"][first : last + 1], tables[b"igen"], tables[b"imod"])
    names.append((b"EOI", len(instruments.bags)))
    sample_headers: list[Row] = []
    for index in instruments.referred:
        name, start, end, *rest = tables[b"shdr"][index]
        sample_headers.append((name, len(samples), len(samples) + end - start, *rest))
        samples += source[b"smpl"][start:end]
    sample_headers.append((b"EOS", 0, 0, 0, 0, 0, 0, 0, 0, 0))
    presets.close()
    instruments.close()
    hydra = {
        b"phdr": headers, b"pbag": presets.bags, b"pmod": presets.modulators, b"pgen": presets.generators,
        b"inst": names, b"ibag": instruments.bags, b"imod": instruments.modulators, b"igen": instruments.generators,
        b"shdr": sample_headers,
    }  # fmt: skip
    lists = {
        b"INFO": b"".join(chunk(name, source[name]) for name in INFO),
        b"sdta": chunk(b"smpl", bytes(samples)),
        b"pdta": b"".join(packed(name, rows) for name, rows in hydra.items()),
    }
    return chunk(b"RIFF", b"sfbk" + b"".join(chunk(b"LIST", name + content) for name, content in lists.items()))


def main() -> None:
    """Write the soundfont."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path)
    TARGET.write_bytes(subset(parser.parse_args().source.read_bytes(), PROGRAMS))
    print(f"wrote {TARGET}, {TARGET.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
