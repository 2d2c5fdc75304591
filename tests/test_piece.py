"""Keys, metres, transposition and the order in which repeats are played."""

from dataclasses import replace
from fractions import Fraction

import pytest
from tunes import kesh_jig

from remi_two_stage.core.errors import RequestError, ScoreError
from remi_two_stage.core.piece import Bar, Chord, Note, Piece
from remi_two_stage.core.plan import Plan
from remi_two_stage.core.signatures import MODES, Key, Meter, name_at
from remi_two_stage.rendering.score_text import score_text
from remi_two_stage.scores.abc_reader import read_abc

KEYS = [Key(name_at(signature - shift), mode) for mode, shift in MODES.items() for signature in range(-7, 8)]


def melody(*bars: Bar) -> Piece:
    return Piece(("M",), bars)


def bar(*pitches: int, **signs: object) -> Bar:
    """A bar of 4/4 in D with quarter notes."""
    notes = tuple(Note(24 * index, pitch, 24) for index, pitch in enumerate(pitches))
    return replace(Bar(Meter(4, 4), Key("D"), 96, (notes,)), **signs)


@pytest.mark.parametrize(
    ("text", "key", "signature"),
    [
        ("D", Key("D"), 2),
        ("Bb", Key("Bb"), -2),
        ("F#m", Key("F#", "min"), 3),
        ("A minor", Key("A", "min"), 0),
        ("EDorian", Key("E", "dor"), 2),
        ("G Mixolydian", Key("G", "mix"), 0),
        ("BPHR", Key("B", "phr"), 1),
        ("dmaj", Key("D"), 2),
        ("B flat", Key("Bb"), -2),
        ("F sharp minor", Key("F#", "min"), 3),
        ("e-flat-minor", Key("Eb", "min"), -6),
        ("B♭m", Key("Bb", "min"), -5),
    ],
)
def test_keys_are_read_as_abc_writes_them(text: str, key: Key, signature: int) -> None:
    assert Key.parse(text) == key
    assert key.signature == signature


@pytest.mark.parametrize("text", ["H", "", "Dfoo", "D flatter", "flat", "G#", "D#lyd", "C##", "12"])
def test_a_key_that_does_not_exist_is_named(text: str) -> None:
    with pytest.raises(RequestError, match="there is no key"):
        Key.parse(text)


@pytest.mark.parametrize(("text", "ticks", "beat"), [("C", 96, 24), ("C|", 96, 48), ("6/8", 72, 36), ("7/8", 84, 12)])
def test_a_metre_has_its_length_and_beat(text: str, ticks: int, beat: int) -> None:
    meter = Meter.parse(text)
    assert (meter.bar_length, meter.beat_length) == (ticks, beat)


@pytest.mark.parametrize("text", ["7/0", "0/4", "3/5", "waltz", "4/64", "-3/4"])
def test_a_metre_that_does_not_exist_is_named(text: str) -> None:
    with pytest.raises(RequestError, match="there is no metre"):
        Meter.parse(text)


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_going_to_c_and_back_changes_nothing(key: Key) -> None:
    neighbour = key.shifted(1)
    bars = (bar(62, 66, key=key), bar(69, key=neighbour))
    piece = melody(*bars)
    home = piece.in_c()
    moved = home.bars[0].notes[0][0].pitch - 62
    assert home.key == Key("C", key.mode)
    assert -5 <= moved <= 6
    assert (key.pitch_class + moved) % 12 == 0
    back = home.in_original_key()
    assert back.note_list() == piece.note_list()
    assert [bar.key.pitch_class for bar in back.bars] == [key.pitch_class, neighbour.pitch_class]
    assert back.key == key


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_every_later_key_comes_back_from_c_as_it_was_spelled(key: Key) -> None:
    piece = melody(bar(62, key=key), *(bar(62, key=later) for later in KEYS))
    assert piece.in_c().in_original_key() == piece
    longer = replace(piece.in_c(), bars=(*piece.in_c().bars, bar(60, key=Key("C"))))
    assert longer.in_original_key().bars[-1].key.pitch_class == key.pitch_class


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_keys_come_back_however_many_bars_there_are_now(key: Key) -> None:
    later = key.shifted(2)
    piece = melody(bar(62, key=key), bar(64, key=later), bar(66, key=later))
    home = piece.in_c()
    for indices in ((0,), (0, 1, 2, 2, 1, 0, 1), (1, 2), (2, 0, 1)):
        expected = replace(piece, bars=tuple(piece.bars[index] for index in indices))
        assert replace(home, bars=tuple(home.bars[index] for index in indices)).in_original_key() == expected


def test_keys_are_spelled_as_the_piece_spelled_them() -> None:
    piece = melody(bar(62), bar(66, key=Key("Gb")))
    home = piece.in_c()
    longer = replace(home, bars=(*home.bars, home.bars[1], home.bars[0])).in_original_key()
    assert longer.keys == (Key("D"), Key("Gb"), Key("Gb"), Key("D"))
    written = replace(home, original_keys=(), bars=home.bars * 2)
    assert written.from_c(piece.keys).keys == piece.keys * 2
    assert written.from_c([Key("D")]).keys == (Key("D"), Key("F#")) * 2


def test_a_later_part_goes_to_c_and_back_to_where_it_was() -> None:
    piece = melody(bar(62), bar(66, 69, key=Key("A")))
    part = replace(piece.in_c(), bars=piece.in_c().bars[1:])
    assert part.key == Key("G")
    assert part.in_c().key == Key("C")
    assert part.in_c().in_original_key() == replace(piece, bars=piece.bars[1:])
    assert part.in_key("A").note_list() == replace(piece, bars=piece.bars[1:]).note_list()


def test_bars_carry_everything_else_over_to_other_music() -> None:
    full = Bar(Meter(3, 4), Key(), 24, ((),), (), True, True, True, (1,), True, True, 3, "A")
    other = full.with_music(Key("D"), ((Note(0, 60, 24),),), (Chord(0, "V"),))
    assert other == replace(full, key=Key("D"), notes=((Note(0, 60, 24),),), chords=(Chord(0, "V"),))
    assert other.part == "A"


def test_transposing_spells_the_key_simply_and_refuses_what_midi_cannot_say() -> None:
    piece = melody(bar(62))
    assert piece.transpose(-1).key == Key("Db")
    assert piece.transpose(2).key == Key("E")
    assert piece.transpose(12).key == Key("D")
    with pytest.raises(ScoreError, match=r"bar 1: transposed by 70 semitones, a note leaves the MIDI range"):
        piece.transpose(70)


def test_note_list_is_in_quarter_notes_and_merges_what_rings_over_the_barline() -> None:
    held = Bar(Meter(3, 4), Key(), 72, ((Note(48, 60, 48), Note(64, 64, 8)),))
    assert melody(held, replace(held, notes=((),))).note_list() == [
        ("M", Fraction(2), Fraction(2), 60),
        ("M", Fraction(8, 3), Fraction(1, 3), 64),
    ]


def played(*bars: Bar) -> list[int]:
    return [pitch for *_, pitch in melody(*bars).note_list(unfold_repeats=True)]


def test_repeats_are_unfolded() -> None:
    assert played(bar(1), bar(2, repeat_end=True), bar(3)) == [1, 2, 1, 2, 3]
    assert played(bar(1), bar(2, repeat_start=True), bar(3, repeat_end=True), bar(4)) == [1, 2, 3, 2, 3, 4]
    assert played(bar(1, repeat_end=True), bar(2, repeat_end=True)) == [1, 1, 2, 2]


def test_endings_are_unfolded() -> None:
    first = bar(2, endings=(1,), ending_end=True, repeat_end=True)
    second = bar(3, endings=(2,), ending_end=True)
    assert played(bar(1, repeat_start=True), first, second, bar(4)) == [1, 2, 1, 3, 4]
    assert played(bar(1), first, second, bar(4), bar(5, repeat_end=True)) == [1, 2, 1, 3, 4, 5, 4, 5]
    thrice = bar(2, endings=(1, 2), ending_end=True, repeat_end=True)
    assert played(bar(1), thrice, bar(3, endings=(3,), ending_end=True)) == [1, 2, 1, 2, 1, 3]


def test_pick_ups_are_not_counted_as_bars() -> None:
    pickup = replace(bar(), length=24, notes=((Note(0, 60, 24),),), is_pickup=True)
    assert melody(pickup, bar(1), replace(bar(2), length=72), pickup, bar(3)).bar_count == 3


def test_a_pick_up_has_the_number_of_the_bar_before_it() -> None:
    pickup = replace(bar(), length=24, notes=((Note(0, 60, 24),),), is_pickup=True)
    piece = melody(pickup, bar(1), replace(bar(2), length=72), pickup, bar(3))
    assert piece.bar_numbers == [0, 1, 2, 2, 3]
    high = replace(pickup, notes=((Note(0, 127, 24),),))
    with pytest.raises(ScoreError, match=r"^bar 0: transposed"):
        melody(high, bar(1)).transpose(2)
    with pytest.raises(ScoreError, match=r"^bar 1: transposed"):
        melody(pickup, bar(127)).transpose(2)
    with pytest.raises(ScoreError, match=r"^bar 1 holds 2 voices, the piece 1"):
        melody(pickup, replace(bar(1), notes=((), ())))


@pytest.mark.parametrize(
    ("meter", "length", "is_pickup", "beats"),
    [
        (Meter(4, 4), 96, False, (0, 24, 48, 72)),
        (Meter(6, 8), 72, False, (0, 36)),
        (Meter(7, 8), 84, False, (0, 12, 24, 36, 48, 60, 72)),
        (Meter(3, 4), 24, True, (0,)),
        (Meter(3, 4), 30, True, (0, 6)),
        (Meter(4, 4), 60, False, (0, 24, 48)),
        (None, 60, False, (0,)),
    ],
)
def test_beats_of_a_bar(meter: Meter | None, length: int, is_pickup: bool, beats: tuple[int, ...]) -> None:
    assert Bar(meter, Key(), length, ((),), is_pickup=is_pickup).beats == beats


def test_an_ending_without_a_sign_stops_at_a_repeat() -> None:
    first = bar(2, endings=(1,), repeat_end=True)
    assert played(bar(1, repeat_start=True), first, bar(3, endings=(2,)), bar(4)) == [1, 2, 1, 3, 4]
    assert played(bar(1), first, bar(3), bar(4)) == [1, 2, 1, 3, 4]
    assert played(bar(1), bar(2, endings=(2,)), bar(3, repeat_start=True), bar(4, repeat_end=True)) == [1, 3, 4, 3, 4]


def test_impossible_pieces_are_refused() -> None:
    with pytest.raises(ScoreError, match="onset 0, duration 0, pitch 60"):
        Note(0, 60, 0)
    with pytest.raises(ScoreError, match=r"bar 1 holds 1 voices, the piece 2"):
        Piece(("S", "B"), (bar(1),))
    with pytest.raises(ScoreError, match="needs bars"):
        Piece(("M",), ())


def test_a_piece_and_a_plan_are_shown_in_a_line_and_printed_as_music() -> None:
    (hymn,) = read_abc("X:1\nT:Amen\nR:Hymn\nM:4/4\nL:1/2\nK:F\nV:S\nV:A\nV:T\nV:B\n"
                       '[V:S] "Bb"F F |]\n[V:A] "Bb"D C |]\n[V:T] B, A, |]\n[V:B] B,, F, |]\n')  # fmt: skip
    assert repr(hymn) == "<Piece 'Amen': hymn, F major, 4/4, 1 bar, voices S A T B>"
    assert repr(Plan.of(hymn)) == "<Plan hymn, F major, 4/4, 1 bar, voices S A T B: IV |>"
    printed = str(hymn).splitlines()
    assert printed[:2] == ["Amen", "hymn, F major, 4/4, 1 bar, voices S A T B"]
    assert [line.split()[0] for line in printed[3:]] == ["1", "S", "A", "T", "B"]
    jig = kesh_jig()
    assert repr(jig) == "<Piece 'The Kesh Jig': jig, G major, 6/8, 8 bars>"
    assert str(jig) == score_text(jig)
    assert repr(Plan.of(jig)).count("\n") == 0
    assert repr(Plan.of(jig)).endswith(" ...>")


def test_chords_over_short_notes_stand_apart() -> None:
    """The second bar of a hymn whose chord over one note is as long as the note."""
    (hymn,) = read_abc('X:1\nT:Old Hundredth\nM:4/4\nL:1/8\nK:G\n"Em"B2 "G/B"B2 "D"A2 "G"G2|]\n')
    assert str(hymn).splitlines()[-2].split() == ["Em", "G/B", "D", "G"]


def test_of_a_long_piece_the_beginning_is_printed() -> None:
    jig = kesh_jig()
    long = replace(jig, bars=jig.bars * 5, title="Five times")
    printed = str(long)
    assert printed.startswith("Five times\njig, G major, 6/8, ")
    assert printed.endswith("\n... 24 more bars")
    assert 6 < len(printed.splitlines()) < 16
    assert str(replace(long, bars=(replace(jig.bars[0], length=0), *jig.bars[1:]))) == repr(
        replace(long, bars=jig.bars)
    )
