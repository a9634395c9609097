#!/bin/sh
# Installs into a staging directory and builds an outside C and C++ program with pkg-config, shared and static;
# by the lines of README; beside another version and in one process with it, and below a name with a blank:
# run.sh BUILD_DIR
set -eu
build=$1
here=$(cd "$(dirname "$0")" && pwd)
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
: "${CC:=cc}" "${CXX:=c++}" "${PKG_CONFIG:=pkg-config}"
make="${MAKE:-make} -s --no-print-directory"
interface=$(sed -n 's/.*define TN_VERSION "\(.*\)\..*"/\1/p' "$here/../../libtensor/include/tn/context.h")
following=${interface%.*}.$((${interface#*.} + 1))

sh "$here/symbols.sh" "$build/libtensor.a" "$build/libtensor.so"
# Tarballs have no debian/.
[ ! -d "$here/../../debian" ] || sh "$here/debian.sh" "$build/libtensor.so"
(umask 077 && $make install BUILD="$build" PREFIX="$stage/usr") >"$stage/installed"
export PKG_CONFIG_PATH="$stage/usr/lib/pkgconfig" LD_LIBRARY_PATH="$stage/usr/lib"

checks=0

fail()
{
    echo "install: $*"
    exit 1
}

# Whatever its umask, what root installs is for everybody.
hidden=$(find "$stage/usr" ! -type l ! -perm -444 -o -type d ! -perm -555)
[ -z "$hidden" ] || fail "these are for their owner alone:" $hidden

. "$here/outside.sh"

build_and_run()
{
    name=$1
    shift
    "$@" -o "$stage/$name"
    run "$stage/$name"
}

# `make install` says what to set, behind which stays what was set, and with that the lines of the README work.
said=$(sed -n 's/.*export /export /p' "$stage/installed")
for mine in "" /of/mine; do
    set_to=$(PKG_CONFIG_PATH=$mine LD_LIBRARY_PATH=$mine && eval "$said" && echo "$PKG_CONFIG_PATH $LD_LIBRARY_PATH")
    [ "$set_to" = "$stage/usr/lib/pkgconfig${mine:+:$mine} $stage/usr/lib${mine:+:$mine}" ] ||
        fail "what it says to set: $set_to"
done

# Every function has a man page, where man finds those that lead to another, too.
if command -v man >/dev/null; then
    ! command -v manpath >/dev/null ||
        [ "$(MANPATH=/of/mine && eval "$said" && echo "$MANPATH")" = "$stage/usr/share/man:/of/mine" ] ||
        fail "it does not say what man needs"
    for page in tn tn_conv2d tn_max_pool2d tn_ops.h TN_SHAPE; do
        MANWIDTH=80 man -M "$stage/usr/share/man" "$page" >"$stage/page" 2>&1 && grep -q "^SYNOPSIS" "$stage/page" ||
            fail "man $page: $(head -3 "$stage/page")"
        checks=$((checks + 1))
    done
else
    echo "not tried, for it is not here: man"
fi
[ -f "$stage/usr/share/doc/libtensor/reference/index.html" ] || fail "the reference is not installed"
# Pages find each other, their pictures and the examples where they are installed, too.
(cd "$stage/usr/share/doc/libtensor" && find . -name '*.md' | sed 's|^\./||' | sort |
    xargs awk -f "$here/../docs/links.awk") >"$stage/links" 2>&1 || fail "links: $(cat "$stage/links")"
grep -q '^[1-9][0-9]* links$' "$stage/links" || fail "links: $(cat "$stage/links")"
checks=$((checks + 1))

warnings="-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror"
cflags=$($PKG_CONFIG --cflags libtensor)
shared=$($PKG_CONFIG --libs libtensor)
swish=$stage/swish.o
$CC -std=c11 $warnings $cflags -c "$here/swish.c" -o "$swish"
build_and_run c-shared $CC -std=c11 $warnings $cflags "$here/outside.c" "$swish" $shared
for standard in c++11 c++14 c++17 c++20; do
    build_and_run $standard-shared $CXX -std=$standard $warnings -Wold-style-cast $cflags \
        "$here/outside.cpp" "$swish" $shared
done
# The line of the README for the static library, the shared one beside it.
archive=$($PKG_CONFIG --variable libdir libtensor)/libtensor.a
build_and_run c-archive $CC "$here/outside.c" "$swish" $cflags "$archive" \
    -Wl,--as-needed $($PKG_CONFIG --static --libs libtensor)
wants_no_libtensor "$stage/c-archive"
# The lessons, by the line of examples/README.md.
for lesson in "$here"/../../examples/[0-9]*.c; do
    $CC -pthread -o "$stage/lesson" "$lesson" $cflags $shared
    checks=$((checks + 1))
done

# README's program by README's lines as they stand there, by a user whose home is empty.
readme=$here/../../README.md
lines=$(awk '/^## / { inside = /^## Linking/ } /^```/ { block = !block } inside && !block && sub(/^    /, "") {
    printf "%s", sub(/ *\\$/, " ") ? $0 : $0 "\n" }' "$readme")
mkdir "$stage/home" "$stage/reader"
ln -s "$(cd "$here/../../examples" && pwd)" "$stage/reader/examples"
awk '/^```/ { inside = /^```c$/ && !seen++; next } inside' "$readme" >"$stage/reader/program.c"
(export HOME="$stage/home" BUILD="$build" && eval "$(echo "$lines" | grep '^make install')") >"$stage/log" 2>&1 ||
    fail "README's line: $(tail -5 "$stage/log")"
(
    export HOME="$stage/home"
    cd "$stage/reader"
    # As clang does, and gcc with a sanitizer: libraries that nothing needs are linked, unless a line says otherwise.
    cc()
    {
        command cc -Wl,--no-as-needed "$@" && ./a.out >>printed && cp a.out "last.$(ls | grep -c '^last')"
    }
    eval "$(echo "$lines" | grep -vE '^(make install|eval)')"
) >"$stage/log" 2>&1 || fail "README's lines: $(tail -5 "$stage/log")"
[ "$(sort "$stage/reader/printed" | uniq -c | awk '{ print $1 }' | sort -u)" = 2 ] || fail "README's programs differ"
ldd "$stage/reader/last.0" | grep -q libtensor || fail "README's first line does not take the shared library"
wants_no_libtensor "$stage/reader/last.1"

# Another version beside it: programs keep theirs, and the older one goes alone.
next="BUILD=$stage/next VERSION=$following.0"
mkdir "$stage/next"
$CC -shared -fPIC -DNAME=first $cflags "$here/both.c" -o "$stage/libfirst.so" $shared
cp -al "$build/obj" "$stage/next" 2>/dev/null || cp -rp "$build/obj" "$stage/next"
$make lib install $next PREFIX="$stage/usr" >/dev/null
run "$stage/c-shared"
build_and_run c-next $CC -std=c11 $cflags "$here/outside.c" "$swish" $shared
ldd "$stage/c-next" | grep -q "libtensor.so.$following =>" || fail "the next version has the name of this one"
$CC -shared -fPIC -DNAME=second $cflags "$here/both.c" -o "$stage/libsecond.so" $shared
$CC $cflags "$here/both.c" -o "$stage/both" -L"$stage" -lfirst -lsecond -Wl,-rpath,"$stage" -Wl,-rpath-link,"$stage/usr/lib"
"$stage/both" | sed 's/.*libtensor/libtensor/' | tr '\n' ' ' | grep -qx "libtensor.so.$interface libtensor.so.$following " ||
    fail "two versions in one process take each other's functions:" $("$stage/both")
echo "of others" >"$stage/usr/share/doc/libtensor/another"
$make uninstall BUILD="$build" PREFIX="$stage/usr" >/dev/null
run "$stage/c-next"
[ -f "$stage/usr/include/tn/tn.h" ] || fail "uninstall took the next version's headers"
[ -f "$stage/usr/share/man/man3/tn_conv2d.3" ] || fail "uninstall took the next version's man pages"
touch "$stage/usr/share/man/man3/tn_of_another.3"
$make uninstall $next PREFIX="$stage/usr"
rm "$stage/usr/share/man/man3/tn_of_another.3" || fail "uninstall took a man page that is not ours"
[ "$(cat "$stage/usr/share/doc/libtensor/another")" = "of others" ] || fail "uninstall took a page of others"
rm "$stage/usr/share/doc/libtensor/another"
[ -z "$(find "$stage/usr" ! -type d)" ] || fail "uninstall left $(find "$stage/usr" ! -type d)"

# By README's line, and with the static library alone, below a name with a blank and all that means something to sed
# or a shell but is taken as it is.
blank="$stage/a blank, R&D, it's a|b @LIBDIR@"
$make install BUILD="$build" PREFIX="$blank/usr" >"$stage/installed"
[ "$(ls "$stage" | grep -c "^a")" = 1 ] || fail "a name with a blank becomes two"
eval "$(sed -n 's/.*export /export /p' "$stage/installed")"
[ "$PKG_CONFIG_PATH" = "$blank/usr/lib/pkgconfig:$stage/usr/lib/pkgconfig" ] || fail "it says to set $PKG_CONFIG_PATH"
echo "$lines" | grep '^eval' >"$stage/evals"
while read -r line; do
    (cd "$stage/reader" && eval "$line" && ./a.out) >"$stage/log" 2>&1 ||
        fail "README's line for a name with a blank: $line: $(tail -5 "$stage/log")"
    checks=$((checks + 1))
done <"$stage/evals"
wants_no_libtensor "$stage/reader/a.out"
rm "$blank/usr/lib"/libtensor.so*
eval "build_and_run c-static $CC -std=c11 '$here/outside.c' $swish $($PKG_CONFIG --static --cflags --libs libtensor)"
eval "build_and_run c++-static $CXX '$here/outside.cpp' $swish $($PKG_CONFIG --static --cflags --libs libtensor)"
$make uninstall BUILD="$build" PREFIX="$blank/usr"
[ -z "$(find "$blank" ! -type d)" ] || fail "uninstall left $(find "$blank" ! -type d)"
checks=$((checks + 1))

$make install BUILD="$build" DESTDIR="$stage/root" PREFIX=/usr
[ -f "$stage/root/usr/include/tn/tn.h" ] && grep -q '^prefix=/usr$' "$stage/root/usr/lib/pkgconfig/libtensor.pc" ||
    fail "DESTDIR"
# What to set, two versions apart and in one process, others' pages, the blank and DESTDIR are six more, and so
# are who may read, the names of symbols.sh and the lines of README.
echo "100%: Checks: $((checks + 9)), Failures: 0, Errors: 0"
