#!/bin/sh
# Takes away what `make install` of this version put there, and leaves what is another version's or another's:
# uninstall.sh NAME VERSION SOVERSION LIBDIR [-- DIRECTORY FILE...]..., the files as they are named below it
set -eu
name=$1 version=$2 soversion=$3 libdir=$4
shift 4
pc=$libdir/pkgconfig/$name.pc

# The file, and the folders that it was the last in.
remove()
{
    rm -f "./$1"
    case $1 in
    */*) rmdir -p "${1%/*}" 2>/dev/null || true ;;
    esac
}

# Programs find the last patch that is left by the name of the interface.
rm -f "$libdir/$name.so.$version"
for link in "$libdir/$name.so.$soversion" "$libdir/$name.so"; do
    [ "$(readlink "$link")" != "$name.so.$version" ] || rm "$link"
done
last=$(ls "$libdir" 2>/dev/null | grep -F "$name.so.$soversion." | sort -t. -k3n -k4n -k5n | tail -n 1)
[ -z "$last" ] || [ -e "$libdir/$name.so.$soversion" ] || ln -sf "$last" "$libdir/$name.so.$soversion"

if [ -f "$pc" ] && ! grep -qx "Version: $version" "$pc"; then
    echo "$(sed -n 's/^Version: //p' "$pc") came after $version: its headers and archive stay"
    exit 0
fi
set -- -- "$libdir" "$name.a" "pkgconfig/$name.pc" "$@"
while [ $# -gt 0 ]; do
    directory=$2
    shift 2
    while [ $# -gt 0 ] && [ "$1" != -- ]; do
        [ ! -d "$directory" ] || (cd "$directory" && remove "$1")
        shift
    done
done
