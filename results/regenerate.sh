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
    "$@" --quiet || [ $? -eq 3 ]
    printf '```\n'
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

# One CSV of runs that differ in one key: rows KEY SCENARIO OPTION... -- VALUE...
rows() {
    local key=$1 scenario=$2 options=() lines=2
    shift 2
    while [ "$1" != -- ]; do options+=("$1") && shift; done
    shift
    for value in "$@"; do
        "$rxplan" simulate "$scenario" --quiet --format csv "${options[@]}" --set "$key=$value" | tail -n "$lines" |
            awk -v key="${key//./_}" -v value="$value" -v header="$lines" \
                '{ print (NR == 1 && header == 2 ? key : value) "," $0 }'
        lines=1
    done
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
        block "$rxplan" simulate "$scenario" --out "$out"
        if grep -q '^\[plan\]' "$scenario"; then block "$rxplan" plan "$scenario" --out "$out/plan"; fi
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
        for rx in 32 64 128 256 512 1024; do
            rows reserve.entries "$scenario" --set "nic.rx=$rx" -- 0 256 512 1024 2048 4096 8192 |
                awk -v rx="$rx" '{ print (/^reserve_entries/ ? "nic_rx" : rx) "," $0 }'
        done | awk 'NR == 1 || !/^nic_rx/' >"$out/grid.csv"
        ;;
    napi-coalescing) rows host.rx_usecs "$scenario" -- 1 8 64 128 256 >"$out/coalescing.csv" ;;
    esac
    log "$logs/$name" "$scenario" "${shape[@]}"

    report=()
    if [ "$name" = default ]; then report=(--html); fi
    "$rxplan" plot "$out" "$logs/$name" --out "$out" "${report[@]}" >/dev/null
    {
        printf '\n## Figures\n'
        if [ "$name" = default ]; then printf '\nAll of them with values on hovering: `report.html`.\n'; fi
        (cd "$out" && find . -name '*.svg' | sort | sed 's|^\./\(.*\)\.svg$|\n![\1](\1.svg)|')
    } >>"$out/README.md"
done
