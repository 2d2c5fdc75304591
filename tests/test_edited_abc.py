"""Edits written into ABC files: what changed bars need changes in their lines, and nothing else anywhere."""

import difflib
import gzip
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from abc2midi import agrees, needs_abc2midi
from edited import extended, harmonised, rewritten

from remi_two_stage.core.notation import Lyric
from remi_two_stage.core.piece import Chord, Note, Piece
from remi_two_stage.edits.changes import Change, NotAnEditError
from remi_two_stage.edits.files import edited_bytes, write_edited
from remi_two_stage.edits.notation import with_new_notes
from remi_two_stage.scores.abc_reader import each_tune, read_abc

HEAD = "X:1\nM:4/4\nL:1/4\n"
LAYOUTS = {
    "comments and directives": "% a book\n\nX:1\nT:Tune\nM:4/4\nL:1/8\nK:G\n%%vskip 3\nGABc d2B2|c2A2 F4|% half\n"
    "%%sep\nG2B2 d2g2|f4 d4 % half\n|g2f2 e2d2|G8|]\n% the end\n",
    "a bar over two lines": HEAD + "K:C\nCDEF|GABc|cd\nw:a b c d e f g h i j\nef|gfed|c4|]\nw:k l m n o p q\n",
    "words in verses": "X:1\nM:3/4\nL:1/4\nK:F\nF|FGA|B2A|G2F|F2 z|]\nw:1.~Oh lit-tle town how still_ we see\n"
    "w:2.~For * Christ is born_ of_ all\nW:3. And so on\n",
    "continued lines": HEAD + "K:C\nCDEF|GABc|\\\ncdef|gfed|\nw:a b c d e f g h i j k l m n o p\nc4|]\n",
    "unit lengths that change": "X:1\nM:2/4\nL:1/16\nK:D\nd4A4|d2c2B2A2|[L:1/8]G2F2|E2D2|\nL:1/4\nDF|A2|]\n",
    "an explicit signature": HEAD + "K:D exp ^f _b\nDFBd|^cBAG|FGAB|d^cd2|D4|]\n",
    "accidentals for their note alone": HEAD + "%%propagate-accidentals not\nK:C\n^FFcC|^CcGA|_BBAG|c4|]\n",
    "a transposing voice": HEAD + "K:C\nV:1 clef=treble-8 transpose=-2\nceg^f|a=bc'2|g2e2|c4|]\n",
    "overlays": HEAD + "K:C\nc2e2&C4|d2f2&D2F2|e4&E4|c4&[CE]4|]\n",
    "inline voices": HEAD + "K:C\n[V:1]cdef|gfed|[V:2]CDEF|GFED|\n[V:1]c4|e4|g4|c4|]\n[V:2]C4|E4|G4|C4|]\n",
    "blocks of voices": HEAD + "K:C\nV:1\ncdef|gfed|\nc4|e4|]\nV:2\n%%MIDI program 41\nCDEF|GFED|\nC4|E4|]\n",
    "repeats and endings": 'X:1\nM:6/8\nL:1/8\nK:D\nA|:"D"d2e fed|"A"cBA "D"d2A|[1 "G"BAB "A"c2A:|[2 "A"ABc "D"d3|]\n',
    "jumps and parts": HEAD + "P:AB\nK:C\nP:A\n!segno!CDEF|GABc!fine!|\nP:B\ncdef|gfec!D.S.!|]\n",
    "old signs": HEAD + "K:C\n+CEG+2 c2|~c>d .e2|{g}f4|T(ed)c2|]\n",
    "macros": HEAD + "m:~c2=c{d}c\nU:W=!trill!\nK:C\n~c2 e2|Wg4|c'2g2|~c2C2|]\n",
    "no line break at the end": HEAD + "K:C\nCDEF|GABc|cdef|g4",
    "typewriter": HEAD + "K:C\n  C D E F   |  G A B c|c d e f  |g4   |]   \n\n\nText between.\n\nX:2\nK:G\nG|\n",
    "a bar line that one voice lacks": HEAD + "K:C\n[V:1]cdef|gfed|c4|e4|]\n[V:2]CDEF GFED|C4|E4|]\n",
}


def changed_lines(before: bytes, after: bytes) -> list[int]:
    """Indices of the lines of before that are not there after."""
    old, new = before.split(b"\n"), after.split(b"\n")
    blocks = difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    return [index for kind, first, last, _, _ in blocks if kind != "equal" for index in range(first, last)]


def notes_outside(piece: Piece, indices: Sequence[int]) -> list[tuple[object, ...]]:
    return [bar.notes for index, bar in enumerate(piece.bars) if index not in indices]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_bars_are_rewritten_in_their_places(layout: str) -> None:
    text = LAYOUTS[layout]
    source, before = text.encode(), read_abc(text)[0]
    for first in range(len(before.bars) - 1):
        after = rewritten(before, first, 2, seed=first)
        edited = edited_bytes(source, ".abc", before, after, 1)
        read = read_abc(edited.content.decode())[0]
        assert [bar.notes for bar in read.bars] == [bar.notes for bar in after.bars]
        assert notes_outside(read, edited.change.indices) == notes_outside(before, edited.change.indices)
        assert [bar.jumps for bar in read.bars] == [bar.jumps for bar in before.bars]
        assert read.metadata == before.metadata
        music = [index for index, line in enumerate(source.split(b"\n")) if b"|" in line or line.startswith(b"w:")]
        assert {*changed_lines(source, edited.content)} <= {*music, *(index + 1 for index in music)}


def test_only_the_bar_itself_changes_in_its_line() -> None:
    text = LAYOUTS["typewriter"]
    before = read_abc(text)[0]
    edited = edited_bytes(text.encode(), ".abc", before, rewritten(before, 1, 1), 1).content.decode()
    start, end = text.index("G A B"), text.index("|c d e f")
    assert edited.startswith(text[:start])
    assert edited.endswith(text[end:])


@pytest.mark.parametrize("layout", sorted(LAYOUTS))
def test_bars_that_follow_are_appended(layout: str) -> None:
    text = LAYOUTS[layout]
    before = read_abc(text)[0]
    after = extended(before, 6)
    edited = edited_bytes(text.encode(), ".abc", before, after).content.decode()
    read = read_abc(edited)[0]
    assert [bar.notes for bar in read.bars] == [bar.notes for bar in after.bars]
    assert [line for line in text.split("\n") if line not in edited.split("\n")] == []
    first = text.split("\n\n\n")[0].split("W:")[0].rstrip()
    assert len(before.voices) > 1 or "%" in text.split("K:")[1] or edited.startswith(first)


def test_new_lines_are_as_long_as_the_others_and_written_like_them() -> None:
    text = 'X:1\nM:2/4\nL:1/8\nK:G\n"G"GABc|"D"dcBA|"G"GABc|"D"dcBA|"G"G2B/2c/2d|"G"G4|\n'
    before = read_abc(text)[0]
    edited = edited_bytes(text.encode(), ".abc", before, extended(before, 8, seed=3)).content.decode()
    new = edited.removeprefix(text).split("\n")
    assert edited.startswith(text)
    assert [line.count("|") for line in new] == [6, 2, 0]
    assert all(line.startswith('"') for line in new[:2])
    assert " | " not in edited
    assert "/2" in edited
    plain = text.replace('"G"', "").replace('"D"', "")
    before = read_abc(plain)[0]
    assert '"' not in edited_bytes(plain.encode(), ".abc", before, extended(before, 8)).content.decode()


@pytest.mark.parametrize("layout", sorted(name for name, text in LAYOUTS.items() if len(read_abc(text)[0].voices) == 1))
def test_voices_are_added_and_the_melodys_lines_stay(layout: str) -> None:
    text = LAYOUTS[layout]
    before = read_abc(text)[0]
    after = harmonised(before)
    edited = edited_bytes(text.encode(), ".abc", before, after).content.decode()
    read = read_abc(edited)[0]
    assert [bar.notes for bar in read.bars] == [bar.notes for bar in after.bars]
    assert [bar.chords for bar in read.bars] == [bar.chords for bar in before.bars]
    lines = edited.split("\n")
    kept = [line for line in text.split("\n") if not line.startswith("%%score")]
    assert [line for line in kept if line not in lines] == []


def test_voices_take_the_names_and_the_order_of_the_score() -> None:
    text = "X:1\n%%score Lead\nV:Lead name=Flute\nM:4/4\nL:1/4\nK:C\ncdef|g4|]\nw:a b c d e\nW:More\n"
    before = read_abc(text)[0]
    lines = edited_bytes(text.encode(), ".abc", before, harmonised(before)).content.decode().split("\n")
    assert lines[1:3] == ["%%score Lead A T B", "V:Lead name=Flute"]
    assert [line for line in lines if line.startswith("V:")] == [
        "V:Lead name=Flute", 'V:A clef=treble name="Alto" snm="A."', 'V:T name="Tenor" snm="T." clef=treble-8',
        'V:B clef=bass name="Bass" snm="B."', "V:Lead", "V:A", "V:T", "V:B",
    ]  # fmt: skip
    assert lines[-2] == "W:More"


ENCODED = {
    "CRLF": lambda text: text.replace("\n", "\r\n").encode(),
    "CR": lambda text: text.replace("\n", "\r").encode(),
    "UTF-8 with a mark": lambda text: text.encode("utf-8-sig"),
    "UTF-16": lambda text: text.encode("utf-16"),
    "Latin-1": lambda text: text.encode("latin-1"),
    "a charset that is named": lambda text: ("%%abc-charset iso-8859-1\n" + text).encode("latin-1"),
    "UTF-8 and Latin-1": lambda text: text.encode() + "W:\xe9t\xe9\n".encode("latin-1"),
}


@pytest.mark.parametrize("encoding", ENCODED)
def test_encodings_and_line_ends_stay(encoding: str, tmp_path: Path) -> None:
    text = "X:1\nT:L'été\nM:4/4\nL:1/4\nK:C\nCDEF|GABc|\nw:dé-jà vu é- t\u00e9 la la\ncdef|g4|]\n"
    source = ENCODED[encoding](text)
    path = tmp_path / "tune.abc"
    path.write_bytes(source)
    before = read_abc(path)[0]
    write_edited(path, before, rewritten(before, 2, 1), path)
    edited = path.read_bytes()
    assert edited != source
    place = next(index for index, pair in enumerate(zip(source, edited, strict=False)) if pair[0] != pair[1])
    mark = "cdef".encode("utf-16-le") if encoding == "UTF-16" else b"cdef"
    assert place >= source.index(mark)
    tail = source[source.index(b"g", source.index(mark) + len(mark)) - 0 :]
    assert edited.endswith(tail[1:])
    assert read_abc(path)[0].bars[0] == before.bars[0]


def test_compressed_files_stay_compressed(tmp_path: Path) -> None:
    path = tmp_path / "tune.abc.gz"
    path.write_bytes(gzip.compress(LAYOUTS["typewriter"].encode()))
    before = read_abc(path)[0]
    write_edited(path, before, rewritten(before, 2, 1), path)
    assert gzip.decompress(path.read_bytes()).endswith(b"\n\n\nText between.\n\nX:2\nK:G\nG|\n")


def words(piece: Piece) -> list[set[tuple[int, str, int]]]:
    """What is sung in each bar of the first voice."""
    records = [bar.notation[0] if bar.notation else () for bar in piece.bars]
    return [{(each.onset, each.text, each.verse) for each in bar if isinstance(each, Lyric)} for bar in records]


def test_the_words_of_rewritten_bars_stand_under_their_notes() -> None:
    text = LAYOUTS["words in verses"]
    before = read_abc(text)[0]
    for seed in range(8):
        after = rewritten(before, 1, 2, seed)
        edited = edited_bytes(text.encode(), ".abc", before, after).content.decode()
        assert words(read_abc(edited)[0]) == words(after)


@pytest.mark.parametrize(
    ("first", "count", "around"),
    [(1, 1, ("CDEF|", "|Z2|c4|]")), (2, 1, ('CDEF|"Am"Z|', "|Z|c4|]")), (3, 1, ('CDEF|"Am"Z2|', "|c4|]")),
     (1, 3, ("CDEF|", "|c4|]"))],
)  # fmt: skip
def test_a_bar_within_a_rest_of_several_bars_leaves_the_others_silent(
    first: int, count: int, around: tuple[str, str]
) -> None:
    text = 'X:1\nM:4/4\nL:1/4\nK:C\nCDEF|"Am"Z3|c4|]\nw:a b c d e\n'
    before = read_abc(text)[0]
    after = rewritten(before, first, count)
    edited = edited_bytes(text.encode(), ".abc", before, after).content.decode()
    line = edited.split("\n")[4]
    assert (line.startswith(around[0]), line.endswith(around[1])) == (True, True)
    read = read_abc(edited)[0]
    assert [bar.notes for bar in read.bars] == [bar.notes for bar in after.bars]
    assert [bar.chords for bar in read.bars] == [bar.chords for bar in before.bars]
    assert words(read)[4] == words(before)[4]


def test_words_that_go_on_in_a_further_line_stand_once() -> None:
    source = (
        b"X:1\nM:4/4\nL:1/4\nK:C\nc d e f|g a g2|\nw: hel-lo my\n+: world of songs\nw: one two three\n+: four five\n"
    )
    (before,) = read_abc(source.decode())
    for seed in range(4):
        after = rewritten(before, 0, 1, seed)
        edited = edited_bytes(source, ".abc", before, after).content.decode()
        assert words(read_abc(edited)[0]) == words(after)
        assert edited.splitlines()[4].endswith("|g a g2|")
        assert edited.count("+:") == 2


def test_chords_on_b_are_called_h_where_the_tune_calls_them_so() -> None:
    source = HEAD + 'K:Em\n"Em"EFGA|"H7"B2^D2|"Am"A2"B"_B2|"H7"B4|"Em"EFGA|"C/H"c4|"H7/D#"BAGF|"Em"E4|]\n'
    before = read_abc(source)[0]
    composed = read_abc(HEAD + 'K:Em\n"B7"BAGF|"Em/B"E2"Bb"_B2|"C"c2"bm"B2|"Bm7b5/A"A4|\n')[0]
    for first in (0, 4):
        after = replace(before, bars=before.bars[:first] + composed.bars + before.bars[first + 4 :])
        edited = edited_bytes(source.encode(), ".abc", before, after).content.decode()
        assert all(f'"{symbol}"' in edited for symbol in ("H7", "Em/H", "Bb", "hm", "Hm7b5/A"))
        assert [bar.chords for bar in read_abc(edited)[0].bars] == [bar.chords for bar in after.bars]


def test_a_chord_over_h_is_read_where_the_last_chord_on_h_went() -> None:
    source = HEAD + 'K:G\n"G"GABc|"H7"B2^D2|"Em"E4|"G"G4|]\n'
    before = read_abc(source)[0]
    composed = read_abc(HEAD + 'K:G\n"Em/B"B2"C"c2|\n')[0]
    after = replace(before, bars=(before.bars[0], *composed.bars, *before.bars[2:]))
    edited = edited_bytes(source.encode(), ".abc", before, after).content.decode()
    assert '"Em/H"' in edited
    assert [bar.chords for bar in read_abc(edited)[0].bars] == [bar.chords for bar in after.bars]


def test_no_file_is_written_that_says_other_chords_than_the_edit() -> None:
    source = LAYOUTS["repeats and endings"]
    before = read_abc(source)[0]
    at_one_place = replace(before.bars[2], chords=(Chord(0, "V7"), Chord(0, "I")))
    after = replace(before, bars=(*before.bars[:2], at_one_place, *before.bars[3:]))
    with pytest.raises(NotAnEditError, match="bar 2 would have other chords"):
        edited_bytes(source.encode(), ".abc", before, after)


def test_a_bar_that_is_written_with_others_cannot_be_rewritten_alone() -> None:
    text = "X:1\nM:4/4\nL:1/4\nK:C\nCDEF|[CE\nG]4|c4|]\n"
    before = read_abc(text)[0]
    assert len(before.bars) == 3
    with pytest.raises(NotAnEditError, match="bar 2 of voice 1 is written together with its neighbours"):
        edited_bytes(text.encode(), ".abc", before, rewritten(before, 1, 1))


def test_a_tune_with_lines_of_symbols_is_not_edited_in_place() -> None:
    """They would stand beside other notes, or twice."""
    source = 'X:1\nL:1/4\nM:4/4\nK:C\nCDEF|GABc|\ns: "Am" * !p! * | "G"\n'
    before = read_abc(source)[0]
    with pytest.raises(NotAnEditError, match=r"its symbols stand in lines of their own \(s:\)"):
        edited_bytes(source.encode(), ".abc", before, rewritten(before, 1, 1))


def test_a_grace_or_a_jump_at_the_end_of_a_bar_stays_for_what_follows() -> None:
    text = "X:1\nM:4/4\nL:1/4\nK:C\nCDEF|GA (Bc{de})|c4 !Coda!|d4 !Coda!||e4|]\n"
    before = read_abc(text)[0]
    edited = edited_bytes(text.encode(), ".abc", before, rewritten(before, 1, 3)).content.decode()
    line = edited.split("\n")[4]
    assert [sign for sign in ("{de}|", "!Coda!|", "!Coda!||") if sign not in line] == []
    read = read_abc(edited)[0]
    assert [bar.jumps for bar in read.bars] == [bar.jumps for bar in before.bars]


def test_a_silent_voice_waits_for_the_bars_that_follow() -> None:
    text = "X:1\nM:4/4\nL:1/4\nK:C\nV:1\nCDEF|GABc|c4|]\nV:2\nC,4|]\n"
    before = read_abc(text)[0]
    after = extended(before, 2)
    edited = edited_bytes(text.encode(), ".abc", before, after).content.decode()
    assert edited.startswith(text.split("V:2")[0].rstrip("\n"))
    assert edited.split("\n")[-2].startswith("z4|z4|")
    assert [bar.notes for bar in read_abc(edited)[0].bars] == [bar.notes for bar in after.bars]


def test_new_voices_repeat_as_the_melody_does_and_go_on_in_its_staves() -> None:
    text = "X:1\nM:4/4\nL:1/4\nK:C\nM:3/4\nc2d|e2f\\\n|g3:|\nc3|d3|e3:|\n"
    before = read_abc(text)[0]
    lines = edited_bytes(text.encode(), ".abc", before, harmonised(before)).content.decode().split("\n")
    assert lines[lines.index("K:C") + 1 :][:2] == ["V:S", "M:3/4"]
    alto = lines[lines.index("V:A") + 1 :][:4]
    assert alto[0] == "M:3/4"
    assert ["|:" in line for line in alto] == [False, False, False, True]
    assert lines[lines.index("V:A") - 2 :][:2] == ["|:\\", "c3|d3|e3:|"]  # else abc2midi plays these bars once
    assert [line.endswith("\\") for line in alto[1:]] == [True, False, False]


def test_new_voices_have_as_many_staves_as_the_melody_where_bars_go_over_lines() -> None:
    """Logie o' Buchan of Aird's fourth book: a pick-up after the sign that the music goes on in the same staff."""
    text = "X:1\nM:3/4\nL:1/8\nK:D\nAG|F3G A2|d4  \\\nAG|F3G A2|f4||\\\nde|f3e f2|d4|]\n"
    before = read_abc(text)[0]
    lines = edited_bytes(text.encode(), ".abc", before, harmonised(before)).content.decode().split("\n")
    voices = "\n".join(lines[lines.index("K:D") + 1 :]).strip().split("V:")[1:]
    assert [[line.endswith("\\") for line in voice.split("\n")[1:4]] for voice in voices] == [[True, True, False]] * 4


@needs_abc2midi
def test_abc2midi_plays_new_voices_in_their_octaves(tmp_path: Path) -> None:
    text = "X:1\nM:4/4\nL:1/4\nK:F\nFAcA|BAGE|FGAB|c4|]\n"
    before = read_abc(text)[0]
    after = harmonised(before)
    edited = edited_bytes(text.encode(), ".abc", before, after).content.decode()
    assert agrees(after, edited, tmp_path)


def test_new_voices_state_their_key_where_it_changes() -> None:
    """The key in which the melody ends would hold from the start of the next voice in abcjs."""
    text = "X:1\nM:4/4\nL:1/4\nK:D\nDFAd|f4|\nK:Bb\nBFBd|B4|]\n"
    before = read_abc(text)[0]
    after = harmonised(before)
    edited = edited_bytes(text.encode(), ".abc", before, after).content.decode()
    lines = edited.split("\n")
    assert [lines[lines.index(f"V:{name}") + 1] for name in "ATB"] == ["K:D"] * 3
    assert [bar.notes for bar in read_abc(edited)[0].bars] == [bar.notes for bar in after.bars]
    plain = text.replace("K:Bb\n", "")
    before = read_abc(plain)[0]
    edited = edited_bytes(plain.encode(), ".abc", before, harmonised(before)).content.decode()
    assert edited.count("K:D") == 1


def test_new_voices_stand_in_the_parts_that_are_played_in_an_order() -> None:
    text = "X:1\nP:ABA\nM:4/4\nL:1/4\nK:C\nP:A\ncdef|g4:|\nw:a b c d e\nP:B\nK:G\ngfed|c4|]\n"
    before = read_abc(text)[0]
    after = harmonised(before)
    edited = edited_bytes(text.encode(), ".abc", before, after).content.decode()
    read = read_abc(edited)[0]
    assert (read.part_order, [bar.part for bar in read.bars]) == (before.part_order, [bar.part for bar in before.bars])
    assert [bar.notes for bar in read.bars] == [bar.notes for bar in after.bars]
    assert [line for line in edited.split("\n") if line[:2] in ("P:", "V:", "w:")][5:] == [
        "P:A", "V:S", "w:a b c d e", "V:A", "V:T", "V:B", "P:B", "V:S", "V:A", "V:T", "V:B",
    ]  # fmt: skip


def test_a_file_that_is_another_is_not_edited(tmp_path: Path) -> None:
    text = LAYOUTS["old signs"]
    before = read_abc(text)[0]
    path = tmp_path / "tune.abc"
    path.write_text(text.replace("c2|", "d2|"))
    with pytest.raises(NotAnEditError, match=r"tune\.abc: the tune is not in the file, or the file has changed since"):
        write_edited(path, before, rewritten(before, 0, 1), path)
    with pytest.raises(NotAnEditError, match=r"edits cannot be written into \.krn"):
        edited_bytes(b"", ".krn", before, rewritten(before, 0, 1))


def test_real_books_change_only_where_bars_were_rewritten(tune_books: dict[str, list[Path]], tmp_path: Path) -> None:
    """Thirty tunes of whole books; every file is then read by abc2midi too, where it is installed."""
    paths = [path for books in tune_books.values() for path in books]
    for number, path in enumerate(paths[:: len(paths) // 30][:30]):
        source = path.read_bytes()
        book = [piece for _, piece in each_tune(path) if isinstance(piece, Piece)]
        place = number % len(book)
        before = book[place]
        first = number % max(1, len(before.bars) - 4)
        after = rewritten(before, first, 4, seed=number)
        edited = edited_bytes(source, ".abc", before, after, place + 1)
        (tmp_path / "edited.abc").write_bytes(edited.content)
        read = [piece for _, piece in each_tune(tmp_path / "edited.abc") if isinstance(piece, Piece)]
        assert [piece for index, piece in enumerate(read) if index != place] == [
            piece for index, piece in enumerate(book) if index != place
        ]
        assert [bar.notes for bar in read[place].bars] == [bar.notes for bar in after.bars]
        lines = changed_lines(source, edited.content)
        assert 1 <= len(lines) <= 4
        assert max(lines) - min(lines) <= 4


@needs_abc2midi
def test_abc2midi_reads_edited_hymns(extra_corpora: Path, tmp_path: Path) -> None:
    book = gzip.decompress((extra_corpora / "hymns" / "test.abc.gz").read_bytes()).decode()
    read = [(tune.text + "\n", piece) for tune, piece in each_tune(book) if isinstance(piece, Piece)]
    same = 0
    songs = [(text, piece) for text, piece in read if "w:" in text and agrees(piece, text, tmp_path)][:12]
    for number, (text, before) in enumerate(songs):
        after = rewritten(before, 2, 4, seed=number)
        edited = edited_bytes(text.encode(), ".abc", before, after).content.decode()
        assert [line for line in edited.split("\n") if line[:2] not in ("w:", "[V")] == [
            line for line in text.split("\n") if line[:2] not in ("w:", "[V")
        ]
        same += agrees(after, edited, tmp_path)
    assert same >= len(songs) - 1 >= 5


def test_where_nothing_changes_the_file_stays() -> None:
    text = LAYOUTS["macros"]
    before = read_abc(text)[0]
    edited = edited_bytes(text.encode(), ".abc", before, before)
    assert edited.content == text.encode()
    assert edited.change == Change((), 0, (0,), ())


def test_what_was_held_into_a_bar_that_stays_is_struck_there() -> None:
    for music, line in (
        ("CDEF|GABc-|\ncdef|g4|]", "cdef|g4|]"),
        ("CDEF|GA[Bd]2-|\n[Bd]4-|[Bd]2c2|]", "[Bd]4-|[Bd]2c2|]"),
        ("CDEF|GAB^c-|\nc/def3/2|g4|]", "^c/ d"),  # which it needs now
    ):
        text = f"X:1\nM:4/4\nL:1/4\nK:C\n{music}\n"
        before = read_abc(text)[0]
        after = with_new_notes(before, 1, [((Note(0, 67, 96),),)])
        edited = edited_bytes(text.encode(), ".abc", before, after).content.decode()
        assert edited.split("\n")[4] == "CDEF|G4|"
        assert edited.split("\n")[5].startswith(line)
        assert [bar.notes for bar in read_abc(edited)[0].bars] == [bar.notes for bar in after.bars]
        assert Change.between(before, after).bars == (range(1, 2),)


def test_no_new_note_is_held_over_into_a_bar_that_stays() -> None:
    before = read_abc("X:1\nM:4/4\nL:1/4\nK:C\nCDEF|GABc|z2ef|g4-|g4|]\n")[0]
    after = with_new_notes(before, 1, [((Note(72, 67, 60),),)])
    assert after.bars[1].notes == ((Note(72, 67, 24),),)
    assert after.bars[2:] == before.bars[2:]
    again = with_new_notes(before, 3, [((Note(48, 79, 144),),)])  # held as it was
    assert (again.bars[3].notes, again.bars[4]) == (((Note(48, 79, 144),),), before.bars[4])
