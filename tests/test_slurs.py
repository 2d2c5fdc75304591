"""Slurs of real piano parts and quartets: within tied notes, from one hand to the other, at cue notes."""

import zipfile
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from edited import rewritten
from musicxml_scores import COMMON, note, score

from remi_two_stage.composing.tasks import Harmonization
from remi_two_stage.core.abc_writer import write_abc
from remi_two_stage.core.excerpt import bars_of_voices
from remi_two_stage.core.instruments import with_instrument
from remi_two_stage.core.notation import Notation, Span
from remi_two_stage.core.piece import Piece
from remi_two_stage.demo.comparison import compared
from remi_two_stage.edits.files import edited_bytes
from remi_two_stage.scores.abc_losses import abc_losses
from remi_two_stage.scores.abc_reader import read_abc
from remi_two_stage.scores.musicxml_reader import read_musicxml
from remi_two_stage.scores.musicxml_writer import musicxml_bytes

PIANO = COMMON + "<staves>2</staves>"
BACKUP = "<backup><duration>16</duration></backup>"
FORWARD = "<forward><duration>8</duration><voice>{}</voice></forward>"


def slur(kind: str, number: int = 1) -> str:
    return f'<notations><slur type="{kind}" number="{number}"/></notations>'


def hand(steps: str, octave: int, staff: int, **slurs: str) -> str:
    return "".join(note(step, 2, slurs.get(step, ""), octave, staff, staff) for step in steps)


def arpeggio() -> str:
    """Up from the left hand to the right, whose notes stand first in the measure, and back."""
    right = FORWARD.format(1) + hand("CEGA", 5, 1, C=slur("start", 2), A=slur("stop"))
    left = hand("CEGB", 3, 2, C=slur("start"))
    return right + BACKUP + left + FORWARD.format(2)


def slurs(piece: Piece) -> list[tuple[int, str, Span]]:
    return [
        (index, voice, record)
        for index, bar in enumerate(piece.bars)
        for voice, records in zip(piece.voices, bar.notation, strict=False)
        for record in records
        if isinstance(record, Span)
    ]


def arpeggios() -> Piece:
    last = note("E", 16, "", 4, 1, 1) + BACKUP + note("C", 16, slur("stop", 2), 3, 2, 2)
    return read_musicxml(score([arpeggio(), last], attributes=PIANO))


def test_slurs_from_one_hand_to_the_other_come_back() -> None:
    piece = arpeggios()
    right, left = piece.voices
    assert slurs(piece) == [(0, right, Span(48, "slur", 1, 0, left)), (0, left, Span(0, "slur", 0, 84, right))]
    written = musicxml_bytes(piece)
    assert slurs(read_musicxml(written)) == slurs(piece)
    ends = [
        (each.findtext("staff"), each.findtext("pitch/step"), each.find("notations/slur").get("type"))  # type: ignore[union-attr]
        for each in ElementTree.fromstring(written).iter("note")
        if each.find("notations/slur") is not None
    ]
    assert ends == [("1", "C", "start"), ("1", "A", "stop"), ("2", "C", "start"), ("2", "C", "stop")]


def test_a_slur_that_leads_to_another_voice_ends_on_its_own_last_note_in_abc() -> None:
    piece = arpeggios()
    text = write_abc(piece)
    assert "(C,E,G,B,)" in text.replace(" ", "")
    assert dict(abc_losses(piece)) == {"where a slur that leads to another voice ends": 2}
    (again,) = read_abc(text)
    assert again.note_list() == piece.note_list()


def test_a_voice_alone_has_no_slur_to_one_that_is_gone() -> None:
    piece = arpeggios()
    bars = tuple(replace(bar, notes=bar.notes[1:], notation=bar.notation[1:]) for bar in piece.bars)
    left = replace(piece, voices=piece.voices[1:], bars=bars, instruments=())
    assert b"<slur" not in musicxml_bytes(left)


def test_a_melody_taken_from_a_piano_keeps_its_slurs_to_itself() -> None:
    """The voice to which one led may have the name of another that is added."""
    piece = replace(arpeggios(), voices=("S", "A"))
    last = replace(piece.bars[1], notation=((), (Span(0, "slur", 0, 0, "S"),)))
    bars = tuple(
        replace(bar, notation=tuple(tuple(_to_singers(record) for record in records) for records in bar.notation))
        for bar in (piece.bars[0], last)
    )
    piece = replace(piece, bars=bars, instruments=(), source=None)
    assert [span.voice for _, _, span in slurs(piece)] == ["A", "S", "S"]
    melody = Harmonization.of(piece, ("S", "A", "T", "B"), "hymn").melody
    assert slurs(melody) == [(0, "S", Span(48, "slur", 0, 84))]
    assert [(bar.notes, bar.notation) for bar in bars_of_voices(piece, (1,))] == [
        ((bars[0].notes[1],), ((Span(0, "slur", 0, 36),),)),
        ((bars[1].notes[1],), ((),)),
    ]
    assert slurs(replace(piece, bars=bars_of_voices(piece, (0, 1)))) == slurs(piece)


def _to_singers(record: Notation) -> Notation:
    """A slur between the voices of `arpeggios` as one between soprano and alto."""
    return (
        replace(record, voice={"V1": "S", "V2": "A"}.get(record.voice, record.voice))
        if isinstance(record, Span)
        else record
    )


def test_slurs_between_voices_that_one_hand_plays_stay_in_it() -> None:
    piece = arpeggios()
    first, last = piece.bars
    bars = (
        replace(first, notes=(*first.notes, ()), notation=(*first.notation, ())),
        replace(last, notes=(*last.notes, ())),
    )
    organ = replace(piece, voices=(*piece.voices, "V3"), bars=bars, instruments=())
    hands = with_instrument(organ, "piano")
    assert slurs(hands) == [(0, "V1", Span(0, "slur", 0, 84)), (0, "V1", Span(48, "slur", 1, 0))]
    assert slurs(read_musicxml(musicxml_bytes(hands))) == slurs(hands)


def test_a_slur_to_the_part_of_another_player_ends_on_its_own_last_note() -> None:
    flutes = read_musicxml(musicxml_bytes(with_instrument(arpeggios(), "flute")))
    assert slurs(flutes) == [(0, "V1", Span(48, "slur", 0, 84)), (0, "V2", Span(0, "slur", 0, 36))]


@pytest.mark.parametrize("is_own", [True, False])
def test_an_edit_beside_a_slur_between_hands_leaves_it_whole(is_own: bool) -> None:
    source = score([arpeggio(), note("E", 16, "", 4, 1, 1) + BACKUP + note("C", 16, slur("stop", 2), 3, 2, 2)] * 2,
                   attributes=PIANO)  # fmt: skip
    if is_own:
        source = musicxml_bytes(with_instrument(read_musicxml(source), "piano"))
    before = read_musicxml(source)
    after = rewritten(before, 1, 1, seed=3)
    edited = read_musicxml(edited_bytes(source, ".musicxml", before, after).content)
    assert edited.bars == after.bars
    assert [each for each in slurs(edited) if each[0] != 1] == [each for each in slurs(after) if each[0] != 1]
    assert not any("slur" in reason for reason, _ in edited.losses)


@pytest.mark.parametrize("seed", [10, 18, 21])
def test_a_slur_to_the_other_hand_that_begins_in_a_rewritten_bar_begins_with_its_nearest_note(seed: int) -> None:
    """Not within that note, where it is tied on."""
    scales = hand("CEGACEGA", 5, 1) + BACKUP + hand("CEGBCEGB", 3, 2)
    last = note("E", 16, "", 4, 1, 1) + BACKUP + note("C", 16, slur("stop", 2), 3, 2, 2)
    source = score([scales, arpeggio(), last, scales], attributes=PIANO)
    before = read_musicxml(source)
    after = rewritten(before, 1, 1, seed=seed)
    edited = read_musicxml(edited_bytes(source, ".musicxml", before, after).content)
    assert [(span.bars, span.voice) for _, _, span in slurs(after)] == [(1, "V2")]
    assert slurs(edited) == slurs(after)


def test_the_page_shows_slurs_between_hands_of_the_tune_before_an_edit_too() -> None:
    old = arpeggios()
    new = rewritten(old, 1, 1, seed=3)
    comparison = compared(old, new, is_close=False)
    assert comparison is not None
    shown = [(voice, span.voice) for _, voice, span in slurs(comparison.piece) if "before" in voice]
    assert shown == [("V1 before", "V2 before"), ("V2 before", "V1 before")]


def test_slurs_begin_and_end_within_tied_notes() -> None:
    begin, end = '<tie type="start"/>', '<tie type="stop"/>'
    first = note("C", 4, slur("start")) + note("D", 3, begin) + note("D", 1, end + slur("stop")) + note("E", 4, begin)
    measures = [first + note("E", 4, end + slur("start")), note("F", 16, slur("stop"))]
    piece = read_musicxml(score(measures))
    assert [span for *_, span in slurs(piece)] == [Span(0, "slur", 0, 42), Span(72, "slur", 1, 0)]
    assert slurs(read_musicxml(musicxml_bytes(piece))) == slurs(piece)


def test_what_stands_at_cue_notes_goes_with_them() -> None:
    cue = note("C", 8, f"<cue/>{slur('start')}") + note("D", 8, f"<cue/>{slur('stop')}")
    piece = read_musicxml(score([cue, note("E", 16)]))
    assert (slurs(piece), dict(piece.losses)) == ([], {"a cue note": 2})


def test_a_percussion_clef_within_a_violins_part_silences_no_note() -> None:
    """As MuseScore 2 writes it before a new movement, in one of OpenScore's quartets."""
    clef = "<attributes><clef><sign>percussion</sign></clef></attributes>"
    treble = COMMON + "<clef><sign>G</sign><line>2</line></clef>"
    piece = read_musicxml(score([note("C", 16), clef + note("E", 16)], attributes=treble))
    assert [[each.pitch for each in bar.notes[0]] for bar in piece.bars] == [[60], [64]]
    assert not piece.losses


def test_slurs_and_clefs_of_real_songs_and_quartets_come_back(extra_corpora: Path) -> None:
    for collection, count in (("lieder", 8), ("quartets", 1)):
        with zipfile.ZipFile(extra_corpora / "openscore" / f"{collection}.zip") as archive:
            names = sorted(name for name in archive.namelist() if name.endswith(".mxl"))
            for name in names[5 :: len(names) // count][:count]:
                piece = read_musicxml(archive.read(name))
                again = read_musicxml(musicxml_bytes(piece))
                assert sorted(slurs(again), key=repr) == sorted(slurs(piece), key=repr), name
                assert again.note_list() == piece.note_list()
