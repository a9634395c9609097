#!/usr/bin/env python3
"""Two versions of the library, or the library and PyTorch (ops_torch.py), side by side: every operator
of ops.tsv, then the training steps of bench.c, in alternating rounds, so that whatever else the
machine does falls on both alike.

    against.py [--rounds N] [--threads N] [--rows REGEX] [--milliseconds N] [--csv FILE]
               OPS BASE_OPS [BENCH BASE_BENCH]

A line has the medians over the rounds, their ratio, the quartiles of the ratios of single rounds,
and the ratio of the least times. With one thread what counts is the processor's work. "slower" stands where both ratios are above 1.03."""
import argparse
import csv
import pathlib
import re
import statistics
import subprocess
import sys

SLOWER = 1.03
HEADER = f"{'':62} {'ours':>11} {'base':>11} {'ratio':>6} {'quartiles':>13} {'least':>6}"


class Ops:
    """A program of ops.c, or one in Python like it, which waits for the next question."""

    def __init__(self, program, threads):
        command = [sys.executable] * program.endswith(".py") + [program, str(threads)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, what, milliseconds, row):
        """Median and least time in microseconds, or None where there is no gradient."""
        print(what, milliseconds, *row, file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline().split()
        if not answer:
            raise SystemExit(f"against.py: no answer to {what} {' '.join(row)}")
        return None if answer == ["none"] else tuple(map(float, answer))


def table(pattern):
    for line in (pathlib.Path(__file__).parent / "ops.tsv").read_text().splitlines():
        if not line.startswith("#") and re.search(pattern, line.replace("\t", " ")):
            yield line.split("\t")


def report(name, pairs, unit):
    """pairs: for each round the times of both versions, as (median, least). Returns both medians."""
    ours, base = (statistics.median(pair[side][0] for pair in pairs) for side in (0, 1))
    least = min(pair[0][1] for pair in pairs) / min(pair[1][1] for pair in pairs)
    ratios = sorted(pair[0][0] / pair[1][0] for pair in pairs)
    low, high = ratios[len(ratios) // 4], ratios[-1 - len(ratios) // 4]
    slower = ours / base > SLOWER and least > SLOWER
    print(f"{name:62} {ours:9.2f}{unit} {base:9.2f}{unit} {ours / base:6.3f} {low:6.3f} {high:6.3f} {least:6.3f}"
          f"{'  slower' if slower else ''}", flush=True)
    return ours, base


def in_turn(round_number, ask):
    """What both sides answer, the base first in every other round."""
    answers = {side: ask(side) for side in ((0, 1) if round_number % 2 else (1, 0))}
    return answers[0], answers[1]


def operators(options, threads):
    """A row of the table for each operator: operator, arguments, what, threads and both medians."""
    sides = [Ops(program, threads) for program in (options.ops, options.base_ops)]
    for row in table(options.rows):
        for what in "forward", "backward", "sum":
            pairs = [in_turn(i, lambda side: sides[side].ask(what, options.milliseconds, row))
                     for i in range(options.rounds)]
            if pairs[0][0] is None:
                break
            name = f"{' '.join(row)}{'' if what == 'forward' else ', ' + what}"
            yield *row, what, threads, *report(name, pairs, "us")


def summary(ratios):
    return (f"{len(ratios)} lines, median {statistics.median(ratios):.2f}, {sum(r > 1 for r in ratios)} above 1.0, "
            f"{sum(r > 1.1 for r in ratios)} above 1.1, greatest {max(ratios):.2f}")


def save(path, rows):
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("operator", "arguments", "what", "threads", "ours us", "base us", "ratio"))
        writer.writerows((*row, f"{row[-2] / row[-1]:.3f}") for row in rows)


def steps(options, threads):
    rounds = [in_turn(i, lambda side: run_steps((options.bench, options.base_bench)[side], threads))
              for i in range(options.rounds)]
    for name in rounds[0][0]:
        report(name, [((ours[name],) * 2, (base[name],) * 2) for ours, base in rounds], "ms")


def run_steps(program, threads):
    lines = subprocess.run([program, str(threads)], check=True, stdout=subprocess.PIPE, text=True).stdout
    return {name: float(value) for name, _, value in (line.split("\t") for line in lines.splitlines())}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--rows", default="", help="the operators, with their arguments, that match alone")
    parser.add_argument("--milliseconds", type=float, default=5, help="for each measurement")
    parser.add_argument("--csv", help="a file for the table of operators")
    parser.add_argument("ops")
    parser.add_argument("base_ops")
    parser.add_argument("bench", nargs="?")
    parser.add_argument("base_bench", nargs="?")
    options = parser.parse_args()
    rows = []
    for threads in options.threads:
        print(f"{threads} threads\n{HEADER}")
        of_threads = list(operators(options, threads))
        if of_threads:
            print(summary([ours / base for *_, ours, base in of_threads]))
        rows += of_threads
        if options.base_bench and not options.rows:
            steps(options, threads)
    if options.csv:
        save(options.csv, rows)


if __name__ == "__main__":
    main()
