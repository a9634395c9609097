#!/bin/sh
# The order of the rooms of libtensor/: rooms.sh [OBJECTS] prints each file that includes or calls
# something of a room above its own, and each circle of files, whether they include or call each
# other; it fails if there is one. OBJECTS (build/obj) is where the objects are that say who calls
# whom; without any, includes alone are looked at. libtensor/mpi is no room, but a library on top of them all.
set -u
cd "$(dirname "$0")/.."
objects=${1:-build/obj}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# From the bottom up, each with its public headers.
cat >"$work/order" <<'END'
kernels vector_math vector_math_real vector_math_wide
base literal context
tensor tensor
dict dict
io io
autograd op formula autograd
inspect
context
ops/shared ops
ops
ops/conv2d
nn nn
optim optim
data data
train train
state state
everything tn
END

# "FROM TO WHY": a file and its header are one; a public header is that of its room.
includes()
{
    rooms=$(cd libtensor && echo [a-z]*/ | sed 's|/ |\||g; s|/$||')
    find libtensor -path libtensor/mpi -prune -o -name '*.[ch]' -print | sort | xargs grep -HE "^#include [<\"](tn|$rooms)/" |
        sed -E 's|^libtensor/([^:]*):#include [<"]([^">]*)[">].*|\1 \2|; s|include/tn/|tn/|' |
        sed -E 's/\.[ch] / /; s/\.h$/ includes/'
}

# Kernels are reached through their table alone: their functions have a name for each instruction set.
calls()
{
    find libtensor -name '*.c' ! -path '*/kernels/*' ! -path 'libtensor/mpi/*' | sed 's/\.c$//' | sort | while read -r file; do
        [ -f "$objects/$file.o" ] && nm "$objects/$file.o" |
            awk -v file="${file#libtensor/}" '{ print ($(NF - 1) == "U" ? "uses" : "has"), file, $NF }'
    done | awk '
        $1 == "has" { home[$3] = $2 }
        $1 == "uses" { from[++n] = $2; name[n] = $3 }
        END {
            for (i = 1; i <= n; i++)
                if (name[i] in home && home[name[i]] != from[i])
                    print from[i], home[name[i]], "calls " name[i]
        }'
}

{ includes; calls; } | sort -u >"$work/edges"

awk '
    NR == FNR { rank[$1] = FNR; for (i = 2; i <= NF; i++) rank["tn/" $i] = FNR; next }
    function room_of(file) {
        if (file in rank && file ~ /^tn\//)
            return file
        sub(/\/[^\/]*$/, "", file)
        return file
    }
    {
        from = room_of($1)
        to = room_of($2)
        if (!(from in rank) || !(to in rank)) {
            print "lint: " $1 " or " $2 " is in no room that tests/rooms.sh knows"
            bad = 1
        } else if (rank[to] > rank[from]) {
            print "lint: " $1 " " $3 ($4 ? " " $4 " of " : " ") $2 ", a room above"
            bad = 1
        }
    }
    END { exit bad }' "$work/order" "$work/edges" || status=1

# tsort names the files of each circle on its standard error.
awk '$1 != $2 { print $1, $2 }' "$work/edges" | tsort >/dev/null 2>"$work/circles" || {
    echo "lint: a circle of files:"
    sed -n 's/^tsort: \([^ ]*\/\)/    \1/p' "$work/circles"
    status=1
}

# Each file has its header, or shares one with a few.
for header in $(find libtensor -name '*.h' ! -path '*/include/*'); do
    lines=$(wc -l <"$header")
    [ "$lines" -le 150 ] || {
        echo "lint: $header has $lines lines, more than 150"
        status=1
    }
done

exit ${status:-0}
