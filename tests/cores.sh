#!/bin/sh
# The tests whose products CBLAS makes, with each of OpenBLAS's sets of kernels that this processor can run: which
# of them a user has is the processor's matter, and they do not add up alike. cores.sh TESTS...
set -u
cd "$(dirname "$0")/.."

# A set of kernels and what /proc/cpuinfo has to say of the processor for it.
cores="Prescott:pni Sandybridge:avx Haswell:avx2 SkylakeX:avx512vl Cooperlake:avx512_bf16"

has()
{
    grep -m1 -E '^flags' /proc/cpuinfo 2>/dev/null | grep -qw -- "$1"
}

status=0 count=0
for core in $cores; do
    has "${core#*:}" || continue
    count=$((count + 1))
    echo "with OpenBLAS's kernels of ${core%:*}:"
    TN_ISA=baseline OPENBLAS_CORETYPE=${core%:*} CK_FORK=no BRIEF=1 WRAPPER="timeout 600" \
        tests/run.sh "$@" || status=1
done
[ $count -gt 0 ] || echo "none of OpenBLAS's kernels is picked by name on this processor"
exit $status
