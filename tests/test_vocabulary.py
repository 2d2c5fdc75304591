"""The vocabulary's names and ids, which every checkpoint relies on."""

import pytest

from remi_two_stage.core.errors import RequestError
from remi_two_stage.core.vocabulary import FAMILIES, IDS, STYLE_SLOTS, TOKEN_IDS, describe, token_id, token_names

DESIGNED = """<PAD> <UNK> <BOS> <EOS> <Detail> <Context> <After> <time=6/8> <time=4/4> <key=Cmaj> <key=F#min>
<Tempo=120> <Bars=1> <Bars=64> <PhraseStart> <RepeatStart> <RepeatEnd> <Ending=1> <Ending=9> <EndingEnd> <BarStart>
<PickUp=24> <BarLen=72> <Chord_I> <Chord_ii> <Chord_V7> <Chord_viio7> <Chord_bVII> <Chord_N> <Chord_unk> <voice=S>
<voice=A> <voice=T> <voice=B> <RelPos=36> <Note-On=67> <Duration=12> <Velocity=80> <Dynamics=mf> <Style=jig>
<Style=unk>""".split()


def test_names_are_those_of_the_token_grammar() -> None:
    assert set(DESIGNED) <= TOKEN_IDS.keys()


def test_ids_are_unique_and_every_family_is_one_block() -> None:
    names = token_names()
    assert len(set(names)) == len(names)
    assert [TOKEN_IDS[name] for name in names] == list(range(len(names)))
    ends = [ids.stop for ids in IDS.values()]
    assert [ids.start for ids in IDS.values()] == [0, *ends[:-1]]
    assert ends[-1] == len(names)


def test_styles_are_the_last_block_with_free_slots() -> None:
    assert list(IDS)[-1] == "Style"
    assert len(IDS["Style"]) == STYLE_SLOTS
    assert sum(style.startswith("free") for style in FAMILIES["Style"]) >= 30


def test_ids_do_not_move() -> None:
    """Saved checkpoints break when these change; a new vocabulary needs a new checkpoint in the same commit."""
    landmarks = (
        "<PAD>", "<time=4/4>", "<key=Cmaj>", "<Tonic=C>", "<BarStart>", "<Chord_I>", "<Bass=1>", "<voice=M>",
        "<RelPos=0>", "<Note-On=60>",
    )  # fmt: skip
    assert [TOKEN_IDS[name] for name in landmarks] == [0, 20, 108, 206, 314, 1091, 1369, 1380, 1405, 1945]
    assert (TOKEN_IDS["<Style=jig>"], len(token_names())) == (2132, 2196)


def test_an_unknown_value_is_refused_with_what_there_is() -> None:
    with pytest.raises(RequestError, match=r"there is no voice 'X'; there are M, S, A, T, B"):
        token_id("voice", "X")
    with pytest.raises(RequestError, match=r"there is no time '25/4'; there are none, 1/1, 2/1 \.\.\. 24/32"):
        token_id("time", "25/4")


def test_the_vocabulary_prints_every_family() -> None:
    lines = describe().splitlines()
    assert len(lines) == 1 + len(FAMILIES)
    assert "<RelPos=0> <RelPos=1> ... <RelPos=479>" in describe()
