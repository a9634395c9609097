#!/bin/sh
# Two commands side by side: beside.sh LOG OTHER COMMAND. What OTHER prints goes to LOG, and is shown when both
# have ended. Fails if one of them does.
set -u
# With make -n, both say what they would do, one after the other.
flags=${MAKEFLAGS-}
case ${flags%% *} in
-*) ;;
*n*) exec sh -c "$2 && $3" ;;
esac
sh -c "exec $2" >"$1" 2>&1 &
other=$!
trap 'kill "$other" 2>/dev/null; exit 130' INT TERM HUP
sh -c "$3"
status=$?
wait "$other" || status=1
cat "$1"
exit $status
