#!/bin/sh
# Says what a program, and man, need to find the library where it was installed: where.sh LIBDIR DESTDIR MANDIR
libdir=$1 mandir=$3
[ -z "$2" ] || exit 0
case ":$(${PKG_CONFIG:-pkg-config} --variable pc_path pkg-config 2>/dev/null):$PKG_CONFIG_PATH:" in
*":$libdir/pkgconfig:"*) ;;
*) echo "pkg-config finds it after:   export PKG_CONFIG_PATH=\"$libdir/pkgconfig\${PKG_CONFIG_PATH:+:\$PKG_CONFIG_PATH}\"" ;;
esac
if command -v manpath >/dev/null && ! manpath -q | tr : '\n' | grep -qxF "$mandir"; then
    echo "man finds the pages after:   export MANPATH=\"$mandir:\${MANPATH:-}\""
fi
case ":$LD_LIBRARY_PATH:" in
*":$libdir:"*) exit 0 ;;
esac
if ! /sbin/ldconfig -v 2>/dev/null | cut -d: -f1 | grep -qxF "$libdir"; then
    echo "programs find libtensor.so after:   export LD_LIBRARY_PATH=\"$libdir\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}\""
    echo "    or linked with:   -Wl,-rpath,\"$libdir\""
elif [ "$(id -u)" = 0 ]; then
    /sbin/ldconfig
fi
