#!/bin/sh
# Debian's C library, zlib, CBLAS and Check for another machine, unpacked into a directory of their own; nothing
# of this one changes: sysroot.sh ARCHITECTURE TRIPLET DIRECTORY
set -eu
architecture=$1 triplet=$2 directory=$(mkdir -p "$3" && cd "$3" && pwd)
[ ! -f "$directory/complete" ] || exit 0
apt=$directory/apt
mkdir -p "$apt/lists/partial" "$apt/archives/partial" "$directory/usr/lib" "$directory/usr/include"
: >"$apt/status"
ln -sfn usr/lib "$directory/lib"
packages="libc6 libc6-dev linux-libc-dev libgcc-s1 libgomp1 zlib1g zlib1g-dev libblas3 libblas-dev libgfortran5
          check libsubunit0 libsubunit-dev"
case $architecture in
arm64) packages="$packages libopenblas0-pthread libopenblas-pthread-dev" ;;
i386) packages="$packages libquadmath0" ;;
esac

apt_get()
{
    apt-get -qq -o APT::Architecture="$architecture" -o APT::Architectures::="$architecture" \
        -o APT::Sandbox::User=root -o Dir::State="$apt" -o Dir::State::status="$apt/status" \
        -o Dir::Cache="$apt" "$@"
}

# A list that cannot be had may not be needed.
apt_get update || true
(cd "$apt/archives" && apt_get download $packages)
for package in "$apt"/archives/*.deb; do
    dpkg-deb --fsys-tarfile "$package" | tar -x -C "$directory" --keep-directory-symlink --exclude=./usr/share
done
rm -rf "$apt"

# Links from the root are links from the directory here, and <cblas.h> is that of the reference.
find "$directory" -type l -lname '/*' | while read -r link; do
    target=$directory$(readlink "$link")
    [ ! -e "$target" ] || ln -sf "$target" "$link"
done
ln -sf cblas-netlib.h "$directory/usr/include/$triplet/cblas.h"
touch "$directory/complete"
