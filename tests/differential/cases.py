"""Cases: the choices that they are made of, tensors and how they lie in memory, the request to the
driver, and the same as a C program."""
import math
import random
import struct

import numpy as np

DTYPES = {"f32": (0, np.float32, "TN_F32", "float"), "f64": (1, np.float64, "TN_F64", "double"),
          "i64": (2, np.int64, "TN_I64", "int64_t"), "i32": (3, np.int32, "TN_I32", "int32_t"),
          "u8": (4, np.uint8, "TN_U8", "uint8_t"), "bool": (5, np.bool_, "TN_BOOL", "uint8_t")}
NAMES = {code: name for name, (code, *_) in DTYPES.items()}
EPS = {"f32": 2.0**-23, "f64": 2.0**-52}
TINY = {"f32": 2.0**-126, "f64": 2.0**-1022}
COMPARE, COMPARE_ERROR, GIVE_BACK = 0, 1, 2
PERMUTE, SLICE, EXPAND = 0, 1, 2
END = 2**63 - 1
ZERO = -2**63  # TN_ZERO


class Choices:
    """Numbers from 0 on, the simplest first, that a case is made from: drawn at random, or repeated
    from a list, which is how a failing case is made smaller."""

    def __init__(self, seed=None, repeat=None):
        self.random = random.Random(seed)
        self.repeat = repeat
        self.made = []

    def below(self, n):
        if self.repeat is None:
            value = self.random.randrange(n)
        else:
            at = len(self.made)
            value = min(self.repeat[at], n - 1) if at < len(self.repeat) else 0
        self.made.append(value)
        return value

    def between(self, low, high):
        return low + self.below(high - low + 1)

    def of(self, *values):
        return values[self.below(len(values))]

    def chance(self, percent):
        """False is the simpler one."""
        return self.below(100) >= 100 - percent


class Tensor:
    """An argument: `values` as the operator sees them, and how the views that lead to them are made
    from what lies in memory (`base`). The leaf is the last view, or `base`."""

    def __init__(self, values, dtype, grad=False, changes=False):
        self.values, self.dtype, self.grad, self.changes = values, dtype, grad, changes
        self.base, self.views = values, []
        self.recorded = False  # the leaf is `base`, and the views of it are on the tape

    def lay_out(self, draw):
        """Dimensions in another order, with steps and gaps of NaN between them, or repeated."""
        kind = draw.of("plain", "plain", "plain", "plain", "transposed", "sliced", "both", *([] if self.changes else ["expanded"]))
        if kind == "plain" or self.values.ndim == 0:
            return
        if kind == "expanded":
            self.repeat(draw)
        order = list(range(self.base.ndim))
        if kind in ("transposed", "both"):
            order = order[::-1] if draw.below(2) == 0 else sorted(order, key=lambda _: draw.below(1000))
        base = np.transpose(self.base, order)
        slices = []
        if kind in ("sliced", "both"):
            base, slices = self.spread(base, draw)
        self.base = np.ascontiguousarray(base)
        turned = [] if order == sorted(order) else [(PERMUTE, [order.index(i) for i in range(len(order))])]
        self.views = slices + turned + self.views

    def repeat(self, draw):
        """Some dimensions get the values of their first part, and the stride 0."""
        shape = list(self.values.shape)
        for dim in range(len(shape)):
            if shape[dim] > 1 and draw.below(2) == 0:
                self.base = self.base.take([0], dim)
        if self.base.shape != self.values.shape:
            self.values = np.broadcast_to(self.base, shape)
            self.views = [(EXPAND, shape)]

    def to_base(self, numbers):
        """The gradient of `base` from one of the values."""
        for i, (kind, how) in reversed(list(enumerate(self.views))):
            shape = self.shape_before(i)
            if kind == EXPAND:
                numbers = np.add.reduce(numbers, tuple(d for d in range(len(how)) if shape[d] != how[d]), keepdims=True).reshape(shape)
            elif kind == PERMUTE:
                numbers = np.transpose(numbers, np.argsort(how))
            else:
                dim, start, end, step = how
                wide = np.zeros(shape)
                wide[(slice(None),) * dim + (slice(start, end, step),)] = numbers
                numbers = wide
        return numbers

    def shape_before(self, count):
        """The shape after so many views."""
        view = np.broadcast_to(0, self.base.shape)
        for kind, how in self.views[:count]:
            if kind == EXPAND:
                view = np.broadcast_to(view, how)
            elif kind == PERMUTE:
                view = np.transpose(view, how)
            else:
                view = view[(slice(None),) * how[0] + (slice(*how[1:]),)]
        return view.shape

    @staticmethod
    def spread(base, draw):
        dim = draw.below(base.ndim)
        size, step, before, after = base.shape[dim], draw.between(1, 3), draw.below(3), draw.below(3)
        end = before + max(0, (size - 1) * step + 1)
        shape = list(base.shape)
        shape[dim] = end + after
        if math.prod(shape) > 2000000:
            return base, []
        wide = np.full(shape, np.nan if base.dtype.kind == "f" else 1, base.dtype)
        wide[(slice(None),) * dim + (slice(before, end, step),)] = base
        return wide, [(SLICE, [dim, before, end, step])]


# ---- the request -----------------------------------------------------------------------------------

def word(value):
    return struct.pack("<q", value)


def words(values):
    return struct.pack(f"<{len(values) + 1}q", len(values), *values)


def padded(data):
    return data + bytes(-len(data) % 8)


def array_bytes(array, dtype):
    return np.ascontiguousarray(array, DTYPES[dtype][1]).tobytes()


def tensor_bytes(t, seen):
    if t is None:
        return word(0)
    for i, other in enumerate(seen):
        if t is other:
            return word(2) + word(i)
    seen.append(t)
    data = array_bytes(t.base, t.dtype)
    parts = [word(1), word(DTYPES[t.dtype][0]), word(2 if t.grad and t.recorded else t.grad), word(t.changes), words(t.base.shape),
             word(len(data)), padded(data), word(len(t.views))]
    for kind, numbers in t.views:
        parts += [word(kind), words(numbers)]
    return b"".join(parts)


def argument_bytes(kind, value, seen):
    if kind == "tensor":
        return tensor_bytes(value, seen)
    if kind == "tensors":
        return word(len(value)) + b"".join(tensor_bytes(t, seen) for t in value)
    if kind == "whole":
        return word(int(value))
    if kind == "real":
        return struct.pack("<d", value)
    if kind == "reals":
        return word(len(value)) + struct.pack(f"<{len(value)}d", *value)
    return words([int(v) for v in value])  # ints, sizes


def expected_bytes(dtype, values, tolerance):
    values = np.array(values, np.float64, order="C")
    tolerance = np.array(np.broadcast_to(tolerance, values.shape), np.float64, order="C")
    return b"".join([word(DTYPES[dtype][0]), words(values.shape), word(values.size), values.tobytes(),
                     word(values.size), tolerance.tobytes()])


class Expected:
    """What PyTorch says: results as (dtype, values, tolerance), the gradients given to them (None
    for those that require none), and the gradients of the leaves like the results."""

    def __init__(self, outputs, dys, gradients):
        self.outputs, self.dys, self.gradients = outputs, dys, gradients


class Case:
    def __init__(self, row, dtype, arguments):
        self.row, self.dtype, self.arguments = row, dtype, arguments
        self.expected, self.refusal = None, None  # None: PyTorch refuses it, and what it says

    def request(self, runs, mode=None):
        """`runs`: bit 2 isa + threads - 1."""
        if mode is None:
            mode = COMPARE_ERROR if self.expected is None else COMPARE
        seen = []
        parts = [word(self.row.number), word(mode), word(DTYPES[self.dtype][0]), word(runs)]
        parts += [argument_bytes(kind, self.arguments[name], seen) for name, kind in self.row.signature]
        if mode == COMPARE:
            e = self.expected
            parts += [word(len(e.outputs))] + [expected_bytes(*o) for o in e.outputs]
            for dy in e.dys:
                parts += [word(dy is not None)] + ([tensor_bytes(dy, seen)] if dy is not None else [])
            parts += [word(len(e.gradients))] + [expected_bytes(*g) for g in e.gradients]
        data = b"".join(parts)
        return word(len(data)) + data

    def tensors(self):
        """The different ones among the arguments, in the order of the driver."""
        found = []
        for name, kind in self.row.signature:
            for t in [self.arguments[name]] if kind == "tensor" else self.arguments[name] if kind == "tensors" else []:
                if t is not None and not any(t is other for other in found):
                    found.append(t)
        return found

    def size(self):
        return sum(t.base.size for t in self.tensors())


# ---- the case as a C program -----------------------------------------------------------------------

def number_text(value, dtype):
    if value == ZERO:
        return "TN_ZERO"
    if dtype in ("f32", "f64"):
        if math.isnan(value):
            return "NAN"
        if math.isinf(value):
            return "INFINITY" if value > 0 else "-INFINITY"
        text = repr(float(value)) if dtype == "f64" else str(np.float32(value))
        text = text[:-2] if text.endswith(".0") else text
        return "-0.0" if text == "-0" else text
    return str(int(value))


def list_text(values, dtype="i64"):
    return ", ".join(number_text(v, dtype) for v in values) or "0"


def shape_text(shape):
    return f"TN_SHAPE({list_text(shape)})" if len(shape) else "TN_SCALAR"


def tensor_text(name, t):
    _, numpy_type, constant, c_type = DTYPES[t.dtype]
    data = list_text(np.ascontiguousarray(t.base).reshape(-1), t.dtype)
    lines = [f"tn_tensor *{name} = tn_from_data(ctx, {constant}, {shape_text(t.base.shape)},",
             f"    ({c_type}[]){{{data}}});"]
    leaf = [f"tn_set_requires_grad(ctx, {name}, true);", f"leaf({name});"] if t.grad else []
    if t.recorded:
        lines += leaf
    for kind, numbers in t.views:
        if kind == PERMUTE:
            lines.append(f"{name} = tn_permute(ctx, {name}, (int[]){{{list_text(numbers)}}});")
        elif kind == EXPAND:
            lines.append(f"{name} = tn_expand(ctx, {name}, {shape_text(numbers)});")
        else:
            lines.append(f"{name} = tn_slice(ctx, {name}, {list_text(numbers)});")
    return lines if t.recorded else lines + leaf


def argument_text(name, kind, value, names):
    def tensor(label, t):
        if t is None:
            return [f"tn_tensor *{label} = NULL;"]
        for other, known in names:
            if t is known:
                return [f"tn_tensor *{label} = {other};"]
        names.append((label, t))
        return tensor_text(label, t)

    if kind == "tensor":
        return tensor(name, value)
    if kind == "tensors":
        labels = [f"{name}_{i}" for i in range(len(value))]
        lines = [line for label, t in zip(labels, value) for line in tensor(label, t)]
        return lines + [f"tn_tensor *const {name}[] = {{{', '.join(labels) or 'NULL'}}};", f"const int {name}_count = {len(value)};"]
    if kind == "whole":
        return [f"const int64_t {name} = {'INT64_MAX' if value == END else number_text(value, 'i64')};"]
    if kind == "real":
        return [f"const double {name} = {number_text(value, 'f64')};"]
    c_type, dtype = {"ints": ("int", "i64"), "sizes": ("int64_t", "i64"), "reals": ("double", "f64")}[kind]
    return [f"const {c_type} {name}[] = {{{list_text(value, dtype)}}};", f"const int {name}_count = {len(value)};"]


def right_text(what, expected):
    dtype, values, tolerance = expected
    shape = list(values.shape)
    values, tolerance = values.reshape(-1), np.broadcast_to(tolerance, values.shape).reshape(-1)
    shown = list_text(values[:64], dtype) if values.size else ""
    worst = f", to {tolerance.max():.1e}" if values.size and tolerance.max() > 0 else ""
    return f"/* {what}: {dtype} {shape} {shown}{' ...' if values.size > 64 else ''}{worst} */"


PROGRAM = """/* {title}
 * {failure}
 * Build it in the project's root: cc -fopenmp -Ilibtensor/include FILE build/libtensor.a -lopenblas -lz -lm
 * and run it with TN_ISA={isa}. */
#include <math.h>
#include <stdio.h>
#include <tn/tn.h>

static tn_tensor *outputs[16], *leaves[32];
static int output_count, leaf_count;

static void out(tn_tensor *t)
{{
    outputs[output_count++] = t;
}}

static void leaf(tn_tensor *t)
{{
    leaves[leaf_count++] = t;
}}

int main(void)
{{
    tn_ctx *ctx = tn_ctx_new(&(tn_ctx_opts){{.seed = 1, .threads = {threads}}});
    const tn_dtype dtype = {dtype};
    tn_module *module = NULL;
    tn_optim *optim = NULL;
    tn_schedule *schedule = NULL;
    tn_dict *state = tn_dict_new(ctx);
    (void)dtype, (void)module, (void)optim, (void)schedule, (void)state, (void)leaf;

{body}
    puts(tn_error(ctx));
    tn_ctx_free(ctx);
    return 0;
}}
"""


def program(case, isa, threads, failure):
    names, lines = [], []
    for name, kind in case.row.signature:
        lines += argument_text(name, kind, case.arguments[name], names)
    lines += ["", *case.row.code.strip().split("\n"), ""]
    if case.expected is None:
        lines.append("/* right is an error: PyTorch refuses this */")
    else:
        for i, expected in enumerate(case.expected.outputs):
            lines += [f"tn_print(ctx, outputs[{i}]);", right_text("right", expected)]
        for i, dy in enumerate(case.expected.dys):
            if dy is not None:
                lines += argument_text(f"dy_{i}", "tensor", dy, names)
                lines.append(f"tn_backward_with(ctx, outputs[{i}], dy_{i});")
        for i, expected in enumerate(case.expected.gradients):
            lines += [f"tn_print(ctx, tn_grad(leaves[{i}]));", right_text("right", expected)]
    body = "\n".join("    " + line if line else "" for line in lines)
    return PROGRAM.format(title=f"{case.row.name}, {case.dtype}", failure=failure.replace("*/", "* /"), isa=isa, threads=threads,
                          dtype=DTYPES[case.dtype][2], body=body)
