"""The programs that a benchmark compares, and what their answers come to."""
import csv
import os
import pathlib
import re
import statistics
import subprocess
import time

HERE = pathlib.Path(__file__).parent
SETTLED = 0.1  # seconds, at most, until a side that has answered is at rest


class Side:
    """A program of ops.c or networks.c, or one like it, which waits for the next question."""

    def __init__(self, *command, env=None, cpu=None):
        """All on one processor: without `cpu`, wherever the system puts it."""
        self.name = command[0]
        self.process = subprocess.Popen(list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, env=env)
        if cpu is not None:
            os.sched_setaffinity(self.process.pid, {cpu})

    def numbers(self, what, milliseconds, *row):
        """None where there is no such thing, as the gradient of a comparison."""
        print(what, milliseconds, *row, file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline().split()
        if not answer:
            raise SystemExit(f"{self.name}: no answer to {what} {' '.join(row)}")
        self.settle()
        return None if answer == ["none"] else tuple(map(float, answer))

    def processor_time(self):
        """Seconds of all its threads, by the clock that clock_getcpuclockid(3) names."""
        return time.clock_gettime(~self.process.pid << 3 | 2)

    def settle(self):
        """Waits until it takes no more processor time: threads of OpenBLAS look for work for a while after the last
        call, and the processor that they look on is one that the next side lacks."""
        before, end = self.processor_time(), time.monotonic() + SETTLED
        while time.monotonic() < end:
            time.sleep(0.001)
            now = self.processor_time()
            if now - before < 1e-4:
                return
            before = now

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def cpu_of(group, threads):
    """The processor that all sides of a group share where they have one thread: one may be slower than another."""
    cpus = sorted(os.sched_getaffinity(0))
    return cpus[group % len(cpus)] if int(threads) == 1 else None


def table(name, pattern=""):
    """The rows of a table beside this file, or those that match."""
    for line in (HERE / name).read_text().splitlines():
        if not line.startswith("#") and re.search(pattern, line.replace("\t", " ")):
            yield line.split("\t")


def rounds_of(sides, rounds, *question):
    """For each round the answers of all sides, which begin it in turn; an empty list where one has none."""
    answers = []
    for i in range(rounds):
        first = i % len(sides)
        of_round = {s: sides[s].numbers(*question) for s in [*range(first, len(sides)), *range(first)]}
        if None in of_round.values():
            return []
        answers.append([of_round[s] for s in range(len(sides))])
    return answers


def rounds_of_all(groups, rounds, *question):
    """The same, shared by several groups of the same programs: where memory lies differs from process to process."""
    answers = [rounds_of(group, len(range(i, rounds, len(groups))), *question) for i, group in enumerate(groups)]
    return [] if [] in answers[:rounds] else sum(answers, [])


class Table:
    """A CSV file that has every row as soon as it is measured; none without a path."""

    def __init__(self, path, fields):
        self.file = open(path, "w", newline="") if path else None
        self.writer = csv.DictWriter(self.file, fields) if path else None
        self.write(dict(zip(fields, fields)))

    def write(self, row):
        if self.file:
            self.writer.writerow(row)
            self.file.flush()


def quartiles(values):
    values = sorted(values)
    return values[len(values) // 4], statistics.median(values), values[-1 - len(values) // 4]


def summary(ratios):
    return (f"{len(ratios)} lines, median {statistics.median(ratios):.2f}, {sum(r > 1 for r in ratios)} above 1.0, "
            f"{sum(r > 1.1 for r in ratios)} above 1.1, greatest {max(ratios):.2f}")


class Rates:
    """What the machine can do, in operations and bytes per microsecond, by the program itself in the same run."""

    def __init__(self, side):
        """The best of passes over all three: what two threads do at first, on one processor yet, is no rate."""
        passes = [[side.numbers("rate", 150, name)[1] for name in ("sgemm", "reading", "copying")] for _ in range(5)]
        sgemm, reading, copying = map(min, zip(*passes))
        self.sgemm = 2 * 1024 ** 3 / sgemm
        self.reading = (256 << 20) / reading
        self.copying = 2 * (256 << 20) / copying

    def __str__(self):
        return (f"sgemm {self.sgemm / 1e3:.1f} GFLOP/s, reading {self.reading / 1e3:.1f} GB/s, "
                f"copying {self.copying / 1e3:.1f} GB/s")

    def limit(self, operations, bytes_):
        """Microseconds that so much work takes at least: that of the product, or that of memory."""
        return max(operations / self.sgemm, bytes_ / self.reading)


def named(threads):
    return f"{threads} thread" if str(threads) == "1" else f"{threads} threads"
