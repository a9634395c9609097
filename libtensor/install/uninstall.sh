#!/bin/sh
# Takes away what `make install` of this version put there, and leaves what is another version's or another's:
# uninstall.sh NAME VERSION SOVERSION DESTDIR LIBDIR LIST <NAMES, those of names.sh; LIST has those that were installed
set -eu
name=$1 version=$2 soversion=$3 destdir=$4 list=$4$6
libdir=$destdir$5
pc=$libdir/pkgconfig/$name.pc

# The last patch that is there. A copy with a word behind it, or a library whose name ends alike, is another's.
last_patch()
{
    interface=$(echo "$name.so.$soversion" | sed 's/[.]/[.]/g')
    ls "$libdir" 2>/dev/null | grep -Ex "$interface([.][0-9]+)+" | grep -Ex '.*[.]so([.][0-9]+){3}' |
        sort -t. -k3n -k4n -k5n | tail -n 1
}

# The other directories that have this library, by the list: they share all that is not in LIBDIR. A link is none.
elsewhere()
{
    sed -n "s|//pkgconfig/$name[.]pc\$||p" "$list" 2>/dev/null | while IFS= read -r directory; do
        [ ! -f "$destdir$directory/pkgconfig/$name.pc" ] || [ "$destdir$directory" -ef "$libdir" ] || echo "$directory"
    done
}

# Programs find the last patch that is left by the name of the interface.
rm -f "$libdir/$name.so.$version"
for link in "$libdir/$name.so.$soversion" "$libdir/$name.so"; do
    [ "$(readlink "$link")" != "$name.so.$version" ] || rm "$link"
done
last=$(last_patch)
[ -z "$last" ] || [ -e "$libdir/$name.so.$soversion" ] || ln -sf "$last" "$libdir/$name.so.$soversion"

if [ -f "$pc" ] && ! grep -qxF "Version: $version" "$pc"; then
    echo "$(sed -n 's/^Version: //p' "$pc") came after $version: its headers and archive stay"
    exit 0
fi
others=$(elsewhere)
names=$(mktemp)
left=$(mktemp)
trap 'rm -f "$names" "$left"' EXIT
cat - "$list" 2>/dev/null | sort -u | OWN=${others:+$5//} LEFT=$left awk '
    substr($0, 1, length(ENVIRON["OWN"])) != ENVIRON["OWN"] { print >ENVIRON["LEFT"]; next }
    { print }' >"$names"

# All at once: a process for each would take seconds. xargs takes every character behind a \ as it is.
DESTDIR=$destdir awk '{ print ENVIRON["DESTDIR"] $0 }' "$names" | sed 's/[^A-Za-z0-9_.\/-]/\\&/g' | xargs rm -f

# The folders that they were the last in, below those that many libraries share.
sed -n 's|\(.*//.*\)/.*|\1|p' "$names" | sort -u | while IFS= read -r folder; do
    (cd "$destdir${folder%//*}" && rmdir -p "${folder##*//}") 2>/dev/null || true
done
if [ -n "$others" ]; then
    echo "$others has $name, too: what they share stays"
    install -m 644 "$left" "$list"
    exit 0
fi
rm -f "$list"
rmdir "${list%/*}" 2>/dev/null || true
