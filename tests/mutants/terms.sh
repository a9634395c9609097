#!/bin/sh
# Changes one term of a backward formula at a time, as terms.tsv lists them (file, test, text, what
# takes its place), in a copy of the sources, and sees that the test turns red: terms.sh BUILD_DIR
set -eu
here=$(cd "$(dirname "$0")" && pwd)
copy=$1/terms
mkdir -p "$copy"
cp -rp "$here/../../libtensor" "$here/../../tests" "$here/../../Makefile" "$copy"
mkdir -p "$copy/examples"
export CK_FORK=no OMP_NUM_THREADS=1

tests=$(cut -f 2 "$here/terms.tsv" | sort -u | sed 's|^|build/tests/test_|')
build()
{
    make -s -C "$copy" BUILD=build MUTANTS= CFLAGS="-O1 -w" "$@" >/dev/null
}

build $tests
for test in $tests; do
    (cd "$copy" && "$test" >/dev/null 2>&1) || { echo "$test fails without a mutant"; exit 1; }
done
alive=0 count=0
while IFS="$(printf '\t')" read -r file test from to; do
    source=$copy/libtensor/$file
    cp -p "$source" "$copy/original"
    FROM=$from TO=$to awk '
        { at = done ? 0 : index($0, ENVIRON["FROM"])
          if (at) { $0 = substr($0, 1, at - 1) ENVIRON["TO"] substr($0, at + length(ENVIRON["FROM"])); done = 1 }
          print }
        END { exit !done }' "$copy/original" >"$source" || { echo "terms.tsv: $file has no $from"; exit 1; }
    build "build/tests/test_$test"
    count=$((count + 1))
    if (cd "$copy" && timeout 120 "build/tests/test_$test") >/dev/null 2>&1; then
        echo "survivor: $file: $from -> $to"
        alive=$((alive + 1))
    fi
    cp "$copy/original" "$source"
done <"$here/terms.tsv"
echo "$count mutants of terms, $((count - alive)) killed, $alive survived"
[ "$alive" -eq 0 ]
