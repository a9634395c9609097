#!/usr/bin/env python3
"""The table of `make bench` for docs/performance: networks_docs.py FILE.csv... DIRECTORY

Writes networks.md, a line for each network with its times and ratios, and networks.png, all ratios, by gnuplot. Runs
with one thread and with two may be in files of their own."""
import csv
import pathlib
import subprocess
import sys

from sides import named, table

PEERS = ("PyTorch", "ONNX Runtime")
PLOT = """set terminal pngcairo size 1000,{height} font "sans,11"
set output "{png}"
set title "Time of a network, ours / theirs"
set logscale x
set xrange [{lowest}:3]
set xlabel "ratio (below 1: ours is faster)"
set xtics ("1/50" 0.02, "1/20" 0.05, "1/10" 0.1, "1/5" 0.2, "1/2" 0.5, "1" 1, "2" 2)
set yrange [{least}:0.5]
set ytics ({names})
set grid
set key outside bottom center horizontal
set bmargin 6
set arrow from 1, graph 0 to 1, graph 1 nohead lc rgb "black"
plot {plots}
"""


def number(row, key, digits=2):
    return f"{float(row[key]):.{digits}f}" if row[key] else ""


def milliseconds(row, key):
    value = float(row[key] or 0)
    return f"{value:.0f}" if value >= 1000 else f"{value:#.3g}".rstrip(".") if value else ""


def ratio(row, peer):
    if not row[f"{peer} ratio"]:
        return ""
    return f"{number(row, f'{peer} ratio')} ({number(row, f'{peer} low')}-{number(row, f'{peer} high')})"


def wanted(row):
    """In words: "torch 0.4 0.2" is a number for one thread and one for more."""
    whom, *most = row["wanted"].split()
    whom = {"better": "of the faster", "torch": "of PyTorch", "limit": "of the limit"}[whom]
    return f"{most[min(int(row['threads']), len(most)) - 1]} {whom}"


RATES = ("sgemm GFLOP/s", "reading GB/s", "copying GB/s")


def with_best_rates(rows):
    """Runs of one machine have the same limits, by the best of the rates that they measured."""
    best = {key: max(float(row[key]) for row in rows) for key in RATES}
    for row in rows:
        least = max(float(row["GFLOP"]) / best["sgemm GFLOP/s"] * 1e3, float(row["MB"]) / best["reading GB/s"])
        row.update(best, **{"limit ms": least, "limit ratio": float(row["ours ms"]) / least})
        if row["wanted"].startswith("limit"):
            row["reached"] = "yes" if row["limit ratio"] <= float(row["wanted"].split()[1]) else "no"
    return rows


def page_table(rows):
    """Rows of the table of one number of threads."""
    yield ("| network | ours, ms | PyTorch, ms | ratio | ONNX Runtime, ms | ratio | GFLOP | MB | least, ms | ours / least "
           "| wanted | reached |")
    yield "|" + "---|" * 12
    for row in rows:
        yield (f"| {row['line']} | {milliseconds(row, 'ours ms')} | {milliseconds(row, 'PyTorch ms')} | "
               f"{ratio(row, 'PyTorch')} | {milliseconds(row, 'ONNX Runtime ms')} | {ratio(row, 'ONNX Runtime')} | "
               f"{float(row['GFLOP']):.3g} | {float(row['MB']):.3g} | {milliseconds(row, 'limit ms')} | "
               f"{number(row, 'limit ratio')} | {wanted(row)} | {row['reached']} |")


def more_threads(rows):
    """What they bring beside one thread, which the same rounds had."""
    rows = [row for row in rows if row.get("speedup")]
    if rows:
        yield from ("## More threads", "",
                    "The library with one thread and with more, in alternating rounds: the times of the fastest calls of each "
                    "round, medians, and their ratio with the quartiles of single rounds. 1.8 is wanted of two where the batch "
                    "is 32.", "", "| network | threads | one thread, ms | all, ms | times as fast |", "|---|---|---|---|---|")
    for row in rows:
        yield (f"| {row['line']} | {row['threads']} | {milliseconds(row, 'one thread ms')} | {milliseconds(row, 'ours ms')} | "
               f"{number(row, 'speedup')} ({number(row, 'speedup low')}-{number(row, 'speedup high')}) |")


def text(rows):
    yield from ("# Networks beside PyTorch and ONNX Runtime", "",
                "By `make bench`; docs/performance.md has the method. Ratios are ours / theirs, medians over the rounds, with "
                "the quartiles of single rounds. \"Least\" is the time that the operations take at the rate of the library's "
                "own product, or the bytes at that of reading memory, whichever is longer.")
    for threads in dict.fromkeys(row["threads"] for row in rows):
        of_threads = with_best_rates([row for row in rows if row["threads"] == threads])
        first = of_threads[0]
        reached = [row["reached"] for row in of_threads if row["reached"]]
        yield from ("", f"## {named(threads).capitalize()}", "",
                    f"sgemm {number(first, 'sgemm GFLOP/s', 0)} GFLOP/s, reading {number(first, 'reading GB/s', 1)} GB/s, "
                    f"copying {number(first, 'copying GB/s', 1)} GB/s. Of {len(reached)} lines {reached.count('yes')} reach "
                    "what is wanted.", "")
        yield from page_table(of_threads)
    yield from ("", *more_threads(rows))


def draw(rows, png):
    lines = list(dict.fromkeys(row["line"] for row in rows))
    plots, data = [], []
    for peer in PEERS:
        for threads in dict.fromkeys(row["threads"] for row in rows):
            points = [(row[f"{peer} ratio"], -lines.index(row["line"])) for row in rows
                      if row["threads"] == threads and row[f"{peer} ratio"]]
            if points:
                kind = {"PyTorch": 6, "ONNX Runtime": 4}[peer] + (threads != "1")
                plots.append(f"'-' with points pt {kind} ps 1.3 lw 1.5 title \"{peer}, {named(threads)}\"")
                data.append("".join(f"{x} {y}\n" for x, y in points) + "e\n")
    names = ", ".join(f'"{line}" {-i}' for i, line in enumerate(lines))
    lowest = min([0.05] + [0.8 * float(row[f"{peer} ratio"]) for row in rows for peer in PEERS if row[f"{peer} ratio"]])
    plot = PLOT.format(png=png, lowest=lowest, height=160 + 26 * len(lines), least=0.5 - len(lines), names=names, plots=", ".join(plots))
    if plots:
        subprocess.run(["gnuplot"], input=plot + "".join(data), text=True, check=True)


def main():
    *files, directory = map(pathlib.Path, sys.argv[1:])
    order = [line[-1] for line in table("networks.tsv")]
    rows = [row for path in files for row in csv.DictReader(path.open(newline=""))]
    rows.sort(key=lambda row: (row["threads"], order.index(row["line"])))
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "networks.md").write_text("\n".join(text(rows)) + "\n")
    draw(rows, directory / "networks.png")


if __name__ == "__main__":
    main()
