#!/usr/bin/env bash
# Develop a folder of RAW files twice: JPEG files to look at, 16-bit TIFF files to work on. Goes on
# where an earlier run stopped, and lists what failed. Further words go to `restore isp`.
#   examples/develop_folder.sh RAWS OUTPUT [--engine libraw ...]
set -euo pipefail
raws=$1 output=$2
shift 2

develop() { # kind options...
  local kind=$1 code=0
  shift
  restore isp "$raws" --recursive --skip-existing --quiet -o "$output/$kind" "$@" || code=$?
  # Exit code 1 means that some files failed and all others are done: not a reason to stop here.
  [ "$code" -le 1 ] || exit "$code"
}

develop jpg --format jpg "$@"
develop tiff --format tiff --bits 16 "$@"
echo "developed into $output/jpg and $output/tiff"
