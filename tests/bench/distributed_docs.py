#!/usr/bin/env python3
"""The tables of `make bench-mpi CSV=file` for docs/performance, and what distributed_model.py makes of them:
distributed_docs.py FILE.csv DIRECTORY

Writes distributed.md, and distributed.png and distributed-step.png by gnuplot."""
import csv
import pathlib
import subprocess
import sys

import distributed_model as model

TITLES = {"digits_cnn": "digits cnn", "alexnet_tune": "AlexNet, its last convolution and the head"}
NODES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
SHOWN = (8, 64, 512)
SPEEDS = (1, 32)
METHODS = ("tree", "MPI_Iallreduce")
PLOT = """set terminal pngcairo size 1000,760 font "sans,10"
set output "{png}"
set multiplot layout 2,2 title "Predicted, not measured: samples per second of P nodes / P times those of one"
set logscale x 2
set xtics ({ticks})
set yrange [0:1.05]
set xlabel "nodes"
set grid y
set key bottom left samplen 2 font ",8"
"""


def measured(rows):
    yield ("| network | side | sums | V | processes | samples/s | times one process | times plain | fastest step: samples/s "
           "| times one process | times plain |")
    yield "|" + "---|" * 11
    for row in rows:
        if row["unit"] != "samples/s":
            continue
        low, middle, high = (float(row[key]) for key in ("low", "median", "high"))
        yield (f"| {TITLES[row['network']]}, batch {row['batch']} | {row['side']} | {row['how']} | {row['micro']} | "
               f"{row['processes']} | {middle:.1f} ({low:.1f}-{high:.1f}) | {times(row, 'times')} | "
               f"{times(row, 'of plain')} | {float(row['fastest']):.1f} | {float(row['fastest times']):.2f} | "
               f"{float(row['fastest of plain']):.2f} |")


def times(row, key):
    low, middle, high = (float(row[name]) for name in (f"{key} low", key, f"{key} high"))
    return f"{middle:.2f} ({low:.2f}-{high:.2f})"


def sizes(rows):
    """The time of messages by both MPIs, and what the line of the model gives."""
    fits = {side: model.fit_messages(rows, side) for side in dict.fromkeys(r["side"] for r in rows if r["how"] == "message")}
    yield "| bytes | " + " | ".join(f"{side}, us | fitted, us" for side in fits) + " |"
    yield "|" + "---|" * (1 + 2 * len(fits))
    for size in (8, 1024, 16384, 262144, 1 << 20, 4 << 20, 16 << 20):
        cells = []
        for side, fit in fits.items():
            found = next(r for r in rows if r["how"] == "message" and r["side"] == side and int(r["batch"]) == size)
            cells += [f"{float(found['median']):.3g}", f"{1e6 * (fit.alpha + size / fit.beta):.3g}"]
        yield f"| {size} | " + " | ".join(cells) + " |"
    yield ""
    for side, fit in fits.items():
        yield f"- {side}: alpha {1e6 * fit.alpha:.2f} us, beta {fit.beta / 1e9:.1f} GB/s."


def fitted(costs):
    yield ("| network | gradients, MB | a sample, ms | fixed, ms | a micro-batch, ms | backward, of a step of one process |")
    yield "|" + "---|" * 6
    for name, cost in costs.items():
        whole = cost.fixed + cost.batch * cost.sample
        yield (f"| {TITLES[name]} | {sum(size for _, size in cost.tape) / 1e6:.2f} | {1e3 * cost.sample:.4f} | "
               f"{1e3 * cost.fixed:.2f} | {1e3 * cost.micro:.3f} | {cost.tape[-1][0] / whole:.2f} |")


def compared(rows, costs):
    """Two processes, predicted with the messages of this machine, beside what they took: the fastest steps, for the model
    knows of no other programs."""
    yield "| network | MPI | sums | V | predicted, ms | fastest, ms |"
    yield "|" + "---|" * 6
    for row in rows:
        if row["unit"] != "samples/s" or row["processes"] != "2" or row["how"] not in METHODS:
            continue
        network, batch = model.fit_messages(rows, row["side"]), int(row["batch"])
        expected = model.step_time(costs[row["network"]], network, 2, batch, int(row["micro"]), row["how"])
        yield (f"| {TITLES[row['network']]} | {row['side']} | {row['how']} | {row['micro']} | {1e3 * expected:.2f} | "
               f"{1e3 * batch / float(row['fastest']):.2f} |")


def efficiency(cost, network, nodes, method, speed):
    """Each node has the batch that was measured, as one micro-batch."""
    one = model.step_time(cost, network, 1, cost.batch, 1, method, speed)
    return one, one / model.step_time(cost, network, nodes, nodes * cost.batch, nodes, method, speed)


def predicted(costs):
    yield ("| network | a node | Ethernet | step of one node, ms | " +
           " | ".join(f"{nodes} nodes: tree | Iallreduce" for nodes in SHOWN) + " |")
    yield "|" + "---|" * (4 + 2 * len(SHOWN))
    for name, cost in costs.items():
        for speed in SPEEDS:
            for network in model.ETHERNET:
                one, cells = 0, []
                for nodes in SHOWN:
                    for method in METHODS:
                        one, part = efficiency(cost, network, nodes, method, speed)
                        cells.append(f"{part:.2f}")
                yield (f"| {TITLES[name]} | {node(speed)} | {network.name} | {1e3 * one:.2f} | " + " | ".join(cells) + " |")


def node(speed):
    return "one core, as here" if speed == 1 else f"{speed} times as fast"


def draw(costs, png):
    commands = PLOT.format(png=png, ticks=", ".join(f'"{n}" {n}' for n in NODES))
    for name, cost in costs.items():
        for speed in SPEEDS:
            plots, data = [], ""
            for i, network in enumerate(model.ETHERNET, 1):
                for method in METHODS:
                    dash = 1 if method == "tree" else 2
                    plots.append(f"'-' with lines lw 2 lc {i} dt {dash} title \"{network.name}, {method.replace('_', ' ')}\"")
                    data += "".join(f"{n} {efficiency(cost, network, n, method, speed)[1]}\n" for n in NODES) + "e\n"
            commands += f"set title \"{TITLES[name]}; {node(speed)}\"\nplot {', '.join(plots)}\n{data}"
    subprocess.run(["gnuplot"], input=commands, text=True, check=True)


# ---- where the time of a step goes ----------------------------------------------------------------------

# What a reader is told apart, the phases of distributed.py that belong to it, and its colour.
SHARES = (("loader", ("loader",), "#bdbdbd"),
          ("forward, loss", ("forward",), "#9ecae1"),
          ("backward", ("backward",), "#3182bd"),
          ("copying and adding sums", ("sums",), "#756bb1"),
          ("optimiser", ("optimiser",), "#74c476"),
          ("MPI: agreeing on the step", ("MPI in loader",), "#fdd0a2"),
          ("MPI: during backward", ("MPI in backward",), "#fd8d3c"),
          ("MPI: at the end, with waiting", ("MPI in sums",), "#d94801"))


def shares_of(rows, network):
    """(side, how, processes, process) of each bar, and the microseconds of each share."""
    bars = {}
    for row in rows:
        how, _, phase = row["how"].partition(": ")
        if row["network"] == network and how.startswith("where"):
            key = row["side"], how, int(row["processes"]), int(row["batch"])
            bars.setdefault(key, {})[phase] = float(row["median"])
    return {key: [sum(found[p] for p in phases) for _, phases, _ in SHARES] for key, found in bars.items()}


def name_of(bar):
    side, how, processes, process = bar
    return f"{side}, {'one process' if processes == 1 else f'process {process}'}{how.removeprefix('where')}"


def where(rows, network):
    yield "| process | " + " | ".join(name for name, _, _ in SHARES) + " | all |"
    yield "|---|" + "---|" * (len(SHARES) + 1)
    for bar, shares in shares_of(rows, network).items():
        yield f"| {name_of(bar)} | " + " | ".join(f"{1e-3 * share:.3g}" for share in (*shares, sum(shares))) + " |"


WHERE_PLOT = """set terminal pngcairo size 1000,{height} font "sans,10"
set output "{png}"
set multiplot layout {count},1 title "Milliseconds of a step with two micro-batches"
set style fill solid border lc rgb "white"
set boxwidth 0.4
set xrange [0:*]
set grid x
"""


def draw_where(rows, networks, png):
    """Bars that lie on their side, the first on top."""
    commands = WHERE_PLOT.format(png=png, count=len(networks), height=80 + 380 * len(networks))
    for network in networks:
        bars = shares_of(rows, network)
        plots, data = [], ""
        for i, (title, _, colour) in enumerate(SHARES):
            plots.append(f"'-' using (($1+$2)/2):3:1:2:($3-0.4):($3+0.4) with boxxyerror lc rgb \"{colour}\" "
                         f"title \"{title}\"")
            for y, shares in enumerate(reversed(bars.values())):
                data += f"{1e-3 * sum(shares[:i])} {1e-3 * sum(shares[:i + 1])} {y}\n"
            data += "e\n"
        ticks = ", ".join(f'"{name_of(bar)}" {y}' for y, bar in enumerate(reversed(bars)))
        commands += (f"set title \"{TITLES[network]}\"\nset ytics ({ticks})\nset yrange [-0.6:{len(bars) - 0.4}]\n"
                     f"set key outside right top reverse Left font \",9\"\nplot {', '.join(plots)}\n{data}")
    subprocess.run(["gnuplot"], input=commands, text=True, check=True)


# ---- the page ------------------------------------------------------------------------------------------

def text(rows, costs):
    yield from ("# Training by several processes", "",
                "By `make bench-mpi`; [distributed.md](../distributed.md) says how to train so. Each process has one thread "
                "and a core of its own. The batch is the same for one process and for two, which share it; V is the number of micro-batches. "
                "\"Plain\" is one process without libtensor-mpi: tn_backward on the whole batch; for "
                "DistributedDataParallel, over gloo, a plain loop of PyTorch. The digits are those of MNIST that ship; the images and "
                "the weights of AlexNet are made up, its first four convolutions are frozen. Medians over the rounds, with "
                "the quartiles of single rounds. \"Apart\" are two processes that do not speak to each other, with half of the "
                "batch each: the most that the machine allows. Other programs lengthen a step, most of all that of two processes, "
                "which wait for each other; so the last columns have the fastest step of each round.", "")
    yield from measured(rows)
    yield from ("", "## Where the time of a step goes", "",
                "Milliseconds in each process, outside of MPI's functions and in them, as its profiling interface sees them; means "
                "over the faster half of the steps, the middle one of three runs. Who is ready first waits in MPI for the other.",
                "", "![Shares of a step](distributed-step.png)")
    for network in costs:
        yield from ("", f"{TITLES[network]}:", "")
        yield from where(rows, network)
    yield from ("", "## A model of cost", "",
                "tests/bench/distributed_model.py has its formulas; these are their constants. Messages between two processes "
                "in the memory that they share:", "")
    yield from sizes(rows)
    yield from ("", "Steps of one process, by the number of samples and of micro-batches, the fastest of three times:", "")
    yield from fitted(costs)
    yield from ("", "Two processes here, predicted and measured. The model leaves out that they share the memory, which the lines "
                "\"apart\" above show:", "")
    yield from compared(rows, costs)
    nets = "; ".join(f"{n.name}: alpha {1e6 * n.alpha:.0f} us, o {1e6 * n.o:.0f} us, beta {n.beta / 1e9:.1f} GB/s"
                     for n in model.ETHERNET)
    yield from ("", "## A prediction", "",
                "Nothing here was measured on more than one machine: the model predicts it. Each node has one process and, as a "
                "micro-batch of its own, as many samples as are in a batch above; the table has the samples per second of P "
                f"nodes in units of P times those of one. Ethernet is assumed to be: {nets}. A node that is 32 times "
                "as fast stands for one of many cores: with less to compute, sending weighs more.", "")
    yield from predicted(costs)
    yield from ("", "![The same for 1 to 512 nodes](distributed.png)", "",
                "What the tree costs is 2 (P - 2) o for each bucket, for each process sends a chunk to each other one. It is the price "
                "of sums in one order; where it matters, `allreduce` leaves the order to MPI, and larger buckets mean "
                "fewer messages.")


def main():
    rows = list(csv.DictReader(open(sys.argv[1], newline="")))
    directory = pathlib.Path(sys.argv[2])
    first = next(row["side"] for row in rows if row["how"] == "message")
    gamma = 1 / model.fit_messages(rows, first).beta  # adding a byte, no slower than copying it twice
    costs = {name: model.fit_steps(rows, name, gamma)
             for name in dict.fromkeys(row["network"] for row in rows if row["network"])}
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "distributed.md").write_text("\n".join(text(rows, costs)) + "\n")
    draw(costs, directory / "distributed.png")
    draw_where(rows, list(costs), directory / "distributed-step.png")


if __name__ == "__main__":
    main()
