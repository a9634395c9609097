#!/usr/bin/env python3
"""The same networks and products while OpenBLAS takes the processor for one core or another: the library's own
kernels do not depend on it, so that times agree within WITHIN.

    cores.py [--rounds N] [--threads N] [--rows REGEX] NETWORKS OPS

OPENBLAS_CORETYPE is unset, Prescott (SSE3) and SkylakeX (AVX-512) in alternating rounds. Compared are the least times,
which other processes disturb least and which other kernels would change: ratios to the middle one of the three. A line that differs is
timed again, up to TRIES times. The program fails if one still does."""
import argparse
import math
import os
import re
import statistics
import sys

from sides import Side, rounds_of, table

WITHIN = 0.10
TRIES = 4
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


def spread(times):
    return max(times) / min(times) - 1


def least_times(program, threads, options, question):
    """Of each core. More rounds make them less, and so tell what differs from what was disturbed; each try has processes
    of its own, since the pages of memory that one was given stay as fast or slow as they are."""
    times = [math.inf] * len(CORES)
    for _ in range(TRIES):
        sides = [Side(program, threads, env=environment(core)) for core in CORES]
        answers = rounds_of(sides, options.rounds, *question)
        times = [min(time, *(answer[i][1] for answer in answers)) for i, time in enumerate(times)]
        for side in sides:
            side.close()
        if spread(times) <= WITHIN:
            break
    return times


def compare(kind, program, options, threads):
    """How many lines differ."""
    differ = 0
    for words, what, row in questions(kind, options.rows):
        times = least_times(program, threads, options, (what, options.milliseconds, *row))
        agree = spread(times) <= WITHIN
        differ += not agree
        ratios = "".join(f"{time / statistics.median(times):9.3f}" for time in times)
        print(f"{words:62}{times[0] / 1e3:11.4f}{ratios}{'' if agree else '  differ'}", flush=True)
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
