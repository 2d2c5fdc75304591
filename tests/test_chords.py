"""Chord labels, names in keys, and typed Roman numerals."""

import pytest
from music21.harmony import ChordSymbol

from remi_two_stage.core.chords import (
    CHORD_LABELS,
    QUALITIES,
    chord_name,
    contradicted,
    make_label,
    parse_name,
    parse_roman,
    pitch_classes,
    roman_text,
    split_label,
    tone_fifths,
)
from remi_two_stage.core.errors import ChordError
from remi_two_stage.core.notation import ChordSymbol as WrittenChord
from remi_two_stage.core.signatures import MODES, Key, name_at

KEYS = [Key(name_at(sharps - MODES[mode]), mode) for mode in MODES for sharps in range(-7, 8)]
MAJOR_KEYS = [Key(tonic) for tonic in "C G D A E B F# Db Ab Eb Bb F".split()]


@pytest.mark.parametrize("label", CHORD_LABELS)
def test_every_label_reads_back_from_its_name_in_every_key_and_from_its_numeral(label: str) -> None:
    for bass in range(12 if split_label(label) else 1):
        assert parse_roman(roman_text(label, bass)) == (label, bass)
    for key in MAJOR_KEYS:
        if label != "unk":
            assert parse_name(chord_name(label, key), key).label == label


@pytest.mark.parametrize("key", KEYS)
def test_a_name_in_the_key_of_any_bar_reads_back_as_its_label(key: Key) -> None:
    for label in CHORD_LABELS[:-1]:
        for home in (Key("E"), Key("Bb"), Key("F#", "min")):
            assert parse_name(chord_name(label, home, key), home).label == label


@pytest.mark.parametrize("key", KEYS)
def test_chords_on_notes_of_a_key_have_their_names(key: Key) -> None:
    for fifths in range(key.signature - 1, key.signature + 6):
        for quality in ("maj", "min7", "dim", "hdim7"):
            name = chord_name(make_label((7 * fifths - key.pitch_class) % 12, quality), key)
            assert name == name_at(fifths) + QUALITIES[quality].name_suffix


@pytest.mark.parametrize(
    ("key", "names"),
    [
        ("C", "C#dim7 D#dim F#dim G#m7b5 A#dim Bdim Db Eb7 F# Ab Bb"),
        ("Bb", "Bdim C#dim7 Edim F#dim G#dim Cb Db E Gb Ab"),
        ("D", "D#dim E#dim7 G#dim A#dim7 C#dim Eb F G# Bb C"),
        ("Am", "G#dim Cdim D#dim7 Bm7b5 A#dim Bb C D# F G C# F#m"),
        ("Em", "D#dim7 Gdim A#dim F C"),
        ("Ephr", "B7 Fdim F D#dim7"),
        ("Bloc", "B F#7 F A#dim7 C"),
        ("F#", "Gdim7 E#dim G A B# F#m"),
    ],
)
def test_chords_outside_the_key_have_their_usual_names(key: str, names: str) -> None:
    """A diminished chord leads upwards from a sharp; others are flat but for the one above the subdominant."""
    home = Key.parse(key)
    assert [chord_name(parse_name(name, home).label, home) for name in names.split()] == names.split()


def test_names_are_spelled_in_the_key_of_the_bar() -> None:
    home = Key("E")
    labels = [parse_name(name, home).label for name in ("Ab", "Db", "Eb7", "Bb7", "Ddim")]
    assert labels == ["III", "VI", "VII7", "#IV7", "bviio"]
    assert [chord_name(label, home) for label in labels[:4]] == ["G#", "C#", "D#7", "A#7"]
    assert [chord_name(label, home, Key("Ab")) for label in labels] == ["Ab", "Db", "Eb7", "Bb7", "Ddim"]


@pytest.mark.parametrize(
    ("name", "tones"),
    [("C#dim7", "C# E G Bb"), ("Ebm7", "Eb Gb Bb Db"), ("Caug7", "C E G# Bb"), ("F#7sus4", "F# B C# E")],
)
def test_tones_are_named_as_thirds_above_their_root(name: str, tones: str) -> None:
    label = parse_name(name, Key()).label
    named = tone_fifths(label, None, Key(), Key())
    assert [name_at(fifths) for fifths in named.values()] == tones.split()
    assert all((7 * fifths - pitch_class) % 12 == 0 for pitch_class, fifths in named.items())
    assert tone_fifths("N", None, Key(), Key()) == {}


def test_tones_are_named_after_the_root_that_the_source_writes() -> None:
    named = tone_fifths("bIII", WrittenChord(9, ""), Key(), Key())
    assert [name_at(fifths) for fifths in named.values()] == ["D#", "F##", "A#"]


def test_labels_count_from_the_major_scale_in_every_mode() -> None:
    assert [parse_name(name, Key("A", "min")).label for name in ("Am", "C", "E7", "G", "B", "F")] == [
        "i",
        "bIII",
        "V7",
        "bVII",
        "II",
        "bVI",
    ]
    assert chord_name("bVII", Key("A", "mix")) == "G"
    assert chord_name("viiø7", Key("Bb")) == "Am7b5"


@pytest.mark.parametrize(
    ("name", "label", "bass"),
    [
        ("Am7/E", "v7", 7),
        ("D/F#", "I", 4),
        ("G/D", "IV", 7),
        ("D/E", "I", 2),
        ("D/D", "I", 0),
        ("C#d", "viio", 0),
        ("Da", "I+", 0),
        ("A13", "V13", 0),
        ("Gmaj9", "IVmaj9", 0),
        ("Em11", "ii7", 0),
        ("A7b9", "V7b9", 0),
        ("Dadd9", "Iadd9", 0),
        ("Em9", "ii9", 0),
        ("D6/9", "Iadd6", 0),
        ("Dm(maj7)", "imaj7", 0),
        ("Daugmaj7/F#", "Imaj7", 4),
        ("A7/13/E", "V13", 7),
        ("Em6/9", "iiadd6", 0),
        ("(Em)", "ii", 0),
        ("N.C.", "N", 0),
        ("NC", "N", 0),
        ("B♭", "bVI", 0),
    ],
)
def test_chord_symbols_in_d(name: str, label: str, bass: int) -> None:
    chord = parse_name(name, Key("D"))
    assert (chord.label, chord.bass) == (label, bass)


@pytest.mark.parametrize(
    ("numeral", "name"),
    [
        ("I6", "D/F#"), ("I64", "D/A"), ("I6/4", "D/A"), ("V65", "A7/C#"), ("V43", "A7/E"), ("V42", "A7/G"),
        ("V2", "A7/G"), ("viio6", "C#dim/E"), ("iiø65", "Em7b5/G"), ("IV/1", "G/D"), ("I/2", "D/E"), ("I/b7", "D/C"),
        ("Iadd6", "D6"),
    ],
)  # fmt: skip
def test_figures_and_degrees_say_the_bass(numeral: str, name: str) -> None:
    """Kostka and Payne, Tonal Harmony, chapters 3 and 4."""
    label, bass = parse_roman(numeral)
    assert chord_name(label, Key("D"), bass=bass) == name
    assert (parse_name(name, Key("D")).label, parse_name(name, Key("D")).bass) == (label, bass)
    assert parse_roman(roman_text(label, bass)) == (label, bass)


@pytest.mark.parametrize(
    ("numeral", "name"),
    [
        ("V/V", "E"), ("V7/V", "E7"), ("V65/V", "E7/G#"), ("V7/vi", "F#7"), ("viio7/ii", "D#dim7"),
        ("viio6/V", "G#dim/B"), ("IV/bVII", "F"), ("V7/IV", "D7"), ("ii/ii", "F#m"),
    ],
)  # fmt: skip
def test_a_chord_may_be_counted_from_another_degree(numeral: str, name: str) -> None:
    """Secondary dominants and their like: Kostka and Payne, Tonal Harmony, chapters 16 and 17."""
    named = parse_name(name, Key("D"))
    assert parse_roman(numeral) == (named.label, named.bass)


def test_the_tones_of_every_quality_are_those_that_music21_hears_in_its_name() -> None:
    names = "C Cm Cdim C+ C7 Cmaj7 Cm7 Cø7 Co7 CmM7 C7+ C6 Cm6 Csus Csus2 C7sus4 Cpower".split()
    names += "C9 C7b9 C7add13 Cadd9 CM9 Cm9".split()
    for label, name in zip(CHORD_LABELS[: len(names)], names, strict=True):
        assert pitch_classes(label) == {pitch.pitchClass for pitch in ChordSymbol(name).pitches}, name


def test_pitch_classes_follow_the_tonic() -> None:
    assert pitch_classes("V7", tonic=2) == {9, 1, 4, 7}
    assert pitch_classes("N") == frozenset()
    assert split_label("bVII") == (10, "maj")


@pytest.mark.parametrize("name", ["H7", "A MINOR", "4", "", "tune", "Axyz"])
def test_what_is_no_chord_name_is_refused(name: str) -> None:
    with pytest.raises(ChordError, match="there is no chord"):
        parse_name(name, Key())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("VIII", "there is no chord 'VIII'"),
        ("V/8", "in 'V/8' there is no degree '8'; after / stands a bass, one of 1 b2"),
        ("Vsus65", "there is no chord 'Vsus65'; after 'V' may stand .* a figure"),
        ("ivx", "there is no chord 'ivx'; after 'iv' may stand o, 7"),
    ],
)
def test_what_is_no_roman_numeral_is_refused_with_the_fix(text: str, message: str) -> None:
    with pytest.raises(ChordError, match=message):
        parse_roman(text)


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("C9b13", "I9"), ("Cmaj9(#11)", "Imaj9"), ("Eb6(add9)", "bIIIadd6"), ("C13#11", "I13"), ("G7#5b9", "V+7"),
        ("Cm7add11", "i7"), ("Bm7-5", "viiø7"), ("C7(#5,b9)", "I7"), ("Cm9b5", "i9"), ("Cadd11", "I"),
    ],
)  # fmt: skip
def test_a_name_that_adds_to_a_chord_has_the_label_of_the_longest_that_is_known(name: str, label: str) -> None:
    assert parse_name(name, Key("C")).label == label


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("Am7(b5)", "viø7"), ("C∆7", "Imaj7"), ("C△", "Imaj7"), ("A7M", "VImaj7"), ("Fj7", "IVmaj7"), ("GMA7", "Vmaj7"),
        ("CmΔ7", "imaj7"), ("C-Δ", "imaj7"), ("A9sus4", "VI7sus4"), ("G13sus", "V7sus4"),
        ("C(#5)", "I+"), ("Cm(b5)", "io"), ("D(sus4)", "IIsus4"), ("D7(sus4)", "II7sus4"), ("G(7)", "V7"),
        ("G9#5", "V+7"),
    ],
)  # fmt: skip
def test_names_as_other_books_write_them(name: str, label: str) -> None:
    """In brackets, with triangles, and as Brazilian, Scandinavian and handwritten books have them."""
    assert parse_name(name, Key("C")).label == label


@pytest.mark.parametrize(
    ("label", "key", "wrong"),
    [
        ("II7", "C", {5}),
        ("VI7", "C", {0}),
        ("iv", "C", {9}),
        ("bVII", "C", {11}),
        ("V7", "Cm", {10}),
        ("V7", "C", set()),
        ("bVII", "Cmix", set()),
        ("bIII", "Cm", set()),
        ("N", "C", set()),
    ],
)
def test_an_altered_degree_contradicts_the_keys_own(label: str, key: str, wrong: set[int]) -> None:
    assert contradicted(label, Key.parse(key)) == wrong
