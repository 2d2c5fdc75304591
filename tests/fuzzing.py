"""Input that nobody should trust, made at random, for everything that reads: a target for each reader, and for tokens.

    python tests/fuzzing.py                         all readers for a minute each
    python tests/fuzzing.py midi --seconds 600

Each input gives music or an error of ours, within 2 seconds of processor time and 500 MB of memory; the music is
written and encoded too. What fails is printed; put it into `FOUND` of `test_fuzzing.py`.
"""

import argparse
import contextlib
import re
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any
from xml.etree import ElementTree

import music21.converter  # noqa: F401 (takes seconds, which are no input's)
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from test_abc_fuzz import FRAGMENTS
from test_abc_fuzz import HEADER as ABC_HEADER
from tunes import kesh_jig

from remi_two_stage.analysis.harmony import label_chords
from remi_two_stage.core.abc_writer import write_abc
from remi_two_stage.core.codec import decode, decode_ids, encode_ids, encode_with_losses, names_of
from remi_two_stage.core.errors import RemiError
from remi_two_stage.core.piece import Piece
from remi_two_stage.core.plan import Plan
from remi_two_stage.core.sequences import detail_sequence, infilling_sequence, melody_sequence, plan_sequence
from remi_two_stage.core.signatures import Key, Meter
from remi_two_stage.core.vocabulary import token_names
from remi_two_stage.score_files import musicxml_bytes, read_score
from remi_two_stage.scores.abc_reader import read_abc
from remi_two_stage.scores.midi_reader import parse_midi
from remi_two_stage.scores.midi_writer import midi_bytes

MOST_SECONDS = 2.0
MOST_MEGABYTES = 500
NUMBERS = [*"0 -1 1 2 3 7 999 65536 99999999 1e999 -0.5 NaN 1/0 0x10 ١ ½".split(), ""]


randoms = st.randoms(use_true_random=True)


def changed(bases: list[list[Any]], others: list[Any]) -> st.SearchStrategy[list[Any]]:
    """Sequences that are right but for a few places, where something is missing, repeated, moved or put in.

    Hypothesis draws the generator, which draws the rest: it would take longer to draw than readers take to read.
    """
    return randoms.map(lambda random: _changed(random, bases, others))


def _changed(random: Random, bases: list[list[Any]], others: list[Any]) -> list[Any]:
    parts = list(random.choice(bases))
    for _ in range(random.choice((1, 1, 2, 3, 6, 12))):
        start = random.randint(0, len(parts))
        stop = min(len(parts), start + random.choice((0, 1, 1, 2, 4, 8, 40)))
        kind = random.choice(("drop", "repeat", "move", "put in", "replace", "replace"))
        span = parts[start:stop]
        if kind in ("drop", "move", "replace"):
            del parts[start:stop]
        if kind in ("repeat", "move"):
            place = random.randint(0, len(parts))
            parts[place:place] = span * (random.choice((1, 1, 2, 50)) if kind == "repeat" else 1)
        if kind in ("put in", "replace"):
            parts[start:start] = random.choices(others, k=random.choice((1, 1, 2, 3)))
    return parts


def split_xml(text: str) -> list[str]:
    """Tags, and the text between them."""
    return re.findall(r"<[^>]*>|[^<]+", text)


_MUSICXML = """\
<?xml version="1.0"?><score-partwise version="4.0"><part-list><score-part id="P1"><part-name>S</part-name>
</score-part></part-list><part id="P1"><measure number="0" implicit="yes"><attributes><divisions>2</divisions>
<key><fifths>-3</fifths><mode>minor</mode></key><time><beats>3</beats><beat-type>4</beat-type></time><transpose>
<chromatic>-2</chromatic></transpose></attributes><direction><direction-type><metronome><beat-unit>quarter
</beat-unit><per-minute>90</per-minute></metronome></direction-type></direction><harmony><root><root-step>C
</root-step></root><kind>minor</kind></harmony><note><pitch><step>G</step><octave>4</octave></pitch><duration>2
</duration><type>quarter</type></note></measure><measure number="1"><barline location="left">
<repeat direction="forward"/></barline><note><grace/><pitch><step>A</step><octave>4</octave></pitch></note>
<note><pitch><step>B</step><alter>-1</alter><octave>4</octave></pitch><duration>4</duration><tie type="start"/>
</note><note><chord/><pitch><step>D</step><octave>5</octave></pitch><duration>4</duration></note><backup>
<duration>4</duration></backup><note><rest/><duration>2</duration><voice>2</voice></note><forward><duration>2
</duration></forward><note><pitch><step>C</step><octave>5</octave></pitch><duration>2</duration>
<time-modification><actual-notes>3</actual-notes><normal-notes>2</normal-notes></time-modification><notations>
<fermata/></notations></note><barline location="right"><ending number="1" type="start"/>
<ending number="1" type="stop"/><repeat direction="backward" times="3"/></barline></measure></part>
</score-partwise>""".replace("\n", "")
_OWN_MUSICXML = musicxml_bytes(replace(kesh_jig(), bars=kesh_jig().bars[:2])).decode()
_XML_PARTS = [*NUMBERS, "</note>", "&lt;", "&undefined;", "<!-- -->", "<![CDATA[x]]>", "\x00", "\x1b[2J"]
_ELEMENTS = [
    "<chord/>", "<rest/>", "<rest measure='yes'/>", "<grace/>", "<cue/>", "<unpitched/>", "<senza-misura/>",
    "<dot/>", "<beats>3+2</beats>", "<beats>99999</beats>", "<beat-type>3</beat-type>", "<divisions>0</divisions>",
    "<divisions>9999999</divisions>", "<alter>99</alter>", "<alter>0.5</alter>", "<octave>99</octave>",
    "<voice>9</voice>", "<duration>999999999</duration>", "<duration>0.3</duration>", "<duration>-4</duration>",
    "<staves>9</staves>", "<repeat direction='backward' times='-1'/>", "<repeat direction='forward'/>",
    "<ending number='1,2,x' type='start'/>", "<ending number='2' type='stop'/>", "<tie type='stop'/>",
    "<tie type='start'/>", "<per-minute>0</per-minute>", "<kind>nonsense</kind>", "<root-step>H</root-step>",
    "<fifths>99</fifths>", "<mode>none</mode>", "<staff>2</staff>", "<tuplet type='start'/>",
    "<multiple-rest>9999</multiple-rest>", "<type>1024th</type>", "<sound tempo='-1'/>",
    "<time><beats>0</beats><beat-type>0</beat-type></time>", "<note><rest/></note>", "<note/>", "<measure/>",
    "<part/>", "<note><pitch><step>C</step><octave>4</octave></pitch><duration>3</duration></note>",
    "<actual-notes>0</actual-notes>", "<backup><duration>999</duration></backup>",
    "<forward><duration>9999</duration></forward>", "<measure-repeat/>",
]  # fmt: skip


def changed_xml(random: Random) -> list[str]:
    """A score that is still XML: with elements missing, repeated, moved, put in, or with another text."""
    root = ElementTree.fromstring(random.choice((_MUSICXML, _OWN_MUSICXML)))
    for _ in range(random.choice((1, 1, 2, 3, 6))):
        parents = [element for element in root.iter() if len(element)]
        if not parents:
            break
        parent = random.choice(parents)
        index = random.randrange(len(parent))
        kind = random.choice(("drop", "repeat", "move", "text", "put in", "replace"))
        child = parent[index]
        if kind == "text":
            child.text = random.choice(NUMBERS)
        if kind in ("drop", "move", "replace"):
            parent.remove(child)
        if kind in ("repeat", "move"):
            copies = random.choice((1, 1, 40)) if kind == "repeat" else 1
            target = parent if kind == "repeat" else random.choice(parents)
            target[index:index] = [deepcopy(child) for _ in range(copies)]
        if kind in ("put in", "replace"):
            parent.insert(index, ElementTree.fromstring(random.choice(_ELEMENTS)))
    return [ElementTree.tostring(root, "unicode")]


_KERN = """!!!OTL: A tune\n**kern\t**kern\n*I"Bass\t*I"Soprano\n*M3/4\t*M3/4\n*k[f#]\t*k[f#]\n*G:\t*G:\n*MM90\t*MM90
=1-\t=1-\n2.GG\t4g\n.\t8a 8cc\n.\t8qb\n.\t12b#\n=2:|!\t=2:|!\n*>A\t*>A\n[4.G\t4r\n*\t*^\n8D_\t4d;\t4f#\n4D]\t.\t2r
*\t*v\t*v\n==\t==\n*-\t*-\n"""
_KERN_PARTS = [
    *NUMBERS, "\t", "\n", ".", "*-", "*^", "*v", "*x", "*+", "=", "==", "=1", "4c", "0c", "000c", "4", "c" * 40,
    "C" * 40, "4c##", "4c---", "[4c", "4c]", "4r", "!", "!!", "*M0/0", "*M4/3", "*M99999/1", "*k[]", "*k[f#f#]",
    "*H:", "*clefX", "4%0c", "8..c", "4q", "**dynam", "**kern", "*MM0", "*>[A,A]", "*Trd1c2", "\x00",
]  # fmt: skip

_MIDI_BYTES = [0, 1, 2, 0x3C, 0x40, 0x7F, 0x80, 0x81, 0x90, 0x99, 0xB0, 0xC0, 0xE0, 0xF0, 0xF7, 0xFF, 0x51, 0x58, 0x59]

_PLANS = [
    "|: I | IV V7 | I / V / | I :|", "D | G A7 | D", "(V 1/8) | I | [1 V7 :| [2 I |]", "|: (A7) | D / A7 | N.C. | ? :|",
    "i | iv | bVII7 | viio7 | Imaj7 ||",
]  # fmt: skip
_SIGNS = (
    "I V7 bVII viio7 #ivo N.C. ? / | |: :| :: |] || [1 [2 [1,2 [9 ( ) (V 1/8) (V 99/1) (V 0/1) D F#m7b5 Bb C/E H "
    "IIIIII V13 [ ] : |1 |2 é \0 \x1b[2J ♭VII V♭9"
)
_PLAN_PARTS = [*_SIGNS.split(" "), "\n", "|" * 50, "I " * 50, "((((", *NUMBERS]

_TUNE = encode_ids(kesh_jig())
_SEQUENCES = [
    names_of(sequence)
    for sequence in (
        _TUNE, plan_sequence(_TUNE), detail_sequence(_TUNE), infilling_sequence(_TUNE, 3), melody_sequence(_TUNE),
    )
]  # fmt: skip


def use(piece: Piece) -> None:
    """Do with a piece what anybody would."""
    with contextlib.suppress(RemiError):
        read_abc(write_abc(piece))
    with contextlib.suppress(RemiError):
        tokens, _ = encode_with_losses(label_chords(piece))
        decode_ids(tokens)
        Plan.of(piece).text(names=True)


def _through_a_file(ending: str) -> Callable[[list[str]], None]:
    def read(parts: list[str]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, f"score{ending}")
            path.write_text("".join(parts), encoding="utf-8", errors="replace")
            for piece in read_score(path):
                use(piece)

    return read


def _read_abc(parts: list[str]) -> None:
    for piece in read_abc("".join(parts), errors="collect"):
        use(piece)


def _read_midi(data: list[int]) -> None:
    use(parse_midi(bytes(data)))


def _read_plan(parts: list[str]) -> None:
    for key, meter in ((Key(), Meter()), (Key("Eb", "min"), Meter(7, 8))):
        plan = Plan.parse(" ".join(parts), key, meter)
        assert Plan.parse(plan.text(), key, meter).bar_count == plan.bar_count
        use(plan.skeleton)


def _read_tokens(tokens: list[str]) -> None:
    use(decode(tokens))


_LONG = [["|"], ["C"] * 400, ["[CEG]"] * 200]
_ABC_BASE = list(re.findall(r"\S+|\s+", write_abc(kesh_jig())))
TARGETS: dict[str, tuple[st.SearchStrategy[Any], Callable[[Any], None]]] = {
    "abc": (
        changed([_ABC_BASE, *([ABC_HEADER, *long] for long in _LONG)], [*FRAGMENTS, *NUMBERS, "\n", " ", "\r\n"]),
        _read_abc,
    ),
    "musicxml": (
        st.one_of(changed([split_xml(_MUSICXML)], _XML_PARTS), *[randoms.map(changed_xml)] * 7),
        _through_a_file(".musicxml"),
    ),
    "kern": (changed([re.findall(r"[^\t\n]+|[\t\n]", _KERN)], _KERN_PARTS), _through_a_file(".krn")),
    "midi": (changed([list(midi_bytes(kesh_jig())), list(midi_bytes(kesh_jig())[:60])], _MIDI_BYTES), _read_midi),
    "plan": (changed([plan.split(" ") for plan in _PLANS], _PLAN_PARTS), _read_plan),
    "tokens": (changed(_SEQUENCES, [*token_names(), "", "<", "<RelPos=-1>", "<Bars=65>", "x" * 100]), _read_tokens),
}  # fmt: skip


on_many = settings(
    max_examples=200,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


class TooMuchError(Exception):
    """More time or memory than an input may take."""


def _peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@contextlib.contextmanager
def within_limits() -> Iterator[None]:
    """Raise `TooMuchError` if what is inside takes too much processor time, or has taken too much memory."""

    has_run_out = False

    def stop(number: int, frame: object) -> None:
        nonlocal has_run_out
        has_run_out = True  # what is raised here is lost where a callback of the garbage collector is interrupted
        raise TooMuchError(f"more than {MOST_SECONDS} s of processor time")

    peak = _peak_megabytes()
    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, MOST_SECONDS, 0.1)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
    if has_run_out:
        raise TooMuchError(f"more than {MOST_SECONDS} s of processor time")
    if (used := _peak_megabytes() - peak) > MOST_MEGABYTES:
        raise TooMuchError(f"{used:.0f} MB of memory more than anything before")


def try_input(name: str, value: Any) -> None:
    """Read one input as a target does; errors of ours are what it should give."""
    with within_limits(), contextlib.suppress(RemiError):
        TARGETS[name][1](value)


def fuzz(name: str, seconds: float) -> int:
    """Try inputs until the time is up; prints what fails and returns how often."""
    end, rounds, tried, failures = time.monotonic() + seconds, 0, 0, 0
    while time.monotonic() < end:
        rounds += 1
        last: Any = None

        @seed(rounds)
        @settings(
            max_examples=200,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(TARGETS[name][0])
        def one(value: Any) -> None:
            nonlocal last, tried
            if time.monotonic() < end:
                last = value
                tried += 1
                try_input(name, value)

        try:
            one()
        except Exception as error:
            failures += 1
            print(f"{name}, round {rounds}: {type(error).__name__}: {error}\n  {last!r}", flush=True)
    print(
        f"{name}: {tried:,} inputs in {seconds:.0f} s, {failures} failures, at most {_peak_megabytes():.0f} MB",
        flush=True,
    )
    return failures


def main() -> int:
    """Fuzz the targets that are named, or all."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("targets", nargs="*", help=f"of {', '.join(TARGETS)} (default: all)")
    parser.add_argument("--seconds", type=float, default=60, help="for each (default: %(default)s)")
    options = parser.parse_args()
    if unknown := set(options.targets) - TARGETS.keys():
        parser.error(f"there is no target {', '.join(sorted(unknown))}")
    return int(any([fuzz(name, options.seconds) for name in options.targets or TARGETS]))


if __name__ == "__main__":
    sys.exit(main())
