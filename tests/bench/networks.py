#!/usr/bin/env python3
"""Networks beside PyTorch's (networks_torch.py) and ONNX Runtime's (networks_onnx.mjs): every line of
networks.tsv, in alternating rounds, so that whatever else the machine does falls on all alike.

    networks.py [--rounds N] [--threads N] [--rows REGEX] [--csv FILE] NETWORKS ONNX_DIRECTORY

A line has the medians over the rounds, and our time in units of theirs with the quartiles of single rounds; then in
units of the least time that the rates of the library's product and of memory, measured in the same run, allow (of
convolutions by Winograd's method less than 1 is possible). With one thread what counts is the processor's work, the median of
a round's calls. With more it is the wall's time of the round's fastest call, which other processes disturb least, and a
round lasts four times as long; the library with one thread is then a side, too, and "threads" is how many times as fast it
is with all. A peer that is not installed has an empty column."""
import argparse
import os
import pathlib
import statistics
import subprocess

from sides import HERE, Rates, Side, Table, cpu_of, quartiles, rounds_of, table

PYTHON = HERE.parent / "differential" / "python.sh"
FIELDS = ("line", "network", "sizes", "what", "threads", "ours ms", "one thread ms", "speedup low",
          "speedup", "speedup high", "PyTorch ms", "PyTorch low", "PyTorch ratio",
          "PyTorch high", "ONNX Runtime ms", "ONNX Runtime low", "ONNX Runtime ratio", "ONNX Runtime high", "GFLOP", "MB",
          "sgemm GFLOP/s", "reading GB/s", "copying GB/s", "limit ms", "limit ratio", "wanted", "reached")
PEERS = ("PyTorch", "ONNX Runtime")
ONE = "one thread"


def installed(peer, onnx=""):
    if peer == "PyTorch":
        here = subprocess.run([PYTHON, "torch", "-c", ""], stdout=subprocess.DEVNULL).returncode == 0
    else:
        here = (pathlib.Path(onnx) / "models").exists()
    if not here:
        print(f"{peer} is not installed: its column is empty")
    return here


def start(options, threads):
    """The sides that are here, by their names."""
    cpu = cpu_of(0, threads)
    sides = {"ours": Side(options.networks, threads, cpu=cpu)}
    if threads > 1:
        sides[ONE] = Side(options.networks, 1)
    if installed("PyTorch"):
        sides["PyTorch"] = Side(PYTHON, "torch", HERE / "networks_torch.py", threads, cpu=cpu)
    if installed("ONNX Runtime", options.onnx):
        sides["ONNX Runtime"] = Side("node", HERE / "networks_onnx.mjs", threads, options.onnx, cpu=cpu)
    return sides


def limits(side, rates, name, sizes, what):
    """GFLOP and MB of a call, and the milliseconds that they take at least."""
    forward, forward_bytes, step, step_bytes = side.numbers("size", 0, name, sizes)
    operations, bytes_ = (forward, forward_bytes) if what == "forward" else (step, step_bytes)
    calls = 100 if what == "epoch" else 1
    operations, bytes_ = calls * operations, calls * bytes_
    return operations / 1e9, bytes_ / 1e6, rates.limit(operations, bytes_) / 1e3


def is_reached(row, wanted, threads):
    """Does the ratio reach what the table wants, with so many threads? "" if the peer is missing."""
    whom, *most = wanted.split()
    ratios = {"limit": ["limit"], "torch": ["PyTorch"], "better": PEERS}[whom]
    ratios = [row[f"{name} ratio"] for name in ratios]
    if "" in ratios:
        return ""
    return "yes" if max(ratios) <= float(most[min(threads, len(most)) - 1]) else "no"


def check_shapes(sides, name, sizes):
    """PyTorch's network has as many parameters as ours, and its result as many numbers."""
    shapes = {key: sides[key].numbers("shape", 0, name, sizes) for key in ("ours", "PyTorch") if key in sides}
    if len(set(shapes.values())) > 1:
        raise SystemExit(f"networks.py: {name} {sizes} is not one network: {shapes}")


def measure(options, threads, sides, rates, line):
    name, sizes, what, wanted, words = line
    check_shapes(sides, name, sizes)
    here = {key: side for key, side in sides.items() if what == "forward" or key != "ONNX Runtime"}
    milliseconds, which = (options.milliseconds, 0) if threads == 1 else (4 * options.milliseconds, 1)
    answers = rounds_of(list(here.values()), options.rounds, what, milliseconds, name, sizes)
    times = {key: [answer[i][which] / 1e3 for answer in answers] for i, key in enumerate(here)}
    row = dict.fromkeys(FIELDS, "")
    row.update({"line": words, "network": name, "sizes": sizes, "what": what, "threads": threads, "wanted": wanted,
                "ours ms": statistics.median(times["ours"]), "sgemm GFLOP/s": rates.sgemm / 1e3,
                "reading GB/s": rates.reading / 1e3, "copying GB/s": rates.copying / 1e3})
    if ONE in times:
        low, speedup, high = quartiles(one / ours for one, ours in zip(times[ONE], times["ours"]))
        row.update({f"{ONE} ms": statistics.median(times[ONE]), "speedup low": low, "speedup": speedup, "speedup high": high})
    for peer in times.keys() & set(PEERS):
        low, ratio, high = quartiles(ours / theirs for ours, theirs in zip(times["ours"], times[peer]))
        row.update({f"{peer} ms": statistics.median(times[peer]), f"{peer} low": low, f"{peer} ratio": ratio,
                    f"{peer} high": high})
    row["GFLOP"], row["MB"], row["limit ms"] = limits(sides["ours"], rates, name, sizes, what)
    row["limit ratio"] = row["ours ms"] / row["limit ms"]
    row["reached"] = is_reached(row, wanted, threads)
    return row


def show(row):
    def number(key, width, digits):
        return f"{row[key]:{width}.{digits}f}" if row[key] != "" else " " * width
    peers = "".join(number(f"{p} ms", 10, 3) + number(f"{p} ratio", 7, 2) + " " + number(f"{p} low", 5, 2) +
                    number(f"{p} high", 6, 2) for p in PEERS)
    print(f"{row['line']:42}{number('ours ms', 10, 3)}{peers}{number('limit ratio', 7, 2)}{number('speedup', 9, 2)}  "
          f"{row['wanted']:13} {row['reached']}", flush=True)


def of_threads(options, threads):
    sides = start(options, threads)
    rates = Rates(sides["ours"])
    peers = "".join(f"{p.split()[0]:>10}{'ratio':>7}{'quartiles':>12}" for p in PEERS)
    print(f"{threads} threads; {rates}\n{'milliseconds':42}{'ours':>10}{peers}{'limit':>7}{'threads':>9}  wanted")
    for line in table("networks.tsv", options.rows):
        yield measure(options, threads, sides, rates, line)
    for side in sides.values():
        side.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, nargs="*", default=sorted({1, min(2, os.cpu_count())}))
    parser.add_argument("--rows", default="", help="the lines that match alone")
    parser.add_argument("--milliseconds", type=float, default=60, help="for each measurement, of at least one call")
    parser.add_argument("--csv", help="a file for the table, as networks_docs.py takes it")
    parser.add_argument("networks")
    parser.add_argument("onnx")
    options = parser.parse_args()
    file = Table(options.csv, FIELDS)
    for threads in options.threads:
        for row in of_threads(options, threads):
            show(row)
            file.write(row)


if __name__ == "__main__":
    main()
