# For the scripts that run mpirun: as root, with more processes than cores, which give way to each other.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
export OMPI_MCA_pml=ob1 OMPI_MCA_btl=self,vader # what one machine has, without looking for more
export OMPI_MCA_btl_vader_single_copy_mechanism=none OMPI_MCA_mpi_yield_when_idle=1
[ -z "${GIVE_WAY:-}" ] || export LD_PRELOAD="$GIVE_WAY"
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MPIEXEC_ALLOW_ROOT=1

# The sum of a script in the words of Check.
checks=0 failed=0
sum_up()
{
    echo "$((100 * (checks - failed) / checks))%: Checks: $checks, Failures: $failed, Errors: 0"
    [ $failed = 0 ]
}
