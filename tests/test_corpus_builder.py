"""`AbcCorpus` as the library `datasets` uses it: by name, by folder, streamed, published."""

import gzip
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import datasets
import fsspec
import pytest
from datasets import load_dataset, packaged_modules
from datasets.distributed import split_dataset_by_node

from remi_two_stage import AbcCorpus, read_abc, register
from remi_two_stage.core.errors import CorpusError, RequestError
from remi_two_stage.core.grammar import check_grammar
from remi_two_stage.core.plan import Plan
from remi_two_stage.corpus import assembly, shards
from remi_two_stage.corpus.arguments import SPLITS
from remi_two_stage.corpus.preparation import load_corpus

COLUMNS = ["id", "title", "style", "key", "meter", "bars", "abc", "tokens", "plan", "lossy", "augmentation"]
REELS = 40


@pytest.fixture(scope="module")
def reels(tune_books: dict[str, list[Path]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ryan")
    for path in tune_books["ryansMammoth"][: 3 * REELS : 3]:
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


@pytest.fixture(autouse=True, scope="module")
def _registered() -> Iterator[None]:
    register()
    register()
    datasets.disable_progress_bars()
    yield
    datasets.enable_progress_bars()


@pytest.fixture(scope="module")
def tunes(reels: Path) -> datasets.DatasetDict:
    return load_dataset("abc", data_files=f"{reels}/*.abc")


def ids(split: datasets.Dataset) -> list[str]:
    return [row["id"] for row in split]


def test_a_row_is_a_tune_with_its_tokens_and_its_plan(tunes: datasets.DatasetDict) -> None:
    assert list(tunes) == list(SPLITS)
    assert sum(len(split) for split in tunes.values()) == REELS
    assert tunes["train"].column_names == COLUMNS
    for row in tunes["train"]:
        check_grammar(row["tokens"], "full")
        (piece,) = read_abc(row["abc"])
        assert (piece.title, str(piece.key), str(piece.meter)) == (row["title"], row["key"], row["meter"])
        assert piece.bar_count == row["bars"]
        assert Plan.parse(row["plan"]).bar_count >= row["bars"]


def test_the_splits_are_those_of_the_command(reels: Path, tunes: datasets.DatasetDict) -> None:
    corpus = load_corpus(reels, processes=1, progress=False)
    for name in SPLITS:
        assert ids(tunes[name]) == [tune.id for tune in corpus.split(name)]


def test_processes_change_nothing(reels: Path, tunes: datasets.DatasetDict, tmp_path: Path) -> None:
    again = load_dataset("abc", data_files=f"{reels}/*.abc", num_proc=2, cache_dir=str(tmp_path))
    for name in SPLITS:
        assert again[name].to_list() == tunes[name].to_list()


def test_a_large_corpus_is_in_several_files_that_processes_share(
    reels: Path, tunes: datasets.DatasetDict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assembly, "_ROWS_OF_A_FILE", 10)
    monkeypatch.setattr(assembly, "_ROWS_OF_A_GROUP", 5)
    monkeypatch.setattr(shards, "_LEAST_COST", 4_000)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    many = load_dataset("abc", data_files=f"{reels}/*.abc", num_proc=2, cache_dir=str(tmp_path))
    assert {name: split.to_list() for name, split in many.items()} == {n: s.to_list() for n, s in tunes.items()}
    files = sorted(path.name for path in tmp_path.rglob("train-*.parquet"))
    assert len(files) > 2
    assert files[-1] == f"train-{len(files) - 1:05d}-of-{len(files):05d}.parquet"


@pytest.mark.parametrize("config", ["default", "whole"])
def test_streams_give_the_same_rows(config: str, reels: Path) -> None:
    files = f"{reels}/*.abc"
    streamed = load_dataset("abc", config, data_files=files, streaming=True)
    loaded = load_dataset("abc", config, data_files=files)
    assert list(streamed) == list(loaded)
    for name, split in streamed.items():
        assert list(split) == loaded[name].to_list()


def test_a_stream_is_shared_by_workers_shuffled_and_resumed(reels: Path) -> None:
    stream = load_dataset("abc", "whole", data_files=f"{reels}/*.abc", streaming=True)["train"]
    everything = ids(stream)
    halves = [ids(split_dataset_by_node(stream, rank, 2)) for rank in (0, 1)]
    assert sorted(halves[0] + halves[1]) == everything
    assert min(map(len, halves)) > REELS // 3
    shuffled = ids(stream.shuffle(seed=1, buffer_size=8))
    assert sorted(shuffled) == everything != shuffled
    rows = iter(stream)
    begun = [next(rows)["id"] for _ in range(REELS // 2)]
    state = json.loads(json.dumps(stream.state_dict()))
    stream.load_state_dict(state)
    assert begun + ids(stream) == everything


def test_a_folder_is_loaded_by_its_path(reels: Path, tunes: datasets.DatasetDict) -> None:
    assert ids(load_dataset(str(reels))["train"]) == ids(tunes["train"])


def test_the_builder_works_without_registration(reels: Path, tunes: datasets.DatasetDict) -> None:
    builder = AbcCorpus(data_dir=str(reels))
    builder.download_and_prepare()
    assert ids(builder.as_dataset("train")) == ids(tunes["train"])


def test_splits_that_data_files_name_are_kept(reels: Path) -> None:
    names = sorted(path.name for path in reels.iterdir())
    files = {"train": [str(reels / name) for name in names[:5]], "test": [str(reels / name) for name in names[5:7]]}
    for streaming in (False, True):
        tunes = load_dataset("abc", data_files=files, streaming=streaming)
        assert list(tunes) == ["train", "test"]
        assert ids(tunes["train"]) == [f"{name}#1" for name in names[:5]]
        assert ids(tunes["test"]) == [f"{name}#1" for name in names[5:7]]


def test_archives_and_packed_files_are_read(reels: Path, tmp_path: Path) -> None:
    first, second, third = sorted(reels.iterdir())[:3]
    (tmp_path / f"{first.name}.gz").write_bytes(gzip.compress(first.read_bytes()))
    with zipfile.ZipFile(tmp_path / "more.zip", "w") as archive:
        archive.write(second, second.name)
        archive.write(third, third.name)
    tunes = load_dataset("abc", "whole", data_files=[f"{tmp_path}/*.gz", f"{tmp_path}/*.zip"])["train"]
    assert ids(tunes) == [f"{first.name}.gz#1", f"more.zip/{second.name}#1", f"more.zip/{third.name}#1"]
    assert tunes.to_list()[0]["abc"] == read_dataset_row(first)["abc"]


def read_dataset_row(path: Path) -> dict[str, object]:
    (row,) = load_dataset("abc", "whole", data_files=str(path))["train"].to_list()
    return row


def test_remote_files_are_downloaded_first(reels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)
    remote = fsspec.filesystem("memory")
    for path in sorted(reels.iterdir())[:2]:
        with remote.open(f"/books/{path.name}.gz", "wb") as file:
            file.write(gzip.compress(path.read_bytes()))
    files = [f"memory://books/{path.name}.gz" for path in sorted(reels.iterdir())[:2]]
    for streaming in (False, True):
        tunes = load_dataset("abc", "whole", data_files=files, streaming=streaming)["train"]
        assert ids(tunes) == [f"{path.name}.gz#1" for path in sorted(reels.iterdir())[:2]]


def test_augmented_forms_join_the_training_split(reels: Path, tunes: datasets.DatasetDict) -> None:
    more = load_dataset("abc", "augmented", data_files=f"{reels}/*.abc")
    assert {row["augmentation"] for row in more["train"]} == {"", "octave", "tonic", "unfold", "crop", "values", "mode"}
    assert more["test"].to_list() == tunes["test"].to_list()
    octaves = load_dataset("abc", data_files=f"{reels}/*.abc", augment=["octave"])
    assert {row["augmentation"] for row in octaves["train"]} == {"", "octave"}
    files = {"data_files": f"{reels}/*.abc", "augment": ["unfold"]}
    streamed = load_dataset("abc", "whole", streaming=True, **files)["train"]
    assert list(streamed) == load_dataset("abc", "whole", **files)["train"].to_list()


def test_bad_files_do_not_stop_the_others(reels: Path, tmp_path: Path) -> None:
    (tmp_path / "good.abc").write_bytes(min(reels.iterdir()).read_bytes())
    (tmp_path / "bad.abc").write_bytes(bytes(range(256)))
    for streaming in (False, True):
        tunes = load_dataset("abc", "whole", data_files=f"{tmp_path}/*.abc", streaming=streaming)["train"]
        assert ids(tunes) == ["good.abc#1"]


def test_what_cannot_be_loaded_says_why(tmp_path: Path, reels: Path) -> None:
    (tmp_path / "prose.abc").write_text("Dear diary,\n")
    with pytest.raises(CorpusError, match="no tune of abc, train can be used: there is no ABC tune"):
        load_dataset("abc", data_files=f"{tmp_path}/*.abc")
    with pytest.raises(CorpusError, match="no files are named; give data_files="):
        AbcCorpus().download_and_prepare()
    with pytest.raises(RequestError, match="there is no augmentation 'mirror'"):
        load_dataset("abc", data_files=f"{reels}/*.abc", augment=["mirror"])
    with pytest.raises(
        CorpusError, match=r"data_files matches no file for train, seen from /.*; give paths that exist"
    ):
        load_dataset("abc", data_files="none/*")


def test_parquet_goes_out_and_comes_back(tunes: datasets.DatasetDict, reels: Path, tmp_path: Path) -> None:
    for name, split in tunes.items():
        split.to_parquet(tmp_path / f"{name}.parquet")
    back = load_dataset(str(tmp_path))
    for name, split in tunes.items():
        assert back[name].to_list() == split.to_list()
    prepared = load_corpus(reels, processes=1, progress=False).folder
    assert {name: len(split) for name, split in load_dataset(str(prepared)).items()} == tunes.num_rows


def test_endings_that_have_another_builder_keep_it() -> None:
    assert packaged_modules._EXTENSION_TO_MODULE[".xml"] == ("xml", {})
    assert packaged_modules._EXTENSION_TO_MODULE[".abc"] == ("abc", {})


def test_a_script_without_a_guard_reads_in_processes(reels: Path, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "from datasets import load_dataset\nfrom remi_two_stage import register\nregister()\n"
        f"tunes = load_dataset('abc', data_files='{reels}/*.abc', num_proc=2, cache_dir='{tmp_path}')\n"
        "print(tunes.num_rows)\n"
    )
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path / "fresh")}
    run = subprocess.run([sys.executable, script], capture_output=True, text=True, env=environment, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.count("'train'") == 1
