#!/bin/sh
# What `make lint` checks besides warnings: formatting, cppcheck, and the walls between the rooms.
set -u
cd "$(dirname "$0")/.."
status=0

fail()
{
    echo "lint: $*"
    status=1
}

# No line of `files` may match the pattern.
never()
{
    pattern=$1
    message=$2
    shift 2
    found=$(grep -nE "$pattern" "$@" 2>/dev/null) && fail "$message" && echo "$found"
}

sources=$( (git ls-files '*.c' '*.h' 2>/dev/null || find libtensor examples tests -name '*.[ch]') | grep -v '^tests/data/')

if command -v clang-format >/dev/null; then
    clang-format --dry-run -Werror $sources || fail "run clang-format -i on the files above"
else
    echo "lint: clang-format is not installed"
fi

if command -v cppcheck >/dev/null; then
    cppcheck -q --std=c11 --enable=warning,performance,portability --inline-suppr --error-exitcode=1 \
        --suppress=missingIncludeSystem --suppress=internalAstError --suppress=invalidFunctionArg \
        -DTN_REAL_f32 -DTN_ISA_baseline -Ilibtensor/include -Ilibtensor libtensor/core libtensor/ops \
        libtensor/nn libtensor/optim libtensor/io libtensor/data libtensor/kernels ||
        fail "cppcheck found something"
else
    echo "lint: cppcheck is not installed"
fi

library=$(find libtensor -name '*.[ch]')
never 'include <cblas.h>' 'only core/blas.c includes <cblas.h>' \
    $(echo "$library" | grep -v '^libtensor/core/blas.c$')
never 'include <zlib.h>' 'only io/ includes <zlib.h>' $(echo "$library" | grep -v '^libtensor/io/')
never 'tn_tensor|tn_ctx|core/|tn/' 'kernels/ knows no tensors' libtensor/kernels/*.[ch]
never 'include "(ops|nn|optim|io|data|examples)/' 'core/ includes nothing from above' libtensor/core/*.[ch]
never 'include "(nn|optim|io|data|examples)/' 'ops/ includes nothing from above' libtensor/ops/*.[ch]
never 'include "(io|examples)/' 'nn/, optim/ and data/ include nothing from above' \
    libtensor/nn/*.[ch] libtensor/optim/*.[ch] libtensor/data/*.[ch]
never 'include "(core|kernels|ops|nn|optim|io|data)/' 'examples use the public headers alone' \
    $(find examples -name '*.[ch]')
never '(^|[^a-z_])(abort|exit|assert|printf|fprintf|puts|putchar) *\(' \
    'the library neither prints nor ends the program' \
    $(echo "$library" | grep -v '^libtensor/include/')
never 'TODO|FIXME|XXX' 'nothing is left to do' $sources

exit $status
