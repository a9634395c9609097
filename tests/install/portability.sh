#!/bin/sh
# Builds the library for other compilers, machines and libraries, and runs tests there: a line for each row, and
# what is not here is named as not tried: portability.sh BUILD_DIR [ROW...]
#
# Rows: clang, nehalem (a processor without AVX), openmp (without it), netlib, blis, plain (other CBLAS, the last one
# with nameless types), i386, arm64, s390x, musl, fast-math (in the program). Other machines are emulated by
# qemu-user, with Debian's libraries in a directory (sysroot.sh). docs/portability.md has the results.
set -u
build=$1
shift
here=$(cd "$(dirname "$0")" && pwd)
: "${CC:=cc}" "${LIBS:=-lopenblas -lz -lm}"
rows=${*:-clang nehalem openmp netlib blis plain i386 arm64 s390x musl fast-math}
log=$build/portability
mkdir -p "$log"
failures=0 checks=0
export OMP_NUM_THREADS=2 OMP_WAIT_POLICY=passive OPENBLAS_NUM_THREADS=1 CK_TIMEOUT_MULTIPLIER=20

# What writes and reads numbers, what adds them up, what shares work out.
files="idx npy npz mat safetensors pth numbers zip zip_write pickle stream output checkpoint"
numbers="golden vector_math isa random philox siphash conv2d matmul batch_norm softmax adam"
base="memory threads"

say()
{
    printf '%-10s %s\n' "$row" "$*"
}

here_is()
{
    for tool in "$@"; do
        command -v "$tool" >/dev/null || { say "not tried: $tool is not here"; return 1; }
    done
}

# built BUILD TESTS VARIABLES...: without the kernels' -O3, which takes long and changes no bit.
built()
{
    to=$1 tests=$2
    shift 2
    targets=$(for test in $tests; do echo "$to/tests/test_$test"; done)
    ${MAKE:-make} -s BUILD="$to" KERNEL_CFLAGS="-ffp-contract=fast -fno-trapping-math" "$@" $targets \
        >"$log/$row.log" 2>&1 && return
    say "does not build: $log/$row.log"
    failures=$((failures + 1))
    return 1
}

# run BUILD TESTS COMMAND...: each test behind the command.
run()
{
    to=$1 tests=$2 done=0 red=
    shift 2
    for test in $tests; do
        result=$("$@" "$to/tests/test_$test" 2>&1 | tee -a "$log/$row.log" | sed -n 's/^100%: Checks: \([0-9]*\),.*/\1/p')
        [ -n "$result" ] || red="$red $test"
        done=$((done + ${result:-0}))
    done
    checks=$((checks + done))
    [ -z "$red" ] && say "$done checks" && return
    failures=$((failures + 1))
    say "red:$red; $log/$row.log"
}

# cross ARCHITECTURE TRIPLET LIBRARIES_TRIPLET BLAS EMULATOR
cross()
{
    here_is "$2-gcc" "$5" || return
    root=$build/portability/$1-root
    sh "$here/sysroot.sh" "$1" "$3" "$root" >"$log/$row.log" 2>&1 || { say "not tried: no libraries"; return; }
    root=$(cd "$root" && pwd) blas=usr/lib/$3/${4%/*}
    # Every float through every function takes an emulator hours, and checkpoints are tested by a program that
    # starts itself, which it cannot.
    tests=$(echo "$files $numbers $base" | sed 's/vector_math//; s/checkpoint//')
    built "$build/$1" "$tests" CC="$2-gcc" CFLAGS="-O1 --sysroot=$root" LDFLAGS="--sysroot=$root" \
        PKG_CONFIG=false BLAS_LIBS="-L$root/$blas ${4#*/}" CHECK_LIBS="-lcheck -lsubunit -lrt -lm -pthread" &&
        run "$build/$1" "$tests" "$5" -L "$root" -E LD_LIBRARY_PATH="/$blas"
}

# blas NAME INCLUDE_DIRECTORY LIBS: the objects of the build, but for the one that calls CBLAS.
blas()
{
    mkdir -p "$build/$row"
    cp -al "$build/obj" "$build/$row" 2>/dev/null
    rm -f "$build/$row/obj/libtensor/tensor/blas.o"
    built "$build/$row" "blas $numbers" CC="$CC" BLAS_CFLAGS="-I$1" BLAS_LIBS="$2" &&
        TN_ISA=baseline run "$build/$row" "$numbers"
}

# The packages of another CBLAS, unpacked: where its header is found afterwards.
unpacked()
{
    [ -d "$log/$row" ] && return
    mkdir -p "$log/$row/archives"
    (cd "$log/$row/archives" && apt-get -qq download "$@") >"$log/$row.log" 2>&1 || return
    for package in "$log/$row"/archives/*.deb; do
        dpkg-deb -x "$package" "$log/$row"
    done
}

# zlib from its sources, CBLAS in three loops: what a machine without packages can have.
musl()
{
    here_is musl-gcc curl || return
    root=$log/musl
    mkdir -p "$root"
    [ -d "$root/zlib-$ZLIB" ] || curl -fsSL "$ZLIB_FROM" | tar -xj -C "$root" || { say "not tried: no zlib"; return; }
    for file in "$root/zlib-$ZLIB"/*.c "$here/plain_blas/cblas.c"; do
        musl-gcc -O1 -D_LARGEFILE64_SOURCE=1 -DHAVE_UNISTD_H -I"$root/zlib-$ZLIB" -I"$here/plain_blas" -c "$file" \
            -o "$root/$(basename "$file" .c).o" >>"$log/$row.log" 2>&1 || { say "zlib: $log/$row.log"; return; }
    done
    rm -f "$root/libs.a"
    ar rcs "$root/libs.a" "$root"/*.o
    built "$build/musl" "" CC=musl-gcc OPENMP= CPPFLAGS="-I$root/zlib-$ZLIB -I$here/plain_blas" CFLAGS=-O1 \
        "$build/musl/libtensor.a" &&
        musl-gcc -static -Ilibtensor/include -o "$build/musl/outside" "$here/outside.c" "$here/swish.c" \
            "$build/musl/libtensor.a" "$root/libs.a" -lm -pthread >>"$log/$row.log" 2>&1
    # Random numbers are other ones in the last place, by another cosine.
    for isa in baseline v3 v4; do
        TN_ISA=$isa "$build/musl/outside" >>"$log/$row.log" 2>&1 && checks=$((checks + 1)) ||
            { say "red: $isa; $log/$row.log"; failures=$((failures + 1)); return; }
    done
    say "a net learns with the kernels of each instruction set"
}
ZLIB=1.2.13.dfsg
ZLIB_FROM=http://deb.debian.org/debian/pool/main/z/zlib/zlib_1.2.13.dfsg.orig.tar.bz2

# same_bits PROGRAM: prints what the same program prints with the library of the build.
same_bits()
{
    $CC -fopenmp -Ilibtensor/include -o "$log/bits" "$here/bits.c" "$build/libtensor.a" $LIBS || return
    for isa in v4 v3; do
        TN_ISA=$isa "$log/bits" >"$log/expected" && TN_ISA=$isa "$1" >"$log/got" && cmp -s "$log/expected" "$log/got" ||
            { say "other bits with $isa"; failures=$((failures + 1)); return; }
    done
    checks=$((checks + $(wc -l <"$log/got")))
    say "$(wc -l <"$log/got") lines with the same bits"
}

for row in $rows; do
    case $row in
    clang)
        here_is clang && built "$build/clang" "$files $numbers $base" CC=clang &&
            run "$build/clang" "$files $numbers $base"
        ;;
    nehalem)
        here_is qemu-x86_64 && built "$build" "isa $numbers" CC="$CC" &&
            run "$build" "isa $numbers" qemu-x86_64 -cpu Nehalem
        ;;
    openmp)
        built "$build/openmp" "$files $numbers $base" CC="$CC" OPENMP= && run "$build/openmp" "$files $numbers $base"
        ;;
    netlib)
        header=$(echo /usr/include/*/cblas-netlib.h)
        [ -f "$header" ] || { say "not tried: libblas-dev is not here"; continue; }
        mkdir -p "$log/netlib"
        ln -sf "$header" "$log/netlib/cblas.h"
        where=/usr/lib/$(basename "$(dirname "$header")")/blas
        blas "$log/netlib" "-L$where -Wl,-rpath,$where -lblas"
        ;;
    blis)
        unpacked libblis4-pthread libblis-pthread-dev || { say "not tried: no packages"; continue; }
        where=$(cd "$(dirname "$(find "$log/blis" -name libblis.so.4)")" && pwd)
        blas "$(dirname "$(find "$log/blis" -name cblas.h)")" "-L$where -Wl,-rpath,$where -lblis"
        ;;
    plain)
        mkdir -p "$log/plain"
        $CC -O2 -I"$here/plain_blas" -c "$here/plain_blas/cblas.c" -o "$log/plain/cblas.o" &&
            blas "$here/plain_blas" "$log/plain/cblas.o"
        ;;
    i386) cross i386 i686-linux-gnu i386-linux-gnu blas/-lblas qemu-i386 ;;
    arm64) cross arm64 aarch64-linux-gnu aarch64-linux-gnu openblas-pthread/-lopenblas qemu-aarch64 ;;
    s390x) cross s390x s390x-linux-gnu s390x-linux-gnu blas/-lblas qemu-s390x ;;
    musl) musl ;;
    fast-math)
        $CC -Ofast -fopenmp -Ilibtensor/include -o "$log/fast" "$here/bits.c" "$build/libtensor.a" $LIBS &&
            same_bits "$log/fast"
        ;;
    *)
        say "is no row"
        failures=$((failures + 1))
        ;;
    esac
done
echo "$((checks > 0 ? 100 * checks / (checks + failures) : 0))%: Checks: $((checks + failures)), Failures: $failures, Errors: 0"
[ "$failures" = 0 ]
