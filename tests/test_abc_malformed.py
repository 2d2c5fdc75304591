"""Files that are no ABC, or ABC gone wrong: they give tunes or an error of ours, whatever they hold.

Each input is made here, as the text or the bytes of a file. Larger ones of each kind take longer in proportion, up to
the limits of the reader.
"""

import codecs
import contextlib
import gzip
import itertools
import random
import string
from pathlib import Path

import pytest

from remi_two_stage.core.errors import RemiError
from remi_two_stage.core.piece import Piece
from remi_two_stage.scores.abc_reader import read_abc

HEADER = "X:1\nT:Bad\nM:4/4\nL:1/4\nK:C\n"
TUNE = HEADER + "CDEF|GABc|\n\n"
GIANT = "9" * 30


def tunes(count: int, body: str) -> str:
    return "".join(f"X:{number}\nK:C\n{body}\n\n" for number in range(count))


def any_of(alphabet: str, length: int) -> str:
    """Characters drawn from an alphabet, the same on every run."""
    return "".join(random.Random(length).choices(alphabet, k=length))


FILES: dict[str, bytes | str] = {
    "nothing": b"",
    "one byte": b"\xff",
    "blanks": " \n\t\n" * 1_000,
    "line ends": "\r\n\r\r\n\n" * 100_000,
    "all bytes": bytes(range(256)) * 1_000,
    "no zero bytes": bytes(range(1, 256)) * 1_000,
    "bytes at random": random.Random(0).randbytes(300_000),
    "bytes after a header": HEADER.encode() + random.Random(1).randbytes(100_000).replace(b"\0", b""),
    "zero bytes": HEADER + "C\0D",
    "zeros": b"\0" * 1_000_000,
    "picture": b"\x89PNG\r\n\x1a\n" + b"\0" * 100,
    "midi": b"MThd\0\0\0\6\0\1\0\1\0\x60MTrk",
    "musicxml": '<?xml version="1.0"?><score-partwise><part-list/></score-partwise>',
    "html": "<html><body>X:1<br>K:C<br>CDEF|</body></html>",
    "python": Path(__file__).read_bytes(),
    "utf-16": TUNE.encode("utf-16"),
    "utf-16 without mark": TUNE.encode("utf-16-le"),
    "utf-16 cut off": codecs.BOM_UTF16_LE + TUNE.encode("utf-16-le")[:-1],
    "utf-16 surrogate": codecs.BOM_UTF16_LE + b"X\0:\0\x001\0\n\0\x00\xd8K\0:\0",
    "utf-32": TUNE.encode("utf-32"),
    "utf-8 cut off": (HEADER + "CDé").encode()[:-1],
    "utf-8 overlong": HEADER.encode() + b"C\xc0\xafD",
    "latin-1": (TUNE + "T:é").encode("latin-1"),
    "lone surrogates": HEADER + "C\ud800D\udfffT:\ud800",
    "surrogate in fields": "X:1\nT:\ud83d\nV:\udead\nK:C \ud800\nC",
    "byte order marks": "\ufeff" * 1_000 + TUNE,
    "directions and joiners": HEADER + "C\u202eD\u200dE\u0301F",
    "digits of other scripts": "X:١\nM:٣/٤\nL:١/٨\nQ:١/٤=١٢٠\nK:C\nC٣D²E½|Z٣|[١A",
    "upper case of other scripts": HEADER + "ǅßﬁİ",
    "line separators": "X:1\u2028K:C\u2029CDEF\x85GAB\x0bc\x0cd",
    "gzip cut off": gzip.compress(TUNE.encode())[:-9],
    "gzip of nothing": gzip.compress(b""),
    "gzip in gzip": gzip.compress(gzip.compress(TUNE.encode())),
    "gzip bomb": gzip.compress(b"C" * 20_000_000),
    "gzip with a wrong sum": gzip.compress(TUNE.encode())[:-8] + b"\0" * 8,
    "five megabytes on a line": HEADER + "C" * 5_000_000,
    "five megabytes of bar lines": HEADER + "|" * 5_000_000,
    "five megabytes of brackets": HEADER + "[" * 5_000_000,
    "five megabytes of a title": "X:1\nT:" + "a" * 5_000_000 + "\nK:C\nC",
    "five megabytes without a tune": "C" * 5_000_000,
    "a million lines": "a b c\n" * 1_000_000,
    "a million voices": "X:1\nK:C\n" + "".join(f"V:{number}\n" for number in range(1_000_000)),
    "one voice again and again": "X:1\nK:C\n" + "V:1\n" * 20_000 + "C",
    "a million repeats": HEADER + "|:C:|" * 1_000_000,
    "a million tunes": "X:1\n" * 1_000_000,
    "thousands of titles": "X:1\n" + "T:a\n" * 20_000 + "K:C\nC",
    "thousands of comments": "X:1\n" + "%\n" * 50_000 + "K:C\nC",
    "a hundred voices": HEADER + "".join(f"V:{number}\nC|\n" for number in range(100)),
    "thousands of voices": HEADER + "".join(f"[V:{number}]C" for number in range(5_000)),
    "voices in turn": HEADER + "[V:1]C[V:2]D" * 5_000,
    "a voice of many words": HEADER + "V:" + "a " * 50_000 + "\nC",
    "thousands of bars": HEADER + "C|" * 40_000,
    "thousands of endings": HEADER + "|1A:" * 5_000,
    "thousands of repeats": HEADER + "|:C:|" * 4_000,
    "repeats without end": HEADER + "|:C" * 5_000,
    "repeats without beginning": HEADER + "C:|" * 5_000,
    "colons": HEADER + "C" + ":" * 100_000 + "|D",
    "plays": HEADER + "C|" * 400 + "[1-99 A:|",
    "passes": HEADER + "[1-99,1-99,98-1,0-0 C|" * 2_000,
    "order of parts in parts": "X:1\nP:((((A9)9)9)9)9\nK:C\nP:A\nC|",
    "deep order of parts": "X:1\nP:" + "(" * 50_000 + "A" + ")9" * 50_000 + "\nK:C\nP:A\nC|",
    "giant order of parts": f"X:1\nP:A{GIANT}(AB){GIANT}\nK:C\nP:A\nC|\nP:B\nD|",
    "open order of parts": "X:1\nP:A(A(A(\nK:C\nP:A\nC|",
    "no order of parts": "X:1\nP:))))9\nK:C\nP:A\nC|",
    "parts": HEADER + "P:A\nC|\n" * 5_000,
    "order of parts with repeats": "X:1\nP:" + "A" * 500 + "\nK:C\nP:A\n" + "|:C|D:|" * 500,
    "unit length 1/0": "X:1\nL:1/0\nK:C\nC",
    "unit length 0": "X:1\nL:0\nK:C\nC",
    "no unit length": "X:1\nL:\nK:C\nC",
    "giant unit length": f"X:1\nL:{GIANT}/1\nK:C\nC",
    "tiny unit length": f"X:1\nL:1/{GIANT}\nK:C\nC",
    "metre 3/0": "X:1\nM:3/0\nK:C\nCZ|D",
    "metre 0/4": "X:1\nM:0/4\nK:C\nCZ|D",
    "metre of no bar": "X:1\nM:4/12\nK:C\nCZ|D",
    "giant metre": f"X:1\nM:{GIANT}/4\nK:C\nCZ|D",
    "long metre": "X:1\nM:999/1\nK:C\n" + "Z999|" * 99,
    "metre of sums": "X:1\nM:" + "1+" * 50_000 + "1/8\nK:C\nC",
    "metres": HEADER + "[M:3/4]C[M:none]D[M:]E|" * 2_000,
    "tempo 0": "X:1\nQ:0\nK:C\nC",
    "tempo 1/0": "X:1\nQ:1/0=0\nK:C\nC",
    "giant tempo": f"X:1\nQ:{GIANT}/{GIANT}={GIANT}\nK:C\nC",
    "tempo of sums": "X:1\nQ:" + "1/4 " * 30_000 + "=120\nK:C\nC",
    "no key": "X:1\nL:1/8\nCDEF|",
    "no key and no music": "X:1\nL:1/8\nThis is a tune.\n",
    "no key and many lines": "X:1\n" + "A|\n" * 40_000,
    "key of nothing": "X:1\nK:H\nC",
    "key of signs": "X:1\nK:C " + "^c_d=e" * 20_000 + "\nC",
    "key with a shift": "X:1\nK:C shift=" + "C," * 10_000 + "c'\nC",
    "key with octaves": "X:1\nK:C octave=9 octave=9 transpose=99 treble+15\nC",
    "keys": HEADER + "[K:C#][K:Cb]^C" * 5_000,
    "giant length": HEADER + f"C{GIANT}D",
    "giant fraction": HEADER + f"C{GIANT}/{GIANT}D",
    "length by zero": HEADER + "C/0D0/0E1/0z0Z0",
    "slashes": HEADER + "C" + "/" * 100_000,
    "giant rest": HEADER + f"z{GIANT}",
    "rest of bars": HEADER + "Z999999999",
    "giant rest of bars": HEADER + f"Z{GIANT}|X{GIANT}",
    "rests of bars": HEADER + "Z999|" * 20_000,
    "long notes": HEADER + "C1024" * 5_000,
    "giant tuplet": HEADER + f"({GIANT}CDE",
    "tuplet of giants": HEADER + f"(3:{GIANT}:{GIANT}CDE",
    "tuplet of nothing": HEADER + "(0CDE(1CDE(3:0:0CDE(9:99:99CDE",
    "tuplets in tuplets": HEADER + "(3" * 60_000 + "C",
    "open tuplet": HEADER + "(3C",
    "broken rhythm": HEADER + "C" + "><" * 60_000 + "D",
    "broken chain": HEADER + "C>" * 10_000,
    "octaves up": HEADER + "c" + "'" * 100_000,
    "octaves down": HEADER + "C" + "," * 100_000,
    "below MIDI": HEADER + "C,,,,,,",
    "accidentals": HEADER + "^" * 100_000 + "C" + "_=" * 20_000 + "D",
    "microtones": HEADER + "^99/1c_99/99c^0/0c^//c=9/9c",
    "chords in chords": HEADER + "[C" * 10_000,
    "chords that end": HEADER + "C]" * 10_000,
    "a wide chord": HEADER + "[" + "C" * 100_000 + "]",
    "open chords": HEADER + "[C\n" * 10_000,
    "empty chords": HEADER + "[][]2[]-" * 10_000,
    "open strings": HEADER + '["a' * 10_000,
    "open string": HEADER + 'CD"Am EF|',
    "strings": HEADER + '"' * 100_001,
    "open grace notes": HEADER + "CD{ef gab|",
    "grace notes in grace notes": HEADER + "{a" * 50_000 + "}" * 50_000,
    "open decoration": HEADER + "CD!fermata EF|",
    "decorations": HEADER + "!" * 100_001 + "+" * 20_001,
    "decorated notes": HEADER + "!a" * 30_000,
    "open field": HEADER + "CD[K:G EF|",
    "fields": HEADER + "[K:" * 40_000,
    "slurs": HEADER + "(" * 60_000 + "C" + ")" * 60_000,
    "everything open": HEADER + '"[{(!+(3[K:[V:&(&[1',
    "overlays in overlays": HEADER + "(&C&" * 20_000,
    "overlays": HEADER + "C&" * 50_000,
    "overlays that end": HEADER + "C&)" * 10_000,
    "overlays over bars": HEADER + "(&C|" * 5_000 + "&D|" * 10 + "&)",
    "ties": HEADER + "[" + "C9" * 99 + "]-" + "D" * 10_000,
    "tied chords": HEADER + "[CEG]-" * 10_000,
    "ties of one note": HEADER + "C-|" * 40_000,
    "ties to nothing": HEADER + "-" * 100_000 + "C-",
    "macros": "X:1\n" + "m:~n=nnnnnnnn\n" * 30 + "K:C\n" + "~C" * 40_000,
    "macros of macros": "X:1\n" + "".join(f"m:{a}={b * 9}\n" for a, b in itertools.pairwise("hijklmnop")) + "K:C\nhh",
    "thousands of macros": "X:1\n" + "m:a=b\n" * 20_000 + "K:C\na",
    "no macro": "X:1\nm:\nm:=\nm:a\nm:=b\nK:C\nC",
    "a macro of letters": "X:1\nm:n=zzzz\nK:C\n" + "C" * 2_000,
    "long file header": "Z:" + "a" * 100_000 + "\n\n" + tunes(2_000, "C"),
    "wide file header": "%%score 1\n" * 100_000 + "\n" + tunes(2_000, "C"),
    "bad file header": "M:3/0\nL:1/0\nm:\nK:H\n\n" + tunes(10, "C"),
    "thousands of broken tunes": tunes(5_000, "{C"),
    "broken tunes and good ones": tunes(2_000, "C") + tunes(2_000, "C999999"),
    "tunes without music": tunes(20_000, "w:la"),
    "unknown fields": "X:1\n" + "".join(f"{letter}:?\n" for letter in string.ascii_letters) + "K:C\n[x:y]C[!:z]D",
    "only a header": "X:1\nT:Words\nK:C",
    "words after a header": HEADER + "The quick brown fox jumps over the lazy dog.\n" * 500,
    "directives": "%%" + "score (" * 20_000 + "\n%%staves\n%%MIDI transpose 99\nI:\n" + TUNE,
    "text without end": "X:1\n%%begintext\nK:C\nC\n\nD",
    "numbers of tunes": f"X:{GIANT}\nK:C\nC\n\nX:-1\nK:C\nD\n\nX:\nK:C\nE",
    "lyrics": HEADER + "C\n" + "w:a-_*|~\n" * 15_000,
    "characters of music": HEADER + any_of("ABcdz[](){}|:\"!&<>-^_=/0123456789 ZKVML%\n,'~.", 50_000),
    "characters of fields": any_of("XTMLKPQV:\n123/ABCm=[]", 50_000),
}  # fmt: skip


def use(piece: Piece) -> None:
    """What every caller does next; a repeat that nobody could play has its own error."""
    assert piece.note_list() is not None
    with contextlib.suppress(RemiError):
        piece.note_list(unfold_repeats=True)


@pytest.mark.parametrize("name", FILES)
def test_malformed_files_give_tunes_or_an_error_of_ours(name: str, tmp_path: Path) -> None:
    source: str | Path | bytes = FILES[name]
    if isinstance(source, bytes):
        path = tmp_path / "tune.abc"
        path.write_bytes(source)
        source = path
    with contextlib.suppress(RemiError):
        read_abc(source, errors="raise")
    with contextlib.suppress(RemiError):
        book = read_abc(source, errors="collect")
        assert book or book.errors
        for piece in book:
            use(piece)
