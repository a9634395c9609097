#!/usr/bin/env python3
"""The tables of `make bench-growth` for docs/performance: growth_docs.py FILE.csv... DIRECTORY

Writes growth.md, a table for each line of growth.tsv, and growth.png, by gnuplot: a picture for each thing that
grows."""
import csv
import math
import pathlib
import subprocess
import sys

NAMES = {"forward": "", "step": "", "memory": ", memory", "memory_forward": ", memory", "backward": ", backward"}
PANELS = (("batch", "ms"), ("batch", "MB"), ("side", "ms"), ("width", "ms"), ("depth", "ms"), ("elements", "us"))


def name(row):
    return row["line"] + NAMES[row["what"]]


def lines_of(rows):
    """The rows of each line; of a value that was measured twice, the last one."""
    lines = {}
    for row in rows:
        lines.setdefault((name(row), row["grows"], row["unit"]), {})[int(row["value"])] = row
    return {key: [by_value[value] for value in sorted(by_value)] for key, by_value in lines.items()}


def digits(value):
    return f"{float(value):.3g}" if float(value) < 1000 else f"{float(value):.0f}"


def power(rows):
    """The power of the value with which ours grows, over the larger half of the values."""
    first, last = rows[len(rows) // 2 - 1 if len(rows) > 2 else 0], rows[-1]
    return math.log(float(last["ours"]) / float(first["ours"])) / math.log(float(last["value"]) / float(first["value"]))


def table(title, grows, unit, rows):
    yield from ("", f"### {title}", "")
    if len(rows) > 1:
        yield from (f"Over the larger half, ours grows with the power {power(rows):.2f} of the {grows}.", "")
    yield from (f"| {grows} | ours, {unit} | PyTorch, {unit} | ratio | ours / least |", "|---|---|---|---|---|")
    for row in rows:
        ours, theirs, limit = row["ours"], row["PyTorch"], row["limit"]
        ratio = f"{float(ours) / float(theirs):.2f}" if theirs else ""
        least = f"{float(ours) / float(limit):.2f}" if limit else ""
        yield f"| {row['value']} | {digits(ours)} | {digits(theirs) if theirs else ''} | {ratio} | {least} |"


def text(lines):
    yield from ("# How cost grows", "",
                "By `make bench-growth`, one thread but where the threads grow; docs/performance.md has the method. \"Least\" is "
                "the time that the rates of the library's product and of memory allow. Memory is the most that a process "
                "had resident after two passes, the library or PyTorch itself included.", "",
                "![Time and memory as the batch, the image, the width, the depth and the elements grow](growth.png)")
    for (title, grows, unit), rows in lines.items():
        yield from table(title, grows, unit, rows)


def panel(grows, unit, lines):
    """The commands for one picture, and its data."""
    plots, data = [], ""
    for i, ((title, line_grows, line_unit), rows) in enumerate(lines.items(), 1):
        if (line_grows, line_unit) != (grows, unit):
            continue
        for side, style in ("ours", "with linespoints pt 7 ps 0.6"), ("PyTorch", "with lines dt 2"):
            if rows[0][side]:
                key = f'title "{title}"' if side == "ours" else "notitle"
                plots.append(f"'-' {style} lc {i} {key}")
                data += "".join(f"{row['value']} {row[side]}\n" for row in rows) + "e\n"
    label = f'set xlabel "{grows}"; set ylabel "{unit}"\n'
    return label + f"plot {', '.join(plots)}\n{data}" if plots else ""


def draw(lines, png):
    begin = (f'set terminal pngcairo size 1200,1150 font "sans,10"\nset output "{png}"\n'
             'set multiplot layout 3,2 title "Ours: points; PyTorch: dashes; both axes by powers"\n'
             "set logscale xy\nset grid\nset key bottom right\nset format x \"%g\"\nset format y \"%g\"\n")
    plots = "".join(panel(grows, unit, lines) for grows, unit in PANELS)
    subprocess.run(["gnuplot"], input=begin + plots + "unset multiplot\n", text=True, check=True)


def main():
    *files, directory = map(pathlib.Path, sys.argv[1:])
    lines = lines_of(row for path in files for row in csv.DictReader(path.open(newline="")))
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "growth.md").write_text("\n".join(text(lines)) + "\n")
    draw(lines, directory / "growth.png")


if __name__ == "__main__":
    main()
