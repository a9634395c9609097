#!/bin/sh
# Two that install at the same time from one build get what each of them asked for: together.sh BUILD_DIR
set -eu
build=$1
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
make="${MAKE:-make} -s --no-print-directory BUILD=$build PAGES="

for turn in 1 2 3 4 5 6; do
    $make install PREFIX="$stage/a" >/dev/null &
    $make install PREFIX="$stage/b" >/dev/null
    wait $!
    for one in a b; do
        grep -qx "prefix=$stage/$one" "$stage/$one/lib/pkgconfig/libtensor.pc" ||
            { echo "together: in turn $turn libtensor.pc of $one is another's"; exit 1; }
    done
    rm -r "$stage/a" "$stage/b"
done
