#!/bin/sh
# A Slurm of one node, this machine, without accounting and without systemd; all that it writes is in FOLDER.
#     sh one_node.sh start FOLDER     then: export SLURM_CONF=FOLDER/slurm.conf PATH=FOLDER/bin:$PATH
#     sh one_node.sh stop FOLDER
# Needs root and Debian's slurm-wlm and munge. Jobs are not bound to cores; their memory is polled, and who takes more
# than asked for is killed.
set -eu
at=$2
export SLURM_CONF="$at/slurm.conf"

stop() {
    for daemon in slurmd slurmctld munged; do
        if [ -f "$at/$daemon.pid" ]; then
            kill "$(cat "$at/$daemon.pid")" 2>/dev/null || true
            rm -f "$at/$daemon.pid"
        fi
    done
}

start() {
    mkdir -p "$at/state" "$at/spool" "$at/bin"
    chmod 755 "$at"  # munged takes no socket in a folder that others may write into, nor a key that they may read
    (umask 077 && head -c 1024 /dev/urandom > "$at/munge.key")
    munged --key-file="$at/munge.key" --socket="$at/munge.socket" --pid-file="$at/munged.pid" \
        --log-file="$at/munged.log" --seed-file="$at/munge.seed" --force
    node=$(hostname -s)
    memory=$(awk '/^MemAvailable/ {print int($2 / 1024)}' /proc/meminfo)
    cat > "$SLURM_CONF" <<END
ClusterName=one-node
SlurmctldHost=$node(127.0.0.1)
SlurmctldPort=${SLURMCTLD_PORT:-16817}
SlurmdPort=${SLURMD_PORT:-16818}
SlurmUser=$(id -un)
AuthType=auth/munge
AuthInfo=socket=$at/munge.socket
StateSaveLocation=$at/state
SlurmdSpoolDir=$at/spool
SlurmctldPidFile=$at/slurmctld.pid
SlurmdPidFile=$at/slurmd.pid
SlurmctldLogFile=$at/slurmctld.log
SlurmdLogFile=$at/slurmd.log
AccountingStorageType=accounting_storage/none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=2
JobAcctGatherParams=OverMemoryKill
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
MpiDefault=none
ReturnToService=2
NodeName=$node NodeAddr=127.0.0.1 CPUs=$(nproc) RealMemory=$memory State=UNKNOWN
PartitionName=all Nodes=$node Default=YES MaxTime=INFINITE State=UP
END
    # Snakemake's plugin takes SLURM_CONF from srun, which would then look in /etc
    printf '#!/bin/sh\nSLURM_CONF="%s" exec "%s" "$@"\n' "$SLURM_CONF" "$(command -v srun)" > "$at/bin/srun"
    chmod +x "$at/bin/srun"
    slurmctld
    slurmd
    for _ in $(seq 60); do
        if sinfo --noheader --format=%T 2>/dev/null | grep -q idle; then return; fi
        sleep 1
    done
    tail -n 20 "$at/slurmctld.log" "$at/slurmd.log" >&2
    exit 1
}

"$1"
