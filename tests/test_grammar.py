"""The grammar: what real music may do, what composed music must do, and how a wrong token is reported."""

import random
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from tunes import kesh_jig

from remi_two_stage.core.chords import pitch_classes, split_label
from remi_two_stage.core.codec import decode, decode_ids, encode, encode_ids
from remi_two_stage.core.errors import GrammarError
from remi_two_stage.core.grammar import Grammar, SequenceKind, check_grammar, form_of
from remi_two_stage.core.piece import Piece
from remi_two_stage.core.plan import Plan
from remi_two_stage.core.ranges import VOICE_RANGES
from remi_two_stage.core.sequences import detail_sequence, infilling_sequence, up_to_detail
from remi_two_stage.core.signatures import Key, Meter
from remi_two_stage.core.vocabulary import DETAIL, FAMILIES, TOKEN_IDS, TONICS, token_names
from remi_two_stage.scores.abc_reader import read_abc

METERS = [meter for meter in FAMILIES["time"] if meter != "none"]
NAMES = token_names()


def ids(tokens: Sequence[str]) -> list[int]:
    return [TOKEN_IDS[token] for token in tokens]


def compose_at_random(kind: SequenceKind, prompt: Sequence[int], choose: random.Random) -> list[int]:
    """What a model with random weights would write: any allowed token after the prompt."""
    grammar = Grammar(kind, strict_from=len(prompt))
    written = list(prompt)
    for token in prompt:
        grammar.advance(token)
    while not grammar.is_finished:
        written.append(choose.choice(choose.choice([tokens for tokens in grammar.allowed if tokens])))
        grammar.advance(written[-1])
    return written


def random_plan(seed: int, voices: Sequence[str] = ("M",), tonic: str = "C") -> tuple[list[int], int]:
    choose = random.Random(seed)
    bars = choose.randint(1, 20)
    globals_ = ["<BOS>", f"<time={choose.choice(METERS)}>", "<key=Cmin>", f"<Tonic={tonic}>", f"<Bars={bars}>"]
    prompt = ids([*globals_, *(f"<voice={voice}>" for voice in voices)])
    return compose_at_random("plan", prompt, choose), bars


@pytest.mark.parametrize("seed", range(200))
def test_any_choice_ends_in_a_plan_with_exactly_the_bars_asked_for(seed: int) -> None:
    plan, bars = random_plan(seed)
    piece = decode([NAMES[token] for token in plan])
    assert piece.bar_count == bars
    opened = sum(bar.repeat_start for bar in piece.bars)
    assert opened <= sum(bar.repeat_end for bar in piece.bars)
    firsts = [index for index, bar in enumerate(piece.bars) if bar.endings == (1,)]
    assert len(firsts) == sum(bar.endings == (2,) for bar in piece.bars)


@pytest.mark.parametrize("seed", range(200))
def test_short_bars_of_a_composed_plan_complete_each_other(seed: int) -> None:
    plan, _ = random_plan(seed)
    bars = decode([NAMES[token] for token in plan]).bars
    full = bars[0].meter.bar_length
    for index, bar in enumerate(bars):
        before = bars[index - 1]
        if bar.is_pickup and index:
            assert bar.length + before.length == full
        elif not bar.is_pickup and bar.length < full and index + 1 < len(bars):
            assert bar.repeat_end or bar.ending_end or bars[index + 1].is_pickup


def test_a_part_may_follow_another_without_a_repeat_between_them() -> None:
    unrepeated = set()
    for seed in range(400):
        plan, _ = random_plan(seed)
        length = 0
        for bar, following in pairwise(decode([NAMES[token] for token in plan]).bars):
            length = (0 if bar.repeat_start or bar.endings else length) + (not bar.is_pickup)
            if following.is_pickup and not (bar.repeat_end or bar.ending_end):
                assert not following.endings
                unrepeated.add(length)
            if following.is_pickup or bar.repeat_end or bar.ending_end:
                length = 0
    assert unrepeated >= {4, 6}
    assert all(length % 2 == 0 for length in unrepeated)


def parts(piece: Piece) -> list[tuple[str, int]]:
    """How many bars each repeated part ("|:") has, its second ending left out, and those between ("|"): each first
    ending is one of a part.
    """
    found, length, is_second = [], 0, False
    for bar in piece.bars:
        if bar.repeat_start and length:
            found.append(("|", length))
            length = 0
        is_second = is_second or bar.endings == (2,)
        length += not bar.is_pickup and not is_second
        is_second = is_second and not bar.ending_end
        if bar.repeat_end:
            found.append(("|:", length))
            length = 0
    return [*found, ("|", length)] if length else found


@pytest.mark.parametrize("voices", [("M",), ("S", "B")])
def test_parts_of_a_composed_plan_are_such_as_players_know(voices: Sequence[str]) -> None:
    repeated = set()
    for seed in range(400):
        plan, bars = random_plan(seed, voices)
        found = parts(decode([NAMES[token] for token in plan]))
        repeated |= {length for sign, length in found if sign == "|:"}
        if len(found) > 1 or found[0][0] == "|:":
            assert all(length >= 4 and length % 2 == 0 for _, length in found), (seed, bars, found)
    assert repeated >= {4, 6, 8}


def test_what_is_open_in_given_bars_is_closed_however_long_it_becomes() -> None:
    given = f"<BOS> <time=4/4> <key=Cmaj> <Bars=5> <voice=M> <RepeatStart> {' '.join(['<BarStart> <Chord_I>'] * 3)}"
    for seed in range(20):
        plan = compose_at_random("plan", ids(given.split()), random.Random(seed))
        piece = decode([NAMES[token] for token in plan])
        assert piece.bar_count == 5
        assert any(bar.repeat_end for bar in piece.bars)


@pytest.mark.parametrize("seed", range(60))
def test_any_choice_of_notes_is_a_piece_over_that_plan_in_the_voices_ranges(seed: int) -> None:
    voices = ("S", "A", "T", "B") if seed % 2 else ("M",)
    shift = seed % 12 - 6
    plan, bars = random_plan(seed, voices, TONICS[shift % 12])
    detail = compose_at_random("detail", [*plan[:-1], DETAIL], random.Random(seed))
    piece = decode_ids(detail)
    assert detail_sequence(encode_ids(piece)) == detail
    assert piece.bar_count == bars
    for voice, _, _, pitch in piece.note_list():
        lowest, highest = VOICE_RANGES[voice]
        assert lowest <= pitch + shift <= highest
    for voice in voices:
        sung = [(onset, onset + duration) for name, onset, duration, _ in piece.note_list() if name == voice]
        assert all(first[1] <= second[0] for first, second in pairwise(sung))
    end = sum(bar.length for bar in piece.bars)
    assert all(24 * (onset + duration) <= end for _, onset, duration, _ in piece.note_list())


def test_pick_ups_of_a_composed_tune_begin_with_a_note() -> None:
    found = 0
    for seed in range(40):
        plan, _ = random_plan(seed)
        piece = decode_ids(compose_at_random("detail", [*plan[:-1], DETAIL], random.Random(seed)))
        pickups = [bar for bar in piece.bars if bar.is_pickup]
        assert all(bar.notes[0] and bar.notes[0][0].onset == 0 for bar in pickups)
        found += len(pickups)
    assert found > 10


@pytest.mark.parametrize("seed", range(20))
def test_what_is_composed_before_given_bars_does_not_ring_into_them(seed: int) -> None:
    jig = kesh_jig()
    given = up_to_detail(infilling_sequence(encode_ids(jig), 4))
    piece = decode_ids(compose_at_random("infilling", given, random.Random(seed)))
    assert [bar.notes for bar in piece.bars[4:]] == [bar.notes for bar in jig.in_c().bars[4:]]
    before = [note for note in piece.note_list() if note[1] < 4 * 3]
    assert all(onset + duration <= 4 * 3 for _, onset, duration, _ in before)


@pytest.mark.parametrize("seed", range(60))
def test_a_composed_piece_ends_on_the_tonic_on_a_beat_and_held(seed: int) -> None:
    """Whatever the weights say: the plan closes on the tonic's triad, the bass on its root, each voice on a tone."""
    voices = ("S", "A", "T", "B") if seed % 2 else ("M",)
    plan, _ = random_plan(seed, voices)
    closing = decode_ids(plan).bars[-1].chords[-1]
    assert (closing.label in ("I", "i"), closing.bass) == (True, 0)
    piece = decode_ids(compose_at_random("detail", [*plan[:-1], DETAIL], random.Random(seed)))
    bar = piece.bars[-1]
    for voice, sung in zip(voices, bar.notes, strict=True):
        last = sung[-1]
        allowed = {0} if voice == "B" else {0, 3, 4, 7}
        assert last.pitch % 12 in allowed
        assert last.onset in bar.beats
        assert last.duration >= min(bar.beat_length, bar.length - last.onset)


def test_each_length_of_a_note_that_may_be_the_last_one_is_offered_once() -> None:
    """What is offered twice would be sampled twice as often."""
    plan = ["<BOS>", "<time=3/4>", "<key=Cmaj>", "<Bars=1>", "<voice=M>", "<BarStart>", "<Chord_I>", "<Detail>"]
    grammar = Grammar("detail", strict_from=len(plan))
    for token in ids([*plan, "<BarStart>", "<Chord_I>", "<voice=M>", "<RelPos=0>", "<Note-On=60>"]):
        grammar.advance(token)
    offered = [NAMES[token] for tokens in grammar.allowed for token in tokens]
    assert offered == [f"<Duration={ticks}>" for ticks in range(1, 73)]


def test_what_was_typed_decides_on_what_the_voices_end() -> None:
    plan = Plan.parse("I | V7", Key("C"), Meter(3, 4), voices=("S", "B"))
    prompt = up_to_detail(detail_sequence(encode_ids(plan.skeleton)))
    for seed in range(20):
        upper, lower = decode_ids(compose_at_random("detail", prompt, random.Random(seed))).bars[-1].notes
        assert upper[-1].pitch % 12 in {7, 11, 2}
        assert lower[-1].pitch % 12 == 7


def test_basses_of_composed_chords_are_chord_tones() -> None:
    for seed in range(40):
        for bar in decode_ids(random_plan(seed)[0]).bars:
            for chord in bar.chords:
                root = (split_label(chord.label) or (0,))[0]
                assert not chord.bass or (root + chord.bass) % 12 in pitch_classes(chord.label)


def test_a_plan_whose_last_bar_is_given_in_part_goes_on_to_its_tonic() -> None:
    """After the subdominant over its third, in the last bar, a chord follows, and no other bar."""
    given = (
        "<BOS> <time=4/4> <key=Cmin> <Bars=2> <voice=S> <voice=B> <BarStart> <Chord_i> <BarStart> <Chord_iv> <Bass=3>"
    )
    for seed in range(20):
        piece = decode_ids(compose_at_random("plan", ids(given.split()), random.Random(seed)))
        assert piece.bar_count == 2
        assert piece.bars[1].chords[-1].label in ("i", "I")


def test_forced_tokens_are_the_headers_and_the_first_voice() -> None:
    (piece,) = read_abc('X:1\nM:2/4\nL:1/8\nK:C\n|:"C"C2E2|"G7"D4:|')
    sequence = detail_sequence(encode_ids(piece))
    grammar = Grammar("detail")
    copied = []
    for token in sequence:
        if sequence.index(DETAIL) < grammar.position and grammar.forced() is not None:
            copied.append(NAMES[token])
        grammar.advance(token)
    assert " ".join(copied) == ("<PhraseStart> <RepeatStart> <BarStart> <Chord_I> <voice=M> <Chord_V7> <voice=M> <EOS>")


def test_a_missing_token_is_noticed_wherever_it_was(tune_books: dict[str, list[Path]]) -> None:
    """Leaving out any one token breaks the grammar, or leaves a sequence that is another piece, never the same one."""
    for file in tune_books["ryansMammoth"][:40:4]:
        tokens = encode(read_abc(file)[0])
        for position in random.Random(1).sample(range(len(tokens)), 20):
            shorter = tokens[:position] + tokens[position + 1 :]
            try:
                changed = decode(shorter)
            except GrammarError:
                continue
            assert encode(changed) == shorter


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        ("<EOS>", r"token 0: <EOS> may not stand here; allowed: <BOS>"),
        ("<BOS> <time=4/4> <voice=M>", r"token 2: <voice=M> may not stand here; allowed: <key=Cmaj>, <key=Cmin>"),
        ("<BOS> <time=4/4> <key=Cmaj> <voice=M> <BarStart> <PickUp=96>", r"token 5: <PickUp=96> may not stand here"),
        ("<BOS> <time=4/4> <key=Cmaj> <voice=M> <BarStart> <Chord_I>", "stops before <EOS>"),
        ("<BOS> <time=4/4> <key=Cmaj> <Bars=2> <voice=M> <BarStart> <Chord_I> <EOS>", r"token 7: <EOS> may not stand"),
    ],
)
def test_a_wrong_token_is_reported_with_what_may_stand_there(tokens: str, message: str) -> None:
    with pytest.raises(GrammarError, match=message):
        check_grammar(ids(tokens.split()), "plan")


@pytest.mark.parametrize(
    "notes",
    [
        "<RelPos=24> <Note-On=60> <Duration=24> <RelPos=24> <Note-On=62> <Duration=24>",
        "<RelPos=0> <Note-On=60> <Duration=24> <Note-On=60> <Duration=24>",
        "<RelPos=0> <Note-On=62> <Duration=24> <Note-On=60> <Duration=24>",
        "<RelPos=0> <Note-On=60> <Duration=48> <RelPos=24> <Note-On=60> <Duration=24>",
        "<RelPos=0> <Note-On=60> <Duration=24> <Duration=24>",
        "<RelPos=96> <Note-On=60> <Duration=24>",
    ],
)
def test_notes_rise_in_time_and_pitch_and_are_not_struck_while_they_sound(notes: str) -> None:
    bar = f"<BOS> <time=4/4> <key=Cmaj> <voice=M> <BarStart> <Chord_I> <voice=M> {notes} <EOS>"
    with pytest.raises(GrammarError, match="may not stand here"):
        check_grammar(ids(bar.split()), "full")


def test_a_note_may_ring_over_a_barline_but_not_past_a_repeat() -> None:
    start = (
        "<BOS> <time=2/4> <key=Cmaj> <voice=M> <BarStart> <Chord_I> <voice=M> <RelPos=24> <Note-On=60> <Duration=48>"
    )
    check_grammar(ids(f"{start} <BarStart> <Chord_I> <voice=M> <EOS>".split()), "full")
    with pytest.raises(GrammarError, match="<RepeatEnd> may not stand here"):
        check_grammar(ids(f"{start} <RepeatEnd> <EOS>".split()), "full")


def test_forms_are_told_apart() -> None:
    plan = "<BOS> <time=2/4> <key=Cmaj> <voice=M> <BarStart> <Chord_I>"
    assert form_of(ids(f"{plan} <EOS>".split())) == "plan"
    assert form_of(ids(f"{plan} <voice=M> <EOS>".split())) == "full"
    assert form_of(ids(f"{plan} <Detail> <BarStart> <Chord_I> <voice=M> <EOS>".split())) == "detail"


def test_a_composed_voice_has_one_note_at_a_time() -> None:
    plan = "<BOS> <time=2/4> <key=Cmaj> <voice=V1> <BarStart> <Chord_I> <Detail>"
    grammar = Grammar("detail", strict_from=len(plan.split()))
    for token in ids(f"{plan} <BarStart> <Chord_I> <voice=V1> <RelPos=0> <Note-On=60> <Duration=24>".split()):
        grammar.advance(token)
    assert [NAMES[tokens.start] for tokens in grammar.allowed if tokens] == ["<Velocity=8>", "<RelPos=24>", "<EOS>"]


def test_a_voice_that_goes_on_in_chords_has_as_many_notes_as_given_and_ten_at_most() -> None:
    plan = "<BOS> <time=2/4> <key=Cmaj> <voice=V1> <BarStart> <Chord_I> <BarStart> <Chord_I> <Detail>"
    given = f"{plan} <BarStart> <Chord_I> <voice=V1> <RelPos=0> "
    given += " ".join(f"<Note-On={pitch}> <Duration=48>" for pitch in range(40, 52))
    grammar = Grammar("detail", strict_from=len(given.split()))
    nine = " ".join(f"<Note-On={pitch}> <Duration=36>" for pitch in range(40, 49))
    for token in ids(f"{given} <BarStart> <Chord_I> <voice=V1> <RelPos=0> {nine}".split()):
        grammar.advance(token)
    assert TOKEN_IDS["<Note-On=60>"] in {token for tokens in grammar.allowed for token in tokens}
    for token in ids("<Note-On=60> <Duration=36>".split()):
        grammar.advance(token)
    assert [NAMES[tokens.start] for tokens in grammar.allowed if tokens] == ["<Velocity=8>", "<RelPos=36>", "<EOS>"]


def test_without_a_number_of_bars_a_plan_ends_after_64_at_most() -> None:
    for seed in range(30):
        choose = random.Random(seed)
        prompt = ids(["<BOS>", f"<time={choose.choice(METERS)}>", "<key=Cmaj>", "<voice=M>"])
        plan = compose_at_random("plan", prompt, choose)
        assert 1 <= decode([NAMES[token] for token in plan]).bar_count <= 64
