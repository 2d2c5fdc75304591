"""Where a rewritten bar begins and ends: ties over its edges, pick-ups, and bars that follow the last line."""

from edited import extended

from remi_two_stage.composing.tasks import Rewriting, followed, numbered_bars, to_be_continued
from remi_two_stage.core.piece import Note
from remi_two_stage.edits.changes import Change
from remi_two_stage.edits.files import edited_bytes
from remi_two_stage.edits.held import keeping_held
from remi_two_stage.edits.notation import with_new_notes
from remi_two_stage.scores.abc_reader import read_abc
from remi_two_stage.scores.musicxml_reader import read_musicxml
from remi_two_stage.scores.musicxml_writer import musicxml_bytes

HEAD = "X:1\nM:4/4\nL:1/4\nK:C\n"
EIGHTHS = tuple(Note(12 * place, 60 + place, 12) for place in range(8))


def rewritten(music: str, index: int) -> str:
    """The music, a bar a line, with rising eighths in a bar."""
    text = HEAD + music
    before = read_abc(text)[0]
    after = with_new_notes(before, index, keeping_held(before.bars, index, [(EIGHTHS,)]))
    assert Change.between(before, after).bars == (range(index, index + 1),)
    return edited_bytes(text.encode(), ".abc", before, after).content.decode()[len(HEAD) :]


def test_ties_over_both_edges_stay_and_new_notes_stand_between_them() -> None:
    lines = rewritten("CDEF-|\nFAB^c-|\nc/def3/2|\ng4|]\n", 1).split("\n")
    assert lines[0] == "CDEF-|"
    assert lines[2:] == ["c/def3/2|", "g4|]", ""]  # the sharp needs no sign there, for it is held
    (bar,) = [bar for bar in read_abc(HEAD + "\n".join(lines))[0].bars[1:2]]
    assert bar.notes[0][0] == Note(24, 62, 12)
    assert bar.notes[0][-1].pitch == 73


def test_a_long_note_is_held_over_from_the_last_half_of_the_bar() -> None:
    before = read_abc(HEAD + "CDEF|G4-|G2ef|g4|]\n")[0]
    ((sung,),) = keeping_held(before.bars, 1, [(EIGHTHS,)])
    assert sung == (*EIGHTHS[:4], Note(48, 67, 96))


def test_a_note_beside_which_others_move_leaves_them_room() -> None:
    before = read_abc(HEAD + "CDEF|G4-&cdef|[G4c4]|]\n")[0]
    ((sung,),) = keeping_held(before.bars, 1, [(EIGHTHS,)])
    assert sung == (*EIGHTHS[:4], Note(48, 64, 12), Note(48, 67, 144), *EIGHTHS[5:7])  # the eighth is the held pitch


def test_a_bar_through_which_a_note_is_held_gets_its_new_notes_all_the_same() -> None:
    before = read_abc(HEAD + "CDE2-|E4-|E2G2|]\n")[0]
    assert keeping_held(before.bars, 1, [(EIGHTHS,)]) == [(EIGHTHS,)]


def test_the_models_are_shown_what_is_held_into_the_bar_that_follows() -> None:
    before = read_abc(HEAD + "CDEF|GABc-|c2ef|g4|]\n")[0]
    shown = Rewriting.of(before, 1, 1).window.bars[2].notes[0]
    assert shown[0] == Note(0, 72, 48)


def test_the_pick_up_of_what_follows_is_no_part_of_the_bars_before() -> None:
    tune = read_abc("X:1\nM:3/4\nL:1/4\nK:C\nG|cde|fed|c2:|\n|:G|efg|agf|e2:|\n")[0]
    assert numbered_bars(tune, (2, 3)) == (2, 3)
    assert numbered_bars(tune, (3, 4)) == (3, 5)


def test_a_tune_is_a_prefix_of_its_continuation_whatever_stands_after_its_music() -> None:
    for text in (
        HEAD + "CDEF|G4|]\nw:one two three four five\nW:and more words\n% the end\n",
        "X:1\nM:4/4\nL:1/4\nK:C\nV:1\nV:2 clef=bass\nV:1\nCDEF|G4|]\nV:2\nC,4|G,4|]\n",
    ):
        before = read_abc(text)[0]
        after = extended(before, 2)
        edited = edited_bytes(text.encode(), ".abc", before, after).content.decode()
        assert edited.startswith(text)
        assert [bar.notes for bar in read_abc(edited)[0].bars] == [bar.notes for bar in after.bars]


def test_only_a_piece_whose_last_bar_is_not_played_last_is_written_out_to_be_continued() -> None:
    head = "X:1\nM:2/4\nL:1/4\n"
    for text, is_as_written in (
        (head + "K:C\nCD|!segno!EF|GA|]\n", True),
        (head + "K:C\nCD|EF|GA!D.C.!|]\n", True),
        (head + "K:C\nCD|EF!fine!|GA!D.C.alfine!|]\n", False),
        (head + "P:AAB\nK:C\nP:A\nCD|EF|\nP:B\nGA|]\n", True),
        (head + "P:ABA\nK:C\nP:A\nCD|EF|\nP:B\nGA|]\n", False),
    ):
        piece = read_abc(text)[0]
        assert piece.part_order or any(bar.jumps for bar in piece.bars)
        assert (to_be_continued(piece) == piece) is is_as_written, text


def test_bars_follow_a_fine_as_a_coda_and_an_order_of_parts_as_a_part() -> None:
    head = "X:1\nM:2/4\nL:1/4\n"
    body = "CD|EF!fine!|GA!D.C.alfine!|]\n"
    parts = "K:C\nP:A\nCD|EF|\nP:B\nGA"
    for text, wanted in (
        (head + "K:C\n" + body, head + "K:C\n" + body + '!coda!"^poi la Coda"'),
        (head + f"P:AB2A %order\n{parts}|]\n", head + f"P:AB2AC %order\n{parts}|]\nP:C\n"),
        (head + f"P: A.B.A\n{parts}", head + f"P: A.B.A.C\n{parts}\n|[P:C] "),
    ):
        before = read_abc(text)[0]
        after = followed(before, extended(before, 2).bars[len(before.bars) :])
        edited = edited_bytes(text.encode(), ".abc", before, after).content.decode()
        assert edited.startswith(wanted)
        (read,) = read_abc(edited)
        assert read.playing_order() == [*before.playing_order(), len(before.bars), len(before.bars) + 1]


def test_a_coda_after_the_fine_goes_behind_the_measures_of_a_musicxml_file() -> None:
    text = "X:1\nM:2/4\nL:1/4\nK:C\nCD|EF!fine!|GA!D.C.alfine!|]\n"
    source = musicxml_bytes(read_abc(text)[0])
    before = read_musicxml(source)
    after = followed(before, extended(before, 2).bars[len(before.bars) :])
    edited = edited_bytes(source, ".musicxml", before, after).content
    assert edited.startswith(source[: source.index(b"</part>")].rstrip())
    assert read_musicxml(edited).playing_order() == [0, 1, 2, 0, 1, 3, 4]
    anew = read_musicxml(musicxml_bytes(after))  # other programs stop at the Fine
    assert [bar.notes for bar in anew.bars] == [after.bars[index].notes for index in after.playing_order()]
    assert not any(bar.jumps for bar in anew.bars)


def test_bars_that_follow_a_song_have_a_line_for_words_to_come() -> None:
    text = HEAD + "V:1\nV:2\n[V:1] CDEF|G4|]\nw:one two three four five\n[V:2] C4|C4|]\n"
    before = read_abc(text)[0]
    edited = edited_bytes(text.encode(), ".abc", before, extended(before, 2)).content.decode()
    assert [line[:5] for line in edited.removeprefix(text).splitlines()] == ["[V:1]", "w:*", "[V:2]"]
    (read,) = read_abc(edited)
    assert not any(any(bar.notation) for bar in read.bars[2:])
