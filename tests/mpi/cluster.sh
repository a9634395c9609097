#!/bin/sh
# Two machines made of one, for the lines of docs/distributed.md about clusters: each has a network, a host name and a
# /tmp of its own. `digits-mpi train` by one process, by two and four of a hostfile, and by Slurm, where that is, writes
# the same network; and a job whose time is nearly up writes a checkpoint, with which one process goes on. As root, on
# Linux, and all of it is gone afterwards: cluster.sh PROGRAM MPI [PROGRAM MPI]...
set -u
if [ -z "${INSIDE:-}" ]; then
    [ "$(id -u)" = 0 ] || { echo "cluster.sh: only root may make networks"; exit 1; }
    for tool in ip unshare nsenter; do
        command -v $tool >/dev/null || { echo "cluster.sh: there is no $tool"; exit 1; }
    done
    INSIDE=yes exec unshare --mount --net --uts --pid --fork --kill-child --mount-proc "$0" "$@"
fi
export TMPDIR=/var/tmp # both machines see it
. "$(dirname "$0")/programs.sh"
unset TMPDIR OMPI_MCA_btl OMPI_MCA_pml GIVE_WAY LD_PRELOAD
data=examples/data/mnist
options="--train 600 --threads 1 --quiet"

# ---- the machines ----------------------------------------------------------------------------

mkdir "$work/tmp" "$work/spool" "$work/state"
hostname m1
printf '127.0.0.1 localhost\n10.9.0.1 m1\n10.9.0.2 m2\n' >"$work/names"
mount --bind "$work/names" /etc/hosts
unshare --mount --net --uts sh -c "hostname m2 && mount --bind '$work/tmp' /tmp && exec sleep 3600" &
other=$!
on_m2() { nsenter -t $other -m -n -u "$@"; }
until [ "$(on_m2 hostname 2>/dev/null)" = m2 ]; do sleep 0.1; done
ip link add here type veth peer name there netns $other
ip addr add 10.9.0.1/24 dev here
ip link set here up
ip link set lo up
on_m2 ip addr add 10.9.0.2/24 dev there
on_m2 ip link set there up
on_m2 ip link set lo up

# In place of ssh: remote.sh [-OPTION]... MACHINE COMMAND...
cat >"$work/remote.sh" <<END
#!/bin/sh
while [ "\${1#-}" != "\$1" ]; do shift; done
shift
exec nsenter -t $other -m -n -u sh -c "\$*"
END
chmod +x "$work/remote.sh"

# ---- trainings -------------------------------------------------------------------------------

# as_alone OUT COMMAND...: a training of so many processes writes what one process does.
as_alone()
{
    out=$work/$1 said=$work/$1.said
    shift
    check "$*" as_first "$out" $limit "$@" "$program" train --data $data $options --iterations 20 --out "$out"
}

as_first()
{
    out=$1
    shift
    "$@" >"$said" 2>&1 && cmp "$work/first/model.safetensors" "$out/model.safetensors"
}

by_hostfile()
{
    case $mpi in
    openmpi)
        printf 'm1 slots=2\nm2 slots=2\n' >"$work/hosts"
        for n in 2 4; do
            as_alone openmpi-$n mpirun.openmpi --mca plm_rsh_agent "$work/remote.sh" --map-by node -n $n \
                --hostfile "$work/hosts"
        done
        ;;
    mpich)
        printf 'm1:1\nm2:1\n' >"$work/hosts"
        for n in 2 4; do
            as_alone mpich-$n mpiexec.mpich -launcher ssh -launcher-exec "$work/remote.sh" -f "$work/hosts" -n $n
        done
        ;;
    esac
}

# What starts programs of an MPI: srun speaks PMIx with Open MPI, PMI-2 with MPICH.
speech_of() { case $1 in openmpi) echo pmix ;; mpich) echo pmi2 ;; esac; }

by_slurm()
{
    speech=$(speech_of "$mpi")
    srun --mpi=list 2>&1 | grep -qw "$speech" || { echo "not tried: srun without $speech"; return; }
    as_alone $mpi-srun-2 srun --mpi="$speech" -N 2 --ntasks-per-node=1
    as_alone $mpi-srun-4 srun --mpi="$speech" -N 2 --ntasks-per-node=2
    as_alone $mpi-salloc salloc -Q -N 2 --ntasks-per-node=1 mpirun."$mpi"
    check "a job whose time is nearly up" stops_and_goes_on
}

# The time of a job is a number of minutes, and the signal comes within a minute before its end.
stops_and_goes_on()
{
    out=$work/$mpi-job said=$work/$mpi-job.said
    line="$program train --data $data $options --iterations 100000000 --out $out"
    sbatch -Q --wait -t 2 -N 2 --ntasks-per-node=1 --cpus-per-task=1 --signal=TERM@60 -o "$said" --wrap \
        "srun --mpi=$speech --cpus-per-task=1 $line"
    once 'with --resume the same command goes on' && [ -f "$out/checkpoint.safetensors" ] || return 1
    reached=$(sed -n 's/.*stopped at iteration \([0-9]*\) .*/\1/p' "$said")
    timeout -s TERM 5 $line --resume >"$said" 2>&1
    [ "$(sed -n 's/.*stopped at iteration \([0-9]*\) .*/\1/p' "$said")" -gt "$reached" ]
}

begin_slurm()
{
    export SLURM_CONF="$work/slurm.conf"
    cat >"$SLURM_CONF" <<END
ClusterName=two
SlurmctldHost=m1(10.9.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/none
CredType=cred/none
StateSaveLocation=$work/state
SlurmdSpoolDir=$work/spool/%n
SlurmctldPidFile=$work/slurmctld.pid
SlurmdPidFile=$work/slurmd-%n.pid
SlurmctldLogFile=$work/slurmctld.log
SlurmdLogFile=$work/slurmd-%n.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
NodeName=m1 NodeAddr=10.9.0.1 CPUs=2
NodeName=m2 NodeAddr=10.9.0.2 CPUs=2
PartitionName=all Nodes=ALL Default=YES State=UP OverSubscribe=FORCE:4
END
    mkdir "$work/spool/m1" "$work/spool/m2"
    slurmctld && slurmd -N m1 && on_m2 slurmd -N m2 || return 1
    for i in $(seq 100); do
        [ "$(sinfo -h -t idle -o %D)" = 2 ] && return
        sleep 0.2
    done
    cat "$work"/slurm*.log
    return 1
}

program=$1
said=$work/first.said
"$program" train --data $data $options --iterations 20 --out "$work/first" >"$said" 2>&1 || { cat "$said"; exit 1; }
slurm=yes
command -v slurmctld >/dev/null && command -v slurmd >/dev/null && begin_slurm || {
    echo "not tried, for it is not here: Slurm"
    slurm=
}
while [ $# -gt 0 ]; do
    program=$1 mpi=$2 mpirun=mpirun.$2
    shift 2
    by_hostfile
    [ -z "$slurm" ] || by_slurm
done
sum_up
