"""Prepare a corpus on a Ray cluster: the same shards by the same function, hence the same Parquet.

    pip install ".[ray]"
    python examples/prepare_on_ray.py /shared/tunes /shared/corpus                      # on this machine
    python examples/prepare_on_ray.py /shared/tunes /shared/corpus --address auto       # on the cluster it belongs to

Tunes and output are on a file system that all machines see. Each shard is a file that is whole or not there, so a run
that was killed goes on, with or without Ray; this machine puts them together at the end.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ray

from remi_two_stage.corpus.arguments import Preparation
from remi_two_stage.corpus.files import find_files
from remi_two_stage.corpus.preparation import SHARDS, prepare_corpus
from remi_two_stage.corpus.shards import Shard, divide_into_shards, prepare_shard


def prepare_row(row: dict[str, Any]) -> dict[str, int]:
    """Make the shard of a row, on whatever machine; the counts that it adds."""
    shard: Shard = row["item"]
    return prepare_shard(shard).counts()


def counts_of(shards: list[Shard]) -> Iterator[dict[str, Any]]:
    """The counts of all shards as they are done."""
    # As many blocks as shards, since a block is the work of one task.
    made = ray.data.from_items(shards, override_num_blocks=len(shards)).map(prepare_row)
    yield from made.iter_rows()


def main() -> None:
    """Divide the work, have it done, put it together."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("tunes", help="music21, a folder, a .zip archive, or a glob in quotes")
    parser.add_argument("output", type=Path, help="folder for the prepared corpus")
    parser.add_argument("--address", default="local", help="of the cluster (default: %(default)s, this machine alone)")
    parser.add_argument(
        "--workers", type=int, default=2, help="shards made at once on this machine alone (default: %(default)s)"
    )
    options = parser.parse_args()

    folder = options.output.absolute() / SHARDS
    folder.mkdir(parents=True, exist_ok=True)
    shards, _ = divide_into_shards(find_files(options.tunes).files, folder)
    if options.address == "local":
        ray.init("local", num_cpus=options.workers, include_dashboard=False)
    else:
        ray.init(options.address)
    ray.data.DataContext.get_current().enable_progress_bars = False
    tunes = sum(counts["tunes"] for counts in counts_of(shards))
    ray.shutdown()
    print(f"{tunes:,} tunes in {len(shards):,} shards")
    print(prepare_corpus(Preparation(options.tunes, options.output)).report())


if __name__ == "__main__":
    main()
