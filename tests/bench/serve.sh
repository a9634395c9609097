#!/bin/sh
# How many digits a second `serve` and a server of Node.js with ONNX Runtime recognise, and within what time:
# wrk asks both for SECONDS in alternating rounds, by the same 784 bytes of ink and the same untrained network of
# digits train --model cnn, with as many threads. Then how much memory serve had after each.
# serve.sh BUILD ONNX SECONDS THREADS CONNECTIONS
set -eu
build=$1 onnx=$2 seconds=$3 threads=$4 connections=$5
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
pids=
trap 'kill $pids 2>/dev/null || true; rm -rf "$work"' EXIT

command -v wrk >/dev/null || { echo "bench-serve: there is no wrk to ask with (Debian: apt-get install wrk)"; exit 2; }

# wait_for FILE PATTERN: until a line of it comes.
wait_for()
{
    for turn in $(seq 200); do
        grep -q "$2" "$1" 2>/dev/null && return
        sleep 0.05
    done
    echo "bench-serve: $(cat "$1")"
    exit 1
}

resident()
{
    awk '/VmRSS/ { printf "%.1f", $2 / 1024 }' "/proc/$1/status"
}

cat >"$work/ink.lua" <<'LUA'
wrk.method = "POST"
wrk.body = string.rep("\0\32\128\255", 196)
wrk.headers["Content-Type"] = "application/octet-stream"
done = function(summary, latency, requests)
    local errors = summary.errors
    io.write(string.format("%.0f %.3f %.3f %d\n", 1e6 * summary.requests / summary.duration,
        latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
        errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
LUA

# ask URL SECONDS: prints requests a second, milliseconds of half and of 99 % of them, errors.
ask()
{
    wrk -t1 -c"$connections" -d"$2s" -s "$work/ink.lua" "$1" | tail -1
}

"$build/bin/digits" train --data "$here/../../examples/data/mnist" --model cnn --epochs 1 --train 1000 \
    --out "$work/digits" --quiet >/dev/null
"$build/bin/serve" digits --port 0 --threads "$threads" --model "$work/digits/model.safetensors" --out "$work/serve" \
    >"$work/ours.log" &
ours=$! pids=$!
wait_for "$work/ours.log" http
our_url=$(sed -n 's/.*\(http[^ ]*\)/\1classify/p' "$work/ours.log")
their_url=
if [ -f "$onnx/digits_cnn.onnx" ]; then
    node "$here/serve_onnx.mjs" "$threads" "$onnx" >"$work/theirs.log" &
    pids="$pids $!"
    wait_for "$work/theirs.log" http
    their_url=$(sed -n 's/.*\(http[^ ]*\)/\1classify/p' "$work/theirs.log")
fi

ask "$our_url" 2 >/dev/null
memory=$(resident $ours)
echo "server                requests/s   half, ms   99 %, ms   errors"
for round in 1 2 3; do
    printf '%-20s %11s %10s %10s %8s\n' serve $(ask "$our_url" "$seconds")
    [ -z "$their_url" ] || printf '%-20s %11s %10s %10s %8s\n' "Node, ONNX Runtime" $(ask "$their_url" "$seconds")
    memory="$memory $(resident $ours)"
done
echo "memory of serve after 2 s and after each round, MB: $memory"
kill -TERM $ours
wait $ours && echo "serve ended with status 0: $(tail -1 "$work/ours.log")"
