#!/bin/sh
# Uninstalling takes what was installed and no more: files of others stay, libtensor-mpi does, and so do the
# name by which programs find another patch of the same interface, and what the libraries of another LIBDIR need.
# uninstall.sh BUILD_DIR
set -eu
build=$1
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
prefix=$stage/usr
make="${MAKE:-make} -s --no-print-directory PREFIX=$prefix"
older=$(sed -n 's/.*define TN_VERSION "\(.*\)"/\1/p' libtensor/include/tn/context.h)
interface=${older%.*}
following=${interface%.*}.$((${interface#*.} + 1))
patch="BUILD=$stage/patch VERSION=$interface.99"

fail()
{
    echo "uninstall: $*"
    exit 1
}

# All that is there, and where links lead.
listing()
{
    find "$prefix" -printf '%P %l\n' | sort
}

is_as_before()
{
    listing >"$stage/after"
    diff "$stage/before" "$stage/after" >"$stage/diff" || fail "$1: $(grep '^[<>]' "$stage/diff")"
}

leads_to()
{
    [ "$(readlink "$prefix/lib/$1.so.$interface")" = "$1.so.$2" ] ||
        fail "$1.so.$interface leads to $(readlink "$prefix/lib/$1.so.$interface" || echo nothing), not to $2"
}

# Each patch in turn is the last: LIBRARY, and the targets that install it and take it away. Without the pages,
# which take longest.
patches()
{
    make="$make PAGES="
    $make $2 BUILD="$build" >/dev/null
    listing >"$stage/before"
    $make $2 $patch >/dev/null
    leads_to "$1" $interface.99
    $make $3 $patch
    leads_to "$1" "$older"
    $make $2 $patch >/dev/null
    $make $3 BUILD="$build" >/dev/null
    leads_to "$1" $interface.99
    [ -f "$prefix/lib/$1.a" ] || fail "the archive of the patch that came last is gone"
    $make $3 $patch
}

mkdir "$stage/patch"
cp -al "$build/obj" "$stage/patch" 2>/dev/null || cp -rp "$build/obj" "$stage/patch"

# Files of others, and folders of theirs without any, where this library has some.
for directory in lib/pkgconfig lib/cmake/libtensor include/tn share/man/man3 share/doc/libtensor/reference \
    share/doc/libtensor/docs; do
    mkdir -p "$prefix/$directory/empty"
    echo "of others" >"$prefix/$directory/of_others"
done
touch "$prefix/include/tn/of_others.h" "$prefix/share/doc/libtensor/reference/mine.html" \
    "$prefix/share/man/man3/tn_of_others.3" "$prefix/lib/libtensor.so.$following.0" \
    "$prefix/lib/libtensor.so.$older.bak" "$prefix/lib/mylibtensor.so.$interface.7" "$prefix/lib/libtensor.so.$interface.x" \
    "$prefix/lib/libtensor.so.$older.1"
echo ".so man3/tn_of_others.3" >"$prefix/share/man/man3/tn_others.3"
listing >"$stage/others"
cp "$stage/others" "$stage/before"
$make install BUILD="$build" >/dev/null
$make uninstall BUILD="$build"
is_as_before "with files of others"

patches libtensor install uninstall
cp "$stage/others" "$stage/before"
is_as_before "after two patches"

# Two libraries in one folder.
if command -v "${MPICC:-mpicc}" >/dev/null; then
    $make install-mpi BUILD="$build" >/dev/null
    listing >"$stage/before"
    $make install BUILD="$build" >/dev/null
    $make uninstall BUILD="$build"
    is_as_before "beside libtensor-mpi"
    mkdir "$stage/patch/mpi"
    cp -al "$build/mpi/." "$stage/patch/mpi"
    rm -f "$stage"/patch/mpi/*/libtensor-mpi.so*
    patches libtensor-mpi install-mpi uninstall-mpi
    cp "$stage/others" "$stage/before"
    is_as_before "after libtensor-mpi"
else
    echo "not tried, for it is not here: ${MPICC:-mpicc}"
fi

# Two directories of libraries share headers and documents: those go with the last, whichever that is. A link to the
# directory, and its name with a slash, are no second one.
documents=$prefix/share/doc/libtensor
for second in "BUILD=$build" "$patch"; do
    rm -rf "$prefix"
    $make install $second >/dev/null
    listing >"$stage/before"
    cp "$documents/libtensor.installed" "$stage/installed"
    $make install BUILD="$build" LIBDIR="$prefix/lib64" >/dev/null
    $make install $second >/dev/null
    $make uninstall BUILD="$build" LIBDIR="$prefix/lib64" >/dev/null
    rmdir "$prefix/lib64" || fail "it left $(ls "$prefix/lib64")"
    is_as_before "beside the libraries of another directory, $second"
    cmp "$documents/libtensor.installed" "$stage/installed" || fail "the list has other names, $second"
    $make install BUILD="$build" LIBDIR="$prefix/lib64" >/dev/null
    $make uninstall $second >/dev/null
    [ -f "$prefix/include/tn/tn.h" ] || fail "the headers of the other directory are gone, $second"
    ln -s lib64 "$prefix/lib32"
    $make install BUILD="$build" LIBDIR="$prefix/lib32" >/dev/null
    $make uninstall BUILD="$build" LIBDIR="$prefix/lib64/"
    rm "$prefix/lib32"
    [ -z "$(find "$prefix" ! -type d)" ] || fail "two directories left" $(find "$prefix" ! -type d)
done

# Where nobody else has anything, nothing stays but the folders that many libraries share: what was put there before
# goes, too, though the last one to be installed has neither those headers nor pages.
rm -rf "$prefix"
$make install BUILD="$build" >/dev/null
fewer="HEADERS=libtensor/include/tn/tn.h PAGES=LICENSE DOCUMENTS=LICENSE"
$make install BUILD="$build" $fewer >/dev/null
$make uninstall BUILD="$build" $fewer
left=$(cd "$prefix" && find . -mindepth 1 | sort | tr '\n' ' ')
[ "$left" = "./include ./lib ./share ./share/doc ./share/man " ] || fail "it left $left"
