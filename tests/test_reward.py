"""The reward: real tunes earn it, and lose it by what a musician would call worse."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import pytest
from tunes import kesh_jig

from remi_two_stage.analysis.harmony import label_chords
from remi_two_stage.core.codec import encode_ids
from remi_two_stage.core.counterpoint_reader import VoiceLeading
from remi_two_stage.core.grammar_structure import BAR_START
from remi_two_stage.core.piece import Chord, Note, Piece
from remi_two_stage.core.plan import Plan
from remi_two_stage.core.reward import ENDS, MOST, USUAL, closes_on_tonic, harmony, leading_cost, reward
from remi_two_stage.core.sequences import detail_sequence, in_writing_order
from remi_two_stage.core.signatures import Key, shift_from_c
from remi_two_stage.core.vocabulary import DETAIL, IDS, TOKEN_IDS
from remi_two_stage.core.voices import FOUR_PARTS
from remi_two_stage.score_files import read_score
from remi_two_stage.scores.abc_reader import read_abc


def with_last_bar(piece: Piece, notes: list[Note], chord: str = "I") -> Piece:
    """A tune that ends differently."""
    last = replace(piece.bars[-1], notes=(tuple(notes),), chords=(Chord(0, chord),))
    return replace(piece, bars=(*piece.bars[:-1], last))


@pytest.fixture(scope="module")
def chorale(music21_corpus: Path) -> Piece:
    (piece,) = read_score(music21_corpus / "bach" / "bwv269.mxl")
    return label_chords(piece)


def test_a_tune_ends_on_its_tonic_on_a_beat_and_held_over_the_tonic_chord() -> None:
    good = with_last_bar(kesh_jig(), [Note(0, 69, 24), Note(24, 66, 12), Note(36, 67, 36)])
    assert reward(good).ends == 0
    on_fifth = with_last_bar(kesh_jig(), [Note(0, 69, 24), Note(24, 66, 12), Note(36, 62, 36)])
    off_beat = with_last_bar(kesh_jig(), [Note(0, 69, 36), Note(36, 66, 12), Note(48, 67, 24)])
    short = with_last_bar(kesh_jig(), [Note(0, 69, 24), Note(24, 66, 12), Note(36, 67, 12)])
    over_dominant = with_last_bar(kesh_jig(), list(good.bars[-1].notes[0]), "V")
    worse = [reward(piece).ends for piece in (on_fifth, off_beat, short, over_dominant)]
    assert worse == pytest.approx([-1.53, -1.93, -2.13, -1.86], abs=0.01)


def costs_of(ids: Sequence[int], pitches: Sequence[int]) -> list[float]:
    """What these notes cost after a sequence, pitches in C."""
    leading = VoiceLeading("soft")
    for token in ids:
        leading.advance(token)
    found = leading.costs([range(at, at + 1) for at in (TOKEN_IDS[f"<Note-On={pitch}>"] for pitch in pitches)])
    assert found is not None
    return found


def costs_of_choice(ids: Sequence[int], choice: Sequence[range]) -> list[float]:
    """What each token of a choice costs after a sequence; nothing where no rule speaks."""
    leading = VoiceLeading("soft")
    for token in ids:
        leading.advance(token)
    return leading.costs(choice) or [0.0] * sum(map(len, choice))


def places_of(family: str, ids: Sequence[int]) -> list[int]:
    """Where the tokens of a family stand after `<Detail>`."""
    return [at for at in range(ids.index(DETAIL), len(ids)) if ids[at] in IDS[family]]


def length_costs(tune: str, note: int) -> dict[int, float]:
    """What each length up to a half note costs for a note of a tune, by its index."""
    (piece,) = read_abc(tune)
    ids = detail_sequence(encode_ids(piece.in_c()))
    first = IDS["Duration"].start
    costs = costs_of_choice(ids[: places_of("Duration", ids)[note]], [range(first, first + 48)])
    return {ticks: cost for ticks, cost in enumerate(costs, 1) if ticks in (2, 3, 4, 6, 8, 12, 16, 18, 24, 28, 36)}


def test_lengths_that_leave_a_part_of_a_triplet_cost_and_in_seven_eight_what_is_shorter_than_a_16th() -> None:
    """After a note on the beat, and after the first note of a triplet."""
    waltz = 'X:1\nM:3/4\nL:1/8\nK:C\n"C"E2 (3EFG A2 | "C"c6 |]\n'
    lengths = length_costs(waltz, 1)
    assert [ticks for ticks, cost in lengths.items() if not cost] == [3, 4, 6, 8, 12, 16, 18, 24, 28, 36]
    assert [ticks for ticks, cost in length_costs(waltz, 2).items() if not cost] == [4, 8, 12, 16, 24, 28, 36]
    assert lengths[2] == 6
    rachenitsa = 'X:1\nM:7/8\nL:1/8\nK:C\n"C"E2 FG ABc | "C"c7 |]\n'
    assert [ticks for ticks, cost in length_costs(rachenitsa, 1).items() if not cost] == [6, 12, 18, 24]


def test_silence_costs_in_a_tune_and_not_in_a_song() -> None:
    jig = kesh_jig().in_c()
    for style, cost in (("jig", 1.2), ("song", 0.0)):
        ids = detail_sequence(encode_ids(replace(jig, style=style)))
        second = places_of("RelPos", ids)[1]
        free = range(ids[second], ids[second] + 3)
        next_bar = range(BAR_START, BAR_START + 1)
        assert costs_of_choice(ids[:second], [free, next_bar]) == [0, cost, cost, cost]


def test_a_note_on_a_strong_beat_that_is_not_in_the_chord_costs_a_little_in_a_tune() -> None:
    """The second bar of the Kesh Jig, over the dominant: what its seventh and its root cost, on the first beat, before
    the second and on it.
    """
    ids = detail_sequence(encode_ids(kesh_jig().in_c()))
    for note, cost in ((6, 0.4), (7, 0.0), (9, 0.4)):
        seventh, root = costs_of(ids[: places_of("Note-On", ids)[note]], (65, 67))
        assert seventh - root == pytest.approx(cost, abs=0.1)


def test_a_melody_that_has_one_note_four_times_running_is_led_on() -> None:
    (piece,) = read_abc('X:1\nM:4/4\nL:1/4\nK:C\n"C"G G G G | "C"G G E C |]\n')
    ids = detail_sequence(encode_ids(piece))
    notes = places_of("Note-On", ids)
    for note, cost in ((3, 0.0), (4, 1.5), (7, 0.0)):
        fifth, third = costs_of(ids[: notes[note]], (67, 64))
        assert fifth - third == cost


def test_of_the_lengths_of_real_tunes_fewer_than_one_in_a_thousand_costs(tune_books: dict[str, list[Path]]) -> None:
    """Pairs of notes that are not as the style has them, and last notes in three beats that are not held, cost 1.5 nats
    or less, and are left out.
    """
    costing, notes = [], 0
    for path in (path for book in ("oneills1850", "ryansMammoth") for path in tune_books[book][:40]):
        for piece in read_abc(path, errors="collect"):
            leading = VoiceLeading("soft")
            for token in detail_sequence(encode_ids(label_chords(piece))):
                if token in IDS["Duration"]:
                    notes += 1
                    costing += [piece.title] * any(
                        cost > 1.5 for cost in leading.costs([range(token, token + 1)]) or ()
                    )
                leading.advance(token)
    assert len(costing) < notes / 1000, costing


def test_a_choir_s_melody_is_led_to_the_tonic_and_its_last_notes_are_held(chorale: Piece) -> None:
    """The chorale's last bar: what C and E cost in the soprano, and what each voice's note costs that is too short, the
    ends of phrases left out.
    """
    piece = chorale.in_c()
    piece = replace(piece, bars=tuple(replace(bar, phrase_start=False) for bar in piece.bars))
    ids = detail_sequence(encode_ids(piece))
    last_bar = max(at for at, token in enumerate(ids) if token == BAR_START)
    soprano = next(at for at in places_of("Note-On", ids) if at > last_bar)
    tonic, third = costs_of(ids[:soprano], (72, 76))
    assert third - tonic == 2
    for at in places_of("Duration", ids):
        held, shorter = costs_of_choice(ids[:at], [range(ids[at], ids[at] + 1), range(ids[at] - 6, ids[at] - 5)])
        assert shorter - held == (12.0 if at > last_bar else 0)


def test_voices_may_move_with_a_melody_that_moves_over_the_last_chord(chorale: Piece) -> None:
    *bars, last = chorale.in_c().bars
    (*before, note), *others = last.notes
    half = note.duration // 2
    moving = (replace(note, duration=half), replace(note, onset=note.onset + half, duration=half))
    piece = replace(chorale.in_c(), bars=(*bars, replace(last, notes=((*before, *moving), *others))))
    ids = detail_sequence(encode_ids(piece))
    places = [at for at in places_of("Duration", ids) if at > max(places_of("structure", ids))]
    for at in places[2:]:  # those of the other voices
        held, shorter = costs_of_choice(ids[:at], [range(ids[at], ids[at] + 1), range(ids[at] - 6, ids[at] - 5)])
        assert shorter == held


def test_a_tune_is_led_to_close_on_its_tonic_in_the_last_bar_alone() -> None:
    """The Kesh Jig with its last chord on the tonic, up to its last two notes and up to that of the bar before."""
    jig = kesh_jig()
    ids = detail_sequence(encode_ids(with_last_bar(jig, list(jig.bars[-1].notes[0])).in_c()))
    notes = [at for at, token in enumerate(ids) if token in IDS["Note-On"]]
    for note, more in ((notes[-1], 4), (notes[-2], 2), (notes[-5], 0)):
        fifth, tonic = costs_of(ids[:note], (67, 72))
        assert fifth - tonic == more


def test_basses_are_held_to_their_chords_more_firmly_at_the_close(chorale: Piece) -> None:
    """The bass before the ends of two lines, G over V7, against D: with the second the chorale ends."""
    ids = detail_sequence(encode_ids(chorale.in_c()))
    starts = [at for at, token in enumerate(ids) if token == BAR_START][-len(chorale.bars) :]
    for bar, more in ((19, 3), (23, 5)):
        last = max(at for at in range(starts[bar]) if ids[at] in IDS["Note-On"])
        root, fifth = costs_of(ids[:last], (55, 50))
        assert fifth - root == more


def test_a_note_foreign_to_chord_and_key_costs_as_a_chord_begins(chorale: Piece) -> None:
    """The chorale's last bar in the tenor: what A flat, A, B flat and B cost there, the last as the tonic has a flat
    seventh.
    """
    major = chorale.in_c()
    minor = replace(major, bars=tuple(replace(bar, key=Key("C", "min")) for bar in major.bars))
    seventh = replace(major, bars=(*major.bars[:-1], replace(major.bars[-1], chords=(Chord(0, "I7"),))))

    def costs(piece: Piece) -> list[float]:
        ids = detail_sequence(encode_ids(piece))
        tenor = max(at for at, token in enumerate(ids) if token == TOKEN_IDS["<voice=T>"])
        first = next(at for at in range(tenor, len(ids)) if ids[at] in IDS["Note-On"])
        return costs_of(ids[:first], (56, 57, 58, 59))

    of_motion = costs(minor)  # to which the sixth and the seventh degree belong, as they are and raised
    assert max(of_motion) < 5
    assert [cost - less for cost, less in zip(costs(major), of_motion, strict=True)] == pytest.approx([5, 0, 5, 0])
    assert [cost - less for cost, less in zip(costs(seventh), of_motion, strict=True)] == pytest.approx([5, 0, 0, 2])


def test_a_leap_by_a_seventh_or_beyond_an_octave_costs(chorale: Piece) -> None:
    """The last bass note of the chorale, which comes from G3: what A2 and A flat 2 cost beside those an octave above,
    and the octave G2 beside G3.
    """
    ids = detail_sequence(encode_ids(chorale.in_c()))
    bass = max(at for at, token in enumerate(ids) if token == TOKEN_IDS["<voice=B>"])
    note = next(at for at in range(bass, len(ids)) if ids[at] in IDS["Note-On"])
    low, high = costs_of(ids[:note], (45, 44, 43)), costs_of(ids[:note], (57, 56, 55))
    assert [below - above for below, above in zip(low, high, strict=True)] == [5.5, 5.5, 0]


def test_players_of_a_quartet_keep_to_their_chords_without_parallel_fifths_and_may_double_in_octaves() -> None:
    """The cello's second note, D over D minor: beside a violin that goes from G to A and one that goes from C to D."""

    def costs(violin: str, *pitches: int) -> list[float]:
        (quartet,) = read_abc(
            f"X:1\nM:4/4\nL:1/2\nK:C\nV:Violin1\nV:Violin2\nV:Viola clef=alto\nV:Cello clef=bass\n"
            f"[V:Violin1] {violin} | c2 |]\n[V:Violin2] E F | G2 |]\n[V:Viola] C D | E2 |]\n[V:Cello] C, D, | C,2 |]\n"
        )
        ids = detail_sequence(in_writing_order(encode_ids(replace(quartet, style="quartet"))))
        cello = next(at for at in range(ids.index(DETAIL), len(ids)) if ids[at] == TOKEN_IDS["<voice=Cello>"])
        second = [at for at in places_of("Note-On", ids) if at > cello][1]
        return costs_of(ids[:second], pitches)

    assert costs('"C"G "Dm"A', 50, 53) == [12, 5]
    assert costs('"C"c "Dm"d', 50, 53) == [0, 5]


def test_players_of_a_quartet_leave_no_hole_and_seldom_strike_a_note_again() -> None:
    """The viola, which is written last: after the first beat, when all others rest, and after they have begun again."""
    (quartet,) = read_abc(
        "X:1\nM:4/4\nL:1/4\nK:C\nV:Violin1\nV:Violin2\nV:Viola clef=alto\nV:Cello clef=bass\n"
        '[V:Violin1] "C"c z c c | c4 |]\n[V:Violin2] G z G G | G4 |]\n'
        "[V:Viola] E E E E | E4 |]\n[V:Cello] C z C C | C4 |]\n"
    )
    ids = detail_sequence(in_writing_order(encode_ids(replace(quartet, style="quartet"))))
    for voice, silence in (("Violin2", 0.0), ("Viola", 1.2)):
        begins = next(at for at in range(ids.index(DETAIL), len(ids)) if ids[at] == TOKEN_IDS[f"<voice={voice}>"])
        free = range(TOKEN_IDS["<RelPos=24>"], TOKEN_IDS["<RelPos=24>"] + 2)
        after_first = next(at for at in places_of("Duration", ids) if at > begins) + 1
        assert costs_of_choice(ids[:after_first], [free]) == [0, silence]
    second = [at for at in places_of("Note-On", ids) if at > begins][1]
    again, other = costs_of(ids[:second], (64, 60))
    assert again - other == pytest.approx(0.6)


def test_a_singer_is_silent_where_others_are(chorale: Piece) -> None:
    """The third bar of the chorale: what it costs each voice not to go on after its first note."""
    for style, breath in (("chorale", 4.0), ("song", 0.0)):
        ids = detail_sequence(in_writing_order(encode_ids(replace(chorale.in_c(), style=style))))
        starts = [at for at in range(ids.index(DETAIL), len(ids)) if ids[at] == BAR_START]
        voices = [at for at in range(starts[2], starts[3]) if ids[at] in IDS["voice"]]
        for place, voice in enumerate(voices):
            goes_on = [at for at in places_of("RelPos", ids) if at > voice][1]
            free, next_voice = range(ids[goes_on], ids[goes_on] + 2), range(ids[voice], ids[voice] + 1)
            cost = breath * (place > 0)
            assert costs_of_choice(ids[:goes_on], [free, next_voice]) == [0, cost, cost]


def test_a_bass_is_not_held_into_a_chord_with_another_bass() -> None:
    hymn = (
        'X:1\nM:4/4\nL:1/4\nK:C\nV:S\nV:B clef=bass\n[V:S] "C"c c "G"d "C/G"c | "C"c4 |]\n[V:B] C,2 G,, G, | C,4 |]\n'
    )
    (piece,) = read_abc(hymn)
    ids = detail_sequence(encode_ids(replace(piece, style="hymn")))
    first = IDS["Duration"].start
    bass = next(at for at in range(ids.index(DETAIL), len(ids)) if ids[at] == TOKEN_IDS["<voice=B>"])
    costs = []
    for note in [at for at in places_of("Duration", ids) if at > bass][:2]:
        lengths = (range(first + ticks - 1, first + ticks) for ticks in (24, 48, 60, 72))
        costs.append(costs_of_choice(ids[:note], [*lengths]))
    assert costs == [[0, 0, 5, 5], [0, 0, 0, 0]]  # C ends with its chord; G is in the bass of both that follow


def test_a_low_voice_leaves_room_for_those_between() -> None:
    """The second alto's C and G, a third and a sixth below the soprano's E, among three voices and in a duet."""
    music = {"S": "E4", "A": "E4", "A2": "G,4"}
    for voices, cost in (("S", "A", "A2"), 7.5), (("S", "A2"), 0):
        lines = [f"V:{voice}\n" for voice in voices] + [f"[V:{voice}] {music[voice]} |]\n" for voice in voices]
        (piece,) = read_abc("".join(["X:1\nM:4/4\nL:1/4\nK:C\n", *lines]))
        ids = detail_sequence(in_writing_order(encode_ids(piece)))
        third, sixth = costs_of(ids[: places_of("Note-On", ids)[1]], (60, 55))
        assert third - sixth == cost


def test_the_augmented_second_of_minor_costs_a_singer() -> None:
    (piece,) = read_abc(
        'X:1\nM:4/4\nL:1/2\nK:Cm\nV:S\nV:B clef=bass\n[V:S] "Fm"A "G"G | "Cm"G2 |]\n[V:B] F, G, | C,2 |]\n'
    )
    ids = detail_sequence(encode_ids(replace(piece, style="hymn")))
    second = places_of("Note-On", ids)[1]
    leading_note, fifth = costs_of(ids[:second], (71, 67))
    assert leading_note - fifth == 4


def test_a_song_ends_on_a_note_that_is_held() -> None:
    song = 'X:1\nM:4/4\nL:1/4\nK:C\n"C"E2 G2 | "G7"F2 D2 | "C"C4 |]\n'
    (piece,) = read_abc(song)
    first = IDS["Duration"].start
    lengths = [range(first + ticks - 1, first + ticks) for ticks in (24, 72, 96)]
    for style, costs in (("song", [1.5, 1.5, 0]), ("air", [0, 0, 0])):
        ids = detail_sequence(encode_ids(replace(piece, style=style)))
        assert costs_of_choice(ids[: places_of("Duration", ids)[-1]], lengths) == costs


def test_a_tune_that_lies_far_from_others_is_led_back_to_them() -> None:
    """The Kesh Jig, which lies about as tunes do, ten semitones above and nine below: what F4, F5, A5 cost."""
    jig = kesh_jig()

    def costs(piece: Piece) -> list[float]:
        ids = detail_sequence(encode_ids(piece.in_c()))
        notes = [at for at, token in enumerate(ids) if token in IDS["Note-On"]]
        return costs_of(ids[: notes[-2]], [pitch - shift_from_c(piece.key.pitch_class) for pitch in (65, 77, 81)])

    assert costs(jig) == [0.5, 0.5, 0]  # F is not in G major
    assert costs(jig.transpose(10)) == pytest.approx([0, 0.95, 1.77], abs=0.01)
    assert costs(jig.transpose(-9)) == pytest.approx([1.80, 0, 0], abs=0.01)


def test_what_leaves_the_range_of_the_style_loses_register() -> None:
    assert reward(kesh_jig()).register > -0.3
    assert reward(kesh_jig().transpose(12)).register < -10
    assert reward(kesh_jig().transpose(5)).register < reward(kesh_jig()).register


def test_a_tune_counts_at_sounding_pitch_whatever_key_it_is_kept_in() -> None:
    assert reward(kesh_jig().in_c()) == reward(kesh_jig())


def test_a_tune_that_says_one_bar_eight_times_loses_repetition() -> None:
    jig = kesh_jig()
    monotonous = replace(jig, bars=tuple(replace(bar, notes=jig.bars[0].notes) for bar in jig.bars))
    assert reward(jig).repetition > -4
    assert reward(monotonous).repetition < -15


def test_notes_foreign_to_their_chords_lose_chords() -> None:
    jig = kesh_jig()
    clashing = replace(jig, bars=tuple(replace(bar, chords=(Chord(0, "#IV"),)) for bar in jig.bars))
    assert reward(clashing).chords == -MOST
    assert reward(jig).chords > -4


def test_a_plan_that_closes_from_elsewhere_or_stays_at_home_loses_harmony() -> None:
    close = harmony(Plan.parse("I | IV | ii V7 | I | I vi | IV | ii V7 | I", Key("D")).skeleton)
    assert close > -2
    assert harmony(Plan.parse("I | IV | ii V7 | I | I vi | IV V7 | ii | I", Key("D")).skeleton) == pytest.approx(
        close - 1.85, abs=0.01
    )
    assert harmony(Plan.parse("I | I | I | I | I | I | I V7 | I", Key("D")).skeleton) < close - 6
    assert harmony(Plan.parse("I | IV | ii V7 | vi | IV vi | IV | ii V7 | I", Key("D")).skeleton) >= close
    assert closes_on_tonic(Plan.parse("i | bVII | i", Key("D", "dor")).skeleton)
    assert closes_on_tonic(Plan.parse("I | bVII | I", Key("D")).skeleton) is False
    assert closes_on_tonic(Plan.parse("I | V", Key("D")).skeleton) is None
    for chord, closes in (("V7", True), ("V65", False)):
        assert closes_on_tonic(Plan.parse(f"I | {chord} | I | I", Key("D"), voices=FOUR_PARTS).skeleton) == closes


def test_a_choir_s_plan_that_ends_on_a_weak_beat_or_repeats_as_its_style_does_not_loses_harmony() -> None:
    def of(style: str, text: str) -> float:
        return harmony(replace(Plan.parse(text, Key("D"), voices=FOUR_PARTS).skeleton, style=style))

    lines = "I vi | IV V | I6 ii65 | V", "vi V6 | I IV | ii65 V"
    strong, weak = f"{lines[0]} | {lines[1]} | I", f"{lines[0]} | {lines[1]} | V7 / / I"
    for style, is_rare in (("chorale", False), ("hymn", True)):
        assert of(style, strong) - of(style, weak) > 2.5
        repeated = f"|: {lines[0]} :| {lines[1]} | I"
        lost = of(style, strong) - of(style, repeated)
        assert lost > 4 if is_rare else 0 < lost < 0.5


def test_voices_in_parallel_lose_leading_and_those_of_bach_do_not(chorale: Piece) -> None:
    assert reward(chorale).leading > -0.5
    organum = replace(chorale, bars=tuple(replace(bar, notes=_in_fifths(bar.notes)) for bar in chorale.bars))
    assert leading_cost(organum) > 2 > leading_cost(chorale)
    assert reward(organum).leading == -MOST
    assert reward(kesh_jig()).leading == 0


def test_what_counterpoint_costs_bach_is_what_is_said_to_be_usual(music21_corpus: Path) -> None:
    """Fails where the costs of counterpoint change and the figures of real music are not counted again."""
    usual = USUAL["chorale"].leading
    assert usual is not None
    paths = sorted((music21_corpus / "bach").glob("bwv2[67]*.mxl"))
    chorales = [label_chords(piece) for path in paths for piece in read_score(path) if len(piece.voices) == 4]
    costs = [leading_cost(piece) for piece in chorales]
    assert abs(fmean(costs) - usual.mean) < 4 * usual.deviation / len(costs) ** 0.5


def _in_fifths(notes: tuple[tuple[Note, ...], ...]) -> tuple[tuple[Note, ...], ...]:
    """Every voice a fifth or an octave below the first."""
    return tuple(tuple(replace(note, pitch=note.pitch - below) for note in notes[0]) for below in (0, 7, 12, 19))


def test_real_tunes_of_a_style_earn_what_is_usual(tune_books: dict[str, list[Path]]) -> None:
    tunes = [piece for path in tune_books["ryansMammoth"][:24] for piece in read_abc(path, errors="collect")]
    rewards = [reward(label_chords(piece), "reel") for piece in tunes]
    assert -7 < fmean(each.total for each in rewards) < -2
    silly = [replace(piece, bars=piece.bars[:1] * 12) for piece in tunes]
    assert fmean(reward(piece, "reel").total for piece in silly) < -12


def test_the_parts_add_up_and_are_shown() -> None:
    found = reward(kesh_jig())
    parts = (found.ends, found.register, found.leading, found.chords, found.repetition, found.harmony)
    assert found.total == pytest.approx(sum(parts))
    assert str(found).startswith(f"{found.total:.1f} (ends ")
    assert found.total <= 0


def test_figures_of_real_music_are_shares_and_spreads() -> None:
    for kind, ends in ENDS.items():
        assert 0.5 < min(ends.tonic, ends.on_beat, ends.held, ends.last_chord, ends.close) < 1, kind
    for kind, usual in USUAL.items():
        assert 0 < usual.many_times < 0.5, kind
        assert all(normal.deviation > 0 for normal in (usual.mean_pitch, usual.chord_tones, usual.note_lengths)), kind
