"""From a corpus of files to a prepared corpus, in any number of processes; finished work survives an interruption.

The work is divided into shards (`corpus/shards.py`). Each shard is a file that is written whole or not at all; once all
exist, they are assembled (`corpus/assembly.py`) and deleted. So a run that was killed, or that stopped because the disk
was full, resumes when it is started again, and an unchanged corpus is only opened.

Prepared corpora are stored in `$XDG_CACHE_HOME/remi-two-stage/corpora` unless a folder is named.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import sys
import threading
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from hashlib import blake2b
from itertools import islice
from multiprocessing import get_context, parent_process
from pathlib import Path
from types import ModuleType

from filelock import FileLock
from tqdm.auto import tqdm

from ..core.errors import CorpusError, RequestError
from .arguments import Preparation
from .assembly import assemble
from .files import MUSIC21, FoundFiles, find_files
from .prepared import DATA, SUMMARY, Corpus
from .shards import Shard, divide_into_shards, prepare_shard, reading_code
from .summary import Summary

SHARDS, _LOCK = "shards", ".lock"
_HAS_MASKS = hasattr(signal, "pthread_sigmask")
_WAITING = 2
"""Shards queued for each process, so that none is idle and the whole list is not copied into the queue."""


def load_corpus(source: str | Path, processes: int | None = None, progress: bool = True, augment: str = "") -> Corpus:
    """Open a prepared corpus, preparing it in the cache if necessary.

    Args:
        source: A folder that `prepare_corpus` wrote, or a corpus as in `Preparation.corpus`.
        augment: As in `Preparation.augment`.

    Raises:
        CorpusError: the corpus does not exist, or no tune in it can be used.
        RequestError: variants are asked for of a corpus that is prepared already.
    """
    if (Path(source) / SUMMARY).is_file() and (Path(source) / DATA).is_dir():
        if augment:
            raise RequestError(f"`augment` is {augment!r}, but {str(source)!r} is prepared; prepare it with `augment`")
        return Corpus.open(source)
    return prepare_corpus(Preparation(str(source), processes=processes, augment=augment), progress)


def prepare_corpus(preparation: Preparation, progress: bool = True) -> Corpus:
    """Prepare a corpus, or open it if it is prepared already and has not changed.

    Args:
        progress: Show a progress bar if the terminal supports it.

    Raises:
        CorpusError: the corpus does not exist, no tune in it can be used, or it cannot be written; finished parts are
            kept.
        RequestError: the output folder contains something else.
        KeyboardInterrupt: Ctrl-C was pressed; finished parts are kept.
    """
    name, augment = preparation.corpus, preparation.augmentations
    found = find_files(name)
    place = name if name == MUSIC21 else str(Path(name).expanduser().absolute())
    folder = preparation.output or cache_folder(place, augment)
    return prepare_files(found, name, folder, augment=augment, processes=preparation.processes, progress=progress)


def cache_folder(place: str, augment: tuple[str, ...] = ()) -> Path:
    """The default folder of the prepared corpus made from `place`; a new version replaces the old one."""
    digest = blake2b(repr((place, augment)).encode(), digest_size=8).hexdigest()
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    stem = re.sub(r"[^\w.-]+", "-", Path(place).stem)[:40]
    return root / "remi-two-stage" / "corpora" / f"{stem}-{digest}"


def prepare_files(
    found: FoundFiles,
    name: str,
    folder: Path,
    *,
    augment: tuple[str, ...] = (),
    hold_out: bool = True,
    processes: int | None = None,
    progress: bool = True,
) -> Corpus:
    """Prepare these files as the corpus `name` in `folder`, as `prepare_corpus` does.

    Args:
        augment: Names from `AUGMENTATIONS` of the variants to add to the training tunes.
        hold_out: Whether to split by melody; otherwise all tunes are for training.
    """
    digest = blake2b(repr((reading_code(), augment, hold_out, found.rejected)).encode(), digest_size=16)
    for file in found.files:
        digest.update(file.identity.encode())
    key = digest.hexdigest()
    corpus = _opened(folder, key)
    if corpus is None:
        # If several processes need the same corpus, one prepares it and the others wait.
        with _written_to(folder), _claimed(folder):
            corpus = _opened(folder, key)
            if corpus is None:
                shards, unusable = divide_into_shards(found.files, folder / SHARDS, augment)
                _prepare_shards(shards, processes, progress)
                paths = [shard.path for shard in shards]
                corpus = assemble(paths, [*found.rejected, *unusable], folder, name, key, hold_out)
            shutil.rmtree(folder / SHARDS)
    if not corpus.summary.tunes:
        reasons = ", ".join(f"{reason} ({number})" for reason, number in corpus.summary.rejected.most_common(3))
        raise CorpusError(f"no tune of {name} can be used: {reasons or 'its files are empty'}")
    return corpus


@contextmanager
def _written_to(folder: Path) -> Iterator[None]:
    """Explain in one line why a folder cannot be written to."""
    try:
        yield
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else str(error)
        done = len(list((folder / SHARDS).glob("*.parquet")))
        kept = f"{done} parts are done and kept there, and the same command resumes from them; " if done else ""
        raise CorpusError(f"{str(folder)!r} cannot be written: {why}; {kept}make room or name another folder") from None


@contextmanager
def _claimed(folder: Path) -> Iterator[None]:
    """Create the folder, with one for shards, and lock it against other processes.

    Raises:
        RequestError: the folder is a file, or contains neither a prepared corpus nor an unfinished one.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise RequestError(f"the output {str(folder)!r} is a file; name a folder") from None
    holds = {path.name for path in folder.iterdir()}
    if holds and not holds & {SUMMARY, SHARDS, _LOCK}:
        raise RequestError(f"the output {str(folder)!r} is not empty and holds no prepared corpus; name another folder")
    with FileLock(folder / _LOCK):
        (folder / SHARDS).mkdir(exist_ok=True)
        yield


def _opened(folder: Path, key: str) -> Corpus | None:
    """The prepared corpus in the folder, if it has this key."""
    try:
        corpus = Corpus.open(folder)
    except CorpusError:
        return None
    return corpus if corpus.key == key else None


def _prepare_shards(shards: Sequence[Shard], processes: int | None, progress: bool) -> None:
    """Write all shards that do not exist yet, and show the progress."""
    waiting = [shard for shard in shards if not shard.path.exists()]
    done = len(shards) - len(waiting)
    bar = tqdm(
        total=sum(shard.cost for shard in shards),
        initial=sum(shard.cost for shard in shards) - sum(shard.cost for shard in waiting),
        desc="preparing",
        bar_format="{desc} {percentage:3.0f}% {bar:30} {elapsed}<{remaining}{postfix}",
        disable=None if progress else True,
    )
    total = Summary()
    try:
        with bar, closing(_results(waiting, min(processes or os.cpu_count() or 1, len(waiting)))) as results:
            for shard, summary in results:
                total += summary
                done += 1
                bar.set_postfix_str(f"{total.tunes:,} tunes, {total.rejected.total():,} rejected", refresh=False)
                bar.update(shard.cost)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"stopped; {done} of {len(shards)} parts are done and kept; the same command resumes from them"
        ) from None
    except BrokenProcessPool:
        raise CorpusError(
            f"a process that read the corpus was killed, perhaps for lack of memory; {done} of {len(shards)} parts are "
            "done and kept; start again with fewer `processes`"
        ) from None


def _results(shards: Sequence[Shard], processes: int) -> Generator[tuple[Shard, Summary], None, None]:
    """The result of `prepare_shard` for each shard, in the order in which they are finished."""
    if processes <= 1:
        yield from ((shard, prepare_shard(shard)) for shard in shards)
        return
    # Spawned rather than forked: torch's threads may already run here, and a fork would inherit their locks.
    pool = ProcessPoolExecutor(processes, get_context("spawn"), _stay_with_parent)
    try:
        left = iter(shards)
        running: dict[Future[Summary], Shard] = {}
        while True:
            with _start_of_workers():
                for shard in islice(left, _WAITING * processes - len(running)):
                    running[pool.submit(prepare_shard, shard)] = shard
            if not running:
                return
            for finished in wait(running, return_when=FIRST_COMPLETED).done:
                yield running.pop(finished), finished.result()
    finally:
        # Shards that are being read are finished and kept; waiting ones are cancelled.
        pool.shutdown(cancel_futures=True)


@contextmanager
def _start_of_workers() -> Iterator[None]:
    """Start worker processes that leave Ctrl-C to the parent and do not run the user's script again, so that it needs
    no `if __name__ == "__main__"`.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    heard = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if _HAS_MASKS else None
    try:
        yield
    finally:
        sys.modules["__main__"] = main
        if heard is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, heard)


def _stay_with_parent() -> None:
    """In a worker: leave Ctrl-C to the parent, and exit if the parent is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
