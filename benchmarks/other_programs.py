"""Do other programs play what is written? Pieces are written, opened in programs and compared with what they hold.

    REMI_CORPORA=path/to/corpora python benchmarks/other_programs.py [--programs abc2midi abcjs ...] [--folk 200 ...]

The set is the same in every run: folk tunes from all the collections, some with da capo, dal segno or an order of parts
(`--orders`), hymns, songs and quartets, read and written again; what the embedded checkpoint composes, over plans of
its own and typed ones; and edits, written into the text of the file that they are of. ABC goes to abc2midi, abcjs and
abcm2ps, MusicXML to MuseScore, verovio and LilyPond (by way of musicxml2ly, and slowly), MIDI to symusic, which
also reads the MIDI that other programs export (`pip install symusic`). Programs that are not installed are skipped:
`apt-get install abcmidi abcm2ps lilypond musescore3`, `pip install verovio`, and `npm install abcjs`, whose folder
NODE_PATH names.

A piece is right in a program if it plays each note of `Piece.note_list(unfold_repeats=True)` and no other, in pitch,
onset and length, to a twelfth of a quarter note; notes may be released a tenth of their length early, as MuseScore has
them. Abcm2ps plays nothing: it is right if it sets the piece without an error. Not compared are loudness, tempo and
which voice has a note: one that begins while its pitch still sounds is not heard by itself, since MuseScore does not
strike it. Grace notes, staccatos, trills and other marks that programs play in their own ways are left out before the
piece is written, and so are changes of tempo.
"""

from __future__ import annotations

import argparse
import gzip
import importlib.util
import json
import os
import random
import re
import shutil
import subprocess
import sys
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tqdm import tqdm

from remi_two_stage import Composer, Piece, RemiError, Request, read_abc, read_score
from remi_two_stage.core.notation import Grace, Mark, Notation
from remi_two_stage.core.playing_order import jump_of
from remi_two_stage.core.signatures import TICKS_PER_QUARTER
from remi_two_stage.edits.files import edited_bytes
from remi_two_stage.score_files import score_bytes
from remi_two_stage.scores.musicxml_names import DYNAMICS_ELEMENTS

SLACK = 2
"""Ticks by which onsets and lengths may differ."""
RELEASED_EARLY = 0.1
MOST_SECONDS = 900
"""Of one run of a program."""
MANY = 24
"""Pieces in one run of a program that takes long to start."""
FORMATS = (".abc", ".musicxml", ".mid")
STYLES = ("jig", "reel", "hornpipe", "strathspey", "air", "march", "slip-jig", "hymn", "chorale")
KEYS = ("G", "D", "Am", "Bb", "Edor", "F#m")
PLANS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("I | IV V7 | I / V / | I", {}),
    ("|: I | ii V7 | I vi | V :| |: I | IV | V7 | I :|", {"key": "D"}),
    ("|: D | G A7 | Bm G |1 A7 :|2 D |]", {"meter": "3/4"}),
    ("(V) |: I | V | IV | V :| |: I | V | IV V | I :|", {"style": "reel", "key": "G"}),
    ("|: i | bVII | i | V | [1 i :| [2 bVI :| [3 i |]", {"style": "jig", "key": "Em"}),
    ("|: Am | Dm E7 |1 Am :|2 E7 :|3 Am |]", {"meter": "6/8"}),
    ("(V 1/8) |: I | I | V | V | I | IV | V | I :| |: IV | I | V | V7 :|", {"style": "jig", "key": "A"}),
    ("I V6 | I6 IV | V42 I6 | V | vi | ii65 V7 | I", {"style": "hymn", "key": "F"}),
    ("|: I | V | V7 | I :| IV | I | ii | V | I | IV | V7 | I", {"style": "chorale", "key": "Gm"}),
)
"""Typed plans, and what is asked for beside them."""
COLLECTIONS = ("folk/oneills1850", "folk/ryansMammoth", "folk/airdsAirs", "folk/tunebook", "nottingham")

Sound = tuple[int, int, int]
"""(pitch, onset, length), in ticks."""


@dataclass(frozen=True)
class Written:
    """A piece and its files, by their endings."""

    name: str
    piece: Piece
    files: dict[str, bytes]


class CannotPlayError(Exception):
    """A program ends with an error."""


# The set


def as_played(piece: Piece) -> Piece:
    """The piece without what each program plays in its own way, and without changes of tempo, which abcjs has in its
    times; dynamics stay, or hairpins would lead to silence.
    """
    bars = [
        replace(
            bar,
            notation=tuple(tuple(_kept(records)) for records in bar.notation),
            tempos=tuple(mark for mark in bar.tempos if not index and not mark.onset),
        )
        for index, bar in enumerate(piece.bars)
    ]
    return replace(piece, bars=tuple(bars), source=None)


def _kept(records: Iterable[Notation]) -> Iterator[Notation]:
    for record in records:
        if not isinstance(record, Grace | Mark) or (isinstance(record, Mark) and record.name in DYNAMICS_ELEMENTS):
            yield record


def written(name: str, piece: Piece) -> Written:
    """A piece in all formats."""
    piece = as_played(piece)
    return Written(name, piece, {ending: score_bytes(piece, ending) for ending in FORMATS})


def read_text(path: Path) -> str:
    """The text of an ABC file, compressed or not."""
    data = path.read_bytes()
    return (gzip.decompress(data) if path.suffix == ".gz" else data).decode()


@cache
def tunes(folder: Path) -> list[Piece]:
    """All tunes of a collection that can be read."""
    files = sorted([*folder.glob("*.abc"), *folder.glob("*.abc.gz")])
    return [piece for path in files for piece in read_abc(read_text(path), errors="collect")]


def scores(archive: Path, count: int) -> list[Piece]:
    """So many scores of an archive."""
    with zipfile.ZipFile(archive) as content, TemporaryDirectory() as folder:
        names = sorted(name for name in content.namelist() if name.endswith(".mxl"))
        chosen = random.Random(archive.name).sample(names, count)
        return [read_score(content.extract(name, folder))[0] for name in chosen]


def has_an_order(piece: Piece) -> bool:
    """Whether it is played in another order than repeats and endings say."""
    return bool(piece.part_order) or jump_of(piece.bars) is not None


def conversions(corpora: Path, options: argparse.Namespace) -> Iterator[tuple[str, Piece]]:
    """Pieces of the collections."""
    for index, name in enumerate(COLLECTIONS):
        count = len(range(index, options.folk, len(COLLECTIONS)))
        yield from ((name, piece) for piece in random.Random(name).sample(tunes(corpora / name), count))
    unusual = [(name, piece) for name in COLLECTIONS for piece in tunes(corpora / name) if has_an_order(piece)]
    yield from random.Random("orders").sample(unusual, options.orders)
    hymns = tunes(corpora / "hymns")
    yield from (("hymns", piece) for piece in random.Random("hymns").sample(hymns, options.hymns))
    yield from (("songs", piece) for piece in scores(corpora / "openscore/lieder.zip", options.songs))
    yield from (("quartets", piece) for piece in scores(corpora / "openscore/quartets.zip", options.quartets))


def compositions(composer: Composer, count: int) -> Iterator[Piece]:
    """Pieces in several styles and keys."""
    for number in range(count):
        style, key = STYLES[number % len(STYLES)], KEYS[number % len(KEYS)]
        yield composer.compose(style, key, bars=8 * (1 + number % 3), seed=number)


def edited(composer: Composer, source: Written, number: int) -> Written:
    """A piece with an edit, written into its own file where that is ABC or MusicXML."""
    ending = (".abc", ".musicxml")[number // 3 % 2]
    with TemporaryDirectory() as folder:
        path = Path(folder, f"source{ending}")
        path.write_bytes(source.files[ending])
        (before,) = read_score(path)
    if number % 3 == 0:
        after = composer.extend(before, 4, seed=number)
    elif number % 3 == 1:
        after = composer.rewrite(before, (2, min(4, before.bar_count)), seed=number)
    else:
        after = composer.harmonize(before, seed=number)
    files = {other: score_bytes(after, other) for other in FORMATS}
    files[ending] = edited_bytes(source.files[ending], ending, before, after).content
    return Written(f"edit of {source.name}", after, files)


def edits(composer: Composer, sources: Sequence[Written], count: int) -> Iterator[Written]:
    """So many edits of pieces that the models can read."""
    chosen = iter(random.Random("edits").sample(sources, len(sources)))
    for number in range(count):
        for source in chosen:
            try:
                yield edited(composer, source, number)
                break
            except RemiError:  # a metre or a bar that they do not know
                continue


def the_set(corpora: Path, options: argparse.Namespace) -> Iterator[Written]:
    """All that is written, in the order of the groups."""
    converted = [written(f"{name}: {piece.title}", piece) for name, piece in conversions(corpora, options)]
    yield from converted
    if not (options.compositions or options.plans or options.edits):
        return
    composer = Composer.from_pretrained()
    for number, piece in enumerate(compositions(composer, options.compositions)):
        yield written(f"composition {number}", piece)
    for number, (text, asked) in enumerate(PLANS[: options.plans]):
        yield written(f"plan {number}", composer.realize(Request(**asked).typed(text), seed=number))
    yield from edits(composer, converted, options.edits)


# The programs


def run(*command: str | Path, env: dict[str, str] | None = None) -> str:
    """What a program prints."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=MOST_SECONDS, errors="replace", env=env
        )
    except subprocess.TimeoutExpired:
        raise CannotPlayError(f"takes more than {MOST_SECONDS} s") from None
    except subprocess.CalledProcessError as error:
        raise CannotPlayError(f"ends with {error.returncode}: {(error.stderr or error.stdout)[-200:]}") from None
    return done.stdout


Played = list[list[Sound] | None]
"""The notes of each file; None where a program only prints."""


def by_abc2midi(*paths: Path) -> Played:
    """Without the chords that it would play from their symbols."""
    for path in paths:
        run("abc2midi", path, "-o", path.with_suffix(".mid"), "-NGUI", "-silent")
    return [sounds_in(path.with_suffix(".mid")) for path in paths]


_ABCJS = """
const abcjs = require("abcjs");
for (const path of process.argv.slice(1)) {
  const text = require("fs").readFileSync(path, "utf8");
  const {tracks} = abcjs.parseOnly(text)[0].setUpAudio({chordsOff: true});
  const notes = tracks.flat().filter((event) => event.cmd === "note");
  console.log(JSON.stringify(notes.map((note) => [note.pitch, note.start, note.duration])));
}
"""


def by_abcjs(*paths: Path) -> Played:
    """What its player is given, in whole notes."""
    tunes = map(json.loads, run("node", "-e", _ABCJS, *paths).splitlines())
    return [[(pitch, round(96 * start), round(96 * length)) for pitch, start, length in notes] for notes in tunes]


def by_abcm2ps(*paths: Path) -> Played:
    """Printed only."""
    for path in paths:
        run("abcm2ps", path, "-O", path.with_suffix(".ps"))
    return [None for _ in paths]


def by_musescore(*paths: Path) -> Played:
    """As MIDI that it exports."""
    targets = [path.with_suffix(".mid") for path in paths]
    jobs = [{"in": str(path), "out": str(target)} for path, target in zip(paths, targets, strict=True)]
    listed = paths[0].with_suffix(".json")
    listed.write_text(json.dumps(jobs), encoding="utf-8")
    run("mscore3", "-j", listed, env={**os.environ, "QT_QPA_PLATFORM": "offscreen"})
    return [sounds_in(target) for target in targets]


_VEROVIO = """
import base64, pathlib, sys, verovio
verovio.enableLog(verovio.LOG_OFF)
toolkit = verovio.toolkit()
for path in map(pathlib.Path, sys.argv[1:]):
    toolkit.loadFile(str(path))
    path.with_suffix(".mid").write_bytes(base64.b64decode(toolkit.renderToMIDI()))
"""


def by_verovio(*paths: Path) -> Played:
    """As MIDI that it makes, in a process of its own, for it may crash."""
    run(sys.executable, "-c", _VEROVIO, *paths)
    return [sounds_in(path.with_suffix(".mid")) for path in paths]


def by_lilypond(*paths: Path) -> Played:
    """The score that musicxml2ly makes, its repeats played out, without chord names, unisons of a staff as one note."""
    midi = r"\midi { \context { \Score midiMergeUnisons = ##t } }"
    for path in paths:
        source = path.with_suffix(".ly")
        run("musicxml2ly", "-o", source, path)
        music, _, score = source.read_text(encoding="utf-8").partition("\\score {")
        score = re.sub(r"(?m)^.*\\context (ChordNames|FiguredBass).*$", "", score).replace("\\layout {}", midi)
        source.write_text(f"{music}\\score {{ \\unfoldRepeats {score}", encoding="utf-8")
    sources = [path.with_suffix(".ly") for path in paths]
    run("lilypond", "-s", "-dno-print-pages", "-o", paths[0].parent, *sources)
    return [sounds_in(path.with_suffix(".midi")) for path in paths]


def by_symusic(*paths: Path) -> Played:
    """As it reads the file."""
    return [sounds_in(path) for path in paths]


PROGRAMS: dict[str, tuple[str, int, Callable[..., Played]]] = {
    "abc2midi": (".abc", 1, by_abc2midi),
    "abcjs": (".abc", MANY, by_abcjs),
    "abcm2ps": (".abc", 1, by_abcm2ps),
    "musescore": (".musicxml", MANY, by_musescore),
    "verovio": (".musicxml", MANY, by_verovio),
    "lilypond": (".musicxml", MANY, by_lilypond),
    "symusic": (".mid", 1, by_symusic),
}
"""Name -> what it opens, how many files at once, and how it plays them."""


def played(program: str, paths: Sequence[Path]) -> Iterator[list[Sound] | str | None]:
    """What a program plays of each file, or in words why it plays nothing; where one of several makes it stop, each is
    tried by itself.
    """
    try:
        yield from PROGRAMS[program][2](*paths)
    except (CannotPlayError, RemiError, OSError, ValueError) as error:
        if len(paths) == 1:
            yield f"no music: {error}"
        else:
            for path in paths:
                yield from played(program, [path])


def is_installed(program: str) -> bool:
    """Whether a program can be run."""
    if program == "abcjs":
        command = ["node", "-e", 'require("abcjs")']
        return bool(shutil.which("node")) and not subprocess.run(command, capture_output=True, check=False).returncode
    if program in ("verovio", "symusic"):
        return importlib.util.find_spec(program) is not None
    return bool(shutil.which({"musescore": "mscore3"}.get(program, program)))


# The comparison


def sounds_in(midi: Path) -> list[Sound]:
    """The notes of a MIDI file as they are there; our own reader takes them for those that are meant."""
    score = importlib.import_module("symusic").Score(midi)
    unit = Fraction(TICKS_PER_QUARTER, score.tpq)
    notes = [note for track in score.tracks for note in track.notes]
    return [(note.pitch, round(note.time * unit), round(note.duration * unit)) for note in notes]


def sounds(piece: Piece) -> list[Sound]:
    """The notes of a piece, repeats played out."""
    notes = piece.note_list(unfold_repeats=True)
    return [
        (pitch, round(onset * TICKS_PER_QUARTER), round(length * TICKS_PER_QUARTER))
        for _, onset, length, pitch in notes
    ]


def heard(notes: Iterable[Sound]) -> list[tuple[int, int, int]]:
    """(onset, pitch, length) of each stretch of time in which a pitch sounds without being struck after its end."""
    by_pitch: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
    for pitch, onset, length in notes:
        by_pitch[pitch].append((onset, onset + length))
    found = []
    for pitch, strokes in by_pitch.items():
        begin, end = min(strokes)
        for onset, until in sorted(strokes):
            if onset + SLACK >= end and onset > begin + SLACK:
                found.append((begin, pitch, min(end, onset) - begin))
                begin, end = onset, until
            end = max(end, until)
        found.append((begin, pitch, end - begin))
    return sorted(found)


def difference(own: Sequence[Sound], theirs: Sequence[Sound]) -> str:
    """The first difference; empty if there is none."""
    by_pitch: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
    for onset, pitch, length in heard(theirs):
        by_pitch[pitch].append((onset, length))
    for onset, pitch, length in heard(own):
        said = f"pitch {pitch} at {onset / TICKS_PER_QUARTER:g} for {length / TICKS_PER_QUARTER:g}"
        if not by_pitch[pitch]:
            return f"{said} is not played"
        at, for_long = by_pitch[pitch].pop(0)
        if abs(at - onset) > SLACK or not length * (1 - RELEASED_EARLY) - SLACK <= for_long <= length + SLACK:
            return f"{said} is at {at / TICKS_PER_QUARTER:g} for {for_long / TICKS_PER_QUARTER:g}"
    left = [(at, pitch) for pitch, more in by_pitch.items() for at, _ in more]
    return f"pitch {min(left)[1]} at {min(left)[0] / TICKS_PER_QUARTER:g} is too much" if left else ""


def faults_in(program: str, pieces: Sequence[Written]) -> Iterator[str]:
    """What is wrong with each piece in a program; empty if nothing."""
    ending, at_once, _ = PROGRAMS[program]
    with TemporaryDirectory() as folder:
        for start in range(0, len(pieces), at_once):
            some = pieces[start : start + at_once]
            paths = [Path(folder, f"piece{start + number}{ending}") for number in range(len(some))]
            for path, piece in zip(paths, some, strict=True):
                path.write_bytes(piece.files[ending])
            for piece, theirs in zip(some, played(program, paths), strict=True):
                yield difference(sounds(piece.piece), theirs) if isinstance(theirs, list) else theirs or ""


def report(program: str, pieces: Sequence[Written]) -> None:
    """Print how many pieces are right in a program, and which are not."""
    wrong = 0
    for piece, fault in zip(pieces, tqdm(faults_in(program, pieces), program, len(pieces), leave=False), strict=True):
        if fault:
            wrong += 1
            tqdm.write(f"  {program}: {piece.name}: {fault.strip()}")
    print(f"{program}: {len(pieces) - wrong} of {len(pieces)} right", flush=True)


def main() -> None:
    """Write the set, have it played, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", nargs="+", choices=PROGRAMS, default=list(PROGRAMS))
    counts = {
        "folk": 200,
        "orders": 12,
        "hymns": 40,
        "songs": 14,
        "quartets": 6,
        "compositions": 43,
        "plans": 9,
        "edits": 24,
    }
    for group, count in counts.items():
        parser.add_argument(f"--{group}", type=int, default=count)
    options = parser.parse_args()
    corpora = Path(os.environ.get("REMI_CORPORA", "."))
    if not (corpora / "folk").is_dir():
        sys.exit(f"there is no folk in {corpora}; set REMI_CORPORA to the folder of the corpora")
    if not is_installed("symusic"):
        sys.exit("symusic reads what the programs play; pip install symusic")
    pieces = list(tqdm(the_set(corpora, options), desc="written", unit="piece"))
    for program in options.programs:
        if is_installed(program):
            report(program, pieces)
        else:
            print(f"{program}: not installed")


if __name__ == "__main__":
    main()
