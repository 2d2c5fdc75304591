"""The tokenizer: text, token lists, pieces and scores to ids and back, saved and loaded."""

import sys
from pathlib import Path

import music21
import pytest
from transformers import AutoTokenizer, PreTrainedTokenizerFast
from tunes import kesh_jig

from remi_two_stage.core.abc_writer import write_abc
from remi_two_stage.core.codec import decode, encode
from remi_two_stage.core.errors import AbcSyntaxError, GrammarError, RequestError, ScoreFormatError
from remi_two_stage.core.modeling_remi import BarPlannerConfig
from remi_two_stage.core.tokenization_remi import REMIABCTokenizer, register_auto_classes
from remi_two_stage.core.vocabulary import TOKEN_IDS, token_names
from remi_two_stage.stage_data.datasets import BarChordDataset, FullDetailDataset

KESH = encode(kesh_jig())


@pytest.fixture(scope="module")
def tokenizer() -> REMIABCTokenizer:
    register_auto_classes()
    return REMIABCTokenizer()


def test_ids_are_those_of_the_vocabulary(tokenizer: REMIABCTokenizer) -> None:
    assert tokenizer.get_vocab() == TOKEN_IDS
    assert len(tokenizer) == len(token_names()) == BarPlannerConfig().vocab_size
    assert tokenizer.convert_ids_to_tokens(range(len(tokenizer))) == list(token_names())


def test_special_tokens_agree_with_the_model_configs(tokenizer: REMIABCTokenizer) -> None:
    config = BarPlannerConfig()
    assert (tokenizer.pad_token_id, tokenizer.unk_token_id) == (config.pad_token_id, 1)
    assert (tokenizer.bos_token_id, tokenizer.eos_token_id) == (config.bos_token_id, config.eos_token_id)


@pytest.mark.parametrize("separator", ["", " ", "\n", "  "])
def test_text_reads_with_and_without_spaces(tokenizer: REMIABCTokenizer, separator: str) -> None:
    assert tokenizer.tokenize(separator.join(KESH)) == KESH
    assert tokenizer.encode(separator.join(KESH)) == [TOKEN_IDS[name] for name in KESH]


def test_every_token_survives_encoding_and_decoding(tokenizer: REMIABCTokenizer) -> None:
    ids = list(range(len(tokenizer)))
    assert tokenizer.encode(tokenizer.decode(ids)) == ids


def test_nothing_is_added_to_what_is_encoded(tokenizer: REMIABCTokenizer) -> None:
    assert tokenizer.encode("<BarStart><Chord_I>") == [TOKEN_IDS["<BarStart>"], TOKEN_IDS["<Chord_I>"]]
    assert tokenizer.encode("") == []


def test_what_is_no_token_becomes_unknown(tokenizer: REMIABCTokenizer) -> None:
    text = "<BOS><time=6/8>jig <Duration=9999> <EOS>"
    assert tokenizer.tokenize(text) == ["<BOS>", "<time=6/8>", "<UNK>", "<UNK>", "<EOS>"]


def test_a_token_list_encodes_as_its_text_does(tokenizer: REMIABCTokenizer) -> None:
    assert tokenizer.encode(KESH) == tokenizer.encode(tuple(KESH)) == tokenizer.encode("".join(KESH))
    assert tokenizer.encode(KESH, return_tensors="pt").tolist() == [[TOKEN_IDS[name] for name in KESH]]


def test_a_piece_becomes_its_whole_sequence_and_comes_back(tokenizer: REMIABCTokenizer) -> None:
    piece = kesh_jig()
    assert tokenizer.tokenize(piece) == KESH
    assert decode(tokenizer.decode(tokenizer.encode(piece)).split()).note_list() == piece.in_c().note_list()


def test_bars_without_chords_get_some(tokenizer: REMIABCTokenizer) -> None:
    tokens = tokenizer.tokenize(kesh_jig(with_chords=False))
    assert "<Chord_unk>" not in tokens
    assert "<Chord_I>" in tokens


KESH_ABC = write_abc(kesh_jig())


def test_music_is_called_as_text_is(tokenizer: REMIABCTokenizer) -> None:
    expected = [TOKEN_IDS[name] for name in KESH]
    for music in (kesh_jig(), KESH_ABC, "".join(KESH)):
        assert tokenizer(music)["input_ids"] == expected
        assert tokenizer.encode(music) == expected
        assert tokenizer(music, return_tensors="pt").input_ids.tolist() == [expected]
    assert tokenizer.tokenize(KESH_ABC) == KESH


def test_lists_of_music_are_padded_batches(tokenizer: REMIABCTokenizer) -> None:
    chorale = music21.corpus.parse("bach/bwv66.6")
    ids = [tokenizer.encode(music) for music in (kesh_jig(), chorale, "<BOS>")]
    batch = tokenizer([KESH_ABC, chorale, "<BOS>"], padding=True, padding_side="left", return_tensors="pt")
    longest = max(map(len, ids))
    assert batch.input_ids.tolist() == [[tokenizer.pad_token_id] * (longest - len(row)) + row for row in ids]
    assert batch.attention_mask.sum(1).tolist() == [len(row) for row in ids]
    assert tokenizer([kesh_jig(), KESH_ABC], truncation=True, max_length=9)["input_ids"] == [ids[0][:9]] * 2
    assert tokenizer(["<BOS>"], text_target=[kesh_jig()])["labels"] == [ids[0]]


def test_abc_is_one_tune_that_can_be_read(tokenizer: REMIABCTokenizer) -> None:
    with pytest.raises(RequestError, match="the text holds 2 tunes in ABC; give a list with a text for each tune"):
        tokenizer(f"{KESH_ABC}\n{KESH_ABC}")
    with pytest.raises(AbcSyntaxError, match="K:"):
        tokenizer("X:1\nM:6/8\nL:1/8\nK:H\nGAG|\n")


def test_without_the_package_music_is_refused_and_not_unknown(
    tokenizer: REMIABCTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "remi_two_stage.scores.abc_reader", None)
    message = "ABC needs the module 'remi_two_stage'; pip install 'remi-two-stage'"
    for read in (tokenizer, tokenizer.encode, tokenizer.tokenize):
        with pytest.raises(ScoreFormatError, match=message):
            read(KESH_ABC)
    assert tokenizer(kesh_jig())["input_ids"] == [TOKEN_IDS[name] for name in KESH]


def test_other_things_are_refused_by_name(tokenizer: REMIABCTokenizer) -> None:
    with pytest.raises(RequestError, match="cannot tokenize a int; give token text, ABC, a Piece or a music21 Score"):
        tokenizer.tokenize(7)


def test_special_tokens_can_be_left_out_of_the_text(tokenizer: REMIABCTokenizer) -> None:
    assert tokenizer.decode(tokenizer.encode(KESH), skip_special_tokens=True).split() == KESH[1:-1]


def test_offsets_point_into_the_text(tokenizer: REMIABCTokenizer) -> None:
    text = "<BOS> <time=6/8><key=Cmaj>"
    offsets = tokenizer(text, return_offsets_mapping=True)["offset_mapping"]
    assert [text[start:end] for start, end in offsets] == ["<BOS>", "<time=6/8>", "<key=Cmaj>"]


def test_padding_is_on_the_right_and_on_the_left_when_asked(tokenizer: REMIABCTokenizer) -> None:
    texts = ["<BOS><BarStart><EOS>", "<BOS>"]
    bos, pad = tokenizer.bos_token_id, tokenizer.pad_token_id
    assert tokenizer(texts, padding=True)["input_ids"][1] == [bos, pad, pad]
    left = tokenizer(texts, padding=True, padding_side="left")
    assert left["input_ids"][1] == [pad, pad, bos]
    assert left["attention_mask"][1] == [0, 0, 1]


def test_saved_and_loaded_it_is_the_same(tokenizer: REMIABCTokenizer, tmp_path: Path) -> None:
    tokenizer.save_pretrained(tmp_path)
    for loaded in (REMIABCTokenizer.from_pretrained(tmp_path), AutoTokenizer.from_pretrained(tmp_path)):
        assert type(loaded) is REMIABCTokenizer
        assert loaded.get_vocab() == tokenizer.get_vocab()
        assert loaded.tokenize("".join(KESH)) == KESH
        assert (loaded.padding_side, loaded.model_max_length) == ("right", 4096)


def test_the_file_alone_gives_the_same_ids_without_our_class(tokenizer: REMIABCTokenizer, tmp_path: Path) -> None:
    tokenizer.save_pretrained(tmp_path)
    plain = PreTrainedTokenizerFast(tokenizer_file=str(tmp_path / "tokenizer.json"))
    assert plain.encode("".join(KESH)) == tokenizer.encode(KESH)


def test_a_music21_score_becomes_its_whole_sequence(tokenizer: REMIABCTokenizer) -> None:
    chorale = music21.corpus.parse("bach/bwv66.6")
    tokens = tokenizer.tokenize(chorale)
    assert tokens[:6] == ["<BOS>", "<time=4/4>", "<key=Cmin>", "<Tonic=F#>", "<Tempo=100>", "<Bars=9>"]
    assert tokens[6:10] == ["<voice=S>", "<voice=A>", "<voice=T>", "<voice=B>"]
    assert tokenizer.encode(chorale) == [TOKEN_IDS[name] for name in tokens]


def test_training_examples_are_what_our_own_training_reads(tokenizer: REMIABCTokenizer) -> None:
    tune = [TOKEN_IDS[name] for name in KESH]
    for stage, kind in (("planner", BarChordDataset), ("detail", FullDetailDataset)):
        (item,) = kind([tune])
        expected = {name: values.tolist() for name, values in item.items()}
        assert tokenizer.training_example(tune, stage) == expected
    with pytest.raises(RequestError, match="there is no stage 'both'; there are planner, detail"):
        tokenizer.training_example(tune, "both")
    with pytest.raises(GrammarError, match="token 3"):
        tokenizer.training_example([*tune[:3], *tune[4:]], "detail")
