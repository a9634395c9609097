#!/bin/sh
# The reference has everything that the library offers: a man page and an anchor for every symbol that
# the shared library exports, for every function of libtensor-mpi, and for every type, macro and constant
# of the headers; links that lead somewhere; pages that mandoc and groff take without a warning, where they are; examples that compile
# and print what they say; and no page is made of a header with a function that has no comment.
# reference.sh BUILD_DIR
set -eu
build=$1
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
: "${CC:=cc}" "${MAKE:=make}"
man=$build/man
pages=$build/reference
checks=0

fail()
{
    echo "reference: $1"
    exit 1
}

# Names in standard input that have no page and no anchor.
all_described()
{
    sort -u >"$work/names"
    checks=$((checks + $(wc -l <"$work/names")))
    while read -r name; do
        [ -f "$man/man3/$name.3" ] || echo "$name has no man page"
    done <"$work/names" >"$work/missing"
    comm -23 "$work/names" "$work/anchors" | sed 's/$/ has no anchor/' >>"$work/missing"
    [ ! -s "$work/missing" ] || fail "$1: $(cat "$work/missing")"
}

cat "$pages"/*.html | grep -oE ' id="[^"]*"' | sed 's/.*"\(.*\)"/\1/' | sort -u >"$work/anchors"
nm -D --defined-only "$build/libtensor.so" | awk 'NF == 3 && $2 == "T" { sub(/@.*/, "", $3); print $3 }' >"$work/symbols"
[ -s "$work/symbols" ] || fail "$build/libtensor.so exports nothing"
all_described "symbols" <"$work/symbols"
sed -n 's/^TN_API .*[ *]\(tn_mpi_[a-z0-9_]*\)(.*/\1/p' libtensor/mpi/include/tn/mpi.h >"$work/functions"
[ "$(wc -l <"$work/functions")" -gt 15 ] || fail "functions of <tn/mpi.h> are not found"
all_described "functions of <tn/mpi.h>" <"$work/functions"
for header in libtensor/include/tn/*.h libtensor/mpi/include/tn/mpi.h; do
    case $header in
    *_real.h | *_wide.h) ;;
    *) cat "$header" ;;
    esac
done | awk '
    /^#define (tn|TN)_/ { sub(/^#define /, ""); sub(/[^A-Za-z0-9_].*/, ""); if (!/_$|_H$|^TN_SETTER_/) print; next }
    /^} tn_[a-z0-9_]+;/ { sub(/^} /, ""); sub(/;.*/, ""); print; next }
    /^typedef struct tn_[a-z0-9_]+ tn_[a-z0-9_]+;/ { sub(/;/, "", $4); print $4; next }
    /^typedef .*\(\*tn_/ { sub(/.*\(\*/, ""); sub(/\).*/, ""); print; next }
    /^    TN_[A-Z0-9_]+ = -?[0-9]/ { print $1 }' | all_described "types, macros and constants"

# What is of another library is built with it.
grep -q 'mpicc.*libs libtensor.*mpi' "$man/man3/tn_mpi_new.3" || fail "tn_mpi_new(3) does not say how it is built"
checks=$((checks + 1))

# Each page by its own anchors, once; what leads to another page, by that page's.
awk '
    FNR == 1 { page = FILENAME; sub(/.*\//, "", page); there[page] = 1 }
    { text = $0
      while (match(text, / id="[^"]*"/)) {
          id = page "#" substr(text, RSTART + 5, RLENGTH - 6)
          if (id in there) { print id " is there twice"; bad = 1 }
          there[id] = 1
          text = substr(text, RSTART + RLENGTH)
      }
      text = $0
      while (match(text, /(href|src)="[^"]*"/)) {
          link = substr(text, RSTART, RLENGTH)
          text = substr(text, RSTART + RLENGTH)
          sub(/^[a-z]*="/, "", link)
          sub(/"$/, "", link)
          wanted[link ~ /^#/ ? page link : link] = page
      } }
    FILENAME ~ /index.js$/ && split($0, part, "\"") > 4 { wanted[part[4]] = page }
    END {
        for (link in wanted)
            if (!(link in there)) { print wanted[link] ": " link " leads nowhere"; bad = 1 }
        exit bad
    }' "$pages"/* >"$work/links" || fail "$(cat "$work/links")"
checks=$((checks + 1))

# Each line of an index that leads to another page leads to one that is there.
for page in "$man"/man3/*; do
    read -r first <"$page"
    case $first in
    .so\ *) [ -f "$man/${first#.so }" ] || fail "$page leads to ${first#.so }" ;;
    *) echo "$page" ;;
    esac
done >"$work/pages"
echo "$man/man7/tn.7" >>"$work/pages"
checks=$((checks + 1))
if command -v mandoc >/dev/null; then
    xargs mandoc -Tlint <"$work/pages" >"$work/log" 2>&1 || true
    [ ! -s "$work/log" ] || fail "mandoc: $(head "$work/log")"
    checks=$((checks + 1))
fi
if command -v groff >/dev/null; then
    xargs groff -man -ww -Tutf8 -z <"$work/pages" >"$work/log" 2>&1
    [ ! -s "$work/log" ] || fail "groff: $(head "$work/log")"
    checks=$((checks + 1))
fi
if command -v node >/dev/null; then
    node tests/docs/search.js "$pages" || fail "search.js"
    checks=$((checks + 1))
fi

# What an example prints is said at its end, and it belongs to a page. What libtensor.so itself needs was there when it
# was linked: not to look again halves the time.
for example in docs/reference/examples/*.c; do
    name=$(basename "$example" .c)
    [ -f "$man/man3/$name.3" ] || [ "$name" = tn ] || fail "$example: there is no page of that name"
    awk 'begun && /^\/\*/ { printing = 1 } /\*\// { begun = 1 }
         printing { sub(/ *\*\/ *$/, ""); sub(/^(\/\*| \*) ?/, ""); print }' "$example" >"$work/said"
    $CC -std=c11 -Wall -Wextra -Werror -Ilibtensor/include -o "$work/example" "$example" \
        -Wl,--allow-shlib-undefined "$build/libtensor.so" -lm || fail "$example does not compile"
    (cd "$work" && LD_LIBRARY_PATH="$OLDPWD/$build:$build" ./example >printed 2>&1) || fail "$example: $(cat "$work/printed")"
    cmp -s "$work/said" "$work/printed" || fail "$example printed $(cat "$work/printed")"
    checks=$((checks + 1))
done

# A function, a type and a macro without a comment are named, by file and line.
printf '/* x.h - nothing. */\n\n/* It has one. */\nint tn_x;\n\nTN_API void tn_bare(tn_ctx *ctx);\n\n%s\n\n%s\n' \
    'typedef struct tn_y tn_y;' '#define TN_Z 1' >"$work/x.h"
if awk -f docs/reference/parse.awk "$work/x.h" >"$work/log" 2>&1; then
    fail "a function without a comment is taken"
fi
for line in "6: tn_bare" "8: tn_y" "10: TN_Z"; do
    grep -q "x.h:$line has no comment" "$work/log" || fail "nothing is said of $line: $(cat "$work/log")"
    checks=$((checks + 1))
done
echo "100%: Checks: $checks, Failures: 0, Errors: 0"
