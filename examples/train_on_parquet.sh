#!/usr/bin/env bash
# A corpus as Parquet shards, and training that streams them: nothing but the shards in use is on this machine.
#
#     examples/train_on_parquet.sh path/to/tunes corpus/ my-model --steps 20000
#
# The shards may lie anywhere that fsspec reads. Once they are on the Hub or in a bucket, leave out the first line:
#
#     remi-two-stage train --reading stream --corpus hf://datasets/you/your-tunes --output my-model --steps 20000
set -euo pipefail

tunes=$1 corpus=$2 model=$3
shift 3
remi-two-stage prepare --corpus "$tunes" --output "$corpus"
remi-two-stage train --reading stream --corpus "$corpus" --output "$model" "$@"
