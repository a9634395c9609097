#!/usr/bin/env python3
"""How cost grows: every line of growth.tsv, with each value, ours and PyTorch's in alternating rounds.

    growth.py [--rounds N] [--rows REGEX] [--csv FILE] NETWORKS OPS

One thread, but where the threads grow. A line has milliseconds, MB, or of an operator microseconds, and what ours is multiplied
by for twice the value. The overhead of an operator is the time of `add` of one element: OVERHEAD microseconds at most."""
import argparse
import math
import os
import statistics

from networks import installed
from sides import HERE, Rates, Side, Table, rounds_of, table

OVERHEAD = 0.5
FIELDS = ("line", "what", "grows", "value", "ours", "PyTorch", "unit", "limit")


class Pairs:
    """Ours and PyTorch's programs of one kind, for one number of threads."""

    def __init__(self, program, torch, threads):
        self.threads = threads
        self.sides = [Side(program, threads)]
        if torch:
            self.sides.append(Side(HERE.parent / "differential" / "python.sh", "torch", HERE / torch, threads))

    def ask(self, rounds, *question):
        """Medians over the rounds, of what networks.py takes of each."""
        answers = rounds_of(self.sides, rounds, *question)
        which = 0 if self.threads == 1 else 1
        return [statistics.median(answer[i][which] for answer in answers) for i in range(len(self.sides))]

    def close(self):
        for side in self.sides:
            side.close()


class Growth:
    def __init__(self, options):
        self.options, self.torch, self.kept = options, installed("PyTorch"), {}
        self.rates = Rates(self.pairs(False, 1).sides[0])

    def pairs(self, operator, threads):
        key = operator, threads
        if key not in self.kept:
            program = self.options.ops if operator else self.options.networks
            torch = "ops_torch.py" if operator else "networks_torch.py"
            self.kept[key] = Pairs(program, self.torch and torch, threads)
        return self.kept[key]

    def operator(self, name, what, elements):
        return self.pairs(True, 1).ask(self.options.rounds, what, 20, name, f"x={elements} x={elements}"), "us", ""

    def memory(self, name, what, sizes):
        """The question needs processes of its own."""
        pairs = Pairs(self.options.networks, self.torch and "networks_torch.py", 1)
        values = pairs.ask(1, what, 0, name, sizes)
        pairs.close()
        return values, "MB", ""

    def time(self, name, what, sizes, threads):
        """With the least time that the rates of one thread allow."""
        pairs = self.pairs(False, threads)
        values = [us / 1e3 for us in pairs.ask(self.options.rounds, what, 40 if threads == 1 else 160, name, sizes)]
        size = pairs.sides[0].numbers("size", 0, name, sizes)
        return values, "ms", self.rates.limit(*size[:2] if what == "forward" else size[2:]) / threads / 1e3

    def point(self, name, fixed, what, grows, value):
        """What both take, its unit, and the least."""
        if grows == "elements":
            return self.operator(name, what, value)
        sizes = fixed if grows == "threads" else f"{fixed} {grows}={value}".strip()
        if what.startswith("memory"):
            return self.memory(name, what, sizes)
        return self.time(name, what, sizes, value if grows == "threads" else 1)

    def line(self, words, name, fixed, what, grows, values):
        values = range(1, os.cpu_count() + 1) if grows == "threads" else map(int, values.split())
        for value in values:
            (ours, *theirs), unit, limit = self.point(name, fixed, what, grows, value)
            yield dict(zip(FIELDS, (words, what, grows, value, ours, theirs[0] if theirs else "", unit, limit)))


def show(row, before):
    """Also what a doubling of the value has brought, by the power with which ours grew."""
    doubled = ""
    if before:
        power = math.log(row["ours"] / before["ours"]) / math.log(row["value"] / before["value"])
        doubled = f"{2 ** power:8.2f}"
    theirs = f"{row['PyTorch']:12.4f}{row['ours'] / row['PyTorch']:7.2f}" if row["PyTorch"] else f"{'':19}"
    print(f"{row['line']:40} {row['what']:15}{row['grows'] + '=' + str(row['value']):16}{row['ours']:12.4f}{theirs} "
          f"{row['unit']}{doubled}", flush=True)
    if row["line"] == "add" and row["value"] == 1 and row["what"] == "forward":
        print(f"overhead of an operator: {'within' if row['ours'] <= OVERHEAD else 'above'} {OVERHEAD} us")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", default="", help="the lines that match alone")
    parser.add_argument("--csv", help="a file for the table, as growth_docs.py takes it")
    parser.add_argument("networks")
    parser.add_argument("ops")
    options = parser.parse_args()
    growth, file = Growth(options), Table(options.csv, FIELDS)
    print(growth.rates)
    print(f"{'':72}{'ours':>12}{'PyTorch':>12}{'ratio':>7}     for twice as much")
    for line in table("growth.tsv", options.rows):
        before = None
        for row in growth.line(*line):
            show(row, before)
            file.write(row)
            before = row


if __name__ == "__main__":
    main()
