#!/usr/bin/env bash
# Shards under Slurm on this machine, one of them cut off and resubmitted: tests/cluster/slurm.sh
# RXPLAN. Needs root; installs slurm-wlm and munge where they are not, and starts munged, slurmctld
# and slurmd on 127.0.0.1 with a configuration of its own.
set -euo pipefail
rxplan=$(realpath "${1:-target/release/rxplan}")
[ "$(id -u)" = 0 ] || { echo "skipped: starting Slurm needs root"; exit 0; }
if ! { command -v slurmctld && command -v slurmd && command -v munged; } >/dev/null; then
    apt=(apt-get -qq -o DPkg::Lock::Timeout=60)
    { "${apt[@]}" update && "${apt[@]}" install -y --no-install-recommends slurm-wlm munge; } \
        >/dev/null 2>&1 || { echo "skipped: slurm-wlm cannot be installed"; exit 0; }
fi
. "$(dirname "$0")/common.sh"

host=$(hostname -s)
state=$work/slurm
mkdir -p "$state/ctld" "$state/d"
chmod 755 "$work" "$state"
chown slurm "$state/ctld"
cat >"$state/slurm.conf" <<CONF
ClusterName=rxplan
SlurmctldHost=$host(127.0.0.1)
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmctldPort=16817
SlurmdPort=16818
AuthType=auth/munge
AuthInfo=socket=$state/munge.socket
SlurmUser=slurm
StateSaveLocation=$state/ctld
SlurmdSpoolDir=$state/d
SlurmctldPidFile=$state/ctld/pid
SlurmdPidFile=$state/d/pid
SlurmctldLogFile=$state/ctld/log
SlurmdLogFile=$state/d/log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
SchedulerParameters=sched_min_interval=100000
NodeName=$host NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=main Nodes=$host Default=YES MaxTime=INFINITE State=UP
CONF
export SLURM_CONF=$state/slurm.conf

daemons=()
stop() {
    for pid in "${daemons[@]}"; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    rm -rf "$work"
}
trap stop EXIT

head -c 1024 /dev/urandom >"$state/munge.key"
chmod 600 "$state/munge.key"
munged --foreground --force --key-file="$state/munge.key" --socket="$state/munge.socket" \
    --pid-file="$state/munge.pid" --seed-file="$state/munge.seed" >/dev/null 2>&1 &
daemons+=($!)
sleep 1
slurmctld -D >/dev/null 2>&1 &
daemons+=($!)
sleep 1
slurmd -D -N "$host" >/dev/null 2>&1 &
daemons+=($!)
for _ in $(seq 30); do
    sinfo --noheader --format=%t 2>/dev/null | grep -q idle && break
    sleep 1
done
sinfo

"$rxplan" shard emit slurm "$work/plan" >"$work/job.sh"
job=$(sbatch --parsable "$work/job.sh")
# Kill a shard once it has a point; where it was faster than that, leave it as a kill would.
for _ in $(seq 600); do
    [ "$(cat "$work/plan/"part-00003-of-*.journal 2>/dev/null | wc -l)" -ge 2 ] && break
    [ -e "$(echo "$work/plan/"part-00003-of-*.jsonl)" ] && break
    sleep 0.1
done
scancel --signal=KILL --full "${job}_3" || true
for _ in $(seq 60); do
    [ -z "$(squeue --noheader --job "$job" 2>/dev/null)" ] && break
    sleep 1
done
"$rxplan" shard status "$work/plan"
[ -e "$(echo "$work/plan/"part-00003-of-*.jsonl)" ] && kill_shard 3
# Slurm counts one task in this array: the number of shards must come from the plan.
timeout 60 sbatch --wait --array=3 "$work/job.sh"
merge_and_compare
