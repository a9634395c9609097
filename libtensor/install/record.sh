#!/bin/sh
# Adds names of files to the list of those that are installed, in which what an earlier version put there, and this
# one has no more, stays until it is taken away: record.sh LIST <NAMES
set -eu
new=$(mktemp)
trap 'rm -f "$new"' EXIT
cat - "$1" 2>/dev/null | sort -u >"$new"
install -m 644 "$new" "$1"
