"""What of libtensor/ the tests have run, from gcov: coverage.py BUILD

Prints a line for each file, its lines and branches that no test has run, and the sum; fails if less
than 99 % of the lines or 95 % of the branches have run. A kernel is compiled once for every type and
instruction set, and a header for every file: a line is covered if one of them has run it. Nothing is
left out. tests/coverage.md says why the rest is not run, and how to check that."""

import collections
import json
import os
import subprocess
import sys


def reports(build):
    """What gcov says of each object of the library."""
    for folder, _, names in os.walk(os.path.join(build, "obj", "libtensor")):
        for name in names:
            if name.endswith(".gcno"):
                command = ["gcov", "--json-format", "--stdout", "--branch-probabilities", os.path.join(folder, name)]
                text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
                for line in text.splitlines():
                    yield json.loads(line)


def gather(build):
    """Counts by file: of lines, and of the branches of a line."""
    lines = collections.defaultdict(lambda: collections.defaultdict(int))
    branches = collections.defaultdict(lambda: collections.defaultdict(dict))
    for report in reports(build):
        for file in report["files"]:
            name = os.path.relpath(file["file"])
            if not name.startswith("libtensor/"):
                continue
            for line in file["lines"]:
                number = line["line_number"]
                lines[name][number] += line["count"]
                for i, branch in enumerate(line["branches"]):
                    known = branches[name][number]
                    known[i] = known.get(i, 0) + branch["count"]
    return lines, branches


def ranges(numbers):
    """1, 2, 3, 7 as "1-3 7"."""
    out = []
    for n in sorted(numbers):
        if out and out[-1][1] == n - 1:
            out[-1][1] = n
        else:
            out.append([n, n])
    return " ".join(str(a) if a == b else f"{a}-{b}" for a, b in out)


def percent(part, whole):
    return 100 * part / whole if whole else 100


LEAST = {"lines": 99, "branches": 95}


def check(sums):
    """Fails below the least."""
    for what, part, whole in (("lines", *sums[:2]), ("branches", *sums[2:])):
        if percent(part, whole) < LEAST[what]:
            sys.exit(f"coverage: {percent(part, whole):.2f} % of the {what}, less than {LEAST[what]}")


def main():
    lines, branches = gather(sys.argv[1])
    sums = [0, 0, 0, 0]
    print(f"{'file':44} {'lines':>13} {'%':>6} {'branches':>13} {'%':>6}")
    for name in sorted(lines):
        missing = [n for n, count in lines[name].items() if count == 0]
        taken = {n: [c > 0 for c in b.values()] for n, b in branches[name].items()}
        half = [n for n, b in taken.items() if not all(b) and n not in missing]
        counts = [len(lines[name]) - len(missing), len(lines[name]),
                  sum(sum(b) for b in taken.values()), sum(len(b) for b in taken.values())]
        sums = [a + b for a, b in zip(sums, counts)]
        print(f"{name:44} {counts[0]:6}/{counts[1]:<6} {percent(*counts[:2]):6.2f}"
              f" {counts[2]:6}/{counts[3]:<6} {percent(*counts[2:]):6.2f}")
        if missing:
            print(f"    lines not run: {ranges(missing)}")
        if half:
            print(f"    branches not taken in: {ranges(half)}")
    print(f"{'libtensor/':44} {sums[0]:6}/{sums[1]:<6} {percent(*sums[:2]):6.2f}"
          f" {sums[2]:6}/{sums[3]:<6} {percent(*sums[2:]):6.2f}")
    check(sums)


main()
