#!/bin/sh
# Stop a change that makes restored pictures worse. Paste it into CI.
#   examples/ci_regression.sh [DEGRADED [CLEAN [BASELINE [MODEL]]]]
#
# DEGRADED and CLEAN hold the same pictures, paired by name. A few small ones do.
# BASELINE is what the numbers were when they were good. Commit it: to make it, run this once while
# it is not there. To accept a change, delete it, run this again, and commit what it makes.
# Exit code 3: something fell by more than it may, and the report beside BASELINE shows where; keep
# that file as an artefact of the job. Make the baseline where it is checked: processors round apart.
set -eu
here=$(dirname "$0")
degraded=${1:-"$here/photos"} clean=${2:-"$here/clean"} baseline=${3:-quality.json} model=${4:-derain}

restored=$(mktemp -d)
trap 'rm -rf "$restored"' EXIT
restore infer --model "$model" --quiet -o "$restored" "$degraded"

if [ ! -e "$baseline" ]; then
    restore eval "$restored" "$clean" --save-baseline "$baseline"
    echo "made $baseline: commit it, so that there is something to compare with" >&2
    exit 0
fi

# How much worse the mean over all pictures may be. Nobody sees 0.05 dB; a changed resize, a lost
# colour profile or a broken model costs more.
restore eval "$restored" "$clean" --report "${baseline%.json}.html" \
    --baseline "$baseline" --max-drop psnr=0.05,ssim=0.001
