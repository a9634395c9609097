#!/bin/sh
# Loops over the functions of <tn/vector_math.h> are vectorised by gcc, for float and double and each
# instruction set: loops.sh prints those that are not, and fails if there is one.
set -u
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# One formula in each line.
functions="exp(x) expm1(x) log(x) log1p(x) tanh(x) TN_SIGMOID(x) erf(x) erfc(x) TN_GAUSSIAN(x) sin(x) cos(x) pow(x,c[0])"
{
    echo '#include <tn/formula.h>'
    for f in $functions; do
        name=f_$(echo "$f" | tr -c 'a-zA-Z0-9\n' _)
        echo "TN_FORMULA1($name, x, $f); extern const tn_formula *p_$name; const tn_formula *p_$name = &$name;"
    done
} >"$work/loops.c"
gcc -std=c11 -O3 -fno-trapping-math -fno-math-errno -ffp-contract=fast --param vect-epilogues-nomask=0 \
    -fopt-info-vec-optimized -Ilibtensor/include -c "$work/loops.c" -o "$work/loops.o" 2>"$work/log" || exit 1

# 16 bytes are the baseline's vectors, 32 those of v3, 64 those of v4; each has a loop for float and one for double.
line=1
for f in $functions; do
    line=$((line + 1))
    for bytes in 16 32 64; do
        loops=$(grep -c "loops.c:$line:.*loop vectorized using $bytes byte" "$work/log")
        [ "$loops" = 2 ] && continue
        echo "lint: $f: $loops of 2 loops are vectorised with $bytes bytes"
        bad=1
    done
done
exit ${bad:-0}
