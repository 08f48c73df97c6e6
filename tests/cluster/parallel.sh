#!/usr/bin/env bash
# Shards under GNU parallel, one of them cut off and run again: tests/cluster/parallel.sh RXPLAN
set -euo pipefail
rxplan=$(realpath "${1:-target/release/rxplan}")
command -v parallel >/dev/null || { echo "skipped: GNU parallel is not installed"; exit 0; }
. "$(dirname "$0")/common.sh"
trap 'rm -rf "$work"' EXIT

"$rxplan" shard emit parallel "$work/plan" >"$work/run.sh"
sh "$work/run.sh"
kill_shard 3
# To parallel the shard succeeded; without its log it starts all, and those that are done end at once.
rm "$work/plan/joblog"
sh "$work/run.sh"
merge_and_compare
