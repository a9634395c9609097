#!/bin/sh
# Runs a program with the first Python that has the modules it needs: python.sh "torch, numpy" PROGRAM...
modules=$1
shift
for candidate in "${PYTHON:-python3}" /usr/bin/python3; do
    if "$candidate" -c "import $modules" 2>/dev/null; then
        exec "$candidate" "$@"
    fi
done
echo "There is no Python here that can import $modules. On Debian and Ubuntu:"
echo "    apt-get install python3-torch python3-numpy python3-onnx libonnx-testdata"
exit 2
