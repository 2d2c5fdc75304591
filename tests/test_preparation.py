"""Corpora from files to prepared Parquet: where tunes are found, what is rejected, and what a stop leaves behind."""

import csv
import gzip
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from full_disk import largest_file

import remi_two_stage
from remi_two_stage.analysis.harmony import label_chords
from remi_two_stage.cli import main
from remi_two_stage.core.codec import decode
from remi_two_stage.core.errors import CorpusError, RequestError
from remi_two_stage.core.grammar import check_grammar
from remi_two_stage.core.piece import Piece
from remi_two_stage.core.vocabulary import token_names
from remi_two_stage.corpus import shards
from remi_two_stage.corpus.arguments import Preparation
from remi_two_stage.corpus.files import find_files
from remi_two_stage.corpus.preparation import load_corpus, prepare_corpus
from remi_two_stage.corpus.prepared import Corpus
from remi_two_stage.corpus.shards import divide_into_ranges, reading_code
from remi_two_stage.corpus.tunes import CorpusTune, read_tune_range
from remi_two_stage.score_files import write_score
from remi_two_stage.scores.abc_reader import read_abc

REELS = 40
SMALL_SHARD = 1 << 12
TUNE = "X:1\nT:Short\nM:2/4\nL:1/8\nK:G\nGABc|d2d2|edcB|G2G2|]\n"


@pytest.fixture(scope="module")
def reels(tune_books: dict[str, list[Path]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of reels and jigs out of Ryan's collection."""
    folder = tmp_path_factory.mktemp("books") / "ryan"
    folder.mkdir()
    for path in tune_books["ryansMammoth"][: 3 * REELS : 3]:
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


@pytest.fixture(scope="module")
def corpus(reels: Path) -> Corpus:
    return load_corpus(reels, processes=1, progress=False)


@pytest.fixture(scope="module")
def book(tune_books: dict[str, list[Path]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tunes of O'Neill's in one file, with a file header that matters."""
    path = tmp_path_factory.mktemp("book") / "oneill.abc"
    tunes = [part for file in tune_books["oneills1850"][:4] for part in read_text(file).split("\n\n") if "X:" in part]
    path.write_text("%abc-2.1\nQ:1/4=180\nZ:nobody\n\n" + "\n\n".join(tunes), encoding="utf-8")
    return path


def read_text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def piece_of(tune: CorpusTune) -> Piece:
    return decode([token_names()[token] for token in tune.tokens])


def report_of(corpus: Corpus) -> list[dict[str, str]]:
    with (corpus.folder / "report.tsv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def tokens_by_title(corpus: Corpus) -> dict[str, tuple[int, ...]]:
    return {tune.title: tune.tokens for tune in corpus.tunes}


def test_a_folder_gives_every_tune_labelled_and_in_c(corpus: Corpus, reels: Path) -> None:
    tunes = list(corpus.tunes)
    assert {tune.id for tune in tunes} == {f"{path.name}#1" for path in reels.iterdir()}
    for tune in tunes:
        piece = piece_of(tune)
        assert piece.key.tonic == "C"
        assert all(bar.chords for bar in piece.bars)
        assert piece.bar_count == tune.bars
        assert tune.plan.count("|") >= tune.bars
        assert CorpusTune.from_piece(label_chords(read_abc(tune.abc)[0]), tune.id, tune.abc) == tune


def test_processes_change_nothing(reels: Path, corpus: Corpus, tmp_path: Path) -> None:
    two = prepare_corpus(Preparation(str(reels), tmp_path / "two", processes=2), progress=False)
    assert list(two.tunes) == list(corpus.tunes)
    assert two.fingerprint == corpus.fingerprint


def test_the_fingerprint_is_of_the_music_whatever_its_files_are_called(
    reels: Path, corpus: Corpus, tmp_path: Path
) -> None:
    for number, path in enumerate(sorted(reels.iterdir(), reverse=True)):
        (tmp_path / f"{number:02}.abc").write_bytes(path.read_bytes())
    assert load_corpus(tmp_path, processes=1, progress=False).fingerprint == corpus.fingerprint
    min(tmp_path.glob("*.abc")).unlink()
    assert load_corpus(tmp_path, processes=1, progress=False).fingerprint != corpus.fingerprint


def test_the_numbers_are_those_of_the_tunes(corpus: Corpus) -> None:
    tunes = list(corpus.tunes)
    numbers = corpus.summary.counts()
    assert numbers["tunes"] == len(tunes) == sum(corpus.sizes().values())
    assert numbers["bars"] == sum(tune.bars for tune in tunes)
    assert numbers["tokens"] == sum(len(tune.tokens) for tune in tunes)
    assert f"tunes     {REELS}," in corpus.report()
    assert corpus.summary.styles.total() == REELS


def test_globs_archives_and_packed_files_hold_the_same_tunes(reels: Path, corpus: Corpus, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "all.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in reels.iterdir():
            archive.writestr(f"tunes/{path.name}.gz", gzip.compress(path.read_bytes()))
        archive.writestr("__MACOSX/tunes/x.abc", TUNE)
        archive.writestr("readme.txt", b"not a tune")
    for source in (f"{reels}/*.abc", f"{reels.parent}/**/*.abc", tmp_path / "all.zip"):
        assert tokens_by_title(load_corpus(source, processes=1, progress=False)) == tokens_by_title(corpus)


def test_scores_of_other_formats_in_archives_are_read(tmp_path: Path) -> None:
    piece = read_abc(TUNE)[0]
    with zipfile.ZipFile(tmp_path / "scores.zip", "w") as archive:
        for ending in (".musicxml", ".mid", ".abc"):
            write_score(piece, tmp_path / f"score{ending}")
            archive.write(tmp_path / f"score{ending}", f"score{ending}")
    tunes = list(load_corpus(tmp_path / "scores.zip", processes=1, progress=False).tunes)
    assert {tune.id for tune in tunes} == {f"scores.zip/score{ending}#1" for ending in (".musicxml", ".mid", ".abc")}
    played = {tuple(piece_of(tune).note_list(unfold_repeats=True)) for tune in tunes}
    assert len(played) == 1


def test_a_long_tune_book_is_read_in_runs_with_its_header(book: Path) -> None:
    (file,) = find_files(book).files
    ranges = list(divide_into_ranges([file], SMALL_SHARD))
    assert len(ranges) > 3
    found = [tune for tune_range in ranges for tune in read_tune_range(tune_range)]
    at_once = list(read_tune_range(replace(ranges[0], stop=None)))
    assert found == at_once
    assert [tune.id for tune in found] == [f"oneill.abc#{number}" for number in range(1, len(found) + 1)]
    assert all(piece_of(tune).tempo == 180 for tune in found[-20:])
    assert all(read_abc(tune.abc)[0].tempo == 180 for tune in found[-20:])


def test_a_packed_tune_book_is_read_in_runs_too(book: Path, tmp_path: Path) -> None:
    without_header = book.read_bytes().partition(b"\n\n")[2]
    (tmp_path / "book.abc.gz").write_bytes(gzip.compress(b"\xef\xbb\xbf" + without_header))
    (file,) = find_files(tmp_path).files
    ranges = list(divide_into_ranges([file], SMALL_SHARD))
    assert len(ranges) > 3
    assert [tune for tune_range in ranges for tune in read_tune_range(tune_range)] == list(
        read_tune_range(replace(ranges[0], stop=None))
    )


def test_bad_tunes_are_counted_by_reason_and_listed(reels: Path, tmp_path: Path) -> None:
    good = min(reels.glob("*.abc"))
    (tmp_path / "good.abc").write_bytes(good.read_bytes())
    (tmp_path / "no-music.abc").write_text("X:1\nT:Nothing\nK:C\n\nX:2\nT:Nothing either\nK:D\n")
    (tmp_path / "prose.abc").write_text("Dear diary,\n")
    (tmp_path / "keys.abc").write_text(TUNE.replace("K:G", "K:Hm") + "\n" + TUNE.replace("K:G", "K:Qx"))
    corpus = load_corpus(tmp_path, processes=1)
    assert corpus.summary.tunes == 1
    assert corpus.summary.rejected == {"the tune has no music": 2, "there is no key …": 2, "there is no ABC tune": 1}
    assert "rejected  5 (83.33%)" in corpus.report()
    assert "      2  the tune has no music" in corpus.report()
    listed = {row["id"]: row["why"] for row in report_of(corpus)}
    assert set(listed) == {"no-music.abc#1", "no-music.abc#2", "prose.abc", "keys.abc#1", "keys.abc#2"}
    assert "there is no key 'Qx'" in listed["keys.abc#2"]


def test_lossy_tunes_are_counted_and_listed(tmp_path: Path) -> None:
    (tmp_path / "tune.abc").write_text(TUNE.replace("edcB", "[ee]dcB"))
    corpus = load_corpus(tmp_path, processes=1)
    assert corpus.summary.losses == {"a unison in one voice": 1}
    assert next(iter(corpus.tunes)).lossy == (("a unison in one voice", 1),)
    assert [(row["what"], row["id"]) for row in report_of(corpus)] == [("lossy", "tune.abc#1")]


def test_a_tune_that_loses_twice_the_same_is_one_tune_of_the_summary(tmp_path: Path) -> None:
    (tmp_path / "tunes.abc").write_text(TUNE.replace("edcB", "[ee]d[cc]B") + "\n" + TUNE)
    corpus = load_corpus(tmp_path, processes=1)
    assert [tune.lossy for tune in corpus.tunes] == [(("a unison in one voice", 2),), ()]
    assert corpus.summary.losses == {"a unison in one voice": 1}
    assert "lossy     1 (50.00%)" in corpus.report()


def test_four_part_pieces_of_a_folder_are_hymns(tmp_path: Path) -> None:
    voices = "".join(f"V:{name}\n{note}4|{note}4|]\n" for name, note in zip("SATB", ("c", "G", "E", "C,"), strict=True))
    (tmp_path / "hymn.abc").write_text(f"X:1\nM:4/4\nL:1/4\nK:C\n{voices}")
    assert next(iter(load_corpus(tmp_path).tunes)).style == "hymn"


def test_chorales_of_the_named_corpus_are_four_parts_and_others_rejected(music21_corpus: Path) -> None:
    files = {file.path.name: file for file in find_files("music21").files}
    assert len([name for name in files if name.endswith(".abc")]) > 1_000
    (tune_range,) = divide_into_ranges([files["bwv66.6.mxl"]])
    (tune,) = read_tune_range(tune_range)
    assert isinstance(tune, CorpusTune)
    assert (tune.style, piece_of(tune).voices) == ("chorale", ("S", "A", "T", "B"))
    (tune_range,) = divide_into_ranges([files["bwv95.7.mxl"]])
    assert [rejection.reason for rejection in read_tune_range(tune_range)] == ["not in four parts"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: folder / "missing", r"there is no corpus .*missing"),
        (lambda folder: f"{folder}/*.abc", r"there is no corpus .*\*.abc"),
        (lambda folder: folder, "holds no score file; known are .abc"),
    ],
)
def test_a_missing_or_empty_corpus_says_so(make, message: str, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=message):
        load_corpus(make(tmp_path))


def test_a_corpus_without_a_usable_tune_says_why(tmp_path: Path) -> None:
    (tmp_path / "binary.abc").write_bytes(bytes(range(256)))
    with pytest.raises(CorpusError, match=r"no tune of .* can be used: "):
        load_corpus(tmp_path)


def test_a_corpus_of_two_melodies_holds_nothing_out(tmp_path: Path) -> None:
    (tmp_path / "tunes.abc").write_text(TUNE + "\n" + TUNE.replace("d2d2", "f2f2"))
    corpus = load_corpus(tmp_path)
    assert corpus.sizes() == {"train": 2, "validation": 0, "test": 0}
    with pytest.raises(CorpusError, match="no tunes for validation and test; at least 3 different melodies"):
        corpus.require_held_out()


def test_what_is_hostile_is_rejected_and_the_tunes_beside_it_are_read(tmp_path: Path) -> None:
    (tmp_path / "good.abc").write_text(TUNE)
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "knot.abc").symlink_to(tmp_path / "knot.abc")
    (tmp_path / "gone.abc").symlink_to(tmp_path / "nowhere")
    (tmp_path / "bad-sectors.abc").symlink_to("/proc/self/mem")  # where nobody, root neither, can read
    os.mkfifo(tmp_path / "pipe.abc")
    (tmp_path / "cut.abc.gz").write_bytes(gzip.compress(TUNE.encode() * 99)[:-20])
    (tmp_path / "bomb.abc.gz").write_bytes(gzip.compress(b"X:1\nK:C\n" + b"C" * 40_000_000, 1))
    (tmp_path / "broken.zip").write_bytes(b"PK\x03\x04 and no more")
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.abc", b"\0" * 20_000_000)
        archive.writestr("tune.abc", TUNE)
    (tmp_path / ".hidden.abc").write_text(TUNE)
    corpus = load_corpus(tmp_path, processes=1)
    assert {tune.id for tune in corpus.tunes} == {"good.abc#1", "bomb.zip/tune.abc#1"}
    reasons = {row["id"]: row["why"].split(";")[0] for row in report_of(corpus)}
    assert corpus.summary.rejected["unpacks to more than a hundred times its size"] == 2
    assert set(reasons) == {
        *("knot.abc", "gone.abc", "bad-sectors.abc", "pipe.abc", "cut.abc.gz", "bomb.abc.gz", "broken.zip"),
        "bomb.zip/bomb.abc",
    }
    assert "symbolic links" in reasons["knot.abc"]
    assert "No such file" in reasons["gone.abc"]
    assert reasons["bad-sectors.abc"] == "cannot be read: Input/output error"
    assert reasons["bomb.abc.gz"] == reasons["bomb.zip/bomb.abc"] == "unpacks to more than a hundred times its size"
    assert "the archive is broken" in reasons["broken.zip"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "good.abc").write_text(TUNE)
    (tmp_path / "secret.abc").write_text(TUNE)
    (tmp_path / "secret.abc").chmod(0)
    (tmp_path / "folder").mkdir(mode=0)
    corpus = load_corpus(tmp_path, processes=1)
    assert corpus.summary.tunes == 1
    assert corpus.summary.rejected == {"cannot be read: Permission denied": 2}


def test_a_prepared_corpus_is_opened_and_a_changed_one_read_again(reels: Path, tmp_path: Path) -> None:
    tunes = tmp_path / "tunes"
    tunes.mkdir()
    for path in sorted(reels.iterdir())[:6]:
        (tunes / path.name).write_bytes(path.read_bytes())
    first = load_corpus(tunes, processes=1, progress=False)
    written = [path.stat().st_mtime_ns for path in first.train.paths]
    again = load_corpus(tunes, processes=1, progress=False)
    assert (again, written) == (first, [path.stat().st_mtime_ns for path in again.train.paths])
    assert load_corpus(first.folder) == first
    (tunes / "new.abc").write_text(TUNE)
    grown = load_corpus(tunes, processes=1, progress=False)
    assert grown.folder == first.folder
    assert grown.summary.tunes == 7


@pytest.fixture
def _small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "_LEAST_COST", SMALL_SHARD)


@pytest.mark.usefixtures("_small_shards")
def test_a_full_disk_stops_with_one_message_and_loses_nothing(book: Path, tmp_path: Path) -> None:
    preparation = Preparation(str(book), tmp_path / "prepared", processes=1)
    with largest_file(5_000), pytest.raises(CorpusError, match="cannot be written: File too large; make room"):
        prepare_corpus(preparation, progress=False)
    kept = {}
    for _ in range(2):
        # Shards have room now, the corpus that is made of them has not.
        with largest_file(50_000), pytest.raises(CorpusError, match=r"\d+ parts are done and kept there, and the same"):
            prepare_corpus(preparation, progress=False)
        parts = (tmp_path / "prepared" / "shards").glob("*.parquet")
        kept = kept or {path: path.stat().st_mtime_ns for path in parts}
    assert len(kept) > 3
    assert kept == {path: path.stat().st_mtime_ns for path in kept}
    corpus = prepare_corpus(preparation, progress=False)
    assert corpus.summary.tunes == book.read_text().count("\nX:")
    assert sorted(path.name for path in corpus.folder.iterdir()) == [".lock", "data", "report.tsv", "summary.json"]


def _hear_ctrl_c() -> None:
    """What a shell starts in the background ignores it, and so do its children."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


class Run:
    """`remi-two-stage prepare` in two processes of its own, seen while its second part is made."""

    def __init__(self, source: Path, output: Path) -> None:
        program = (
            "import sys; from remi_two_stage.corpus import shards; from remi_two_stage.cli import main\n"
            f"shards._LEAST_COST = {SMALL_SHARD}; sys.exit(main(sys.argv[1:]))"
        )
        command = ["prepare", "--corpus", str(source), "--output", str(output), "--processes", "2"]
        self.process = subprocess.Popen(
            [sys.executable, "-c", program, *command],
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=_hear_ctrl_c,
        )
        self.shards = output / "shards"
        while len(self.parts()) < 2:
            assert self.process.poll() is None, self.process.communicate()[1]
            time.sleep(0.005)

    def parts(self) -> dict[str, int]:
        """When each finished part was written."""
        return {path.name: path.stat().st_mtime_ns for path in self.shards.glob("*.parquet")}

    def wait_for_workers(self) -> None:
        """Until no process that the command started is left."""
        for _ in range(2_000):
            try:
                os.killpg(self.process.pid, 0)
            except ProcessLookupError:
                return
            time.sleep(0.01)
        raise AssertionError("processes that read are left behind")


def test_a_killed_run_goes_on_where_it_was(book: Path, tmp_path: Path) -> None:
    run = Run(book, tmp_path / "prepared")
    run.process.kill()
    run.process.communicate()
    run.wait_for_workers()
    kept = run.parts()
    assert not (tmp_path / "prepared" / "summary.json").exists()
    again = Run(book, tmp_path / "prepared")
    assert kept.items() <= again.parts().items()
    assert again.process.communicate()[1].count("Traceback") == 0
    unbroken = prepare_corpus(Preparation(str(book), tmp_path / "unbroken", processes=1), progress=False)
    resumed = Corpus.open(tmp_path / "prepared")
    assert list(resumed.tunes) == list(unbroken.tunes)


def test_ctrl_c_keeps_what_is_done_and_says_so(book: Path, tmp_path: Path) -> None:
    run = Run(book, tmp_path / "prepared")
    os.killpg(run.process.pid, signal.SIGINT)
    shown = run.process.communicate()[1]
    assert run.process.returncode == 130
    assert re.search(r"remi-two-stage: stopped; \d+ of \d+ parts are done and kept; the same command resumes", shown)
    assert "Traceback" not in shown
    assert len(run.parts()) >= 2


@pytest.mark.parametrize(
    ("module", "old", "new", "is_read_again"),
    [
        ("core/codec.py", "onset = -1", "onset = -2", True),
        ("core/abc_systems.py", "_BARS_PER_LINE = 4", "_BARS_PER_LINE = 5", True),
        ("core/layers.py", "MOST_LAYERS = 4", "MOST_LAYERS = 5", True),
        ("scores/abc_bars.py", "length >= full", "length > full", True),
        ("analysis/phrases.py", "_BARS_A_PHRASE = 4", "_BARS_A_PHRASE = 2", True),
        ("corpus/augmentation.py", "_LEAST_BARS = 4", "_LEAST_BARS = 8", True),
        ("core/codec.py", "from __future__", "# A comment.\nfrom __future__", False),
        ("scores/abc_bars.py", '"""From the time lines', '"""Out of the time lines', False),
        ("rendering/sound.py", "_PEAK = 0.8", "_PEAK = 0.9", False),
        ("score_files.py", "_LONGEST_NAME = 80", "_LONGEST_NAME = 60", False),
        ("scores/musicxml_writer_rhythm.py", '"64th": 4', '"64th": 5', False),
        ("core/decoding_remi.py", "1", "2", False),
        ("demo/limits.py", "1", "2", False),
        ("cli/files.py", 'Path("out")', 'Path("in")', False),
        ("training/run_folder.py", "indent=2", "indent=4", False),
    ],
)
def test_a_corpus_is_read_again_when_rows_might_change(
    module: str, old: str, new: str, is_read_again: bool, tmp_path: Path
) -> None:
    package = Path(remi_two_stage.__file__).parent
    copy = shutil.copytree(package, tmp_path / "copy", ignore=shutil.ignore_patterns("instruments", "pretrained"))
    assert reading_code(copy) == reading_code()
    text = (copy / module).read_text(encoding="utf-8")
    assert old in text
    changed = copy.rename(tmp_path / "changed")
    (changed / module).write_text(text.replace(old, new), encoding="utf-8")
    assert (reading_code(changed) != reading_code()) == is_read_again


def test_other_folders_are_left_alone(reels: Path, tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "mine.txt").write_text("dear")
    with pytest.raises(RequestError, match="is not empty and holds no prepared corpus; name another folder"):
        prepare_corpus(Preparation(str(reels), tmp_path / "letters"))
    with pytest.raises(RequestError, match=r"mine.txt' is a file; name a folder"):
        prepare_corpus(Preparation(str(reels), tmp_path / "letters" / "mine.txt"))
    with pytest.raises(CorpusError, match=r"there is no prepared corpus in .*letters"):
        Corpus.open(tmp_path / "letters")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"processes": 0}, "`processes` is 0; it must be 1 or more"),
        ({"augment": "octave,mirror"}, "there is no augmentation 'mirror'; choose among octave, unfold, crop"),
    ],
)
def test_bad_arguments_name_the_fix(change: dict[str, object], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        Preparation("music21", **change)


def test_the_command_prints_a_summary_and_leaves_a_corpus(
    reels: Path, corpus: Corpus, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["prepare", "--corpus", str(reels), "--output", str(tmp_path / "out"), "--processes", "1"]) == 0
    shown = capsys.readouterr().out
    for line in (
        f"tunes     {REELS}, ",
        "styles    reel ",
        "keys      ",
        "metres    ",
        "splits    train ",
        "rejected  0",
    ):
        assert line in shown
    assert list(load_corpus(tmp_path / "out").tunes) == list(corpus.tunes)


def test_augmented_forms_are_music_and_only_for_training(reels: Path, corpus: Corpus, tmp_path: Path) -> None:
    preparation = Preparation(str(reels), tmp_path / "more", processes=1, augment="octave, unfold,crop")
    more = prepare_corpus(preparation, progress=False)
    assert list(more.validation) == list(corpus.validation)
    assert list(more.test) == list(corpus.test)
    assert [tune for tune in more.train if not tune.augmentation] == list(corpus.train)
    assert more.fingerprint == corpus.fingerprint
    assert more.summary.augmented == len(more.train) - len(corpus.train) > len(corpus.train)
    originals = {tune.id: tune for tune in corpus.train}
    for tune in more.train:
        if tune.augmentation:
            id, name = tune.id.split("+")
            piece, variant = piece_of(originals[id]), piece_of(tune)
            check_grammar(tune.tokens, "full")
            assert name == tune.augmentation
            if name == "unfold":
                assert variant.note_list() == piece.note_list(unfold_repeats=True)
                assert not any(bar.repeat_end or bar.endings for bar in variant.bars)
            elif name == "octave":
                (shift,) = {
                    note[3] - before[3] for note, before in zip(variant.note_list(), piece.note_list(), strict=True)
                }
                assert abs(shift) == 12
            else:
                assert 4 <= len(variant.bars) < len(piece.bars)
