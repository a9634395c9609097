#!/usr/bin/env python3
"""The same networks and products while OpenBLAS takes the processor for one core or another: the library's own
kernels do not depend on it, so that times agree within WITHIN.

    cores.py [--rounds N] [--threads N] [--rows REGEX] NETWORKS OPS

OPENBLAS_CORETYPE is unset, Prescott (SSE3) and SkylakeX (AVX-512) in alternating rounds. Ratios are those of the medians
to the median of the three. The program fails if a line differs by more."""
import argparse
import os
import re
import statistics
import sys

from sides import Side, rounds_of, table

WITHIN = 0.10
CORES = (None, "Prescott", "SkylakeX")
OPERATORS = "^(matmul|linear|conv2d)"


def environment(core):
    rest = {key: value for key, value in os.environ.items() if key != "OPENBLAS_CORETYPE"}
    return {**rest, "OPENBLAS_CORETYPE": core} if core else rest


def questions(kind, pattern):
    """Of networks or operators: what a reader calls it, what is asked, and the row."""
    if kind == "networks":
        for name, sizes, what, _, words in table("networks.tsv", pattern):
            yield words, what, (name, sizes)
    else:
        for row in table("ops.tsv", OPERATORS):
            if re.search(pattern, " ".join(row)):
                yield " ".join(row), "forward", row


def compare(kind, program, options, threads):
    """How many lines differ."""
    sides = [Side(program, threads, env=environment(core)) for core in CORES]
    differ = 0
    for words, what, row in questions(kind, options.rows):
        answers = rounds_of(sides, options.rounds, what, options.milliseconds, *row)
        times = [statistics.median(answer[i][0] for answer in answers) for i in range(len(CORES))]
        ratios = [time / statistics.median(times) for time in times]
        agree = max(ratios) / min(ratios) <= 1 + WITHIN
        differ += not agree
        print(f"{words:62}{times[0] / 1e3:11.4f}" + "".join(f"{ratio:9.3f}" for ratio in ratios) + ("" if agree else "  differ"),
              flush=True)
    for side in sides:
        side.close()
    return differ


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, nargs="*", default=[1])
    parser.add_argument("--rows", default="", help="the lines that match alone")
    parser.add_argument("--milliseconds", type=float, default=20, help="for each measurement, of at least one call")
    parser.add_argument("networks")
    parser.add_argument("ops")
    options = parser.parse_args()
    differ = 0
    for threads in options.threads:
        print(f"{str(threads) + ' threads':62}{'ms':>11}" + "".join(f"{core or 'unset':>9}" for core in CORES))
        differ += compare("networks", options.networks, options, threads)
        differ += compare("ops", options.ops, options, threads)
    print(f"{differ} lines differ by more than {WITHIN:.0%}")
    sys.exit(differ > 0)


if __name__ == "__main__":
    main()
