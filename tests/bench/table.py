#!/usr/bin/env python3
"""The table of `make bench-ops CSV=file` for docs/performance: table.py FILE.csv DIRECTORY

Writes operators.md, a line for each operator and pass with its times and ratios, and operators.png, all
ratios from the least to the greatest, by gnuplot."""
import csv
import pathlib
import subprocess
import sys

from sides import named, summary

PASSES = {"forward": "forward", "backward": "backward", "sum": "backward of the sum"}
PLOT = """set terminal pngcairo size 900,520 font "sans,11"
set output "{png}"
set title "Time of an operator, ours / PyTorch's"
set logscale y
set ylabel "ratio (below 1: ours is faster)"
set xlabel "operators and passes, from the least ratio to the greatest"
set yrange [0.01:10]
set ytics ("1/100" 0.01, "1/50" 0.02, "1/20" 0.05, "1/10" 0.1, "1/5" 0.2, "1/2" 0.5, "1" 1, "2" 2, "5" 5, "10" 10)
set grid y
set key top left
plot {plots}, 1 with lines lc rgb "black" notitle
"""


def micro(value):
    return f"{float(value):.3g}"


def table(lines):
    """Rows of the table, from {(operator, arguments, pass): {threads: row}}."""
    yield ("| operator | arguments | pass | ours, us | PyTorch, us | ratio, 1 thread | ratio, 2 threads | "
           "2 threads, times as fast | ours / least |")
    yield "|" + "---|" * 9
    for (operator, arguments, what), by_threads in lines.items():
        one, two = by_threads.get("1"), by_threads.get("2")
        least = f"{float(one['ours us']) / float(one['limit us']):.2f}" if one.get("limit us") else ""
        yield (f"| {operator} | {arguments} | {PASSES[what]} | {micro(one['ours us'])} | {micro(one['base us'])} | "
               f"{float(one['ratio']):.2f} | {float(two['ratio']):.2f} | "
               f"{float(one['ours us']) / float(two['ours us']):.2f} | {least} |")


def draw(ratios, png):
    plots = ", ".join(f"'-' with points pt 7 ps 0.4 title \"{named(t)}\"" for t in ratios)
    data = "".join("".join(f"{r}\n" for r in sorted(values)) + "e\n" for values in ratios.values())
    subprocess.run(["gnuplot"], input=PLOT.format(png=png, plots=plots) + data, text=True, check=True)


def main():
    rows = list(csv.DictReader(open(sys.argv[1], newline="")))
    directory = pathlib.Path(sys.argv[2])
    lines, ratios = {}, {}
    for row in rows:
        lines.setdefault((row["operator"], row["arguments"], row["what"]), {})[row["threads"]] = row
        ratios.setdefault(row["threads"], []).append(float(row["ratio"]))
    text = ["# Operators beside PyTorch", "", "By `make bench-ops`; docs/performance.md has the method. \"Least\" is the time "
            "that a forward pass's products or bytes take at the rates of the machine; below 1 caches hold the operands.", ""]
    text += [f"- {named(threads)}: {summary(values)}." for threads, values in ratios.items()] + [""]
    text += table({key: value for key, value in lines.items() if len(value) == 2})
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "operators.md").write_text("\n".join(text) + "\n")
    draw(ratios, directory / "operators.png")


if __name__ == "__main__":
    main()
