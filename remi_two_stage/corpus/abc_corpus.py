"""`AbcCorpus`, the builder of the library `datasets` for ABC collections, and its registration.

    from datasets import load_dataset
    from remi_two_stage import register

    register()
    tunes = load_dataset("abc", data_files="tunes/**/*.abc.gz", num_proc=4)      # train, validation, test
    tunes = load_dataset("path/to/a/folder")                                      # the same for a folder with ABC
    tunes = load_dataset("abc", "whole", data_files="tunes.zip", streaming=True)  # one split, read on demand

Files may be ABC (also compressed with gzip), MusicXML, Humdrum kern, MIDI, and zip archives of these. Remote files are
downloaded first. `AbcCorpus(data_files=...)` does the same without registration.

Splits: if `data_files` names files by split, they stay in those splits. Otherwise tunes are split by melody
(`corpus/splits.py`), which requires reading all of them first. The result is cached by `corpus/preparation.py`, which
shares it with the command `prepare` and resumes a killed run. Only the config "whole" reads while it streams.

Since version 4.0, `datasets` no longer runs scripts from a repository. Share a corpus as Parquet instead, with
`tunes.push_to_hub(...)`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from os.path import commonpath
from pathlib import Path, PurePosixPath
from typing import Any

import datasets
from datasets import packaged_modules

from ..core.errors import CorpusError
from ..score_files import READABLE
from .arguments import SPLITS
from .augmentation import AUGMENTATIONS, check_augmentations
from .files import ARCHIVE, FoundFiles, files_among, files_named, find_files
from .preparation import cache_folder, prepare_files
from .prepared import Corpus, Tunes
from .shards import COLUMNS, divide_into_ranges, reading_code, row_of
from .tunes import CorpusTune, TuneRange, read_tune_range

NAME = "abc"
TRAIN = SPLITS[0]
_LOGGER = datasets.logging.get_logger(__name__)


@dataclass
class AbcCorpusConfig(datasets.BuilderConfig):
    """Options for reading an ABC collection.

    Attributes:
        hold_out: Whether tunes are split by melody into train, validation and test if `data_files` names no splits.
        augment: Names from `augmentation.AUGMENTATIONS` of the variants to add to the training split.
    """

    hold_out: bool = True
    augment: Sequence[str] = ()


class AbcCorpus(datasets.GeneratorBasedBuilder):
    """One row for each tune, with the columns of `CorpusTune`.

    Configs: "default" splits by melody, "augmented" adds all augmented variants to the training split, "whole" puts all
    tunes into train.
    """

    BUILDER_CONFIG_CLASS = AbcCorpusConfig
    BUILDER_CONFIGS = (
        AbcCorpusConfig("default"),
        AbcCorpusConfig("augmented", augment=tuple(AUGMENTATIONS)),
        AbcCorpusConfig("whole", hold_out=False),
    )
    DEFAULT_CONFIG_NAME = "default"

    def __init__(self, *args: Any, hash: str | None = None, **kwargs: Any) -> None:
        # The cache of `datasets` would not notice changes in the code that reads files.
        super().__init__(*args, hash="-".join(filter(None, (hash, reading_code()))), **kwargs)

    def _info(self) -> datasets.DatasetInfo:
        return datasets.DatasetInfo(
            description="Tunes as ABC, with their REMI tokens and the chord plan of every bar.",
            features=datasets.Features.from_arrow_schema(COLUMNS),
        )

    def _make_split_generators_kwargs(self, prepare_split_kwargs: dict[str, Any]) -> dict[str, Any]:
        """Read with as many processes as `datasets` writes with."""
        return {"num_proc": prepare_split_kwargs.get("num_proc")}

    def _split_generators(self, dl_manager: Any, num_proc: int | None = None) -> list[datasets.SplitGenerator]:
        found = self._found_files(dl_manager)
        hold_out = self.config.hold_out and list(found) == [TRAIN]
        if dl_manager.is_streaming and not hold_out:
            return [_generator(name, _ranges(files), self._augment(name)) for name, files in found.items()]
        generators = []
        for name, files in found.items():
            corpus = self._prepared(name, files, hold_out, num_proc or 1)
            splits = SPLITS if hold_out else (TRAIN,)
            parts = {split if hold_out else name: corpus.split(split).paths for split in splits}
            generators += [_generator(split, paths) for split, paths in parts.items() if paths]
        return generators

    def _augment(self, name: str) -> tuple[str, ...]:
        return check_augmentations(self.config.augment) if name == TRAIN else ()

    def _prepared(self, name: str, files: FoundFiles, hold_out: bool, processes: int) -> Corpus:
        augment = self._augment(name)
        place = repr((self.dataset_name, name, hold_out, [str(file.path) for file in files.files]))
        corpus = prepare_files(
            files,
            f"{self.dataset_name}, {name}",
            cache_folder(place, augment),
            augment=augment,
            hold_out=hold_out,
            processes=processes,
            progress=datasets.is_progress_bar_enabled(),
        )
        _LOGGER.info(corpus.report())
        return corpus

    def _found_files(self, dl_manager: Any) -> dict[str, FoundFiles]:
        """The files of each split that `data_files` names.

        Raises:
            CorpusError: no files are named, or none of them can be read.
        """
        if self.config.data_files:
            named = {str(split): list(urls) for split, urls in self.config.data_files.items()}
            if empty := [split for split, urls in named.items() if not urls]:
                raise CorpusError(
                    f"data_files matches no file for {', '.join(empty)}, seen from {Path.cwd()}; "
                    'give paths that exist, as in data_files="tunes/**/*.abc"'
                )
            return {split: self._local_files(urls, dl_manager) for split, urls in named.items()}
        if self.config.data_dir:
            return {TRAIN: find_files(self.config.data_dir)}
        raise CorpusError('no files are named; give data_files="tunes/**/*.abc" or data_dir="tunes"')

    def _local_files(self, urls: list[str], dl_manager: Any) -> FoundFiles:
        if not any("://" in url for url in urls):
            return files_among(urls, self.dataset_name)
        if dl_manager.is_streaming:
            config = dl_manager.download_config
            dl_manager = datasets.DownloadManager(dataset_name=self.dataset_name, download_config=config)
        paths = [PurePosixPath(url.partition("://")[2].partition("?")[0]) for url in urls]
        common = commonpath([path.parent for path in paths])
        names = [path.relative_to(common).as_posix() for path in paths]
        return files_named(dict(zip(names, dl_manager.download(urls), strict=True)), self.dataset_name)

    def _prepare_split(self, split_generator: datasets.SplitGenerator, *args: Any, **kwargs: Any) -> None:
        """Write a split with at most one process for each file; most of the work was done in reading."""
        processes = min(kwargs.pop("num_proc", None) or 1, len(split_generator.gen_kwargs["parts"]))
        super()._prepare_split(split_generator, *args, num_proc=processes, **kwargs)

    def _generate_examples(
        self, parts: Sequence[Any], augment: tuple[str, ...]
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """Rows from prepared Parquet files, or from ranges of the source files."""
        for part in parts:
            for row in _rows_of_range(part, augment) if isinstance(part, TuneRange) else Tunes([part]).rows():
                yield row["id"], row


def _generator(name: str, parts: Sequence[Any], augment: tuple[str, ...] = ()) -> datasets.SplitGenerator:
    # `datasets` divides lists among the processes, and passes tuples whole to each of them.
    return datasets.SplitGenerator(name=name, gen_kwargs={"parts": list(parts), "augment": augment})


def _ranges(files: FoundFiles) -> list[TuneRange]:
    """The ranges to read; files that cannot be read are reported and skipped."""
    ranges = []
    for found in chain(files.rejected, divide_into_ranges(files.files)):
        if isinstance(found, TuneRange):
            ranges.append(found)
        else:
            _LOGGER.warning(f"{found.id}: {found.message}")
    return ranges


def _rows_of_range(tune_range: TuneRange, augment: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    for found in read_tune_range(tune_range, augment):
        if isinstance(found, CorpusTune):
            yield row_of(found)
        else:
            _LOGGER.warning(f"{found.id}: {found.message}")


def register() -> None:
    """Make `load_dataset("abc", ...)`, and `load_dataset` of a folder or repository with score files, use `AbcCorpus`.

    This changes private tables of `datasets`; constraints.txt pins a version with which it is tested. File endings that
    already have a builder (`.xml`) keep it unless "abc" is requested by name.
    """
    packaged_modules._PACKAGED_DATASETS_MODULES[NAME] = (__name__, str(AbcCorpus.VERSION or NAME))
    extensions = packaged_modules._EXTENSION_TO_MODULE
    ours = [f".{ending.split('.')[1]}" for ending in READABLE]
    for ending in ours:
        extensions.setdefault(ending, (NAME, {}))
    packaged_modules._MODULE_TO_EXTENSIONS[NAME] = [*dict.fromkeys(ours), ARCHIVE]
    packaged_modules._MODULE_TO_METADATA_FILE_NAMES[NAME] = []
    packaged_modules._MODULE_TO_METADATA_EXTENSIONS[NAME] = []
    for known in (packaged_modules._ALL_EXTENSIONS, packaged_modules._ALL_ALLOWED_EXTENSIONS):
        known.extend(ending for ending in dict.fromkeys(ours) if ending not in known)
