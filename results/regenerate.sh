#!/usr/bin/env bash
# Makes everything in this folder again but README.md, which tells the story: one folder a scenario, each with a
# page of its tables and figures. Without network; about a quarter of an hour on two cores.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --locked --release
rxplan=target/release/rxplan
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT

# What a command prints, as a block of text; status 3, infeasible or inconclusive, is an answer too.
block() {
    printf '\n```text\n'
    "$@" || [ $? -eq 3 ]
    printf '```\n'
}

# A grid: sweep SCENARIO FOLDER KEY=VALUES...
sweep() {
    local scenario=$1 folder=$2
    shift 2
    "$rxplan" sweep "$scenario" --quiet "${@/#/--vary=}" --out "$folder"
    rm "$folder/sweep.journal"
}

# A short run, packet by packet: log FOLDER SCENARIO OPTION...
log() {
    local folder=$1 scenario=$2
    shift 2
    local short=()
    if grep -q '^duration' "$scenario"; then short=(--set 'run.duration=20 ms' --set 'run.warmup=2 ms'); fi
    "$rxplan" simulate "$scenario" --quiet "${short[@]}" --set run.replications=1 "$@" --out "$folder" \
        --packets "$folder/packets.csv" --timeline "$folder/timeline.csv" >/dev/null
    rm "$folder/summary.csv" "$folder/queues.csv"
}

for scenario in scenarios/*.toml; do
    name=$(basename "$scenario" .toml)
    out=results/$name
    echo "$name" >&2
    rm -rf "$out"
    mkdir -p "$out" "$logs/$name"
    {
        printf '# %s\n\n' "$name"
        awk '/^# Question: /, /^#$/ { sub(/^# ?/, ""); print }' "$scenario"
        printf 'Made by `results/regenerate.sh` from [the scenario](../../%s).\n' "$scenario"
        block "$rxplan" simulate --quiet "$scenario" --out "$out"
        if grep -q '^\[sweep\]' "$scenario"; then block sweep "$scenario" "$out/sweep"; fi
        if grep -q '^\[plan\]' "$scenario"; then block "$rxplan" plan --quiet "$scenario" --out "$out/plan"; fi
    } >"$out/README.md"
    case $name in
    ring32*) continue ;; # they measure the engine's speed
    esac

    shape=()
    case $name in
    default)
        # The least memory that meets the goal, with bursts that are as independent as the plan assumes, and less so.
        shape=(--set nic.rx=128 --set reserve.entries=2048)
        "$rxplan" sensitivity "$scenario" --quiet "${shape[@]}" --set 'run.duration=800 ms' --out "$out/in-step" \
            >/dev/null
        sweep "$scenario" "$out/grid" nic.rx="32..1024 x2" reserve.entries=0,256,512,1024,2048,4096,8192 >/dev/null
        ;;
    esac
    log "$logs/$name" "$scenario" "${shape[@]}"

    measured=()
    case $name in
    xdp-cache) measured=(--measured tests/data/host/xdp-redirect.csv) ;;
    order-flip) measured=(--measured tests/data/oracle/order-flip.csv) ;;
    esac
    report=()
    if [ "$name" = default ]; then report=(--html); fi
    "$rxplan" plot "$out" "$logs/$name" --out "$out" "${report[@]}" "${measured[@]}" >/dev/null
    {
        printf '\n## Figures\n'
        if [ "$name" = default ]; then printf '\nAll of them with values on hovering: `report.html`.\n'; fi
        (cd "$out" && find . -name '*.svg' | sort | sed 's|^\./\(.*\)\.svg$|\n![\1](\1.svg)|')
    } >>"$out/README.md"
done
