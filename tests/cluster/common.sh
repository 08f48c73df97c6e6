# What the cluster tests share: a sweep run whole, and the same in shards of which one was killed.
# Sourced; wants $rxplan, the program. Leaves the folder $work with plan/, whole/ and its scenario.

work=$(mktemp -d)
scenario=$work/scenario.toml
shards=6

cat >"$scenario" <<'TOML'
[run]
duration = "400 ms"
warmup = "1 ms"
replications = 2
[nic]
queues = 4
rx = 64
rx_buf_len = "2 KiB"
[host]
model = "server"
service = "1 us"
[[traffic]]
kind = "on-off"
rate = "2 Mpps"
on = { dist = "exponential", mean = "100 us" }
off = { dist = "exponential", mean = "400 us" }
[sweep]
"nic.rx" = "16..512 x2"
"reserve.entries" = [0, 128, 256, 512, 1024]
TOML

"$rxplan" sweep "$scenario" --quiet --out "$work/whole" >/dev/null
"$rxplan" shard plan "$scenario" --shards "$shards" --quiet --out "$work/plan" >/dev/null

# Leaves a shard as a kill does that comes while it writes: half a journal, the last line torn.
kill_shard() {
    local name=part-0000$1-of-0000$shards
    head -c "$(($(stat -c %s "$work/plan/$name.jsonl") / 2))" "$work/plan/$name.jsonl" \
        >"$work/plan/$name.journal"
    rm "$work/plan/$name.jsonl"
    if "$rxplan" shard merge "$work/plan" >/dev/null 2>&1; then
        echo "error: merged without shard $1" >&2
        exit 1
    fi
}

# The parts together must be the sweep, but for the wall-clock times in the manifest.
merge_and_compare() {
    "$rxplan" shard status "$work/plan"
    "$rxplan" shard merge "$work/plan" --quiet --out "$work/merged" >/dev/null
    diff -r --exclude manifest.toml "$work/whole" "$work/merged"
    echo "the merged parts are the sweep, byte for byte"
}
