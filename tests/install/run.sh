#!/bin/sh
# Installs into a staging directory and builds an outside C and C++ program with pkg-config alone,
# shared and static: run.sh BUILD_DIR
set -eu
build=$1
here=$(cd "$(dirname "$0")" && pwd)
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
: "${CC:=cc}" "${CXX:=c++}" "${PKG_CONFIG:=pkg-config}"

sh "$here/symbols.sh" "$build/libtensor.a" "$build/libtensor.so"
${MAKE:-make} -s install BUILD="$build" PREFIX="$stage/usr"
export PKG_CONFIG_PATH="$stage/usr/lib/pkgconfig"

checks=0

# The programs are the same in both languages, so all of them print the same numbers.
build_and_run()
{
    name=$1
    shift
    "$@" -o "$stage/$name"
    LD_LIBRARY_PATH=$stage/usr/lib "$stage/$name" >"$stage/$name.out"
    grep -q "^loss fell" "$stage/$name.out" && cmp -s "$stage/$name.out" "$stage/c-shared.out" ||
        { echo "install: $name printed:"; cat "$stage/$name.out"; exit 1; }
    checks=$((checks + 1))
}

warnings="-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror"
cflags=$($PKG_CONFIG --cflags libtensor)
shared=$($PKG_CONFIG --libs libtensor)
static=$($PKG_CONFIG --static --libs libtensor)
swish=$stage/swish.o
$CC -std=c11 $warnings $cflags -c "$here/swish.c" -o "$swish"
build_and_run c-shared $CC -std=c11 $warnings $cflags "$here/outside.c" "$swish" $shared
for standard in c++11 c++14 c++17 c++20; do
    build_and_run $standard-shared $CXX -std=$standard $warnings -Wold-style-cast $cflags \
        "$here/outside.cpp" "$swish" $shared
done
# The lessons, by the line of examples/README.md.
for lesson in "$here"/../../examples/[0-9]*.c; do
    $CC -pthread -o "$stage/lesson" "$lesson" $cflags $shared
    checks=$((checks + 1))
done
# The static library alone, without the shared one beside it.
rm "$stage"/usr/lib/libtensor.so*
build_and_run c-static $CC -std=c11 $cflags "$here/outside.c" "$swish" $static
build_and_run c++-static $CXX $cflags "$here/outside.cpp" "$swish" $static

${MAKE:-make} -s install BUILD="$build" DESTDIR="$stage/root" PREFIX=/usr
[ -f "$stage/root/usr/include/tn/tn.h" ] && grep -q '^prefix=/usr$' "$stage/root/usr/lib/pkgconfig/libtensor.pc"
# Those two are one more, and so are the names of symbols.sh.
echo "100%: Checks: $((checks + 2)), Failures: 0, Errors: 0"
