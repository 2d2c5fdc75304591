"""The key of music that does not say its key."""

from pathlib import Path

import pytest

from remi_two_stage.analysis.key_estimation import estimate_key, in_heard_key
from remi_two_stage.core.piece import Bar
from remi_two_stage.core.signatures import Key, Meter
from remi_two_stage.score_files import read_score
from remi_two_stage.scores.abc_reader import read_abc


@pytest.mark.parametrize(
    ("tune", "key"),
    [
        ("K:D\nd2fd A2FA|GFEF D4|]", Key("D")),
        ("K:Gm\nG2Bd g2dB|c2A^F G4|]", Key("G", "min")),
        ("K:Eb\ne2gb e'2bg|a2fd e4|]", Key("Eb")),
    ],
)
def test_scale_and_last_note_tell_the_key(tune: str, key: Key) -> None:
    (piece,) = read_abc(f"X:1\nM:4/4\nL:1/8\n{tune}")
    assert estimate_key(piece.bars) == key


def test_a_signature_leaves_two_keys() -> None:
    (piece,) = read_abc("X:1\nM:4/4\nL:1/8\nK:Am\nA2ce a2ec|d2B^G A4|]")
    assert estimate_key(piece.bars, signature=0) == Key("A", "min")
    assert estimate_key(piece.bars, signature=7).signature == 7


def test_silence_is_in_c_or_in_the_major_key_of_its_signature() -> None:
    silence = [Bar(Meter(), Key("D"), 96, ((),))]
    assert estimate_key(silence) == Key("C")
    assert estimate_key(silence, signature=-3) == Key("Eb")


def test_the_last_bass_note_decides_between_two_keys_and_overrules_none_that_is_clear(
    tune_books: dict[str, list[Path]],
) -> None:
    airs = [piece for piece in read_abc(tune_books["airdsAirs"][0]) if piece.key.mode in ("maj", "min")]
    found = [estimate_key(piece.bars) == piece.key for piece in airs]
    assert sum(found) / len(found) > 0.95


def test_long_notes_weigh_more_than_short_ones(tune_books: dict[str, list[Path]]) -> None:
    """By the number of their notes alone, these would be in another key."""
    names = ("AvalancheLancashireClog.abc", "CampMeetingJigNo2.abc", "DemocraticHornpipe.abc")
    for piece in (read_abc(path)[0] for path in tune_books["ryansMammoth"] if path.name in names):
        assert estimate_key(piece.bars) == piece.key, piece.title


def test_the_last_bass_note_is_the_lowest_of_the_last_chord(music21_corpus: Path) -> None:
    """The chorale in G minor ends on a chord with the third on top."""
    (chorale,) = read_score(music21_corpus / "bach" / "bwv10.7.mxl")
    assert estimate_key(chorale.bars) == chorale.key == Key("G", "min")


def test_most_tunes_of_a_book_are_found(tune_books: dict[str, list[Path]]) -> None:
    pieces = [piece for file in tune_books["ryansMammoth"] for piece in read_abc(file, errors="collect")[::10]]
    known = [piece for piece in pieces if piece.key.mode in ("maj", "min")]
    found = [estimate_key(piece.bars) == piece.key for piece in known]
    assert len(found) > 50
    assert sum(found) / len(found) > 0.8


@pytest.mark.parametrize(
    ("name", "stated", "heard"),
    [
        ("bwv65.2", Key("C"), Key("A", "min")),  # the relative minor key of the one that is stated
        ("bwv40.3", Key("D", "min"), Key("G", "min")),  # one flat, as Dorian tunes were written
        ("bwv10.7", Key("G", "min"), Key("G", "min")),
    ],
)
def test_a_chorale_is_in_the_key_that_is_heard_whatever_its_signature(
    music21_corpus: Path, name: str, stated: Key, heard: Key
) -> None:
    (chorale,) = read_score(music21_corpus / "bach" / f"{name}.mxl")
    assert chorale.key == stated
    assert in_heard_key(chorale).key == heard
    assert in_heard_key(chorale).note_list() == chorale.note_list()


def test_chords_have_other_degrees_in_the_key_that_is_heard() -> None:
    (song,) = read_abc('X:1\nM:4/4\nL:1/4\nV:1\nV:2\nK:G\n[V:1] "Em"EGBG|"B7"F^DB,2|"Em"E4|]\n[V:2] E,4|B,4|E,4|]')
    minor = in_heard_key(song)
    assert minor.key == Key("E", "min")
    assert [chord.label for bar in song.bars for chord in bar.chords] == ["vi", "III7", "vi"]
    assert [chord.label for bar in minor.bars for chord in bar.chords] == ["i", "V7", "i"]


@pytest.mark.parametrize(
    ("tune", "heard"),
    [
        ("K:G\nEGBG|F^DB,2|E4|]", Key("E", "min")),
        ("K:G\nGABc|dBcA|B4|]", Key("G")),  # ends on the third
        ("K:Em\nEGBG|F^DB,2|E4|]", Key("E", "min")),
    ],
)
def test_a_melody_that_ends_off_its_tonic_triad_is_in_another_key(tune: str, heard: Key) -> None:
    (piece,) = read_abc(f"X:1\nM:4/4\nL:1/4\n{tune}")
    assert in_heard_key(piece).key == heard
