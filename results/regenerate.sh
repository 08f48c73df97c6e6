#!/usr/bin/env bash
# Makes everything in this folder again: one folder a scenario, and the index in README.md.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --locked --release
rxplan=target/release/rxplan

index=results/README.md.new
trap 'rm -f "$index"' EXIT
{
    echo "# Results"
    echo
    echo "Made by \`results/regenerate.sh\`; do not edit. Each folder has \`summary.csv\`, \`queues.csv\` and"
    echo "\`manifest.toml\` of the simulation, the search in \`plan/\`, the grid in \`sweep/\`. Only the \`[engine]\` part of a manifest"
    echo "differs from run to run."
} >"$index"

for scenario in scenarios/*.toml; do
    name=$(basename "$scenario" .toml)
    out=results/$name
    echo "$name" >&2
    {
        printf '\n## %s\n\n' "$name"
        sed -n 's/^# Question: /Question: /p' "$scenario"
        printf '\n```text\n'
        "$rxplan" simulate "$scenario" --quiet --out "$out"
        printf '```\n'
    } >>"$index"
    if grep -q '^\[sweep\]' "$scenario"; then
        {
            printf '\n```text\n'
            "$rxplan" sweep "$scenario" --quiet --out "$out/sweep"
            printf '```\n'
        } >>"$index"
    fi
    if grep -q '^\[plan\]' "$scenario"; then
        {
            printf '\n```text\n'
            # 3: infeasible or inconclusive, which is an answer too
            "$rxplan" plan "$scenario" --quiet --out "$out/plan" || [ $? -eq 3 ]
            printf '```\n'
        } >>"$index"
    fi
done
mv "$index" results/README.md
