#!/usr/bin/env bash
# Give one photo the look of another, learned from these two pictures alone (CUT by crops).
#   examples/single_image.sh PHOTO LOOK OUTPUT.png [restore train's options]
set -euo pipefail
photo=$1 look=$2 output=$3
shift 3

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/input" "$work/target"
cp "$photo" "$work/input"
cp "$look" "$work/target"
restore train --init single-image -o "$work/recipe.toml"
restore train "$work/recipe.toml" --set data.root="$work" "$@" -o "$work/run" --export "$work/model"
restore infer --model "$work/model" "$photo" -o "$work/made"
cp "$work"/made/*.png "$output"
