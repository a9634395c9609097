#!/usr/bin/env python3
"""Random cases of everything that rows.py lists beside PyTorch; tests/differential/README.md says how.

    differential.py --rows                     writes the table of driver.c on standard output
    differential.py DRIVER CASES SEED [ROWS]   runs that many cases, of the rows named alone: "conv2d,nn conv2d"
    differential.py DRIVER --case SEED NUMBER  runs one, and makes it smaller if it fails
"""
import math
import os
import re
import select
import subprocess
import sys
import time
import types
import warnings

import numpy as np
import torch

from cases import DTYPES, EPS, TINY, Case, Expected, program
from draw import Draw
from rows import NOT_COMPARED, ROWS

ALL_RUNS = 0b111111
LINES = 10  # for each row, about cases that fail
SECONDS, PATIENCE = 20, 300  # of processor time for a case, and of waiting on a machine that is busy
REFUSALS = (RuntimeError, ValueError, IndexError)


# ---- the table for driver.c --------------------------------------------------------------------------

TAKE = {"tensor": "tn_tensor *{0} = take_tensor();", "whole": "const int64_t {0} = take_whole();",
        "real": "const double {0} = take_real();", "ints": "int {0}_count;\n    const int *{0} = take_ints(&{0}_count);",
        "sizes": "int {0}_count;\n    const int64_t *{0} = take_sizes(&{0}_count);",
        "reals": "int {0}_count;\n    const double *{0} = take_reals(&{0}_count);",
        "tensors": "int {0}_count;\n    tn_tensor *const *{0} = take_tensors(&{0}_count);"}


def table():
    lines = ['/* Written by differential.py --rows. */', '#include "differential/driver.h"', ""]
    for r in ROWS:
        lines += [f"static void row_{r.number}(void)", "{"]
        lines += ["    " + TAKE[kind].format(name) for name, kind in r.signature]
        lines += ["    " + line for line in r.code.strip().split("\n")] + ["}", ""]
    lines += ["const row rows[] = {"] + [f'    {{"{r.name}", row_{r.number}}},' for r in ROWS]
    return "\n".join(lines + ["};", "const int row_count = (int)(sizeof rows / sizeof *rows);", ""])


# ---- what PyTorch says -------------------------------------------------------------------------------

def torch_tensor(t, positive=False, dtype=np.float64):
    if t is None:
        return None
    if t.dtype in ("f32", "f64"):
        x = torch.from_numpy(np.array(t.values, dtype, order="C"))
        return (x.abs() if positive else x).requires_grad_(t.grad or getattr(t, "parameter", False))
    return torch.from_numpy(np.array(t.values, {"i64": np.int64, "i32": np.int32, "u8": np.uint8, "bool": np.bool_}[t.dtype], order="C"))


def torch_arguments(case, positive=False, dtype=np.float64):
    known = {id(t): torch_tensor(t, positive, dtype) for t in case.tensors()}
    known[id(None)] = None
    values = {}
    for name, kind in case.row.signature:
        value = case.arguments[name]
        values[name] = known[id(value)] if kind == "tensor" else [known[id(t)] for t in value] if kind == "tensors" else value
    leaves = [known[id(t)] for t in case.tensors() if t.grad]
    leaves += [known[id(t)] for t in case.tensors() if getattr(t, "parameter", False)]
    return values, leaves


def differentiate(outs, dys, leaves):
    pairs = [(y, dy) for y, dy in zip(outs, dys) if dy is not None]
    if not pairs:
        return [torch.zeros_like(x) for x in leaves]
    grads = torch.autograd.grad([y for y, _ in pairs], leaves, [dy for _, dy in pairs], allow_unused=True)
    return [torch.zeros_like(x) if g is None else g for g, x in zip(grads, leaves)]


def as_tuple(results):
    return tuple(results) if isinstance(results, (tuple, list)) else (results,)


def positive_run(case, dys, fn, positive=True, **more):
    """fn on absolute values: the sums of the absolute values of all terms."""
    values, leaves = torch_arguments(case, positive)
    outs = as_tuple(fn(**{**values, **more}))
    grads = differentiate(outs, [dy if dy is None else dy.abs() for dy in dys], leaves)
    return [y.detach().abs() if y.is_floating_point() else y for y in outs], [g.abs() for g in grads]


def magnitudes(case, values, leaves, outs, dys, grads):
    r = case.row
    if r.scale:
        names = {id(values[name]): name for name, kind in r.signature if kind == "tensor" and values[name] is not None}
        facts = types.SimpleNamespace(**{n: v.detach() if isinstance(v, torch.Tensor) else v for n, v in values.items()})
        facts.outs, facts.grads, facts.grads_argument = [y.detach() for y in outs], grads, values.get("grads")
        facts.dys = [torch.zeros_like(y) if dy is None else dy for y, dy in zip(facts.outs, dys)]
        facts.leaves = [names.get(id(x)) for x in leaves]
        facts.positive = lambda fn, **more: positive_run(case, dys, fn, **more)
        facts.eps = EPS[case.dtype]
        facts.absolute_dys = lambda fn, **more: positive_run(case, dys, fn, False, **more)
        sizes = r.scale(facts)
        return [y.abs() for y in sizes[0]], [g.abs() for g in sizes[1]]
    if r.magnitude:
        return positive_run(case, dys, r.magnitude)
    return [y.detach().abs() if y.is_floating_point() else y for y in outs], [g.abs() for g in grads]


def tolerance(case, dtype, size, terms, ulps, dys):
    """Rounding errors of a sum of n terms, relative to the sum of their absolute values, are below
    lambda sqrt(n) u with all but no probability (Higham and Mary: A new approach to probabilistic
    rounding error analysis, SIAM J. Sci. Comput. 2019), u = eps / 2, here with lambda = 8. Beyond 256
    terms sums are pairwise, and n grows with the logarithm alone. In float64 PyTorch, which may add
    one term after another, is off as well, by up to n u."""
    eps, tiny = EPS[dtype], TINY[dtype] * (1 + sum(float(dy.abs().sum()) for dy in dys if dy is not None))
    added = min(terms, 256) + max(0, math.log2(max(1, terms / 256)))
    if ulps == 0 and terms <= 1:
        return 0.0
    reference = terms / 2 if dtype == "f64" and terms > 1 else 0
    return eps * (ulps + 4 * math.sqrt(added if terms > 1 else 0) + reference) * np.nan_to_num(size, nan=0, posinf=0) + 4 * tiny


def expect(case, draw):
    """Runs the reference, draws the gradients for its results, and says how exact ours must be."""
    values, leaves = torch_arguments(case)
    try:
        outs = as_tuple(case.row.reference(**values))
        dys = [draw.floats(list(y.shape), draw.of("counting", "normal", "normal"), False, dtype=result_dtype(case))
               if y.requires_grad else None for y in outs]
        given = [None if dy is None else torch.from_numpy(np.array(dy.values, np.float64, order="C")) for dy in dys]
        grads = differentiate(outs, given, leaves)
    except REFUSALS as refusal:
        case.expected, case.refusal = None, str(refusal).split("\n")[0]
        return
    sizes, grad_sizes = magnitudes(case, values, leaves, outs, given, grads)
    terms = case.row.terms(case) if case.row.terms else max([t.values.size for t in case.tensors()] + [dy.values.size for dy in dys if dy] + [1])
    summed = terms if case.row.magnitude or case.row.scale else 1
    outputs = [output(case, y, size, summed if case.row.ulps else 1) for y, size in zip(outs, sizes)]
    ulps = 1 if case.row.ulps == 0 and summed > 1 else case.row.ulps
    gradients = [(case.dtype, g.numpy(), tolerance(case, case.dtype, size.numpy(), summed, ulps, given)) for g, size in zip(grads, grad_sizes)]
    if any(dtype == "f32" and not (np.abs(y) < 1e38).all() for dtype, y, _ in outputs + gradients):
        allow_overflows(case, outputs, gradients, given)
    for i, t in enumerate(t for t in case.tensors() if t.grad):
        if t.recorded:
            gradients[i] = of_base(case, t, *gradients[i])
    case.expected = Expected(outputs, dys, gradients)


def of_base(case, t, dtype, grad, allowed):
    """The gradient of what a view was made of; those of elements that were repeated are added,
    and may overflow on the way."""
    repeats = t.values.size // max(1, t.base.size)
    grad = grad.astype(DTYPES[dtype][1]).astype(np.float64)
    added = tolerance(case, dtype, t.to_base(np.abs(grad)), repeats, 0, [])
    allowed = t.to_base(np.broadcast_to(allowed, grad.shape)) + added
    overflows = t.to_base(np.abs(grad)) > np.finfo(DTYPES[dtype][1]).max
    return dtype, t.to_base(grad), np.where(overflows, np.inf, allowed)


def allow_overflows(case, outputs, gradients, given):
    """Where PyTorch's own float32 overflows on the way to a finite number, or the other way round,
    either is right: the tolerance is infinite."""
    values, leaves = torch_arguments(case, dtype=np.float32)
    outs = as_tuple(case.row.reference(**values))
    grads = differentiate(outs, [None if dy is None else dy.to(y.dtype) for dy, y in zip(given, outs)], leaves)
    for i, ((dtype, want, tolerance), single) in enumerate(zip(outputs, outs)):
        outputs[i] = dtype, want, either(dtype, want, tolerance, single.detach())
    for i, ((dtype, want, tolerance), single) in enumerate(zip(gradients, grads)):
        gradients[i] = dtype, want, either(dtype, want, tolerance, single)


def either(dtype, want, tolerance, single):
    if dtype != "f32":
        return tolerance
    want, single = want.astype(np.float32), single.numpy()
    same = (np.isfinite(want) & np.isfinite(single)) | (want == single) | (np.isnan(want) & np.isnan(single))
    return np.where(same, tolerance, np.inf)


def result_dtype(case):
    return case.row.dtype(case) if case.row.dtype else case.dtype


def output(case, y, size, terms):
    y = y.detach()
    if not y.is_floating_point():
        dtype = {torch.int64: "i64", torch.int32: "i32", torch.uint8: "u8", torch.bool: "bool"}[y.dtype]
        return dtype, y.numpy(), 0.0
    dtype = result_dtype(case)
    return dtype, y.numpy(), tolerance(case, dtype, size.numpy(), terms, case.row.ulps, [])


# ---- making, running ---------------------------------------------------------------------------------

def make(row, draw):
    arguments = row.make(draw)
    case = Case(row, draw.dtype, arguments)
    for name, kind in row.signature:
        assert name in arguments, f"{row.name}: no {name}"
    expect(case, draw)
    case.choices = draw.made
    return case


def numbered(rows, seed, number):
    draw = Draw(f"{seed}:{number}")
    weights = [r.weight for r in rows]
    row = draw.random.choices(rows, weights)[0]
    return make(row, draw)


class Driver:
    """The program, started anew when it died or hung."""

    def __init__(self, path):
        self.path, self.process = path, None

    def start(self):
        environment = {**os.environ, "OMP_WAIT_POLICY": "passive", "OMP_NUM_THREADS": "2"}
        self.process = subprocess.Popen([self.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, bufsize=0)

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def processor_seconds(self):
        """What the program has used so far; 0 where the system does not say."""
        try:
            with open(f"/proc/{self.process.pid}/stat") as file:
                return sum(map(int, file.read().rsplit(")", 1)[1].split()[11:13])) / os.sysconf("SC_CLK_TCK")
        except OSError:
            return 0.0

    def wait(self, used, until):
        """Until there is something to read."""
        while not select.select([self.process.stdout], [], [], 1)[0]:
            if self.processor_seconds() - used > SECONDS:
                raise TimeoutError(f"no answer in {SECONDS} seconds of work")
            if time.monotonic() > until:
                raise TimeoutError(f"no answer in {PATIENCE} seconds, of which {self.processor_seconds() - used:.1f} were work")

    def read(self, n, used, until):
        parts = bytearray()
        while len(parts) < n:
            self.wait(used, until)
            data = os.read(self.process.stdout.fileno(), n - len(parts))
            if not data:
                raise EOFError
            parts += data
        return bytes(parts)

    def ask(self, request):
        """The answer, or None if there is none, and why."""
        if self.process is None:
            self.start()
        used, until = self.processor_seconds(), time.monotonic() + PATIENCE
        try:
            view = memoryview(request)
            while view:
                view = view[self.process.stdin.write(view):]
            size = int.from_bytes(self.read(8, used, until), "little")
            return self.read(size, used, until), None
        except (EOFError, BrokenPipeError):
            code = self.process.wait()
            self.process = None
            return None, f"the program ended with status {code}"
        except TimeoutError as reason:
            self.stop()
            return None, str(reason)

    def check(self, case, runs=ALL_RUNS):
        """(the largest error as a part of the tolerance, the largest error, failures)."""
        answer, reason = self.ask(case.request(runs))
        if answer is None:
            return 0.0, 0.0, [f"v4 2\t{reason}"]
        *lines, last = answer.decode(errors="replace").strip("\n").split("\n")
        ratio, error = map(float, last.split())
        return ratio, error, lines


# ---- making a failing case smaller -------------------------------------------------------------------

def shrink(driver, row, choices, line, seconds=60):
    """Lowers one choice after another as long as the case still fails in the same run, in the way of
    Hypothesis; returns the smallest case and what it fails with."""
    until = time.monotonic() + seconds
    runs = run_bit(line)

    def fails(list_of_choices):
        try:
            case = make(row, Draw(repeat=list_of_choices))
        except Exception:
            return None
        failures = driver.check(case, runs)[2]
        return (case, failures[0]) if failures else None

    best = fails(choices)
    if best is None:
        return None
    changed = True
    while changed and time.monotonic() < until:
        changed = False
        for i in range(len(best[0].choices)):
            value = best[0].choices[i] if i < len(best[0].choices) else 0
            for smaller in sorted({0, value // 2, value - 1}):
                if smaller < 0 or smaller >= value or time.monotonic() > until:
                    continue
                tried = fails(best[0].choices[:i] + [smaller] + best[0].choices[i + 1:])
                if tried and (tried[0].size(), tried[0].choices) < (best[0].size(), best[0].choices):
                    best, changed = tried, True
                    break
    return best


def run_bit(line):
    isa, threads = line.split("\t")[0].split()
    return 1 << (2 * ["baseline", "v3", "v4"].index(isa) + int(threads) - 1)


# ---- the headers' functions and options ----------------------------------------------------------------

HEADERS = ("ops", "nn", "optim")


def missing_rows(folder):
    """Functions of the headers and fields of their options that no row's code names."""
    code = "\n".join(r.code for r in ROWS)
    missing = []
    for header in HEADERS:
        text = re.sub(r"/\*.*?\*/", "", open(os.path.join(folder, header + ".h")).read(), flags=re.S)
        missing += [name for name in re.findall(r"^TN_API[^;]*?\b(tn_\w+)\(", text, flags=re.M)
                    if not re.search(rf"\b{name}\(", code)]
        for fields, struct in re.findall(r"^typedef struct \w+ \{([^}]*)\} (tn_\w+_opts);", text, flags=re.S | re.M):
            used = "".join(re.findall(rf"\({struct}\)\{{.*?\}}|{struct} opts = \{{.*?\}}", code, flags=re.S))
            missing += [f"{struct}.{name}" for name in re.findall(r"(\w+)\s*[,;]", fields) if not re.search(rf"\.{name}\b", used)]
    return [name for name in missing if name.split(".")[0] not in NOT_COMPARED]


# ---- the run -----------------------------------------------------------------------------------------

class Tally:
    def __init__(self):
        self.cases = self.refused = self.failed = 0
        self.ratio = self.error = 0.0


def report(tallies, cases, seconds, runs):
    print(f"{'row':<36} {'cases':>7} {'refused':>8} {'failed':>7} {'worst error':>12} {'of tolerated':>13}")
    for r in ROWS:
        t = tallies[r.name]
        if t.cases:
            print(f"{r.name:<36} {t.cases:>7} {t.refused:>8} {t.failed:>7} {t.error:>12.2e} {t.ratio:>13.3f}")
    failed = sum(t.failed for t in tallies.values())
    print(f"{cases} cases, {cases * runs} runs ({runs} of each case) in {seconds:.0f} s: {failed} failed")
    return failed


def show_failure(driver, folder, case, line):
    small = shrink(driver, case.row, case.choices, line) or (case, line)
    isa, threads = small[1].split("\t")[0].split()
    text = program(small[0], isa, threads, f"With the kernels of {isa} and {threads} thread{'s' if threads != '1' else ''}: "
                   + small[1].split("\t", 1)[1])
    path = os.path.join(folder, f"failure-{re.sub('[^a-z0-9_]', '-', case.row.name)}.c")
    with open(path, "w") as file:
        file.write(text)
    print(f"---- the smallest failing case of {case.row.name}, in {path}:\n{text}", flush=True)


def run(driver, rows, cases, seed):
    """A line for each failing case, up to ten of a row, whose first one is made smaller and shown."""
    tallies, shown = {r.name: Tally() for r in ROWS}, {}
    start = time.monotonic()
    for number in range(cases):
        case = numbered(rows, seed, number)
        ratio, error, failures = driver.check(case)
        tally = tallies[case.row.name]
        tally.cases += 1
        tally.refused += case.expected is None
        tally.ratio, tally.error = max(tally.ratio, ratio), max(tally.error, error)
        if failures:
            tally.failed += 1
            shown.setdefault(case.row.name, (case, failures[0]))
            if tally.failed <= LINES:
                print(f"{case.row.name}: case {number} of seed {seed}: {failures[0]} {case.refusal or ''}", flush=True)
    seconds = time.monotonic() - start
    for case, line in shown.values():
        show_failure(driver, os.path.dirname(driver.path), case, line)
    return report(tallies, cases, seconds, 6)


def main(arguments):
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    if arguments == ["--rows"]:
        print(table(), end="")
        return 0
    driver = Driver(arguments[0])
    missing = missing_rows(os.path.join(os.path.dirname(__file__), "../../libtensor/include/tn"))
    if missing:
        print("no row in tests/differential/rows.py for " + ", ".join(missing))
    if arguments[1] == "--case":
        case = numbered(ROWS, arguments[2], int(arguments[3]))
        failures = driver.check(case)[2]
        print(case.row.name, failures)
        if failures:
            show_failure(driver, os.path.dirname(driver.path), case, failures[0])
        return bool(failures)
    wanted = [name for name in "".join(arguments[3:]).split(",") if name]
    rows = [r for r in ROWS if r.name in wanted or not wanted]
    failed = run(driver, rows, int(arguments[1]), arguments[2])
    driver.stop()
    return bool(failed or missing)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
