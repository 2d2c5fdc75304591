#!/usr/bin/env bash
# What the embedded checkpoint learnt, at the size `base`, on the GPUs of one machine, from fetching to measuring.
#
#     examples/train_base.sh a-folder 8
#     examples/train_base.sh a-folder 8 --planner-epochs 8 --batch-size 32
#
# The folder gets the corpora, what was prepared of them, and the model. What is there already is kept, so the same call
# goes on after a stop. Further flags are those of `remi-two-stage train`. TUNES names a corpus in place of music21's.
set -euo pipefail

folder=$1
processes=$2
shift 2
here=$(dirname "$0")

[[ -e $folder/corpora ]] || python "$here/../maintenance/fetch_corpora.py" "$folder/corpora"
prepare() { [[ -e $folder/learnt/$1 ]] || remi-two-stage prepare --output "$folder/learnt/$1" --corpus "${@:2}"; }
prepare music21 "${TUNES:-music21}" --augment tonic
prepare hymns "$folder/corpora/hymns.zip" --augment tonic
prepare lieder "$folder/corpora/lieder.zip"
prepare quartets "$folder/corpora/quartets.zip"

"$here/train_in_processes.sh" "$processes" --output "$folder/model" \
    --corpus "$folder/learnt/music21=0.5" --corpus "$folder/learnt/hymns" \
    --corpus "$folder/learnt/lieder=0.35" --corpus "$folder/learnt/quartets=0.08" \
    --planner-size small --detail-size base --precision bfloat16 --dtype bfloat16 --batch-size 16 --loaders 4 \
    --planner-epochs 12 --detail-epochs 24 --from-melody 0.75 --voice-orders 0.4 --dropout 0.1 "$@"
remi-two-stage evaluate --model "$folder/model" --data "$folder/learnt/hymns"
