"""From tunes to what the stages learn from: cutting, labels, packing."""

import random
from dataclasses import replace
from itertools import chain
from pathlib import Path

import pytest
import torch
from tunes import kesh_jig

from remi_two_stage.analysis.harmony import label_chords
from remi_two_stage.core.codec import decode, encode, extract_chord_sequence
from remi_two_stage.core.errors import CorpusError, RequestError
from remi_two_stage.core.excerpt import crop
from remi_two_stage.core.grammar import Grammar, check_grammar, form_of
from remi_two_stage.core.piece import Chord, Piece
from remi_two_stage.core.signatures import Key
from remi_two_stage.core.vocabulary import AFTER, CONTEXT, DETAIL, EOS, IDS, TOKEN_IDS, TOKENS, token_names
from remi_two_stage.corpus.tunes import CorpusTune
from remi_two_stage.score_files import read_score
from remi_two_stage.scores.abc_reader import read_abc
from remi_two_stage.stage_data.cutting import crop_to_length
from remi_two_stage.stage_data.datasets import (
    IGNORED,
    BarChordDataset,
    FullDetailDataset,
    PackedRows,
    SingleStageDataset,
    StageDataset,
    collate,
    pack,
)

REELS = 40


@pytest.fixture(scope="module")
def tunes(tune_books: dict[str, list[Path]]) -> list[CorpusTune]:
    """Reels and jigs out of Ryan's collection."""
    return [tune_of(read_abc(path)[0]) for path in tune_books["ryansMammoth"][: 3 * REELS : 3]]


@pytest.fixture(scope="module")
def chorale(music21_corpus: Path) -> CorpusTune:
    return tune_of(read_score(music21_corpus / "bach" / "bwv66.6.mxl")[0])


@pytest.fixture(scope="module")
def longest_airs(tune_books: dict[str, list[Path]]) -> list[Piece]:
    """The tunes with most bars in Aird's first book."""
    pieces = read_abc(tune_books["airdsAirs"][0])
    return sorted(pieces, key=lambda piece: len(piece.bars))[-20:]


def names_of(token_ids: tuple[int, ...] | list[int]) -> list[str]:
    return [token_names()[token] for token in token_ids]


def tune_of(piece: Piece) -> CorpusTune:
    return CorpusTune.from_piece(label_chords(piece), "test#1")


def test_bar_ranges_are_music(longest_airs: list[Piece]) -> None:
    for piece in map(label_chords, longest_airs):
        middle = [index for index, bar in enumerate(piece.bars) if bar.phrase_start and index][:3]
        for start in middle:
            try:
                part = crop(piece, start, len(piece.bars))
            except RequestError:
                continue
            tokens = encode(part)
            check_grammar([TOKEN_IDS[name] for name in tokens], "full")
            assert encode(decode(tokens)) == tokens
            assert part.bars[0].notes == piece.bars[start].notes


def test_chords_of_a_range_are_counted_from_its_own_key() -> None:
    piece = read_abc('X:1\nM:4/4\nL:1/4\nK:G\n"G"GABc|"D"d4|[K:D]"A7"e4|"D"d4|]')[0]
    part = crop(piece, 2, 4)
    assert part.key == Key("D")
    assert [bar.chords for bar in part.bars] == [(Chord(0, "V7"),), (Chord(0, "I"),)]


def test_a_repeat_that_the_cut_leaves_open_goes() -> None:
    piece = read_abc("X:1\nM:4/4\nL:1/4\nK:G\n|:GABc|d4|GABc|d4:|")[0]
    assert not crop(piece, 0, 2).bars[0].repeat_start
    assert crop(piece, 2, 4).bars[1].repeat_end


@pytest.mark.parametrize(
    ("start", "stop", "message"), [(0, 99, "0 to 99"), (2, 2, "2 to 2"), (3, 4, "bar 3 is inside")]
)
def test_impossible_bar_ranges_say_why(start: int, stop: int, message: str) -> None:
    piece = read_abc("X:1\nM:4/4\nL:1/4\nK:G\n|:GABc|d4|[1GABc|d4:|[2G4|]")[0]
    with pytest.raises(RequestError, match=message):
        crop(piece, start, stop)


def test_long_tunes_are_cut_into_parts_that_fit(longest_airs: list[Piece]) -> None:
    tokens = tune_of(max(longest_airs, key=lambda piece: len(piece.bars))).tokens
    parts = crop_to_length(tokens, "detail", 400)
    assert len(parts) > 1
    dataset = FullDetailDataset(parts)
    assert max(dataset.lengths) <= 400
    whole, cut = (sum(TOKENS[token][0] == "Note-On" for token in ids) for ids in (tokens, chain(*parts)))
    assert 0.9 * whole <= cut <= whole


def test_a_phrase_that_is_too_long_is_cut_between_bars(longest_airs: list[Piece]) -> None:
    piece = max(longest_airs, key=lambda piece: len(piece.bars))
    bars = [replace(bar, phrase_start=index == 0) for index, bar in enumerate(piece.bars)]
    tokens = tune_of(replace(piece, bars=tuple(bars))).tokens
    parts = crop_to_length(tokens, "detail", 400)
    dataset = FullDetailDataset(parts)
    assert max(dataset.lengths) <= 400
    assert min(dataset.lengths[:-1]) > 300
    whole, cut = (sum(TOKENS[token][0] == "Note-On" for token in ids) for ids in (tokens, chain(*parts)))
    assert whole == cut


def test_a_tune_that_fits_stays_as_it_is(tunes: list[CorpusTune]) -> None:
    tokens = tunes[0].tokens
    assert crop_to_length(tokens, "plan", 4096) == [list(tokens)]


@pytest.mark.parametrize("kind", [BarChordDataset, FullDetailDataset])
def test_labels_are_exactly_the_sampled_tokens(kind: type[StageDataset], tunes: list[CorpusTune]) -> None:
    dataset = kind(tune.tokens for tune in tunes[:10])
    for item in map(dataset.__getitem__, range(len(dataset))):
        ids, labels = item["input_ids"].tolist(), item["labels"].tolist()
        check_grammar(ids, dataset.kind)
        given = ids.index(DETAIL) if dataset.kind == "detail" else 0
        grammar = Grammar(dataset.kind)
        for index, (token, label) in enumerate(zip(ids, labels, strict=True)):
            is_sampled = grammar.forced() is None and index > given
            assert label == (token if is_sampled else IGNORED)
            grammar.advance(token)


def test_the_planner_is_also_shown_tunes_with_a_voice_given(chorale: CorpusTune, tunes: list[CorpusTune]) -> None:
    tokens = [chorale.tokens, *(tune.tokens for tune in tunes)]
    some = BarChordDataset(tokens, from_melody=0.3)
    assert len(tokens) < len(some) < 1.6 * len(tokens)
    dataset = BarChordDataset(tokens, from_melody=1.0)
    assert len(dataset) == 2 * len(tokens)
    given = set()
    for epoch in range(8):
        dataset.set_epoch(epoch)
        item = dataset[len(tokens)]
        ids, labels = item["input_ids"].tolist(), item["labels"].tolist()
        check_grammar(ids, "melody")
        learnt = {TOKENS[token][0] for token in labels if token != IGNORED}
        assert "Chord" in learnt
        assert not learnt & {"Note-On", "Duration", "voice", "BarLen", "PickUp"}
        assert labels[: ids.index(DETAIL) + 1] == [IGNORED] * (ids.index(DETAIL) + 1)
        assert len(ids) <= dataset.lengths[len(tokens)]
        given |= set(ids[ids.index(CONTEXT) : ids.index(DETAIL)]) & set(IDS["voice"])
    assert len(given) > 1


def test_the_detail_stage_is_also_shown_later_bars_first_and_other_voices_first(chorale: CorpusTune) -> None:
    dataset = FullDetailDataset([chorale.tokens], infilling=0.5, voice_orders=0.5)
    piece = decode(names_of(chorale.tokens))
    forms, orders, cuts = set(), set(), set()
    for epoch in range(16):
        dataset.set_epoch(epoch)
        item = dataset[0]
        ids = item["input_ids"].tolist()
        shown = decode(names_of(ids))
        assert sorted(shown.note_list()) == sorted(piece.note_list())
        assert len(ids) <= dataset.lengths[0]
        forms.add(form_of(ids))
        orders.add(shown.voices[0])
        if AFTER in ids:
            cuts.add(ids[: ids.index(AFTER)].count(TOKEN_IDS["<BarStart>"]))
        labels = item["labels"].tolist()
        assert labels[: ids.index(DETAIL) + 1] == [IGNORED] * (ids.index(DETAIL) + 1)
    assert forms == {"detail", "infilling"}
    assert len(orders) > 2
    assert len(cuts) > 3


def test_a_single_stage_learns_headers_and_notes(tunes: list[CorpusTune]) -> None:
    item = SingleStageDataset([tunes[0].tokens])[0]
    assert item["input_ids"].tolist() == list(tunes[0].tokens)
    learnt = {TOKENS[token][0] for token in item["labels"].tolist() if token != IGNORED}
    assert {"Chord", "structure", "RelPos", "Note-On", "Duration"} <= learnt


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (BarChordDataset, {"from_melody": 1.5}),
        (FullDetailDataset, {"infilling": -0.1}),
        (FullDetailDataset, {"voice_orders": 2.0}),
        (SingleStageDataset, {"omit_globals": 7.0}),
    ],
)
def test_a_probability_is_one(kind: type[StageDataset], settings: dict[str, float], tunes: list[CorpusTune]) -> None:
    with pytest.raises(RequestError, match="it is a probability, from 0 to 1"):
        kind([tunes[0].tokens], **settings)


def test_the_planner_learns_its_globals_and_the_detail_stage_only_notes(tunes: list[CorpusTune]) -> None:
    plan = BarChordDataset([tunes[0].tokens])[0]
    assert plan["labels"][0] == IGNORED
    assert torch.equal(plan["labels"][1:6], plan["input_ids"][1:6])
    detail = FullDetailDataset([tunes[0].tokens])[0]
    learnt = {TOKENS[token][0] for token in detail["labels"].tolist() if token != IGNORED}
    assert {"RelPos", "Note-On", "Duration"} <= learnt
    assert not learnt & {"Chord", "Style", "time", "key", "Bars"}


def test_globals_are_left_out_alike_in_plan_and_detail_and_anew_each_epoch(tunes: list[CorpusTune]) -> None:
    tokens = [tune.tokens for tune in tunes[:12]]
    plans, details = (kind(tokens, omit_globals=0.5, seed=3) for kind in (BarChordDataset, FullDetailDataset))
    seen = []
    for epoch in range(2):
        plans.set_epoch(epoch)
        details.set_epoch(epoch)
        for index in range(len(tokens)):
            plan, detail = plans[index]["input_ids"].tolist(), details[index]["input_ids"].tolist()
            assert plan[:-1] == detail[: detail.index(DETAIL)]
            check_grammar(plan, "plan")
            check_grammar(detail, "detail")
        seen.append([len(plans[index]["input_ids"]) for index in range(len(tokens))])
    assert seen[0] != seen[1]
    assert max(map(max, seen)) <= max(plans.lengths)


def test_style_tonic_tempo_and_bars_are_each_left_out_at_times_and_nothing_else_is() -> None:
    tune = tune_of(replace(kesh_jig(), tempo=100.0)).tokens
    plans, left_out = BarChordDataset([tune], omit_globals=0.5), []
    for epoch in range(80):
        plans.set_epoch(epoch)
        shown = names_of(plans[0]["input_ids"].tolist())
        whole = extract_chord_sequence(names_of(tune))
        left_out.append(tuple(name.split("=")[0] for name in whole if name not in shown))
    assert len(set(left_out)) == 16
    assert {name for names in left_out for name in names} == {"<Style", "<Tonic", "<Tempo", "<Bars"}


def test_packed_rows_hold_every_piece_whole(tunes: list[CorpusTune]) -> None:
    dataset = FullDetailDataset(tune.tokens for tune in tunes)
    rows = PackedRows(dataset, 2048)
    assert sorted(chain(*rows.rows)) == list(range(len(dataset)))
    for index, pieces in enumerate(rows.rows):
        row = rows[index]
        assert len(row["input_ids"]) <= 2048
        assert int((row["position_ids"] == 0).sum()) == len(pieces)
        assert int((row["input_ids"] == EOS).sum()) == len(pieces)


def test_packing_wastes_little() -> None:
    draw = random.Random(0)
    lengths = [draw.randint(100, 900) for _ in range(5000)]
    assert 1 - sum(lengths) / (2048 * len(pack(lengths, 2048))) < 0.005


def test_every_piece_is_packed_once_and_no_row_overflows() -> None:
    draw = random.Random(1)
    lengths = [draw.choice((100, 512, 700, 1500, 2048)) for _ in range(300)]
    rows = pack(lengths, 2048)
    assert sorted(chain(*rows)) == list(range(300))
    assert max(sum(lengths[index] for index in row) for row in rows) <= 2048
    assert pack([5, 4, 3, 3, 3], 9) == [[0, 1], [2, 3, 4]]


def test_a_piece_longer_than_a_row_is_refused(tunes: list[CorpusTune]) -> None:
    with pytest.raises(RequestError, match="does not fit rows of 64; cut it with crop_to_length"):
        PackedRows(FullDetailDataset([tunes[0].tokens]), 64)


def test_nothing_to_pack_is_refused() -> None:
    with pytest.raises(CorpusError, match="there is no piece to pack"):
        PackedRows(BarChordDataset([]), 2048)


def test_batches_are_padded_on_the_right(tunes: list[CorpusTune]) -> None:
    dataset = BarChordDataset(tune.tokens for tune in tunes[:4])
    batch = collate([dataset[index] for index in range(4)])
    assert batch["attention_mask"].sum(1).tolist() == dataset.lengths
    assert batch["input_ids"][batch["attention_mask"] == 0].unique().tolist() in ([0], [])
    assert batch["labels"][batch["attention_mask"] == 0].unique().tolist() in ([IGNORED], [])
    packed = PackedRows(dataset, 4 * max(dataset.lengths))
    padded = collate([packed[0], {name: tensor[:10] for name, tensor in packed[0].items()}])
    assert padded["position_ids"][1, 10] == 0
