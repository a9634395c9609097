#!/usr/bin/env python3
"""Two versions of the library, or the library and PyTorch (ops_torch.py), side by side: every operator
of ops.tsv, then the networks of networks.tsv, in alternating rounds, so that whatever else the machine
does falls on both alike.

    against.py [--rounds N] [--threads N] [--rows REGEX] [--milliseconds N] [--csv FILE] [--table FILE]
               OPS BASE_OPS [NETWORKS BASE_NETWORKS]

Each side is GROUPS processes, which share the rounds, since two processes of one program differ by where their memory
lies. With one thread both sides of a group run on one processor, those of the next group on the next one. A line has the medians over the rounds, their ratio, the quartiles of the ratios of single rounds, and the
ratio of the least times; of a forward pass the time in units of what the rates of the product and of memory
allow (below 1: the caches hold the operands). With one thread what counts is the processor's work. "slower" stands
where both ratios are above 1.03."""
import argparse
import csv
import statistics
import sys

from sides import Rates, Side, cpu_of, quartiles, rounds_of, rounds_of_all, summary, table

GROUPS = 3
SLOWER = 1.03
HEADER = f"{'':62} {'ours':>11} {'base':>11} {'ratio':>6} {'quartiles':>13} {'least':>6} {'limit':>6}"


def side(program, threads, group=0):
    return Side(*[sys.executable] * program.endswith(".py"), program, threads, cpu=cpu_of(group, threads))


def report(name, pairs, limit):
    """pairs: for each round the microseconds of both versions, as (median, least). Returns both medians."""
    ours, base = (statistics.median(pair[side][0] for pair in pairs) for side in (0, 1))
    least = min(pair[0][1] for pair in pairs) / min(pair[1][1] for pair in pairs)
    low, _, high = quartiles(pair[0][0] / pair[1][0] for pair in pairs)
    slower = ours / base > SLOWER and least > SLOWER
    unit, scale = ("ms", 1e3) if max(ours, base) >= 1e5 else ("us", 1)
    distance = f"{ours / limit:6.2f}" if limit else f"{'':6}"
    print(f"{name:62} {ours / scale:9.2f}{unit} {base / scale:9.2f}{unit} {ours / base:6.3f} {low:6.3f} {high:6.3f} "
          f"{least:6.3f} {distance}{'  slower' if slower else ''}", flush=True)
    return ours, base


def operators(options, threads):
    """A row of the table for each operator: operator, arguments, what, threads, both medians, the limit."""
    groups = [[side(program, threads, i) for program in (options.ops, options.base_ops)] for i in range(GROUPS)]
    ours = groups[0][0]
    rates = Rates(ours)
    print(f"{threads} threads; {rates}\n{HEADER}")
    for row in table(options.table, options.rows):
        for what in "forward", "backward", "sum":
            pairs = rounds_of_all(groups, options.rounds, what, options.milliseconds, *row)
            if not pairs:
                break
            limit = rates.limit(*ours.numbers("size", 0, *row)) if what == "forward" else 0
            name = f"{' '.join(row)}{'' if what == 'forward' else ', ' + what}"
            yield *row, what, threads, *report(name, pairs, limit), limit


def save(path, rows):
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("operator", "arguments", "what", "threads", "ours us", "base us", "limit us", "ratio"))
        writer.writerows((*row, ours, base, limit or "", f"{ours / base:.3f}") for *row, ours, base, limit in rows)


def networks(options, threads):
    sides = [side(program, threads) for program in (options.networks, options.base_networks)]
    for name, sizes, what, *_, words in table("networks.tsv", options.rows):
        pairs = rounds_of(sides, options.rounds, what, options.milliseconds, name, sizes)
        report(words, pairs, 0)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--rows", default="", help="the operators and networks, with their arguments, that match alone")
    parser.add_argument("--milliseconds", type=float, default=5, help="for each measurement")
    parser.add_argument("--csv", help="a file for the table of operators")
    parser.add_argument("--table", default="ops.tsv", help="of operators and their arguments")
    parser.add_argument("ops")
    parser.add_argument("base_ops")
    parser.add_argument("networks", nargs="?")
    parser.add_argument("base_networks", nargs="?")
    options = parser.parse_args()
    rows = []
    for threads in options.threads:
        of_threads = list(operators(options, threads))
        if of_threads:
            print(summary([ours / base for *_, ours, base, _ in of_threads]))
        rows += of_threads
        if options.base_networks:
            networks(options, threads)
    if options.csv:
        save(options.csv, rows)


if __name__ == "__main__":
    main()
