"""From tune books to what the two stages learn from: reading, splitting, cutting, labels, packing."""

import gzip
import random
from dataclasses import replace
from itertools import chain, pairwise
from pathlib import Path

import pytest
import torch

from remi_two_stage.core.codec import decode, encode
from remi_two_stage.core.errors import CorpusError, RequestError
from remi_two_stage.core.grammar import Grammar, check_grammar, form_of
from remi_two_stage.core.piece import Chord, Key, Piece
from remi_two_stage.core.vocabulary import CONTEXT, DETAIL, EOS, IDS, TOKEN_IDS, TOKENS, token_names
from remi_two_stage.data.corpus import Corpus, load_corpus
from remi_two_stage.data.crop import crop, crop_to_length
from remi_two_stage.data.datasets import (
    IGNORED,
    BarChordDataset,
    FullDetailDataset,
    PackedRows,
    SingleStageDataset,
    StageDataset,
    collate,
    pack,
)
from remi_two_stage.data.splits import Splits, group_melodies, melody, split_by_melody
from remi_two_stage.data.tunes import CorpusFile, CorpusTune, read_file
from remi_two_stage.scores.harmony import label_chords
from remi_two_stage.scores.read_abc import read_abc

REELS = 40


@pytest.fixture(scope="module")
def reels(tune_books: dict[str, list[Path]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of reels and jigs out of Ryan's collection."""
    folder = tmp_path_factory.mktemp("ryan")
    for path in tune_books["ryansMammoth"][: 3 * REELS : 3]:
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


@pytest.fixture(scope="module")
def corpus(reels: Path) -> Corpus:
    return load_corpus(reels, processes=1, progress=False)


@pytest.fixture(scope="module")
def chorale(music21_corpus: Path) -> CorpusTune:
    path = music21_corpus / "bach" / "bwv66.6.mxl"
    return read_file(CorpusFile(path, "bach/bwv66.6.mxl", "chorale", four_parts_only=True)).tunes[0]


@pytest.fixture(scope="module")
def longest_airs(tune_books: dict[str, list[Path]]) -> list[Piece]:
    """The tunes with most bars in Aird's first book."""
    pieces = read_abc(tune_books["airdsAirs"][0])
    return sorted(pieces, key=lambda piece: len(piece.bars))[-20:]


def names_of(token_ids: tuple[int, ...] | list[int]) -> list[str]:
    return [token_names()[token] for token in token_ids]


def tune_of(piece: Piece, source: str = "test#1") -> CorpusTune:
    return CorpusTune.from_piece(piece, source)


def test_a_folder_gives_every_tune_labelled_and_in_c(corpus: Corpus, reels: Path) -> None:
    assert len(corpus.tunes) == REELS
    assert [tune.source for tune in corpus.tunes] == [f"{path.name}#1" for path in sorted(reels.glob("*.abc"))]
    for tune in corpus.tunes:
        piece = decode(names_of(tune.tokens))
        assert piece.key.tonic == "C"
        assert all(bar.chords for bar in piece.bars)
        assert piece.bar_count == tune.bars


def test_a_compressed_file_reads_as_the_plain_one(reels: Path, tmp_path: Path) -> None:
    plain = min(reels.glob("*.abc"))
    packed = tmp_path / f"{plain.name}.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert load_corpus(packed).tunes[0].tokens == load_corpus(plain).tunes[0].tokens


def test_bad_tunes_are_counted_by_reason_and_do_not_stop_the_others(reels: Path, tmp_path: Path) -> None:
    good = min(reels.glob("*.abc"))
    (tmp_path / "good.abc").write_bytes(good.read_bytes())
    (tmp_path / "no-music.abc").write_text("X:1\nT:Nothing\nK:C\n")
    (tmp_path / "prose.abc").write_text("Dear diary,\n")
    corpus = load_corpus(tmp_path, processes=1)
    assert len(corpus.tunes) == 1
    assert corpus.counts()["rejected"] == 2
    assert "the tune has no music" in corpus.report()


def test_four_part_pieces_of_a_folder_are_hymns(tmp_path: Path) -> None:
    voices = "".join(f"V:{name}\n{note}4|{note}4|]\n" for name, note in zip("SATB", ("c", "G", "E", "C,"), strict=True))
    (tmp_path / "hymn.abc").write_text(f"X:1\nM:4/4\nL:1/4\nK:C\n{voices}")
    assert load_corpus(tmp_path).tunes[0].style == "hymn"


def test_chorales_are_four_parts_and_others_rejected(music21_corpus: Path) -> None:
    folder = music21_corpus / "bach"
    chorale = read_file(CorpusFile(folder / "bwv66.6.mxl", "bach/bwv66.6.mxl", "chorale", four_parts_only=True))
    more_parts = read_file(CorpusFile(folder / "bwv95.7.mxl", "bach/bwv95.7.mxl", "chorale", four_parts_only=True))
    assert [tune.style for tune in chorale.tunes] == ["chorale"]
    assert decode(names_of(chorale.tunes[0].tokens)).voices == ("S", "A", "T", "B")
    assert not more_parts.tunes
    assert more_parts.rejected == {"not in four parts": 1}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: folder / "missing", r"there is no corpus .*missing"),
        (lambda folder: folder, "has no .abc"),
    ],
)
def test_a_missing_or_empty_corpus_says_so(make, message: str, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=message):
        load_corpus(make(tmp_path))


def test_a_corpus_without_a_usable_tune_says_why(tmp_path: Path) -> None:
    (tmp_path / "binary.abc").write_bytes(bytes(range(256)))
    with pytest.raises(CorpusError, match=r"no tune of .* can be used: "):
        load_corpus(tmp_path)


def test_processes_change_nothing(reels: Path, corpus: Corpus) -> None:
    assert load_corpus(reels, processes=2, progress=False).tunes == corpus.tunes


def test_transposed_and_reordered_tunes_fall_into_the_same_split(corpus: Corpus, reels: Path) -> None:
    pieces = [label_chords(read_abc(path)[0]) for path in sorted(reels.glob("*.abc"))]
    copies = [tune_of(piece.transpose(3), f"{index}-up") for index, piece in enumerate(pieces)]
    originals = [tune_of(piece, f"{index}") for index, piece in enumerate(pieces)]
    tunes = [*originals, *copies]
    random.Random(1).shuffle(tunes)
    home = {tune.source: part for part, name in _parts(split_by_melody(tunes)) for tune in name}
    assert all(home[f"{index}"] == home[f"{index}-up"] for index in range(len(pieces)))
    in_order = {tune.source: part for part, name in _parts(split_by_melody([*originals, *copies])) for tune in name}
    assert home == in_order


def _parts(splits: Splits) -> list[tuple[str, tuple[CorpusTune, ...]]]:
    return [("train", splits.train), ("valid", splits.valid), ("test", splits.test)]


def test_splits_hold_every_tune_once_and_none_is_empty(corpus: Corpus) -> None:
    splits = split_by_melody(corpus.tunes)
    sources = [tune.source for _, part in _parts(splits) for tune in part]
    assert sorted(sources) == sorted(tune.source for tune in corpus.tunes)
    assert all(part for _, part in _parts(splits))
    assert len(splits.train) > len(splits.valid) + len(splits.test)


def test_the_fingerprint_is_of_the_music_in_the_splits(corpus: Corpus) -> None:
    splits = split_by_melody(corpus.tunes)
    assert split_by_melody(corpus.tunes[::-1]).fingerprint() == splits.fingerprint()
    assert replace(splits, train=splits.train[1:]).fingerprint() != splits.fingerprint()


def test_too_few_melodies_cannot_be_split(corpus: Corpus) -> None:
    with pytest.raises(CorpusError, match="1 different melodies; at least 3"):
        split_by_melody([corpus.tunes[0]] * 5)


def test_different_tunes_are_different_melodies(corpus: Corpus) -> None:
    groups = group_melodies([melody(tune.tokens) for tune in corpus.tunes])
    assert len(groups) > 0.9 * REELS


def test_the_melody_is_the_first_voice_alone(music21_corpus: Path) -> None:
    tune = read_file(CorpusFile(music21_corpus / "bach" / "bwv66.6.mxl", "bwv66.6")).tunes[0]
    piece = decode(names_of(tune.tokens))
    soprano = [note.pitch for bar in piece.bars for note in bar.notes[0]]
    assert [interval - 128 for interval in melody(tune.tokens)] == [b - a for a, b in pairwise(soprano)]


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


def test_a_tune_that_fits_stays_as_it_is(corpus: Corpus) -> None:
    tokens = corpus.tunes[0].tokens
    assert crop_to_length(tokens, "plan", 4096) == [list(tokens)]


@pytest.mark.parametrize("kind", [BarChordDataset, FullDetailDataset])
def test_labels_are_exactly_the_sampled_tokens(kind: type[StageDataset], corpus: Corpus) -> None:
    dataset = kind(tune.tokens for tune in corpus.tunes[:10])
    for item in map(dataset.__getitem__, range(len(dataset))):
        ids, labels = item["input_ids"].tolist(), item["labels"].tolist()
        check_grammar(ids, dataset.form)
        given = ids.index(DETAIL) if dataset.form == "detail" else 0
        grammar = Grammar(dataset.form)
        for index, (token, label) in enumerate(zip(ids, labels, strict=True)):
            is_sampled = grammar.forced() is None and index > given
            assert label == (token if is_sampled else IGNORED)
            grammar.advance(token)


def test_the_planner_is_also_shown_tunes_with_a_voice_given(chorale: CorpusTune, corpus: Corpus) -> None:
    tunes = [chorale.tokens, *(tune.tokens for tune in corpus.tunes)]
    some = BarChordDataset(tunes, from_melody=0.3)
    assert len(tunes) < len(some) < 1.6 * len(tunes)
    dataset = BarChordDataset(tunes, from_melody=1.0)
    assert len(dataset) == 2 * len(tunes)
    given = set()
    for epoch in range(8):
        dataset.set_epoch(epoch)
        item = dataset[len(tunes)]
        ids, labels = item["input_ids"].tolist(), item["labels"].tolist()
        check_grammar(ids, "melody")
        learnt = {TOKENS[token][0] for token in labels if token != IGNORED}
        assert "Chord" in learnt
        assert not learnt & {"Note-On", "Duration", "voice", "BarLen", "PickUp"}
        assert labels[: ids.index(DETAIL) + 1] == [IGNORED] * (ids.index(DETAIL) + 1)
        assert len(ids) <= dataset.lengths[len(tunes)]
        given |= set(ids[ids.index(CONTEXT) : ids.index(DETAIL)]) & set(IDS["voice"])
    assert len(given) > 1


def test_the_detail_stage_is_also_shown_later_bars_first_and_other_voices_first(chorale: CorpusTune) -> None:
    dataset = FullDetailDataset([chorale.tokens], infilling=0.5, voice_orders=0.5)
    piece = decode(names_of(chorale.tokens))
    forms, orders = set(), set()
    for epoch in range(16):
        dataset.set_epoch(epoch)
        item = dataset[0]
        ids = item["input_ids"].tolist()
        shown = decode(names_of(ids))
        assert sorted(shown.note_list()) == sorted(piece.note_list())
        assert len(ids) <= dataset.lengths[0]
        forms.add(form_of(ids))
        orders.add(shown.voices[0])
        labels = item["labels"].tolist()
        assert labels[: ids.index(DETAIL) + 1] == [IGNORED] * (ids.index(DETAIL) + 1)
    assert forms == {"detail", "infilling"}
    assert len(orders) > 2


def test_a_single_stage_learns_headers_and_notes(corpus: Corpus) -> None:
    item = SingleStageDataset([corpus.tunes[0].tokens])[0]
    assert item["input_ids"].tolist() == list(corpus.tunes[0].tokens)
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
def test_a_probability_is_one(kind: type[StageDataset], settings: dict[str, float], corpus: Corpus) -> None:
    with pytest.raises(RequestError, match="it is a probability, from 0 to 1"):
        kind([corpus.tunes[0].tokens], **settings)


def test_the_planner_learns_its_globals_and_the_detail_stage_only_notes(corpus: Corpus) -> None:
    plan = BarChordDataset([corpus.tunes[0].tokens])[0]
    assert plan["labels"][0] == IGNORED
    assert torch.equal(plan["labels"][1:6], plan["input_ids"][1:6])
    detail = FullDetailDataset([corpus.tunes[0].tokens])[0]
    learnt = {TOKENS[token][0] for token in detail["labels"].tolist() if token != IGNORED}
    assert {"RelPos", "Note-On", "Duration"} <= learnt
    assert not learnt & {"Chord", "Style", "time", "key", "Bars"}


def test_globals_are_left_out_alike_in_plan_and_detail_and_anew_each_epoch(corpus: Corpus) -> None:
    tunes = [tune.tokens for tune in corpus.tunes[:12]]
    plans, details = (kind(tunes, omit_globals=0.5, seed=3) for kind in (BarChordDataset, FullDetailDataset))
    seen = []
    for epoch in range(2):
        plans.set_epoch(epoch)
        details.set_epoch(epoch)
        for index in range(len(tunes)):
            plan, detail = plans[index]["input_ids"].tolist(), details[index]["input_ids"].tolist()
            assert plan[:-1] == detail[: detail.index(DETAIL)]
            check_grammar(plan, "plan")
            check_grammar(detail, "detail")
        seen.append([len(plans[index]["input_ids"]) for index in range(len(tunes))])
    assert seen[0] != seen[1]
    assert max(map(max, seen)) <= max(plans.lengths)


def test_packed_rows_hold_every_piece_whole(corpus: Corpus) -> None:
    dataset = FullDetailDataset(tune.tokens for tune in corpus.tunes)
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
    assert 1 - sum(lengths) / (2048 * len(pack(lengths, 2048))) < 0.02


def test_a_piece_longer_than_a_row_is_refused(corpus: Corpus) -> None:
    with pytest.raises(RequestError, match="does not fit rows of 64; cut it with crop_to_length"):
        PackedRows(FullDetailDataset([corpus.tunes[0].tokens]), 64)


def test_nothing_to_pack_is_refused() -> None:
    with pytest.raises(CorpusError, match="there is no piece to pack"):
        PackedRows(BarChordDataset([]), 2048)


def test_batches_are_padded_on_the_right(corpus: Corpus) -> None:
    dataset = BarChordDataset(tune.tokens for tune in corpus.tunes[:4])
    batch = collate([dataset[index] for index in range(4)])
    assert batch["attention_mask"].sum(1).tolist() == dataset.lengths
    assert batch["input_ids"][batch["attention_mask"] == 0].unique().tolist() in ([0], [])
    assert batch["labels"][batch["attention_mask"] == 0].unique().tolist() in ([IGNORED], [])
    packed = PackedRows(dataset, 4 * max(dataset.lengths))
    padded = collate([packed[0], {name: tensor[:10] for name, tensor in packed[0].items()}])
    assert padded["position_ids"][1, 10] == 0
