#!/bin/sh
# Takes away what `make install` of this version put there, and leaves what is another version's:
# uninstall.sh VERSION SOVERSION LIBDIR INCLUDEDIR DOCDIR MANDIR DOCUMENT...
set -eu
version=$1 soversion=$2 libdir=$3 includedir=$4 docdir=$5 mandir=$6
shift 6
pc=$libdir/pkgconfig/libtensor.pc

rm -f "$libdir/libtensor.so.$version"
for link in "$libdir/libtensor.so.$soversion" "$libdir/libtensor.so"; do
    [ "$(readlink "$link")" != "libtensor.so.$version" ] || rm -f "$link"
done
if [ -f "$pc" ] && ! grep -qx "Version: $version" "$pc"; then
    echo "$(sed -n 's/^Version: //p' "$pc") came after $version: its headers and archive stay"
    exit 0
fi
rm -f "$libdir/libtensor.a" "$pc"
rm -rf "$includedir/tn" "$libdir/cmake/libtensor" "$docdir/reference"

# The pages say whose they are; the others of section 3 lead to them, in one line.
for page in "$mandir"/man7/tn.7 "$mandir"/man3/tn_*.3 "$mandir"/man3/TN_*.3; do
    first=
    [ ! -f "$page" ] || read -r first <"$page" || true
    case $first in
    '.\" libtensor: '* | .so\ man3/tn_* | .so\ man3/TN_*) rm -f "$page" ;;
    esac
done

# The folder of documents may be one that others have some in.
for document in "$@"; do
    rm -f "$docdir/$document"
done
find "$docdir" -depth -type d -empty -exec rmdir {} \; 2>/dev/null || true
rmdir "$libdir/cmake" "$libdir/pkgconfig" 2>/dev/null || true
