#!/bin/sh
# What the shared library offers to programs beside what an earlier one does, by abidiff: functions that are
# gone or new, arguments, structs, enumerations. It fails if that has changed under one soname, since programs
# that were built with the earlier library take this one then. BASE is a directory with the sources of the
# earlier version, or a commit or tag: abi.sh BUILD BASE
set -eu
build=$1 base=$2
make="${MAKE:-make} -s --no-print-directory"
command -v abidiff >/dev/null || { echo "abi: there is no abidiff: apt-get install abigail-tools"; exit 1; }

if [ ! -d "$base" ]; then
    commit=$(git rev-parse -q --verify "$base^{commit}") || { echo "abi: $base is no directory and no commit"; exit 1; }
    base=$build/abi/$commit
    mkdir -p "$base"
    git archive "$commit" | tar -x -C "$base"
fi
# What it offers does not depend on how fast it is.
$make -C "$base" BUILD=build CFLAGS="-O0 -g" KERNEL_CFLAGS= lib >/dev/null
$make BUILD="$build" lib >/dev/null

soname()
{
    readelf -d "$1" | sed -n 's/.*soname: \[\(.*\)\]/\1/p'
}

# Of what a type is that the headers only name, programs see nothing.
hidden=$(sed -n 's/^typedef struct \(tn_[a-z0-9_]*\) \1;$/\1/p' libtensor/include/tn/*.h | tr '\n' '|')
printf '[suppress_type]\n  name_regexp = ^(%stn__.*)$\n' "$hidden" >"$build/abi.suppress"

before=$base/build/libtensor.so now=$build/libtensor.so
echo "$(soname "$before") of $2, $(soname "$now") here:"
# Bits of its result: 1 and 2 are errors of use, 4 a change, 8 one that breaks programs.
abidiff --suppressions "$build/abi.suppress" --headers-dir1 "$base/libtensor/include" \
    --headers-dir2 libtensor/include "$before" "$now" && exit
result=$?
[ $((result & 3)) = 0 ] || exit 1
if [ "$(soname "$before")" = "$(soname "$now")" ]; then
    echo "abi: this takes another soname, which follows the minor version of <tn/context.h>"
    exit 1
fi
