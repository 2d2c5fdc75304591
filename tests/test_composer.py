"""Composing: whatever the weights, every request ends in a valid piece, or is refused before any work."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tiny_models import TINY
from transformers import GenerationConfig
from tunes import kesh_jig

from remi_two_stage.composing.composer import Composer
from remi_two_stage.core.abc_writer import write_abc
from remi_two_stage.core.codec import decode, decode_ids, encode, encode_ids, extract_chord_sequence
from remi_two_stage.core.configuration_remi import BarPlannerConfig, DetailGeneratorConfig, TwoStageConfig
from remi_two_stage.core.errors import CheckpointError, ChordError, GrammarError, RemiError, RequestError
from remi_two_stage.core.modeling_remi import TwoStageModel
from remi_two_stage.core.notation import ChordSymbol
from remi_two_stage.core.piece import Chord, Piece
from remi_two_stage.core.plan import Plan
from remi_two_stage.core.ranges import VOICE_RANGES
from remi_two_stage.core.request import Request
from remi_two_stage.core.reward import closes_on_tonic, harmony, reward
from remi_two_stage.core.sampling import Sampling
from remi_two_stage.core.sequences import infilling_sequence, melody_sequence, up_to_detail
from remi_two_stage.core.signatures import Key, Meter
from remi_two_stage.core.vocabulary import PAD, TOKEN_IDS, token_names


@pytest.fixture(scope="module")
def composer() -> Composer:
    """Both stages, tiny and with random weights."""
    torch.manual_seed(3)
    config = TwoStageConfig(planner_config=BarPlannerConfig(**TINY), detail_config=DetailGeneratorConfig(**TINY))
    return Composer(TwoStageModel(config))


def globals_ids(*globals_: str) -> torch.Tensor:
    return torch.tensor([[TOKEN_IDS[token] for token in ("<BOS>", *globals_)]])


@pytest.mark.parametrize(
    ("style", "key", "meter", "bars"),
    [("jig", "D", None, 4), ("chorale", "F#m", None, 2), (None, "Ador", "7/8", 5), ("waltz", "Bb", "3/4", 1)],
)
def test_a_composition_is_what_was_asked_for(
    composer: Composer, style: str | None, key: str, meter: str | None, bars: int
) -> None:
    piece = composer.compose(style, key, meter=meter, bars=bars, seed=bars)
    assert piece.bar_count == bars
    assert piece.key == Key.parse(key)
    assert piece.meter == Meter.parse(meter or {"jig": "6/8"}.get(style or "", "4/4"))
    assert piece.style == style
    assert piece.voices == (("S", "A", "T", "B") if style == "chorale" else ("M",))
    for voice, _, _, pitch in piece.note_list():
        assert VOICE_RANGES[voice][0] <= pitch <= VOICE_RANGES[voice][1]
    assert decode(encode(piece)).note_list() == piece.in_c().note_list()


def test_a_style_that_was_not_learnt_is_said_to_be(composer: Composer) -> None:
    model = deepcopy(composer.model)
    model.planner.config.styles = ["jig", "hymn"]
    learnt = Composer(model)
    assert learnt.styles == ("jig", "hymn")
    assert learnt.plan("hymn", bars=2, seed=1).bar_count == 2
    message = "has learnt too few tunes of the style 'polka'; it knows jig, hymn"
    for ask in (
        lambda: learnt.compose("polka", bars=2),
        lambda: learnt.realize("I | V", style="polka"),
        lambda: learnt.harmonize(kesh_jig(), style="polka"),
    ):
        with pytest.warns(UserWarning, match=message):
            ask()


def test_the_notes_are_written_over_the_plan_to_the_letter(composer: Composer) -> None:
    plan = composer.plan("reel", "G", bars=6, seed=5)
    assert Plan.of(composer.realize(plan, seed=6)).skeleton.bars == plan.skeleton.bars
    typed = Plan.parse("|: (D7) | G | C G | [1 D7 :| [2 G |]", Key("G"), Meter(3, 4))
    assert Plan.of(composer.realize(typed, seed=7)).skeleton.bars == typed.skeleton.bars
    text = "|: (D7) | G | C G | [1 D7 :| [2 G |]"
    assert Plan.of(composer.realize(text, key="G", meter="3/4", seed=7)).skeleton.bars == typed.skeleton.bars


def test_typed_names_stand_over_the_notes_as_they_were_typed(composer: Composer) -> None:
    piece = composer.realize("D | Ebdim7 D#dim | Gb7 A7sus", key="D", seed=7)
    assert [chord.name(piece.key, bar.key) for bar in piece.bars for chord in bar.chords] == [
        "D", "Ebdim7", "D#dim", "Gb7", "A7sus",
    ]  # fmt: skip


def test_chords_stand_over_new_notes_as_the_plan_writes_them(composer: Composer) -> None:
    (bar,) = Plan.parse("I").skeleton.bars
    chords = (Chord(0, "I", ChordSymbol(0, "maj", 4), 4), Chord(48, "V7", ChordSymbol(1, "11")))
    piece = composer.realize(Plan(Piece(("M",), (replace(bar, chords=chords),))), seed=1)
    assert [chord.name(piece.key, piece.key) for chord in piece.bars[0].chords] == ["Cmaj/E", "G11"]


def test_named_voices_open_every_repeat_with_a_sign(composer: Composer) -> None:
    """Players lose count of their bars otherwise."""
    requests = [Request("clog", "F", voices=["B"]), Request("jig", voices=["V10"]), Request("chorale")]
    plans = composer.plan_batch(requests * 8, seed=4)
    for style in range(len(requests)):
        is_open = False
        closed = 0
        for bar in (bar for plan in plans[style :: len(requests)] for bar in plan.skeleton.bars):
            is_open = is_open or bar.repeat_start
            assert is_open or not bar.repeat_end
            closed += bar.repeat_end
            is_open = is_open and not bar.repeat_end
        assert closed >= 4


def test_the_same_seed_gives_the_same_music_and_leaves_the_callers_random_state(composer: Composer) -> None:
    torch.manual_seed(1)
    state = torch.random.get_rng_state()
    first = composer.compose("jig", bars=3, seed=11)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert composer.compose("jig", bars=3, seed=11) == first
    assert composer.compose("jig", bars=3, seed=12) != first


def test_seeds_hold_when_several_threads_compose(composer: Composer) -> None:
    alone = composer.plan(bars=6, seed=5)
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(lambda _: composer.plan(bars=6, seed=5), range(6)))
    assert together == [alone] * 6


def test_plans_of_a_large_batch_are_those_of_each_request_alone() -> None:
    """Alone all attempts at a plan are written side by side, in a large batch one after the other until one is good."""
    composer = Composer.from_pretrained()
    requests = [Request("jig", "G", bars=8)] * 30 + [Request("chorale", "G", bars=4)] * 4
    together = composer.plan_batch(requests, seed=70)
    for number in (0, 1, 2, 3, 4, 30, 31):
        assert composer.plan_batch([requests[number]], seed=70 + number) == [together[number]]


def test_tempo_title_and_metadata_of_a_plan_stay(composer: Composer) -> None:
    skeleton = replace(Plan.parse("I | V | I", tempo=127).skeleton, title="Mine", metadata=(("C", "me"),))
    piece = composer.realize(Plan(skeleton), seed=1)
    assert (piece.tempo, piece.title, piece.metadata) == (127, "Mine", (("C", "me"),))


def test_of_several_candidates_the_best_made_is_kept(composer: Composer) -> None:
    """The first candidate is what the seed gives alone."""
    request, of_six = Request("reel", "G", bars=4), Sampling(candidates=6)
    alone = [reward(piece).total for piece in composer.compose_batch([request] * 4, seed=5)]
    best = [reward(piece).total for piece in composer.compose_batch([request] * 4, seed=5, sampling=of_six)]
    assert all(kept >= one for kept, one in zip(best, alone, strict=True))
    assert sum(best) > sum(alone) + 1
    plan = composer.plan("reel", "G", bars=4, seed=5)
    over_it = composer.realize(plan, seed=5, sampling=of_six)
    assert Plan.of(over_it).text() == plan.text()
    assert reward(over_it).total >= reward(composer.realize(plan, seed=5)).total
    plans = [composer.plan_batch([request] * 4, seed=5, sampling=Sampling(candidates=count)) for count in (1, 6)]
    of_one, of_many = (sum(harmony(plan.skeleton) for plan in several) for several in plans)
    assert of_many > of_one


def test_plans_for_several_voices_close_with_the_dominants_root_in_the_bass() -> None:
    plans = Composer.from_pretrained().plan_batch([Request("chorale", "G", bars=8)] * 12, seed=1)
    assert sum(closes_on_tonic(plan.skeleton) is True for plan in plans) >= 9


def test_greedy_needs_no_seed(composer: Composer) -> None:
    greedy = Sampling(greedy=True)
    assert composer.plan(bars=2, sampling=greedy) == composer.plan(bars=2, sampling=greedy)


def test_progress_counts_the_bars_of_both_stages(composer: Composer) -> None:
    seen: list[tuple[str, int, int]] = []
    composer.compose("jig", bars=3, seed=2, progress=lambda *report: seen.append(report))
    counts = {stage: [begun for name, begun, _ in seen if name == stage] for stage in ("plan", "notes")}
    for begun in counts.values():
        assert begun == sorted(begun)
        assert begun[-1] >= 3


@pytest.mark.parametrize("candidates", [1, 3])
def test_progress_counts_the_bars_that_were_asked_for_however_many_candidates_there_are(
    composer: Composer, candidates: int
) -> None:
    seen: list[tuple[str, int, int]] = []
    requests = [Request("jig", bars=3), Request("reel", bars=2)]
    sampling = Sampling(candidates=candidates)
    composer.compose_batch(requests, seed=2, sampling=sampling, progress=lambda *report: seen.append(report))
    for stage in ("plan", "notes"):
        counts = [(begun, total) for name, begun, total in seen if name == stage]
        assert len({total for _, total in counts}) == 1
        assert counts[0][1] == 5
        assert counts[0][0] <= 1
        assert counts[-1][0] == counts[-1][1]


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"style": "polonaise"}, "there is no style 'polonaise'; there are jig, reel"),
        ({"style": [Request("jig")]}, "style is of type list; give a name such as jig, and several requests to comp"),
        ({"key": "H"}, "there is no key 'H'"),
        ({"meter": "7/0"}, "there is no metre 7/0"),
        ({"meter": "25/4"}, "cannot write in 25/4; a bar has at most 24 beats and three whole notes"),
        ({"bars": 0}, "cannot write 0 bars; ask for 1 to 64"),
        ({"bars": 10_000}, "cannot write 10000 bars"),
        ({"tempo": 5}, "cannot write at 5 quarter notes a minute; ask for 30 to 300"),
        ({"voices": ["S", "S", "S"]}, r"cannot write for the voices \['S', 'S', 'S'\]"),
        ({"seed": -1}, "the seed -1 is out of range"),
        ({"seed": 1.9}, "the seed 1.9 is out of range"),
        ({"bars": "x"}, "cannot write 'x' bars"),
        ({"key": 5}, "there is no key 5"),
        ({"meter": 6}, "there is no metre 6"),
        ({"tempo": "fast"}, "cannot write at 'fast' quarter notes"),
        ({"voices": "SATB"}, "cannot write for the voices 'SATB'; give a list"),
        ({"voices": ["SATB"]}, r"did you mean S,A,T,B\?$"),
    ],
)
def test_impossible_requests_are_refused(composer: Composer, request_: dict[str, object], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        composer.compose(**request_)


@pytest.mark.parametrize(
    "settings",
    [
        {"temperature": 0},
        {"temperature": float("inf")},
        {"temperature": "hot"},
        {"top_p": 0},
        {"top_p": 1.5},
        {"top_k": -1},
    ],
)
def test_impossible_sampling_is_refused(settings: dict[str, float]) -> None:
    with pytest.raises(RequestError, match="no sampling with temperature"):
        Sampling(**settings)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda composer, _: composer.compose_batch(["jig"]),
            "cannot compose from 'jig'; give a list of requests, such",
        ),
        (
            lambda composer, _: composer.plan_batch([{"style": "jig"}]),
            r"cannot compose from \{'style': 'jig'\}; give a",
        ),
        (lambda composer, piece: composer.realize(Plan.of(piece), key="G"), "a Plan has its own style, key, metre"),
        (lambda composer, piece: composer.harmonize(piece, plan=7), "cannot take chords from a int; give a Plan or a"),
        (lambda composer, piece: composer.rewrite(piece, (1, 2), chords=["I", "V"]), "cannot take chords from a list"),
        (lambda *_: Composer("my-model"), r"Composer takes a model, .*; load one with .*_pretrained\('my-model'\)"),
    ],
)
def test_arguments_of_another_kind_are_refused(
    composer: Composer, call: Callable[[Composer, Piece], object], message: str
) -> None:
    with pytest.raises(RequestError, match=message):
        call(composer, kesh_jig())


def test_a_typed_plan_that_cannot_be_is_refused(composer: Composer) -> None:
    with pytest.raises(ChordError, match="bar 2: there is no chord 'Xv'"):
        composer.realize("I | Xv")


@pytest.mark.parametrize("path", ["no such folder", "."])
def test_a_missing_model_is_named(path: str) -> None:
    with pytest.raises(RemiError, match=r"there is no model 'no such folder'|from '\.'|\. holds") as raised:
        Composer.from_pretrained(path)
    assert isinstance(raised.value, CheckpointError)


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("detail/model.safetensors", b"\x00" * 40),
        ("config.json", b'{"model_type": "remi_two_stage", "planner_config": 7}'),
    ],
)
def test_a_damaged_model_is_named(composer: Composer, file: str, content: bytes, tmp_path: Path) -> None:
    composer.model.save_pretrained(tmp_path)
    (tmp_path / file).write_bytes(content)
    with pytest.raises(CheckpointError, match=r"no model can be loaded from|is damaged or was cut off"):
        Composer.from_pretrained(tmp_path)


def written(ids: Sequence[int]) -> list[str]:
    """Token names up to the first <EOS>, without padding on the left."""
    names = [token_names()[token] for token in ids if token != PAD]
    return names[: names.index("<EOS>") + 1] if "<EOS>" in names else names


def test_generate_of_the_model_alone_is_locked_to_the_grammar_for_every_row(composer: Composer) -> None:
    first = globals_ids("<Style=jig>", "<time=6/8>", "<key=Cmaj>", "<Bars=3>", "<voice=M>")
    second = globals_ids("<time=4/4>", "<key=Cmin>", "<Bars=2>", "<voice=M>")
    prompts = torch.cat([first, torch.cat([torch.tensor([[PAD]]), second], 1)])
    with torch.random.fork_rng():
        torch.manual_seed(4)
        sequences = composer.model.generate(prompts, do_sample=True)
    pieces = [decode(written(row)) for row in sequences.tolist()]
    assert [piece.bar_count for piece in pieces] == [3, 2]
    assert [str(piece.meter) for piece in pieces] == ["6/8", "4/4"]


def test_beams_are_locked_to_the_grammar(composer: Composer) -> None:
    prompt = globals_ids("<time=2/4>", "<key=Cmaj>", "<Bars=3>", "<voice=M>")
    plans = composer.model.planner.generate(prompt, num_beams=3, num_return_sequences=3)
    for row in plans.tolist():
        assert decode(written(row)).bar_count == 3


def test_every_sequence_keeps_to_the_ranges_of_its_own_prompt(composer: Composer) -> None:
    rest = ("<Bars=2>", "<voice=M>")
    prompts = [globals_ids("<time=2/4>", "<key=Cmaj>", f"<Tonic={tonic}>", *rest) for tonic in ("F", "F#")]
    with torch.random.fork_rng():
        torch.manual_seed(4)
        sequences = composer.model.generate(torch.cat(prompts), num_return_sequences=3, do_sample=True)
    lowest, highest = VOICE_RANGES["M"]
    for row, shift in zip(sequences.tolist(), (5, 5, 5, -6, -6, -6), strict=True):
        pitches = [pitch + shift for *_, pitch in decode(written(row)).note_list()]
        assert pitches
        assert lowest <= min(pitches) <= max(pitches) <= highest


def test_without_a_prompt_the_planner_begins_by_itself(composer: Composer) -> None:
    plan = decode(written(composer.model.planner.generate()[0].tolist()))
    assert 1 <= plan.bar_count <= 64


def test_a_limit_on_the_length_is_kept(composer: Composer) -> None:
    prompt = globals_ids("<time=2/4>", "<key=Cmaj>", "<Bars=60>", "<voice=M>")
    short = composer.model.planner.generate(prompt, GenerationConfig(max_length=20, pad_token_id=PAD))
    assert short.shape[1] == 20


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_new_tokens": 5}, "a plan stops before <EOS>; let the planner write it to its end"),
        ({"past_key_values": 5, "depth": 1}, "both stages together has no argument depth, past_key_values; leave it"),
    ],
)
def test_settings_that_cannot_hold_are_refused(composer: Composer, settings: dict[str, object], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        composer.model.generate(globals_ids("<time=2/4>", "<key=Cmaj>", "<voice=M>"), **settings)


def test_without_the_grammar_the_model_writes_what_it_likes(composer: Composer) -> None:
    prompt = globals_ids("<time=2/4>", "<key=Cmaj>", "<Bars=1>", "<voice=M>")
    with torch.random.fork_rng():
        torch.manual_seed(4)
        free = composer.model.planner.generate(prompt, do_sample=True, max_new_tokens=40, grammar=False)
    with pytest.raises(GrammarError, match=r"may not stand here|stops before"):
        decode(written(free[0].tolist()))


@pytest.mark.parametrize("mark", ["<After>", "<Context>"])
def test_given_bars_are_given_whole(composer: Composer, mark: str) -> None:
    tokens = encode_ids(composer.compose("jig", bars=4, seed=1))
    prompt = infilling_sequence(tokens, 2) if mark == "<After>" else melody_sequence(tokens)
    stage = composer.model.detail if mark == "<After>" else composer.model.planner
    whole = torch.tensor([up_to_detail(prompt)])
    written = decode_ids(stage.generate(whole, do_sample=False)[0].tolist())
    assert written.bar_count == 4
    with pytest.raises(GrammarError, match="the given bars stop before <Detail>; end the prompt there"):
        stage.generate(whole[:, :-1], do_sample=False)


def test_an_ungrammatical_prompt_is_refused_with_its_position(composer: Composer) -> None:
    with pytest.raises(GrammarError, match=r"token 2: <voice=M> may not stand here"):
        composer.model.planner.generate(globals_ids("<time=2/4>", "<voice=M>"))


def test_the_plan_of_a_composed_piece_is_its_chord_sequence(composer: Composer) -> None:
    plan = composer.plan(bars=4, seed=8)
    piece = composer.realize(plan, seed=8)
    assert extract_chord_sequence(encode(piece)) == extract_chord_sequence(encode(plan.skeleton))


def test_a_composition_has_the_usual_tempo_of_its_style_unless_another_is_asked_for() -> None:
    composer = Composer.from_pretrained()
    assert composer.compose("reel", "D", bars=4, seed=1).tempo == 216
    assert composer.compose("reel", "D", bars=4, tempo=180, seed=1).tempo == 180
    assert composer.compose(bars=4, seed=1).tempo is None
    assert write_abc(composer.compose("jig", "D", bars=4, seed=1)).count("Q:3/8=120\n") == 1
