"""Chords come from the symbols of the source where it has them, else from the notes."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby, pairwise, product
from pathlib import Path

import music21
import pytest
from tunes import kesh_jig

from remi_two_stage.analysis import chord_parameters as table
from remi_two_stage.analysis.chord_inference import (
    FULL_WEIGHT,
    MELODY_TRIADS,
    ChordModel,
    ChordSegment,
    Triad,
    infer_chords,
    melody,
    melody_segments,
)
from remi_two_stage.analysis.harmony import label_chords
from remi_two_stage.analysis.packed_numbers import PackedNumbers
from remi_two_stage.core.chords import split_label
from remi_two_stage.core.errors import RequestError
from remi_two_stage.core.piece import Bar, Chord, Note, Piece
from remi_two_stage.core.signatures import Key
from remi_two_stage.scores.abc_reader import read_abc
from remi_two_stage.scores.music21_bridge import from_music21

TRIAD_OF = {
    "7": "maj",
    "min7": "min",
    "maj7": "maj",
    "6": "maj",
    "min6": "min",
    "dim7": "dim",
    "hdim7": "dim",
}
SYMBOLS = """X:1
M:4/4
L:1/4
K:G
D|"G"GBdB|"C"ceg"D7"f|"G"g2"Am"a"D7"f|g4|"Em""^slowly"e2"A7"^c2|]
"""


def labels(piece: Piece) -> list[str]:
    """The chords of each bar in one text, the later ones with their onsets in ticks."""
    return [
        " ".join(chord.label if not chord.onset else f"{chord.onset}:{chord.label}" for chord in bar.chords)
        for bar in piece.bars
    ]


def without_symbols(piece: Piece) -> Piece:
    return replace(piece, bars=tuple(replace(bar, chords=()) for bar in piece.bars))


@pytest.mark.parametrize(
    ("harmonic_rhythm", "expected"),
    [
        ("source", ["I", "IV 72:V7", "I 48:ii 72:V7", "V7", "vi 48:II7"]),
        ("bar", ["I", "IV", "I", "V7", "vi"]),
        ("beat", ["I", "IV 72:V7", "I 48:ii 72:V7", "V7", "vi 48:II7"]),
    ],
)
def test_symbols_are_kept_at_the_harmonic_rhythm(harmonic_rhythm: str, expected: list[str]) -> None:
    (piece,) = read_abc(SYMBOLS)
    assert labels(label_chords(piece, harmonic_rhythm))[1:] == expected  # type: ignore[arg-type]


def test_the_longest_chord_of_a_bar_may_be_a_later_one() -> None:
    (piece,) = read_abc('X:1\nM:3/4\nL:1/4\nK:C\n"C"c"G"GB|"F"f"C"e"F"f|')
    assert labels(label_chords(piece, "bar")) == ["V", "IV"]


def test_symbols_between_beats_go_to_the_beat_that_they_fill() -> None:
    (piece,) = read_abc('X:1\nM:2/4\nL:1/16\nK:C\n"C"c3"G"BG4|"F"f"C"e7|')
    assert labels(label_chords(piece, "beat")) == ["I 24:V", "I"]


def test_symbols_on_beats_stay_where_they_are_by_default() -> None:
    (piece,) = read_abc(SYMBOLS)
    assert label_chords(piece) == label_chords(piece, "beat")
    assert labels(label_chords(piece))[1:] == ["I", "IV 72:V7", "I 48:ii 72:V7", "V7", "vi 48:II7"]


def test_a_symbol_that_holds_over_a_barline_is_still_written_as_it_was() -> None:
    (piece,) = read_abc('X:1\nM:2/4\nL:1/4\nK:C\n"Dbmaj7"_de|f"G"g|c2|]')
    held = label_chords(piece).bars[1].chords
    assert [(chord.onset, chord.name(Key(), Key())) for chord in held] == [(0, "Dbmaj7"), (24, "G")]


def test_bars_before_the_first_symbol_are_inferred() -> None:
    (piece,) = read_abc('X:1\nM:4/4\nL:1/4\nK:C\nG|ceGc|dBGB|"C"c4|"F"F4|')
    assert labels(label_chords(piece))[1:] == ["I", "V7", "I", "IV"]
    (late,) = read_abc('X:1\nM:4/4\nL:1/4\nK:C\ncegc|e2"G7"B2|"C"c4|')
    assert labels(label_chords(late, "source")) == ["I", "I 48:V7", "I"]


def test_labels_count_from_the_first_key_after_a_change_of_key() -> None:
    (piece,) = read_abc('X:1\nM:4/4\nL:1/4\nK:G\n"G"G4|"D"d4|[K:D]"D"d4|"A"a4|')
    assert labels(label_chords(piece)) == ["I", "V", "V", "II"]


def test_unknown_chords_count_as_missing() -> None:
    piece = kesh_jig()
    unknown = replace(piece, bars=tuple(replace(bar, chords=(Chord(0, "unk"),)) for bar in piece.bars))
    assert label_chords(unknown) == label_chords(without_symbols(piece))


def test_a_jig_gets_the_chords_that_are_played_to_it() -> None:
    found = labels(label_chords(kesh_jig(with_chords=False)))
    assert found[0] == found[4] == "I"
    assert found[1].startswith("V")
    assert found[7].startswith("V")


def test_a_dominant_that_resolves_bears_a_seventh_and_another_none() -> None:
    found = labels(label_chords(kesh_jig(with_chords=False)))
    assert found[1:3] == ["V7", "I"]
    assert found[6:] == ["I", "V7 36:I"]
    (half_close,) = read_abc("X:1\nM:4/4\nL:1/8\nK:G\n|:GABG d2BG|cBAG A2D2:|")
    assert labels(label_chords(half_close)) == ["I", "IV 48:V"]


def test_a_dominant_held_in_its_bar_has_one_label() -> None:
    (piece,) = read_abc("X:1\nM:4/4\nL:1/8\nK:G\nGBdB GBdB|A2F2 D2F2|A2F2 A2c2|B2G2 G4|]")
    assert labels(label_chords(piece)) == ["I", "V", "V7", "I"]
    (chords,) = {tuple(chord.label for chord in bar) for bar in infer_chords(piece)[2:3]}
    assert chords == ("V7", "V7")


@pytest.mark.parametrize(
    ("meter", "music", "expected"),
    [
        ("4/4", "d2fd A2FA|d2fd e2ce|d2fd A2FA|ABce d4|]", ["I", "I 48:V7", "I", "V7 48:I"]),
        ("2/4", "fa fd|ge ce|fa fd|A/B/c d2|]", ["I", "ii 24:V7", "I", "V7 24:I"]),
        ("6/8", "def fed|gfe fed|def fed|ABc d3|]", ["I", "IV 36:I", "I", "V7 36:I"]),
        ("9/8", "dfa afd gbg|faf ece d3|]", ["I 72:IV", "I 36:V7 72:I"]),
        ("3/4", "d2f2a2|g2b2d'2|e2c2A2|d6|]", ["I", "IV", "V7", "I"]),
    ],
)
def test_a_melody_closes_with_two_chords_in_its_last_bar(meter: str, music: str, expected: list[str]) -> None:
    """In 3/4 a bar has one chord, as nearly always in chord symbols by hand."""
    (piece,) = read_abc(f"X:1\nM:{meter}\nL:1/8\nK:D\n{music}")
    assert labels(label_chords(piece)) == expected


@pytest.mark.parametrize("book", ["oneills1850", "ryansMammoth"])
def test_real_jigs_and_reels_close_on_their_tonic(book: str, tune_books: dict[str, list[Path]]) -> None:
    tunes = [piece for path in tune_books[book] for piece in read_abc(path, errors="collect")]
    two = bars = 0
    closes = []
    for piece in (piece for piece in tunes if piece.style in ("jig", "reel")):
        found = [bar.chords for bar in label_chords(piece).bars if not bar.is_pickup]
        two, bars = two + sum(len(chords) > 1 for chords in found), bars + len(found)
        if (piece.note_list()[-1][-1] - piece.key.pitch_class) % 12 == 0 and piece.key.mode in ("maj", "min"):
            triads = [_triad(chord.label) for chords in found for chord in chords]
            closes.append([triad for triad, _ in groupby(triads)][-2:])
    tonics = ((0, "maj"), (0, "min"))
    assert len(closes) > 350
    assert sum(close[-1] in tonics for close in closes) / len(closes) >= 0.95
    assert sum(close[0] == (7, "maj") and close[-1] in tonics for close in closes) / len(closes) >= 0.6
    assert 0.2 <= two / bars <= 0.45


@pytest.mark.parametrize(("alto", "label"), [("G4", "V"), ("G15/4F/4", "V"), ("G7/2F/2", "V7"), ("G2F2", "V7")])
def test_a_seventh_that_is_only_touched_is_not_heard(alto: str, label: str) -> None:
    voices = f"[V:S]e4|d4|e4|]\n[V:A]G4|{alto}|E4|]\n[V:T]c4|B4|c4|]\n[V:B]C,4|G,4|C,4|]\n"
    (piece,) = read_abc(f"X:1\nM:4/4\nL:1/4\n%%score (S A) (T B)\nK:C\n{voices}")
    assert labels(label_chords(piece)) == ["I", label, "I"]


def test_inference_does_not_depend_on_the_key() -> None:
    piece = kesh_jig(with_chords=False)
    expected = labels(label_chords(piece))
    for semitones in range(-6, 7):
        assert labels(label_chords(piece.transpose(semitones))) == expected
    assert labels(label_chords(piece.in_c())) == expected


def test_modes_have_their_own_chords() -> None:
    (dorian,) = read_abc("X:1\nM:4/4\nL:1/8\nK:Ador\nA2AB c2e2|G2GA B2d2|A2AB c2e2|G2B2 A4|]")
    assert labels(label_chords(dorian))[:3] == ["i", "bVII", "i"]
    assert labels(label_chords(dorian))[3] == "v 48:i"
    (mixolydian,) = read_abc("X:1\nM:4/4\nL:1/8\nK:Dmix\nd2fd A2FA|c2ec G2EG|d2fd A2FA|c2e2 d4|]")
    assert labels(label_chords(mixolydian))[:3] == ["I", "bVII", "I"]
    assert labels(label_chords(mixolydian))[3] == "bVII 48:I"


def test_a_modes_own_sixth_and_seventh_are_in_its_chords(tune_books: dict[str, list[Path]]) -> None:
    """Ally Croaker's Favorite is Dorian: its subdominant is major."""
    (path,) = (path for path in tune_books["ryansMammoth"] if path.name == "AllyCroakersFavoriteReel.abc")
    found = labels(label_chords(read_abc(path)[0]))
    assert found.count("IV") > 4
    assert "iv" not in found


def test_every_bar_of_every_tune_gets_a_chord(tune_books: dict[str, list[Path]]) -> None:
    for files in tune_books.values():
        for piece in read_abc(files[0], errors="collect"):
            for labelled in (label_chords(piece), label_chords(piece, "beat")):
                assert all(bar.chords and bar.chords[0].onset == 0 for bar in labelled.bars)
                assert [replace(bar, chords=()) for bar in labelled.bars] == [
                    replace(bar, chords=()) for bar in piece.bars
                ]


def test_silence_gets_a_chord_too() -> None:
    (piece,) = read_abc("X:1\nM:4/4\nL:1/4\nK:C\nz4|z4|")
    assert all(label for label in labels(label_chords(piece)))


def test_four_voices_are_heard_beat_by_beat() -> None:
    piece = from_music21(music21.corpus.parse("bach/bwv66.6"))
    assert piece.key == Key("F#", "min")
    found = labels(label_chords(piece, "beat"))
    assert found[0] == "bIII"
    assert found[-1].split()[-1].endswith(":I")
    assert labels(label_chords(piece))[0] == "bIII"


def test_rows_are_added_weighed_and_compared_number_by_number() -> None:
    rows = PackedNumbers(4)
    left, right = rows.pack([5, -3, 0, 2]), rows.pack([-4, 6, 0, 1])
    assert rows.unpack(3 * left + right + 20 * rows.ones) == (31, 17, 20, 27)
    assert rows.unpack(rows.larger(left + 9 * rows.ones, right + 9 * rows.ones)) == (14, 15, 9, 11)


def test_of_equal_triads_the_first_is_chosen() -> None:
    triads = [(7, "maj"), (0, "maj"), (5, "maj")]
    priors = {"maj": [[0.1] * 3], "min": [[0.1] * 3]}
    steps = {"maj": [[[0.0] * 3] * 3], "min": [[[0.0] * 3] * 3]}
    indifferent = ChordModel(triads, [[[0.0] * 12]] * 3, steps, priors)
    heard = [(0, pitch_class, FULL_WEIGHT // 3) for pitch_class in (0, 5, 7)]
    assert indifferent.best_path([ChordSegment(bar, 0, 96, 0, 0, heard) for bar in range(3)], "maj") == [(7, "maj")] * 3


def test_notes_longer_than_any_bar_do_not_disturb_the_sums() -> None:
    endless = Piece(("M",), (Bar(None, Key(), 96, ((Note(0, 60, 10**30), Note(1, 64, 1)),)),))
    assert labels(label_chords(endless)) == ["I"]


def test_the_best_path_is_the_best_of_all_paths() -> None:
    segments = melody_segments(kesh_jig(), 8)
    assert {segment.step for segment in segments} == {0, 1, 2}
    for start in range(len(segments) - 2):
        window = segments[start : start + 3]
        expected = max(product(MELODY_TRIADS, repeat=3), key=lambda path: _score(path, window))
        assert melody().best_path(window, "maj") == list(expected)


def _score(path: Sequence[Triad], segments: Sequence[ChordSegment]) -> float:
    """What the parameters say of a sequence of triads in a major key."""
    score = 0.0
    states = [MELODY_TRIADS.index(triad) for triad in path]
    for state, (root, _), segment in zip(states, path, segments, strict=True):
        score += table.MELODY_PRIORS["maj"][segment.place][state]
        for feature, heard, weight in segment.evidence:
            score += weight / FULL_WEIGHT * table.MELODY_TONES[state][feature][(heard - root) % 12]
    for (state, following), segment in zip(pairwise(states), segments[1:], strict=True):
        score += table.MELODY_STEPS["maj"][segment.step][state][following]
    return score


def test_an_unknown_harmonic_rhythm_is_refused() -> None:
    with pytest.raises(RequestError, match="no harmonic rhythm 'half'; choose one of source, bar, beat"):
        label_chords(kesh_jig(), "half")  # type: ignore[arg-type]


def test_most_hidden_symbols_are_found(extra_corpora: Path) -> None:
    right = total = 0
    for split in ("valid", "test"):
        for piece in read_abc(extra_corpora / "nottingham" / f"{split}.abc", errors="collect"):
            inferred = label_chords(without_symbols(piece))
            for bar, guess in zip(piece.bars, inferred.bars, strict=True):
                if bar.chords and bar.chords[0].onset == 0:
                    right += _triad(bar.chords[0].label) == _triad(guess.chords[0].label)
                    total += 1
    assert total > 1_800
    assert right / total > 0.75


def _triad(label: str) -> tuple[int, str] | None:
    parts = split_label(label)
    return parts and (parts[0], TRIAD_OF.get(parts[1], parts[1]))
