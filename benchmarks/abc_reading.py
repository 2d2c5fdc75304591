"""How fast is ABC read, and brought to tokens? CPU time a tune, beside music21 and abc2midi, on the same tunes.

    python benchmarks/abc_reading.py [FOLDER ...] [--tunes 200] [--naive 40] [--seed 0]

The tunes are a sample of music21's tune books and of the .abc and .abc.gz files in the folders named. Read are single
tunes by `read_abc` and by music21's parser, and one book of them all by abc2midi (Debian's package abcmidi; CPU time of
its process, so that its start does not count for every tune). The whole way to tokens is `read_abc`, `label_chords`,
`in_c` and `encode`; beside it stands the way that is usual with music21: parse, key analysis, transpose, chordify, a
Roman numeral a bar. That takes so long that it is timed, with ours, on the first tunes of the sample.

Every way takes one tune first, untimed. Tunes that it rejects are counted, with the time that this takes.
"""

from __future__ import annotations

import argparse
import gc
import gzip
import importlib.util
import random
import re
import resource
import shutil
import subprocess
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from harmony import roman_numeral

from remi_two_stage import encode, label_chords, read_abc

TUNE_BOOKS = ("oneills1850", "ryansMammoth", "airdsAirs")


class Timing(NamedTuple):
    """CPU seconds of a number of tunes, and how many of them were rejected; None where that cannot be known."""

    seconds: float
    tunes: int
    rejected: int | None

    @property
    def milliseconds(self) -> float:
        """A tune."""
        return 1000 * self.seconds / self.tunes


def tunes_of(file: Path) -> list[str]:
    """The text of each tune in a file, with the file's version line in front."""
    data = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    text = data.decode("utf-8", errors="replace").replace("\r\n", "\n")
    version = re.match(r"%abc-.*\n", text)
    tunes = (tune.partition("\n\n")[0] for tune in re.split(r"(?m)^(?=X:)", text)[1:])
    return [f"{version[0] if version else ''}{tune.rstrip()}\n" for tune in tunes]


def timed(way: Callable[[str], object], tunes: Sequence[str]) -> Timing:
    """Take every tune this way."""
    way(tunes[0])
    gc.collect()
    rejected = 0
    start = time.process_time()
    for tune in tunes:
        try:
            way(tune)
        except Exception:  # whatever music21 stumbles over; it must not stop the comparison
            rejected += 1
    return Timing(time.process_time() - start, len(tunes), rejected)


def timed_abc2midi(tunes: Sequence[str]) -> Timing:
    """Convert a book of all tunes, numbered anew, since abc2midi names its files by their numbers."""
    numbered = (re.sub(r"(?m)^X:.*", f"X:{number}", tune, count=1) for number, tune in enumerate(tunes, 1))
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "book.abc").write_text("\n".join(numbered), encoding="utf-8")
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(["abc2midi", "book.abc"], cwd=folder, capture_output=True, check=False)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Timing(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, len(tunes), None)


def to_tokens(tune: str) -> list[list[str]]:
    """The whole way of this package."""
    return [encode(label_chords(piece).in_c()) for piece in read_abc(tune)]


def parse_with_music21(tune: str) -> Any:
    """music21's score of a tune."""
    from music21 import converter

    return converter.parse(tune, format="abc", forceSource=True)


def numerals_with_music21(tune: str) -> list[Any]:
    """The usual way: a Roman numeral for every bar of the tune in C."""
    from music21 import interval, key, pitch, stream

    score = parse_with_music21(tune)
    found = score.analyze("key")
    in_c = score.transpose(interval.Interval(found.tonic, pitch.Pitch("C")))
    measures = in_c.chordify().recurse().getElementsByClass(stream.Measure)
    return [roman_numeral(measure.pitches, key.Key("C", found.mode)) for measure in measures]


def show(title: str, timings: dict[str, Timing]) -> None:
    """Print CPU times a tune, and the others' as multiples of the first one's."""
    ours, *_ = timings.values()
    print(f"\n{title} ({ours.tunes} tunes)")
    for name, timing in timings.items():
        ratio = "" if timing is ours else f"{timing.seconds / ours.seconds:10.1f} x"
        rejected = f"   {timing.rejected} rejected" if timing.rejected else ""
        print(f"  {name:44} {timing.milliseconds:9.2f} ms a tune{ratio:>13}{rejected}")


def main() -> None:
    """Sample, time, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path, help="further folders of .abc and .abc.gz files")
    parser.add_argument("--tunes", type=int, default=200, help="tunes to read")
    parser.add_argument("--naive", type=int, default=40, help="tunes to bring to tokens")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    options = parser.parse_args()
    corpus = Path(importlib.util.find_spec("music21").origin).parent / "corpus"  # type: ignore[union-attr, arg-type]
    folders = [*(corpus / book for book in TUNE_BOOKS), *options.folders]
    files = [file for folder in folders for ending in ("*.abc", "*.abc.gz") for file in sorted(folder.rglob(ending))]
    tunes = [tune for file in files for tune in tunes_of(file)]
    sample = random.Random(options.seed).sample(tunes, min(options.tunes, len(tunes)))
    warnings.simplefilter("ignore")

    reading = {"read_abc": timed(read_abc, sample), "music21's parser": timed(parse_with_music21, sample)}
    if shutil.which("abc2midi"):
        reading["abc2midi (one book)"] = timed_abc2midi(sample)
    show("Reading", reading)
    few = sample[: options.naive]
    show(
        "To tokens",
        {
            "read_abc, label_chords, in_c, encode": timed(to_tokens, few),
            "music21: parse, key, chordify, Roman numerals": timed(numerals_with_music21, few),
        },
    )


if __name__ == "__main__":
    main()
