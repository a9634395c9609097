#!/bin/sh
# What install-mpi puts somewhere is found by pkg-config, and uninstall-mpi takes all of it away, before and after
# uninstall: install.sh BUILD MPI. Ends with the sum in the words of Check.
set -u
build=$1 mpi=$2
: "${MAKE:=make}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
. "$(dirname "$0")/environment.sh"
stage=$work/stage

# check WHAT COMMAND...
check()
{
    what=$1
    shift
    checks=$((checks + 1))
    "$@" >"$work/said" 2>&1 || {
        echo "    mpicc.$mpi: $what"
        cat "$work/said"
        failed=$((failed + 1))
    }
}

# goal GOAL...: as in the build that is there.
goal()
{
    "$MAKE" --no-print-directory "$@" BUILD="$build" MPICC=mpicc.$mpi DESTDIR="$stage" PREFIX=/usr LIBDIR=/usr/lib \
        INCLUDEDIR=/usr/include
}

# All that is there, and what it holds; what it was like is beside it.
list()
{
    (cd "$stage" && find . | sort && find . -type f -exec cksum {} + | sort) >"$work/$1"
}

# Whatever the umask of the one who installs.
everybody_reads()
{
    hidden=$(find "$stage" ! -type l ! -perm -444)
    echo "$hidden"
    [ -z "$hidden" ]
}

no_files()
{
    found=$(find "$stage" ! -type d; find "$stage" -path '*tn*' -o -name pkgconfig)
    echo "$found"
    [ -z "$found" ]
}

check "install" goal install
list before
umask 077
check "install-mpi" goal install-mpi
umask 022
check "something is for its owner alone" everybody_reads
for file in include/tn/mpi.h lib/libtensor-mpi.a lib/libtensor-mpi.so lib/pkgconfig/libtensor-mpi.pc; do
    check "$file is not there" [ -f "$stage/usr/$file" ]
done
export PKG_CONFIG_PATH="$stage/usr/lib/pkgconfig" PKG_CONFIG_SYSROOT_DIR="$stage"
printf '#include <tn/mpi.h>\nint main(void) { tn_mpi_free(NULL); return tn_mpi_size(NULL) + !*tn_version(); }\n' \
    >"$work/program.c"
check "a program is not built" mpicc.$mpi "$work/program.c" -o "$work/program" \
    $(pkg-config --cflags --libs libtensor-mpi) -Wl,-rpath-link,"$stage/usr/lib"
check "it does not run" env LD_LIBRARY_PATH="$stage/usr/lib" "$work/program"
check "it is not found by its rpath" mpicc.$mpi "$work/program.c" -o "$work/program" \
    $(pkg-config --cflags --libs libtensor-mpi) -Wl,-rpath,"$stage/usr/lib" -Wl,-rpath-link,"$stage/usr/lib"
check "it does not run by its rpath" "$work/program"
check "uninstall-mpi" goal uninstall-mpi
list after
check "uninstall-mpi leaves something" cmp "$work/before" "$work/after"

goal install-mpi >/dev/null 2>&1
check "uninstall" goal uninstall
check "uninstall-mpi behind it" goal uninstall-mpi
check "something is left" no_files

# compiler FOLDER: what the build notes of the mpicc there.
compiler()
{
    "$MAKE" --no-print-directory -s BUILD="$work/build" MPICC="$work/$1/mpicc" "$work/build/mpi/mpicc/compiler"
}

# newer: than an hour ago, so that no file system has to tell moments apart.
newer()
{
    [ -n "$(find "$work/build/mpi/mpicc/compiler" -newer "$work/built")" ]
}

mkdir "$work/one" "$work/other"
printf '#!/bin/sh\nexec mpicc.%s "$@"\n' "$mpi" >"$work/one/mpicc"
printf '#!/bin/sh\necho another compiler\n' >"$work/other/mpicc"
chmod +x "$work/one/mpicc" "$work/other/mpicc"
check "the compiler is not noted" compiler one
touch -d '1 hour ago' "$work/build/mpi/mpicc/compiler" "$work/built"
compiler one
check "the same compiler builds again" eval '! newer'
compiler other
check "another compiler of that name builds nothing" newer

sum_up
