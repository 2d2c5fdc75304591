"""Chord labels, names in keys, and typed Roman numerals."""

import pytest
from music21.harmony import ChordSymbol

from remi_two_stage.core.chords import CHORD_LABELS, chord_name, parse_name, parse_roman, pitch_classes, split_label
from remi_two_stage.core.errors import ChordError
from remi_two_stage.core.signatures import Key

MAJOR_KEYS = [Key(tonic) for tonic in "C G D A E B F# Db Ab Eb Bb F".split()]


@pytest.mark.parametrize("label", CHORD_LABELS)
def test_every_label_reads_back_from_its_name_in_every_key_and_from_its_numeral(label: str) -> None:
    assert parse_roman(label) == label
    for key in MAJOR_KEYS:
        if label != "unk":
            assert parse_name(chord_name(label, key), key).label == label


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
    ("name", "label", "bass", "is_exact"),
    [
        ("Am7/E", "v7", "E", True),
        ("C#d", "viio", None, True),
        ("Da", "I+", None, True),
        ("A13", "V7", None, False),
        ("Gmaj9", "IVmaj7", None, False),
        ("Em11", "ii7", None, False),
        ("A7b9", "V7", None, False),
        ("D6/9", "Iadd6", None, False),
        ("Dm(maj7)", "imaj7", None, True),
        ("(Em)", "ii", None, True),
        ("N.C.", "N", None, True),
        ("B♭", "bVI", None, True),
    ],
)
def test_chord_symbols_in_d(name: str, label: str, bass: str | None, is_exact: bool) -> None:
    chord = parse_name(name, Key("D"))
    assert (chord.label, chord.bass, chord.is_exact) == (label, bass, is_exact)


def test_the_tones_of_every_quality_are_those_that_music21_hears_in_its_name() -> None:
    names = "C Cm Cdim C+ C7 Cmaj7 Cm7 Cø7 Co7 CmM7 C7+ C6 Cm6 Csus Csus2 C7sus4 Cpower".split()
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
        ("V65", "'V65' is an inversion.*write V"),
        ("V/V", "'V/V' is an inversion"),
        ("ivx", "there is no chord 'ivx'; after 'iv' may stand o, 7"),
    ],
)
def test_what_is_no_roman_numeral_is_refused_with_the_fix(text: str, message: str) -> None:
    with pytest.raises(ChordError, match=message):
        parse_roman(text)
