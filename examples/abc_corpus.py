"""A data set of your own ABC collection: load it, look at it, keep it as Parquet, publish it.

    python examples/abc_corpus.py path/to/tunes              # a folder, an archive, a file, or a glob in quotes
    python examples/abc_corpus.py path/to/tunes --output parquet/
    python examples/abc_corpus.py path/to/tunes --push-to-hub you/your-tunes

Copy it and change `Tunes`: what a corpus needs of its own is a name, a description, and which tunes belong to it.

A script like this one runs on your machine alone. Up to `datasets` 3, a repository could hold it and
`load_dataset("you/your-tunes")` ran it at others' places; since 4.0 scripts of repositories are refused. What you share
is Parquet, which `push_to_hub` writes and everybody loads without this package.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import datasets

from remi_two_stage import AbcCorpus
from remi_two_stage.hub.push import push_tunes


class Tunes(AbcCorpus):
    """The tunes of a collection that a player can read at sight: no bar without a chord, nothing lost on the way."""

    VERSION = datasets.Version("1.0.0")
    LICENCE = "cc0-1.0"

    def _info(self) -> datasets.DatasetInfo:
        info = super()._info()
        info.description = "Tunes out of my own books."
        info.license = self.LICENCE
        return info

    def _generate_examples(self, **given: Any) -> Iterator[tuple[str, dict[str, Any]]]:
        for id, row in super()._generate_examples(**given):
            if not row["lossy"]:
                yield id, row


def main() -> None:
    """Load, show, and write what was asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("tunes", help="a folder, a .zip archive, a score file, or a glob in quotes")
    parser.add_argument("--processes", type=int, default=2, help="how many read at once (default: %(default)s)")
    parser.add_argument("--output", type=Path, help="folder for one Parquet file a split")
    parser.add_argument("--push-to-hub", metavar="REPOSITORY", help="publish as Parquet in a repository of yours")
    options = parser.parse_args()

    files = {"data_dir": options.tunes} if Path(options.tunes).is_dir() else {"data_files": options.tunes}
    builder = Tunes(**files)
    builder.download_and_prepare(num_proc=options.processes)
    tunes = builder.as_dataset()
    for name, split in tunes.items():
        print(f"{name}: {len(split):,} tunes")
    first = tunes["train"][0]
    print(first["title"], first["key"], first["meter"], f"{first['bars']} bars, {len(first['tokens'])} tokens")
    print(first["plan"])

    if options.output:
        options.output.mkdir(parents=True, exist_ok=True)
        for name, split in tunes.items():
            split.to_parquet(options.output / f"{name}.parquet")
            print(f"wrote {options.output / f'{name}.parquet'}")
    if options.push_to_hub:
        print(push_tunes(tunes, options.push_to_hub, licence=Tunes.LICENCE, description=Tunes.__doc__ or ""))


if __name__ == "__main__":
    main()
