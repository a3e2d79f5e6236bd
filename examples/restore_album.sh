#!/usr/bin/env bash
# Restore a whole album, go on where an earlier run stopped, and list what failed.
#   examples/restore_album.sh TASK ALBUM OUTPUT
set -euo pipefail
task=$1 album=$2 output=$3

# Exit code 1 means that some pictures failed and all others are done: not a reason to stop here.
log=$(mktemp)
trap 'rm -f "$log"' EXIT
restore infer --task "$task" --recursive --skip-existing --json --quiet -o "$output" "$album" >"$log" || [ $? -eq 1 ]

# The last line is the summary; each line before is one picture.
python3 - "$log" <<'PYTHON'
import json, sys
*files, summary = (json.loads(line) for line in open(sys.argv[1], encoding="utf-8"))
for file in files:
    if file["status"] == "failed":
        print(f"failed: {file['input']}: {file['error']}")
print(f"{summary['done']} done, {summary['skipped']} skipped, {summary['failed']} failed")
PYTHON
