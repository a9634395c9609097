#!/bin/sh
# Runs the benchmark in turn with PyTorch's, where that is installed, and prints the medians of the
# rounds side by side: run.sh BENCH_PROGRAM [ROUNDS]
set -eu
program=$1
rounds=${2:-3}
here=$(dirname "$0")
results=$(mktemp)
trap 'rm -f "$results"' EXIT

python=
for candidate in "${PYTHON:-python3}" /usr/bin/python3; do
    if "$candidate" -c 'import torch' 2>/dev/null; then
        python=$candidate
        break
    fi
done

cores=$(nproc)
for round in $(seq "$rounds"); do
    for threads in 1 "$cores"; do
        "$program" "$threads" | sed 's/^/libtensor\t/' >>"$results"
        [ -z "$python" ] || "$python" "$here/bench_torch.py" "$threads" | sed 's/^/torch\t/' >>"$results"
        "$program" "$threads" memory | sed 's/^/libtensor\t/' >>"$results"
        [ -z "$python" ] || "$python" "$here/bench_torch.py" "$threads" memory | sed 's/^/torch\t/' >>"$results"
        [ "$cores" -gt 1 ] || break
    done
done

awk -F '\t' -v with_torch="$python" '
    { key = $2 FS $3; values[$1, key, ++count[$1, key]] = $4; if (!(key in seen)) { seen[key]; keys[++n] = key } }
    function median(who, key,    i, j, k, t, v) {
        k = count[who, key]
        for (i = 1; i <= k; i++) v[i] = values[who, key, i] + 0
        for (i = 1; i <= k; i++) for (j = i + 1; j <= k; j++) if (v[j] < v[i]) { t = v[i]; v[i] = v[j]; v[j] = t }
        return v[int((k + 1) / 2)]
    }
    END {
        printf "%-44s %7s %14s %14s %7s\n", "ms per step", "threads", "libtensor", "PyTorch", "ratio"
        for (i = 1; i <= n; i++) {
            split(keys[i], part, FS)
            ours = median("libtensor", keys[i])
            printf "%-44s %7s %14.4f", part[1], part[2], ours
            if (with_torch != "") { theirs = median("torch", keys[i]); printf " %14.4f %7.3f", theirs, ours / theirs }
            print ""
        }
        if (with_torch == "") print "python3-torch is not installed: no comparison"
    }' "$results"
