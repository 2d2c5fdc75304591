"""Bar and musical time of every token: what the ids say, on every path by which tokens reach a model."""

import copy

import pytest
import torch
from transformers import DynamicCache, StaticCache
from tunes import kesh_jig

from remi_two_stage import read_abc
from remi_two_stage.core.architecture import default_bar_tokens
from remi_two_stage.core.attention_coordinates import BarCursor
from remi_two_stage.core.attention_coordinates_remi import BarReader
from remi_two_stage.core.codec import decode_ids, encode_ids, ids_of, names_of
from remi_two_stage.core.configuration_remi import BarPlannerConfig
from remi_two_stage.core.grammar import CHORD
from remi_two_stage.core.grammar_structure import BAR_START
from remi_two_stage.core.sequences import detail_sequence, infilling_sequence, melody_sequence, plan_sequence
from remi_two_stage.core.vocabulary import DETAIL, IDS, TOKENS

# Pick-up, repeats split in the middle of a bar, endings, a change of metre and of key, rests, two voices.
EVENTFUL = """X:1
T:Eventful
M:3/4
L:1/8
K:G
V:1
D2 | "G"G2 B2 d2 | "C"e2 "D"d2 c2 | "G"B4 z2 |1 "G"G4 :|2 "G"G6 ||
[M:6/8] |: [K:D] "D"def fed | "A"ecA "D"d3 :|
V:2
z2 | G,6 | C,3 D,3 | G,6 |1 G,4 :|2 G,6 ||
[M:6/8] |: [K:D] D,6 | A,3 D3 :|
"""
HEADER = ("<PhraseStart>", "<RepeatStart>", "<Ending=", "<time=", "<key=", "<BarStart>")
Coordinates = list[tuple[int, int]]


def tunes() -> list[list[int]]:
    return [encode_ids(kesh_jig()), *(encode_ids(piece) for piece in read_abc(EVENTFUL))]


def by_walking(tokens: list[int]) -> Coordinates:
    """Bar and time of each token of any kind, from the bars of the decoded piece and one look at each token."""
    bars = decode_ids(tokens).bars
    starts = [0]
    for bar in bars:
        starts.append(starts[-1] + bar.length)
    found: Coordinates = []
    number = position = 0
    was_header = are_globals = True
    for name in names_of(tokens):
        is_header = name.startswith(HEADER)
        if name == "<Detail>":
            number = position = 0
        elif are_globals and not name.startswith(("<time=", "<key=")):
            are_globals = not is_header
        if not are_globals:
            if is_header and not was_header:
                number, position = number + 1, 0
            elif name.startswith("<voice="):
                position = 0
            elif name.startswith("<RelPos="):
                position = int(name[8:-1]) - bars[number - 1].offset
            elif name in ("<RepeatEnd>", "<EndingEnd>"):
                position = bars[number - 1].length
            was_header = is_header and name != "<BarStart>"
        else:
            was_header = False
        found.append((number, starts[max(number - 1, 0)] + position))
    return found


def row(tokens: list[int]) -> torch.Tensor:
    return torch.tensor([tokens])


@pytest.fixture(scope="module")
def reader() -> BarReader:
    return BarReader(default_bar_tokens())


def read(reader: BarReader, ids: torch.Tensor, **kwargs: torch.Tensor | None) -> list[Coordinates]:
    arguments = dict.fromkeys(("attention_mask", "position_ids", "past_key_values")) | kwargs
    new = reader(ids, **arguments, layer_idx=0).new
    return [list(zip(*rows, strict=True)) for rows in zip(new["bar"].tolist(), new["time"].tolist(), strict=True)]


def by_cursor(ids: torch.Tensor) -> Coordinates:
    cursor = BarCursor(default_bar_tokens())
    return [cursor.read(token) for token in ids[0].tolist()]


def infilling(tokens: list[int]) -> list[int]:
    return infilling_sequence(tokens, 2)


@pytest.mark.parametrize("kind", [list, plan_sequence, detail_sequence, infilling, melody_sequence])
def test_coordinates_are_those_of_the_piece(reader: BarReader, kind: type) -> None:
    for tune in tunes():
        tokens = kind(tune)
        assert read(reader, row(tokens)) == [by_walking(tokens)]
        assert by_cursor(row(tokens)) == by_walking(tokens)


def test_coordinates_hold_for_a_whole_tune_book(reader: BarReader, tune_books: dict[str, list]) -> None:
    checked = 0
    for file in tune_books["ryansMammoth"][:40]:
        for piece in read_abc(file, errors="collect"):
            tokens = detail_sequence(encode_ids(piece))
            assert read(reader, row(tokens)) == [by_walking(tokens)]
            assert by_cursor(row(tokens)) == by_walking(tokens)
            checked += 1
    assert checked >= 30


def test_one_by_one_any_tokens_are_read_as_all_at_once(reader: BarReader) -> None:
    structure = torch.tensor([token for name in ("structure", "Ending", "voice") for token in IDS[name]] + [DETAIL])
    anything = torch.randint(len(TOKENS), (1, 3000))
    ids = torch.where(torch.rand(1, 3000) < 0.5, structure[torch.randint(len(structure), (1, 3000))], anything)
    assert by_cursor(ids) == read(reader, ids)[0]


def test_a_note_has_the_coordinates_of_its_bar_and_beat_in_the_plan(reader: BarReader) -> None:
    tokens = detail_sequence(tunes()[1])
    coordinates = read(reader, row(tokens))[0]
    split = tokens.index(DETAIL)
    by_bar: list[dict[int, set[tuple[int, int]]]] = [{}, {}]
    for index, (token, where) in enumerate(zip(tokens, coordinates, strict=True)):
        if token in CHORD:
            by_bar[index > split].setdefault(token, set()).add(where)
    assert by_bar[0] == by_bar[1]
    assert max(bar for bar, _ in coordinates) == tokens[:split].count(BAR_START)


def test_given_bars_have_the_coordinates_of_the_bars_that_they_are(reader: BarReader) -> None:
    """Bars after `<After>` count on from the plan in front of them, those after `<Context>` from the first."""
    tokens = tunes()[1]

    def bar_starts(kind: list[int]) -> list[tuple[int, int]]:
        return [where for token, where in zip(kind, read(reader, row(kind))[0], strict=True) if token == BAR_START]

    whole = bar_starts(tokens)
    assert bar_starts(infilling_sequence(tokens, 3)) == [*whole, *whole[:3]]
    assert bar_starts(melody_sequence(tokens)) == [*whole, *whole]


def test_left_padding_and_masked_tokens_change_nothing(reader: BarReader) -> None:
    tokens = detail_sequence(tunes()[1])
    ids = row(tokens)
    noise = row(ids_of(["<time=2/4>", "<voice=S>", "<BarStart>", "<BarLen=30>"]))
    mask = torch.cat([torch.zeros_like(noise), torch.ones_like(ids)], dim=1)
    expected = by_walking(tokens)
    assert read(reader, torch.cat([noise, ids], dim=1), attention_mask=mask)[0][4:] == expected
    assert read(reader, torch.cat([torch.zeros(1, 7, dtype=torch.long), ids], dim=1))[0][7:] == expected


def test_packed_sequences_are_read_as_separate_ones(reader: BarReader) -> None:
    whole = row(detail_sequence(tunes()[1]))[0]
    parts = [whole, whole[30:41], whole[15:16], whole]
    position_ids = torch.cat([torch.arange(len(part)) for part in parts])[None]
    packed = read(reader, torch.cat(parts)[None], position_ids=position_ids)[0]
    assert packed == [where for part in parts for where in read(reader, part[None])[0]]


def static_cache(length: int) -> StaticCache:
    return StaticCache(config=BarPlannerConfig(num_hidden_layers=1), max_cache_len=length)


@pytest.mark.parametrize("kind", ["dynamic", "static"])
def test_with_a_cache_tokens_are_read_one_by_one(reader: BarReader, kind: str) -> None:
    tokens = detail_sequence(tunes()[1])
    ids = row(tokens).repeat(2, 1)
    cache = DynamicCache() if kind == "dynamic" else static_cache(len(tokens))
    pieces = [read(reader, part, past_key_values=cache)[0] for part in ids.split([9, *[1] * (len(tokens) - 9)], dim=1)]
    assert [where for piece in pieces for where in piece] == by_walking(tokens)


def test_what_reorders_or_crops_the_cache_does_so_to_what_is_remembered(reader: BarReader) -> None:
    first, second = (row(detail_sequence(tune))[:, :90] for tune in tunes()[:2])
    cache = DynamicCache()
    read(reader, torch.cat([first[:, :70], second[:, :70]]), past_key_values=cache)
    cropped = copy.deepcopy(cache)
    cache.reorder_cache(torch.tensor([1, 0]))
    swapped = read(reader, torch.cat([second[:, 70:], first[:, 70:]]), past_key_values=cache)
    assert swapped == [read(reader, ids)[0][70:] for ids in (second, first)]
    cropped.crop(-20)
    again = read(reader, torch.cat([first[:, 50:], second[:, 50:]]), past_key_values=cropped)
    assert again == [read(reader, ids)[0][50:] for ids in (first, second)]
    cropped.batch_select_indices(torch.tensor([1]))
    assert cropped.layers[0].keys[:, 0, :, 0].tolist() == [[bar for bar, _ in read(reader, second)[0]]]
