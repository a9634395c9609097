#!/usr/bin/env python3
"""Training by one process and by two, with each MPI, beside PyTorch's DistributedDataParallel over gloo
(distributed_torch.py), in alternating rounds, so that whatever else the machine does falls on all alike.

    distributed.py [--rounds N] [--rows REGEX] [--batch N] [--csv FILE] [MPIRUN PROGRAM]...

Each process has one thread and a core of its own. The batch is the same for one process and for two, which share it. A
line has the samples per second, medians over the rounds with the quartiles of single rounds, and how many times that is
of one process, with the same micro-batches and without libtensor-mpi (of PyTorch: without DistributedDataParallel).
"Apart" are two processes that do not speak to each other, the most that this machine allows. A round's value is the
median of its steps by the wall's clock, which other programs lengthen: most of all that of two processes, which wait
for each other. So the last columns have the same of each round's fastest step. What else is in the file is for
distributed_docs.py: when gradients are complete, where the time of a step goes, and how long messages take."""
import argparse
import os
import re
import statistics
import subprocess

from sides import HERE, Side, Table, quartiles

PYTHON = HERE.parent / "differential" / "python.sh"
FIELDS = ("network", "side", "how", "micro", "processes", "batch", "unit", "low", "median", "high", "times low", "times",
          "times high", "of plain low", "of plain", "of plain high", "fastest", "fastest times", "fastest of plain")

# What is trained, the sizes, the samples of a step, and the steps of a round.
NETWORKS = (("digits_cnn", "side=28", 100, 80), ("alexnet_tune", "side=227", 32, 5))
# How, micro-batches, processes, and the options of the question.
TREE = (("tree", 2, 1, ""), ("tree", 2, 2, ""), ("tree", 8, 1, ""), ("tree", 8, 2, ""),
        ("tree, no overlap", 2, 2, "overlap=0"), ("MPI_Iallreduce", 2, 2, "allreduce=1"))
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OMPI_ALLOW_RUN_AS_ROOT": "1",
               "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "OMPI_MCA_btl_vader_single_copy_mechanism": "none"}


def start(programs):
    """The sides by their name and number of processes."""
    env, sides = {**os.environ, **ENVIRONMENT}, {}
    for mpirun, program in zip(programs[::2], programs[1::2]):
        name = {"mpirun.openmpi": "Open MPI", "mpirun.mpich": "MPICH"}.get(mpirun, mpirun)
        for n in (1, 2):
            sides[name, n] = Side(mpirun, "--bind-to", "core", "-n", n, program, env=env)
    if subprocess.run([PYTHON, "torch.distributed", "-c", "import torch; torch.distributed.is_gloo_available() or exit(1)"],
                      stdout=subprocess.DEVNULL).returncode == 0:
        for n in (1, 2):
            sides["PyTorch", n] = Side(PYTHON, "torch", HERE / "distributed_torch.py", n, env=env)
    else:
        print("PyTorch with gloo is not installed: its lines are missing")
    return sides


def lines_of(sides):
    """(side, how, micro-batches, processes) of each line, and the options of its question."""
    names = list(dict.fromkeys(name for name, _ in sides))
    mpis = [name for name in names if name != "PyTorch"]
    lines = {(mpis[0], "plain", 0, 1): "micro=0", (mpis[0], "apart", 0, 2): "micro=0"}
    for name in mpis:
        lines.update({(name, how, micro, n): f"micro={micro} {more}" for how, micro, n, more in TREE})
    if "PyTorch" in names:
        lines.update({("PyTorch", "plain", 0, 1): "", ("PyTorch", "DistributedDataParallel", 0, 2): ""})
    return lines


def measure(options, sides, network, words, batch, steps):
    """The samples per second of each line by the median and by the fastest step, a pair for each round; each round begins
    with another line."""
    lines = lines_of(sides)
    rates, order = {line: [] for line in lines}, list(lines)
    for i in range(options.rounds):
        first = i * len(order) // options.rounds
        for line in order[first:] + order[:first]:
            side, how, _, n = line
            share = batch // n if how == "apart" else batch
            answer = sides[side, n].numbers("step", steps, network, words, f"batch={share}", lines[line])
            rates[line].append([batch / (1e-6 * microseconds) for microseconds in answer])
    return rates


def base_of(line, rates, plain):
    """The line of one process that a line is compared with."""
    side, how, micro, n = line
    if plain or side == "PyTorch":
        return next(other for other in rates if other[1] == "plain" and (other[0] == "PyTorch") == (side == "PyTorch"))
    return (side, "plain", 0, 1) if micro == 0 else (side, "tree", micro, 1)


def row_of(line, rates, network, batch):
    row = dict.fromkeys(FIELDS, "")
    row.update(network=network, side=line[0], how=line[1], micro=line[2] or "", processes=line[3], batch=batch,
               unit="samples/s")
    row["low"], row["median"], row["high"] = quartiles(middle for middle, _ in rates[line])
    row["fastest"] = statistics.median(fastest for _, fastest in rates[line])
    for name, plain in ("times", False), ("of plain", True):
        pairs = list(zip(rates[line], rates[base_of(line, rates, plain)]))
        row[f"{name} low"], row[name], row[f"{name} high"] = quartiles(ours[0] / base[0] for ours, base in pairs)
        row[f"fastest {name}"] = statistics.median(ours[1] / base[1] for ours, base in pairs)
    return row


def show(row):
    print(f"{row['network']:13} {row['side']:9} {row['how']:24}{row['micro']:>5}{row['processes']:>5}{row['median']:10.1f}"
          f" ({row['low']:.1f}-{row['high']:.1f}){row['times']:8.3f} ({row['times low']:.3f}-{row['times high']:.3f})"
          f"{row['of plain']:8.3f} ({row['of plain low']:.3f}-{row['of plain high']:.3f})"
          f"{row['fastest']:10.1f}{row['fastest times']:7.3f}{row['fastest of plain']:7.3f}", flush=True)


# ---- for the model of cost ----------------------------------------------------------------------------

def single(network, side, how, micro, processes, batch, values):
    row = dict.fromkeys(FIELDS, "")
    row.update(network=network, side=side, how=how, micro=micro, processes=processes, batch=batch, unit="us")
    row["low"], row["median"], row["high"] = quartiles(values)
    return row


def messages(sides):
    for (name, n), side in sides.items():
        if n == 2 and name != "PyTorch":
            for power in range(3, 25):
                times = max(12, min(1000, (64 << 20) >> power))
                yield single("", name, "message", "", 2, 1 << power,
                             [side.numbers("message", times, "-", f"bytes={1 << power}")[0] for _ in range(3)])


def tape(side, name, network, words, batch):
    """When each gradient is complete, from the beginning of backward, and its bytes; a step; and its forward pass."""
    tapes = [side.numbers("tape", 1, network, words, f"batch={batch}") for _ in range(5)]
    for i, what in enumerate(("step", "forward")):
        yield single(network, name, what, 0, 1, batch, [t[i] for t in tapes])
    for i in range(2, len(tapes[0]), 2):
        yield single(network, name, "gradient", 0, 1, int(tapes[0][i + 1]), [t[i] for t in tapes])


def of_batches(side, name, network, words, batch, steps):
    """How long steps take in one process, by the samples and by the micro-batches."""
    for b, micro in ((batch // 2, 0), (batch, 0), (batch, 1), (batch, 2), (batch, 4), (batch, 8)):
        question = network, words, f"batch={b}", f"micro={micro}"
        yield single(network, name, "batch", micro, 1, b, [side.numbers("step", steps, *question)[0] for _ in range(3)])


PHASES = ("loader", "forward", "backward", "sums", "optimiser")


def where(sides, network, words, batch, steps):
    """Where the time of a step goes in each process, outside of MPI and in it: the number of the process is in the place
    of the batch."""
    for (name, n), side in sides.items():
        for how, more in (("where", ""), ("where, no overlap", "overlap=0"))[:n]:
            if name != "PyTorch":
                answers = [side.numbers("where", steps, network, words, f"batch={batch}", "micro=2", more)
                           for _ in range(3)]
                for i, values in enumerate(zip(*answers)):
                    process, i = divmod(i, 2 * len(PHASES))
                    what = f"{how}: {'MPI in ' if i >= len(PHASES) else ''}{PHASES[i % len(PHASES)]}"
                    yield single(network, name, what, 2, n, process, values)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--rows", default="", help="the networks that match alone")
    parser.add_argument("--batch", type=int, help="samples of a step, in place of each network's own number")
    parser.add_argument("--csv", help="a file for the table, as distributed_docs.py takes it")
    parser.add_argument("programs", nargs="+", help="mpirun and the program of each MPI")
    options = parser.parse_args()
    file, sides = Table(options.csv, FIELDS), start(options.programs)
    print(f"{'samples/s, medians and quartiles':46}{'micro':>8}{'proc':>5}{'':24}{'of one':>10}{'of plain':>22}{'fastest':>22}{'of one':>7}"
          f"{'plain':>7}")
    name = next(iter(sides))[0]
    for network, words, batch, steps in NETWORKS:
        if not re.search(options.rows, network):
            continue
        batch = options.batch or batch
        rates = measure(options, sides, network, words, batch, steps)
        for line in rates:
            row = row_of(line, rates, network, batch)
            show(row)
            file.write(row)
        for row in (*tape(sides[name, 1], name, network, words, batch),
                    *of_batches(sides[name, 1], name, network, words, batch, steps),
                    *where(sides, network, words, batch, 2 * steps)):
            file.write(row)
    for row in messages(sides):
        file.write(row)
    for side in sides.values():
        side.close()


if __name__ == "__main__":
    main()
