#!/usr/bin/env bash
# Installs the wheel and all it needs from a folder of wheels, without a network, and does what a new user does first.
#
#     maintenance/install_without_network.sh wheels/
#
# The folder is filled if it is empty, for which the network is needed; nothing after that may reach it (`unshare -n`
# makes sure, where it is permitted). First without extras: ABC, MIDI and MusicXML are written, and the extra is named
# that a picture needs. Then with all of them: a picture, a sound, and the page is served. Needs 5 GB of disk.
set -euo pipefail

wheels=$(mkdir -p "$1" && cd "$1" && pwd)
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
python=${PYTHON:-python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if ! compgen -G "$wheels/*.whl" >/dev/null; then
    "$python" -m venv "$work/build"
    "$work/build/bin/pip" install --quiet --constraint "$repository/constraints.txt" setuptools
    git -C "$repository" archive HEAD | tar -x -C "$(mkdir "$work/source" && echo "$work/source")"
    "$work/build/bin/pip" wheel --quiet --constraint "$repository/constraints.txt" --no-build-isolation \
        --wheel-dir "$wheels" "$work/source[all]"
fi

# no configuration of pip, no cache, no network but loopback
offline=(env -i "PATH=/usr/bin:/bin:/usr/sbin:/sbin" "HOME=$work/home" "PIP_CONFIG_FILE=/dev/null" "HF_HUB_OFFLINE=1")
if unshare -n true 2>/dev/null; then
    offline=(unshare -n "${offline[@]}")
fi
mkdir "$work/home"
cd "$work"

install() { # folder of the environment, requirement
    "$python" -m venv "$1"
    "${offline[@]}" "$1/bin/pip" install --quiet --no-index --find-links "$wheels" "$2"
}

refuses() { # word of the message, command
    local said
    if said=$("${@:2}" 2>&1); then
        echo "should have been refused: ${*:2}" >&2
        exit 1
    fi
    grep --quiet --fixed-strings "$1" <<<"$said"
}

install bare remi-two-stage
"${offline[@]}" bare/bin/remi-two-stage compose --seed 1 --quiet --output bare-tunes
for ending in abc mid musicxml; do
    test -s "bare-tunes/jig-in-d-major-1.$ending"
done
refuses "pip install 'remi-two-stage[render]'" "${offline[@]}" bare/bin/remi-two-stage compose --output tune.pdf
refuses "pip install 'remi-two-stage[demo]'" "${offline[@]}" bare/bin/remi-two-stage demo
echo "without extras: ABC, MIDI and MusicXML; pictures, sound and the page name their extra"

install full 'remi-two-stage[all]'
"${offline[@]}" full/bin/remi-two-stage compose --seed 1 --quiet --output tunes --formats abc,mid,musicxml,svg,png,pdf,wav
cmp bare-tunes/jig-in-d-major-1.abc tunes/jig-in-d-major-1.abc
for ending in mid musicxml svg png pdf wav; do
    test -s "tunes/jig-in-d-major-1.$ending"
done
# the page and who asks for it share one loopback
"${offline[@]}" bash -c '
    ip link set lo up 2>/dev/null || true  # its own namespace begins without loopback
    full/bin/python -u -m remi_two_stage.cli demo --port 7861 >said.txt &
    page=$!
    until grep --quiet http said.txt; do kill -0 $page && sleep 1; done
    full/bin/python -c "
from urllib.request import urlopen
assert b\"remi_two_stage\" in urlopen(\"http://127.0.0.1:7861/\").read()
"
    kill $page'
echo "with all extras: SVG, PNG, PDF and WAV; the page is served"
