#!/usr/bin/env bash
# Runs the sweep of Examples/04-Sweep as a job array of Slurm on one Debian machine, kills one of its tasks on the way,
# and compares the results with those of a run without Slurm.
#
#     Scripts/slurm_sweep.sh [KVPOLICY]
#
# Needs root, and apt if Slurm is not installed (slurm-wlm brings munge). Slurm's configuration, state and logs are in
# a temporary folder, and its daemons are stopped at the end. CI does not run this.
set -euo pipefail
cd "$(dirname "$0")/.."

tool=$(realpath "${1:-.build/release/kvpolicy}")
example=$PWD/Examples/04-Sweep
[ -x "$tool" ] || { echo "error: $tool cannot be run; build it, or name the program" >&2; exit 1; }
[ "$(id -u)" = 0 ] || { echo "error: Slurm's daemons are started as root; use sudo" >&2; exit 1; }
if ! command -v slurmctld >/dev/null; then
  apt-get update
  DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends slurm-wlm
fi

work=$(mktemp -d)
host=$(hostname -s)
daemons=()
cleanup() {
  for daemon in "${daemons[@]}"; do kill "$daemon" 2>/dev/null || true; done
  wait
  rm -rf "$work"
}
trap cleanup EXIT

mkdir "$work/state" "$work/spool" "$work/jobs"
cat >"$work/slurm.conf" <<CONF
ClusterName=sweep
SlurmctldHost=$host
SlurmUser=root
AuthInfo=socket=$work/munge/socket
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
ReturnToService=2
StateSaveLocation=$work/state
SlurmdSpoolDir=$work/spool
SlurmctldPidFile=$work/slurmctld.pid
SlurmdPidFile=$work/slurmd.pid
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
NodeName=$host CPUs=$(nproc) State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
export SLURM_CONF=$work/slurm.conf

# Munge, which signs messages between the daemons, with a key and a socket of its own.
mkdir -m 755 "$work/munge"
chmod 755 "$work"
chown munge: "$work/munge"
as_munge=(setpriv --reuid=munge --regid=munge --clear-groups)
"${as_munge[@]}" sh -c "umask 077; head -c 128 /dev/urandom >$work/munge/key"
"${as_munge[@]}" munged --foreground --socket="$work/munge/socket" --key-file="$work/munge/key" \
  --pid-file="$work/munge/pid" --log-file="$work/munge/log" --seed-file="$work/munge/seed" \
  >"$work/munged.log" 2>&1 &
daemons+=($!)
for _ in $(seq 50); do [ -S "$work/munge/socket" ] && break; sleep 0.1; done
slurmctld -D >"$work/slurmctld.log" 2>&1 &
daemons+=($!)
slurmd -D >"$work/slurmd.log" 2>&1 &
daemons+=($!)
for _ in $(seq 100); do [ "$(sinfo --noheader --format=%t 2>/dev/null)" = idle ] && break; sleep 0.2; done
sinfo || { tail -n 5 "$work"/*.log >&2; exit 1; }

cd "$work/jobs"
export KVPOLICY=$tool PLAN=$example/plan.json
job=$(sbatch --parsable "$example/sweep.sbatch")
echo "job array $job"
sleep 2
squeue
# Slurm kills the second task and starts it again later. The task goes on with its results file.
for _ in $(seq 600); do
  [ "$( (wc -l <results/2.jsonl) 2>/dev/null || echo 0)" -ge 3 ] && break
  sleep 0.1
done
scontrol requeue "${job}_2" && echo "task ${job}_2 was killed with $(wc -l <results/2.jsonl) records"
# A task that was requeued waits for a minute or two, unless it is released.
while squeue --noheader --job="$job" | grep -q .; do
  scontrol update JobId="${job}_2" StartTime=now 2>/dev/null || true
  sleep 1
done
cat sweep-*.log
"$tool" merge results/*.jsonl --out slurm.jsonl

# The run without Slurm. A merge of both succeeds only if all numbers agree.
"$tool" sweep "$PLAN" --out alone.jsonl
cells=$(wc -l <alone.jsonl)
"$tool" merge slurm.jsonl alone.jsonl --out both.jsonl | tee merged.txt
grep -q "^$cells cells of 2 files, $cells repeated records left out$" merged.txt
echo "the job array's $cells records have the numbers of the run without Slurm"
