#!/usr/bin/env bash
# Train in several processes of one machine: on its GPUs, or on a CPU where there are none.
#
#     examples/train_in_processes.sh 2 --corpus path/to/tunes --output my-model
#     ACCELERATE_FLAGS="--config_file examples/fsdp2.yaml" examples/train_in_processes.sh 8 --corpus ... --output ...
#
# The flags behind the number are those of `remi-two-stage train`. --batch-size counts the rows of one process: N
# processes with B rows make the steps of one process with N times B. Ctrl-C saves; the same call goes on.
set -euo pipefail

processes=$1
shift
flags=(--num_processes "$processes" --num_machines 1 --mixed_precision no --dynamo_backend no --main_process_port 0)
# Accelerate's word for processes of one machine; without GPUs they compute on the CPU.
((processes > 1)) && flags+=(--multi_gpu)
# shellcheck disable=SC2086 # several flags in one variable are meant to be split
exec accelerate launch "${flags[@]}" ${ACCELERATE_FLAGS:-} --module remi_two_stage.cli train "$@"
