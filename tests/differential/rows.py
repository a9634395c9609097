"""The table: a row for each operator, module, optimiser and schedule of the public headers.

    row(name, signature, code, make, reference, ...)

`signature` names the arguments and their kinds: tensor (where nothing is said), tensors, whole, real,
ints, sizes, reals; a list `a` has its length in a_count. `code` calls the library with them, in C, and
hands every result to out(). `make(d)` draws the arguments (draw.py). `reference` computes the results
from the same arguments with PyTorch, in float64. README.md says more."""
import math
import re
import sys

import numpy as np
import torch
import torch.nn.functional as F

from cases import END, ZERO, Tensor

ROWS = []


class Row:
    """`magnitude`: the reference with every term of its sums made positive, to be run on absolute
    values: what rounding errors are measured by. `scale`: a function of the arguments, results,
    gradients given and gradients that returns such magnitudes. With neither, the magnitude of a
    number is its own. `terms`: how many numbers are added at the most. `ulps`: what one result may be
    off apart from sums, in units of the last digit; 0 for results that are copies of numbers."""

    def __init__(self, name, signature, code, make, reference, magnitude=None, scale=None, terms=None, ulps=4, dtype=None, weight=1):
        self.name, self.code, self.make, self.reference = name, code, make, reference
        self.signature = [(part.split(":") + ["tensor"])[:2] for part in signature.split()]
        self.magnitude, self.scale, self.terms, self.ulps, self.weight = magnitude, scale, terms, ulps, weight
        self.number = len(ROWS)
        self.dtype = dtype


def row(*arguments, **more):
    ROWS.append(Row(*arguments, **more))


def named(fn):
    """A function that takes its arguments by place alone, for the table, which names them."""
    return lambda **arguments: fn(*arguments.values())


def options(*names):
    """The initialisers of options that are arguments of the same names."""
    return ", ".join(f".{name} = {name}" for name in names)


def given(option, default):
    """What an option stands for."""
    return default if option == 0 else 0 if option == ZERO else option


# ---- element by element ----------------------------------------------------------------------------

def two(d):
    """Two that broadcast, or one tensor twice, or all pairs of special values."""
    d.special = d.chance(10)
    shape = d.shape()
    if d.special:
        return dict(a=d.floats(shape), b=d.floats(shape))
    a, b = d.broadcast(shape), d.broadcast(shape)
    if d.chance(50):
        a = shape
    first = d.floats(a)
    return dict(a=first, b=first if d.chance(5) else d.floats(b))


for name, fn, positive in [("add", torch.add, torch.add), ("sub", torch.sub, torch.add), ("mul", torch.mul, torch.mul),
                           ("div", torch.div, lambda a, b: PositiveDiv.apply(a, b))]:
    row(name, "a b", f"out(tn_{name}(ctx, a, b));", two, named(fn), magnitude=named(positive))


class PositiveDiv(torch.autograd.Function):
    """a / b with the sign of db turned, so that nothing cancels."""

    @staticmethod
    def forward(ctx, a, b):
        ctx.save_for_backward(a, b)
        return a / b

    @staticmethod
    def backward(ctx, dy):
        a, b = ctx.saved_tensors
        return (dy / b).sum_to_size(a.shape), (dy * a / (b * b)).sum_to_size(b.shape)


def one(kind=None):
    def make(d):
        d.special = d.chance(15)
        return dict(x=d.floats(d.shape(), None if d.special else kind))
    return make


def unary(name, fn, kind=None, scale=None, **more):
    row(name, "x", f"out(tn_{name}(ctx, x));", one(kind), named(fn), scale=scale, **more)


def gelu(x):
    """F.gelu, and its limits, which PyTorch takes to be NaN."""
    middle = F.gelu(torch.where(x.abs() > 100, torch.zeros_like(x), x))
    return torch.where(x > 100, x, torch.where(x < -100, torch.zeros_like(x), middle))


unary("neg", torch.neg, ulps=0)
unary("abs", torch.abs, ulps=0)
unary("square", lambda x: x * x)
unary("sqrt", torch.sqrt, "positive")
unary("exp", torch.exp)
unary("log", torch.log, "positive")
unary("relu", F.relu, ulps=0)
unary("sigmoid", torch.sigmoid, scale=lambda c: (c.outs, [(c.dys[0] * c.outs[0]).abs()]))
unary("tanh", torch.tanh, scale=lambda c: (c.outs, [c.dys[0].abs()]))
# 1 + erf(x) loses what x < 0 cancels; so does the sum in the derivative.
unary("gelu", gelu, scale=lambda c: ([c.x], [2 * c.dys[0].abs()]))
unary("softplus", lambda x: F.softplus(x, threshold=50))
row("add_scalar", "x s:real", "out(tn_add_scalar(ctx, x, s));", lambda d: dict(one()(d), s=d.of(1, 0, -2, 0.375, 1e6)),
    lambda x, s: x + s)
row("mul_scalar", "x s:real", "out(tn_mul_scalar(ctx, x, s));", lambda d: dict(one()(d), s=d.of(1, 0, -2, 0.375, 1e6)),
    lambda x, s: x * s)
def power(x, p):
    """The power of C: PyTorch's by a number takes the root of -infinity to be NaN, and its vectors make an
    infinity of the largest number to the power of 1."""
    return x * 1 if p == 1 else torch.pow(x, torch.tensor(p, dtype=torch.float64))


row("pow_scalar", "x p:real", "out(tn_pow_scalar(ctx, x, p));",
    lambda d: dict(one(d.of("positive", None))(d), p=d.of(1, 2, 3, 0, -1, 0.5, -0.5, 2.5, -2, 4, 1.1, -3.7)), power)
row("clamp", "x low:real high:real", "out(tn_clamp(ctx, x, low, high));",
    lambda d: dict(one(d.of(None, "few"))(d), low=d.of(-1, 0, -math.inf, 0.5), high=d.of(1, math.inf, 2, 0.5)),
    lambda x, low, high: torch.clamp(x, low, high), ulps=0)
row("leaky_relu", "x slope:real", "out(tn_leaky_relu(ctx, x, slope));", lambda d: dict(one()(d), slope=d.of(0.25, 0, 1, 0.0078125, -0.5)),
    lambda x, slope: F.leaky_relu(x, slope))
row("dropout", "x p:real training:whole", "out(tn_dropout(ctx, x, p, training));",
    lambda d: dict(one()(d), p=d.of(0, 0.5, 1), training=False), lambda x, p, training: F.dropout(x, p, training))
row("dropout of all or nothing", "x p:real", "out(tn_dropout(ctx, x, p, true));",
    lambda d: dict(x=d.floats(d.shape()), p=d.of(0, 1)), lambda x, p: F.dropout(x, p, True))
# What is kept is x / (1 - p), and gets the gradient alone: the difference from it is 0.
row("dropout's mask", "x p:real", """
tn_tensor *y = tn_dropout(ctx, x, p, true);
tn_tensor *kept = tn_cast(ctx, tn_ne(ctx, y, tn_zeros(ctx, dtype, 0, NULL)), dtype);
out(tn_sub(ctx, tn_mul_scalar(ctx, y, 1 - p), tn_mul(ctx, x, kept)));
""", lambda d: dict(x=d.floats(d.shape(), "positive"), p=d.of(0.5, 0.25, 0.1)), lambda x, p: x * 0,
    scale=lambda c: ([c.x], [c.dys[0].abs()]))


def pair_of_any(d):
    d.special = d.chance(10)
    shape = d.shape()
    a = d.any(d.broadcast(shape))
    return dict(a=a, b=d.like(a, d.broadcast(shape)))


for name in ("eq", "ne", "lt", "le", "gt", "ge"):
    row(name, "a b", f"out(tn_{name}(ctx, a, b));", pair_of_any, named(getattr(torch, name)))


def make_where(d):
    shape = d.shape()
    a = d.any(d.broadcast(shape))
    return dict(c=d.integers(d.broadcast(shape), 0, 2, ("bool",)), a=a, b=d.like(a, d.broadcast(shape)))


row("where", "c a b", "out(tn_where(ctx, c, a, b));", make_where, lambda c, a, b: torch.where(c, a, b),
    magnitude=lambda c, a, b: torch.where(c, a, b))

# ---- reductions ------------------------------------------------------------------------------------

def reduced(d, **more):
    shape = d.shape()
    kind = d.of(None, None, "shifted")
    return dict(x=d.floats(shape, kind), dims=d.some_dims(shape), keepdim=d.below(2), **more)


def reduction_code(name):
    return f"out(tn_{name}(ctx, x, (tn_reduce_opts){{.dims = dims, .ndims = dims_count, .keepdim = keepdim}}));"


def dims_of(x, dims):
    return dims or tuple(range(x.ndim))


for name, fn in (("sum", torch.sum), ("mean", torch.mean)):
    def total(x, dims, keepdim, fn=fn):
        return fn(x, dims_of(x, dims), bool(keepdim)) if x.dim() else fn(x)
    row(name, "x dims:ints keepdim:whole", reduction_code(name), reduced, total, magnitude=total, weight=3)


def make_var(d):
    """No correction beyond the number of elements, where PyTorch's gradient is not that of its result."""
    a = reduced(d, correction=d.of(0, 1, 2, ZERO))
    if a["correction"] == 2 and math.prod(a["x"].values.shape[i] for i in dims_of(a["x"].values, a["dims"])) < 2:
        a["correction"] = 1
    return a


def var(x, dims, keepdim, correction):
    """torch.var, which refuses to reduce a scalar."""
    dims = dims_of(x, dims)
    n = math.prod(x.shape[i] for i in dims)
    divisor = n - given(correction, 1)
    if x.dim() == 0:
        return (x - x) ** 2 / max(divisor, 0)
    return torch.var(x, dims, correction=n - divisor, keepdim=bool(keepdim))


def var_scale(c):
    """(x - mean)^2 is as exact as x and the mean are."""
    dims = dims_of(c.x, c.dims)
    x, n = c.x.abs(), math.prod(c.x.shape[i] for i in dims)
    divisor = max(n - given(c.correction, 1), 0)
    if c.x.dim() == 0:
        return [x * 0], [x * c.dys[0].abs()]
    mean = x.mean(dims, keepdim=True)
    d = (c.x - c.x.mean(dims, keepdim=True)).abs()
    kept = (d * d + d * (x + mean) + c.eps * mean * mean).sum(dims, keepdim=bool(c.keepdim)) / divisor
    dy = c.dys[0]
    dy = dy.abs() if c.keepdim else unreduced(dy.abs(), dims, x.dim())
    return [kept], [2 * dy * (x + mean) / divisor]


def unreduced(y, dims, ndim):
    for i in sorted(d % ndim for d in dims):
        y = y.unsqueeze(i)
    return y


row("var", "x dims:ints keepdim:whole correction:whole",
    "out(tn_var(ctx, x, (tn_var_opts){.dims = dims, .ndims = dims_count, .keepdim = keepdim,\n"
    "                                 .correction = correction}));",
    make_var, var, scale=var_scale, weight=2)


def first_of(x, dim, largest=True, k=1):
    """Indices of the k first largest or smallest, NaN being larger than all (for k = 1: before all)."""
    values = x.detach().numpy()
    if values.dtype.kind == "f":
        nan = np.isnan(values)
        keys = np.where(nan, 0, values)
        order = np.lexsort((-keys if largest else keys, nan != (largest or k == "one")), axis=dim)
    else:
        keys = values.astype(np.int64)
        order = np.argsort(-keys if largest else keys, axis=dim, kind="stable")
    return torch.from_numpy(np.ascontiguousarray(order.take(range(1 if k == "one" else k), dim)))


def extreme(largest):
    def fn(x, dim, keepdim):
        index = first_of(x, dim, largest, "one")
        values = x.gather(dim, index)
        return (values, index) if keepdim else (values.squeeze(dim), index.squeeze(dim))
    return fn


def ranked(d, least=1, floats=False):
    """Shapes to look for extremes in: not empty along `dim`; with equal elements, and NaN."""
    shape = d.shape(least, zero=d.chance(10))
    dim = d.dim(shape)
    if shape and shape[dim] == 0:
        shape[dim] = 1
    kind = d.of(None, "few", "special")
    x = d.floats(shape, kind) if floats or d.below(4) else d.integers(shape, -4, 5, ("i64", "i32", "u8", "bool"))
    return x, dim


def make_max(d):
    x, dim = ranked(d)
    return dict(x=x, dim=dim, keepdim=d.below(2))


for name in ("max", "min"):
    row(name, "x dim:whole keepdim:whole", f"""
tn_tensor *indices = NULL;
out(tn_{name}(ctx, x, (int)dim, keepdim, &indices));
out(indices);
""", make_max, extreme(name == "max"), ulps=0)
    row(f"arg{name}", "x dim:whole", f"out(tn_arg{name}(ctx, x, (int)dim));", lambda d: dict(zip(("x", "dim"), ranked(d))),
        lambda x, dim, fn=extreme(name == "max"): fn(x, dim, False)[1])
    row(f"a{name}", "x dims:ints keepdim:whole", reduction_code(f"a{name}"),
        lambda d: dict(x=(x := ranked(d, 0)[0]), dims=d.some_dims(x.values.shape), keepdim=d.below(2)),
        lambda x, dims, keepdim, fn=getattr(torch, f"a{name}"): fn(x.reshape(x.shape or 1), dims_of(x, dims) or 0, bool(keepdim) and x.dim() > 0))


def make_topk(d):
    x, dim = ranked(d, floats=True)
    size = x.values.shape[dim]
    return dict(x=x, k=d.of(1, size, d.between(0, size)), dim=dim, largest=d.below(2))


def topk(x, k, dim, largest):
    index = first_of(x, dim, bool(largest), k)
    return x.gather(dim, index), index


row("topk", "x k:whole dim:whole largest:whole", """
tn_tensor *indices = NULL;
out(tn_topk(ctx, x, k, (int)dim, largest, &indices));
out(indices);
""", make_topk, topk, ulps=0)


def make_count_equal(d):
    shape = d.shape()
    a = d.integers(shape, 0, 3, ("i64", "i32", "u8", "bool"))
    return dict(a=a, b=d.integers(shape, 0, 3, (a.dtype,)))


row("count_equal", "a b", "out(tn_full(ctx, TN_I64, 0, NULL, (double)tn_count_equal(ctx, a, b)));", make_count_equal,
    lambda a, b: (a == b).sum())

# ---- soft-max --------------------------------------------------------------------------------------

def make_softmax(d):
    shape = d.shape()
    return dict(x=d.floats(shape, d.of(None, None, "shifted")), dim=d.dim(shape))


def softmax_scale(c):
    """e^(x - m) is as exact as x - m is; dx is a difference of dy and a mean of dy."""
    x, y = c.x, F.softmax(c.x, c.dim)
    far = 1 + (x - x.amax(c.dim, keepdim=True) if x.numel() and x.dim() else x * 0).abs()
    dy = c.dys[0].abs()
    inner = (y * far * dy).sum(c.dim, keepdim=True) if x.dim() else dy
    return [y * far], [y * far * (dy + inner)]


def log_softmax_scale(c):
    x = c.x.abs()
    far = x + (x.amax(c.dim, keepdim=True) if x.numel() and x.dim() else x) + math.log(max(2, x.numel()))
    dy = c.dys[0].abs()
    return [far], [dy + F.softmax(c.x, c.dim) * (1 + far) * (dy.sum(c.dim, keepdim=True) if x.dim() else dy)]


row("softmax", "x dim:whole", "out(tn_softmax(ctx, x, (int)dim));", make_softmax, named(F.softmax), scale=softmax_scale, weight=2)
row("log_softmax", "x dim:whole", "out(tn_log_softmax(ctx, x, (int)dim));", make_softmax, named(F.log_softmax), scale=log_softmax_scale,
    weight=2)

# ---- products --------------------------------------------------------------------------------------

def product_sizes(d, count):
    """Sizes of which any two span at most ten times the budget, one of them often thin."""
    sizes = []
    room = 10 * d.budget
    for _ in range(count):
        sizes.append(d.size(min(room, d.budget)))
        room = max(1, room // max(1, sizes[-1]))
    return sizes


def make_matmul(d):
    m, k, n = product_sizes(d, 3)
    lead = [] if d.below(3) else d.shape(0, 2) if m * k * n < 300 else [d.between(1, 3)]
    a, b = d.broadcast(lead) + [m, k], d.broadcast(lead) + [k, n]
    if d.chance(15):
        a = [k]
    if d.chance(15):
        b = [k]
    first = d.floats(a)
    return dict(a=first, b=first if a == b and d.chance(10) else d.floats(b))


row("matmul", "a b", "out(tn_matmul(ctx, a, b));", make_matmul, named(torch.matmul), magnitude=named(torch.matmul), weight=5)


def make_linear(d):
    rows, inputs, outputs = product_sizes(d, 3)
    if d.below(3) == 0:
        outputs = d.between(1, 34)
    lead = d.of([rows], [rows], [], [2, rows], [rows, 1, 1])
    return dict(x=d.floats(lead + [inputs]), weight=d.floats([outputs, inputs]),
                bias=d.floats([outputs]) if d.below(3) else None)


row("linear", "x weight bias", "out(tn_linear(ctx, x, weight, bias));", make_linear, named(F.linear), magnitude=named(F.linear), weight=6)

# ---- convolution and pooling -----------------------------------------------------------------------

DIRECTIONS = ("stride", "padding", "dilation")
CONV_OPTIONS = [name + suffix for name in DIRECTIONS for suffix in ("", "_h", "_w")] + ["groups"]
CONV_SIGNATURE = " ".join(f"{name}:whole" for name in CONV_OPTIONS + ["kernel"])

# The sizes of the kernel, which weight has, may be among the options.
CONV_KERNEL = """.kernel_h = kernel & 1 ? tn_size(weight, 2) : 0,
    .kernel_w = kernel & 2 ? tn_size(weight, 3) : 0"""


def directions(d, name, limit, zero):
    """An option for both directions and for each of them; 0: not given."""
    def number():
        return d.of(*([ZERO] if zero == 0 else []), *range(zero, limit + 1)) if limit >= zero else zero
    kind = d.of("default", "default", "default", "both", "both", "each", "mixed")
    both = number() if kind in ("both", "mixed") else 0
    h = number() if kind in ("each", "mixed") else 0
    w = number() if kind == "each" else 0
    return {name: both, name + "_h": h, name + "_w": w}


def pair(options, name, otherwise):
    return tuple(given(options[name + s] or options[name], otherwise) for s in ("_h", "_w"))


def make_conv_options(d):
    return {**directions(d, "stride", 3, 1), **directions(d, "padding", 3, 0), **directions(d, "dilation", 3, 1)}


def image_sizes(d, planes, options, kernel):
    """Heights and widths at least that of the kernel, most of the time."""
    sizes = []
    room = max(1, d.budget // max(1, planes))
    for i in range(2):
        reach = pair(options, "dilation", 1)[i] * (kernel[i] - 1) + 1 - 2 * pair(options, "padding", 0)[i]
        more = d.below(4) if d.below(2) else d.of(4, 5, 7, 11, 12, 13, 14, 28, 30, 31, 60, 124)
        sizes.append(max(0, reach) + more if d.below(50) else d.size(10))
        if sizes[0] * (sizes[i] if i else 1) > 4 * room:
            sizes[i] = max(reach, 1) + d.below(3)
    return sizes


def make_conv2d(d):
    if not d.special and d.chance(12):
        return make_winograd(d)
    options = make_conv_options(d)
    groups = d.of(1, 1, 1, 2, 3)
    c, o = d.of(1, 2, 3, 4, 5, 8, 16, 17), d.of(1, 2, 3, 4, 7, 8, 16, 33)
    if d.chance(15):
        c, o, groups = 1, d.of(1, 2), d.of(2, 3, 8)
    if d.chance(3):
        c, o = d.of((0, 2), (2, 0))
    kernel = d.of((1, 1), (3, 3), (2, 2), (1, 3), (3, 2), (5, 5), (1, 1), (4, 1), (1, 1), (7, 7), (11, 11))
    if d.special:
        c = min(c, 8)  # With more, an infinity spreads in a tile of Winograd's method.
    n = d.of(1, 1, 2, 3, 4, 5, 8, 17) if d.below(40) else 0
    h, w = image_sizes(d, n * c * groups, options, kernel)
    x = d.floats(([n] if n != 1 or d.below(4) else []) + [c * groups, h, w])
    return dict(x=x, weight=d.floats([o * groups, c, *kernel]), bias=d.floats([o * groups]) if d.below(2) else None,
                groups=groups if groups > 1 or d.below(2) else 0, kernel=d.below(4), **options)


def make_winograd(d):
    """Kernels of 3 x 3 and 5 x 5 between 16 channels and more, planes around the edges of tiles, a run of these and more."""
    options = dict.fromkeys(CONV_OPTIONS, 0)
    options["padding"], options["kernel"], size = d.of(0, 1, 2, 3), d.below(4), d.of(3, 3, 5)
    c, o, n = d.of(16, 32, 33, 40, 31), d.of(32, 33, 48, 31), d.of(1, 2, 3)
    h, w = d.of((8, 16), (12, 12), (11, 13), (7, 9), (3, 130), (5, 256), (9, 257), (46, 47))
    return dict(x=d.floats([n, c, h, w]), weight=d.floats([o, c, size, size]), bias=d.floats([o]) if d.below(2) else None, **options)


def conv2d(x, weight, bias, groups, **options):
    more = pair(options, "stride", 1), pair(options, "padding", 0), pair(options, "dilation", 1), groups or 1
    if x.numel() and weight.numel():
        return F.conv2d(x, weight, bias, *more)
    n, channels, groups = (x.shape[0] if x.dim() == 4 else 1), x.shape[-3], groups or 1
    if channels != weight.shape[1] * groups or weight.shape[0] % groups:
        raise ValueError("channels do not fit")
    one = F.conv2d(x.new_zeros([1, 1, *x.shape[-2:]]), weight.new_zeros([1, 1, *weight.shape[2:]]), None, *more[:3])
    y = one.expand(n, weight.shape[0], -1, -1) + x.sum() + weight.sum()
    if bias is not None:
        y = y + bias.reshape(-1, 1, 1)
    return y if x.dim() == 4 else y.squeeze(0)


def conv2d_scale(c):
    """The sums of absolute values; Winograd's tiles mix neighbours, so there the largest of them."""
    outs, grads = c.positive(conv2d)
    if c.weight.shape[2:] in ((3, 3), (5, 5)) and min(c.weight.shape[:2]) > 8 and outs[0].numel():
        return [outs[0] * 0 + 4 * outs[0].max()], [g * 0 + 4 * g.max() for g in grads]
    return outs, grads


row("conv2d", "x weight bias " + CONV_SIGNATURE, f"""
out(tn_conv2d(ctx, x, weight, bias, (tn_conv2d_opts){{
    {options(*CONV_OPTIONS)}, {CONV_KERNEL}}}));
""", make_conv2d, conv2d, scale=conv2d_scale, weight=24)

MAX_POOL_OPTIONS = ["kernel_h", "kernel_w"] + [name + suffix for name in DIRECTIONS for suffix in ("", "_h", "_w")] + ["ceil_mode"]
AVG_POOL_OPTIONS = ["kernel_h", "kernel_w"] + [name + suffix for name in DIRECTIONS[:2] for suffix in ("", "_h", "_w")] + [
    "ceil_mode", "exclude_padding", "divisor"]


def signature_of(names):
    return " ".join(f"{name}:whole" for name in names)


def make_pool(d, names, kind=None):
    kernel_size = d.between(1, 4) if d.below(8) else d.of(5, 7, 12)
    o = {**dict.fromkeys(names, 0), "kernel_h": d.of(0, 0, 1, 2, 3), "kernel_w": d.of(0, 0, 1, 2, 5)}
    kernel = (o["kernel_h"] or kernel_size, o["kernel_w"] or kernel_size)
    o.update(directions(d, "stride", 3, 1), **directions(d, "padding", min(kernel) // 2, 0))
    if "dilation" in names:
        o.update(directions(d, "dilation", 3, 1))
    planes = d.of([1, 1], [2], [2, 3], [1, 5], [3, 1], [1], [17, 2]) if d.below(40) else d.of([0, 2], [2, 0])
    h, w = image_sizes(d, math.prod(planes), {"dilation": 1, "dilation_h": 0, "dilation_w": 0, **o}, kernel)
    o["ceil_mode"] = d.below(2)
    if "divisor" in names:
        o.update(exclude_padding=d.below(2), divisor=d.of(0, 0, 1, 3))
    return dict(x=d.floats(planes + [h, w], kind), kernel_size=kernel_size, **o)


def pool_arguments(kernel_size, o):
    kernel = (o["kernel_h"] or kernel_size, o["kernel_w"] or kernel_size)
    stride = tuple(o["stride" + s] or o["stride"] or k for s, k in zip(("_h", "_w"), kernel))
    return kernel, stride, pair(o, "padding", 0)


def planes_of(x, fn):
    """fn of x, which may have no planes."""
    if x.numel() or not min(x.shape[-2:]):
        return fn(x)
    y = fn(x.new_zeros([1, *x.shape[-2:]]))
    return y[0].expand(*x.shape[:-2], -1, -1) + x.sum()


def max_pool2d(x, kernel_size, **o):
    """Padded with -infinity before, since PyTorch 1.13 writes out of bounds in the backward of windows
    that meet nothing but padding, as those of a dilated kernel can."""
    kernel, stride, padding = pool_arguments(kernel_size, o)
    dilation, ceil_mode = pair(o, "dilation", 1), bool(o["ceil_mode"])

    def pool(t):
        y = F.max_pool2d(t.detach(), kernel, stride, padding, dilation, ceil_mode)
        more = [p + d * k + s for p, d, k, s in zip(padding, dilation, kernel, stride)]
        t = F.pad(t, (padding[1], more[1], padding[0], more[0]), value=-math.inf)
        return F.max_pool2d(t, kernel, stride, 0, dilation)[..., :y.shape[-2], :y.shape[-1]]
    return planes_of(x, pool)


def avg_pool2d(x, kernel_size, **o):
    return planes_of(x, lambda t: F.avg_pool2d(t, *pool_arguments(kernel_size, o), bool(o["ceil_mode"]), not o["exclude_padding"], o["divisor"] or None))


row("max_pool2d", "x kernel_size:whole " + signature_of(MAX_POOL_OPTIONS), f"""
out(tn_max_pool2d(ctx, x, kernel_size, (tn_pool2d_opts){{
    {options(*MAX_POOL_OPTIONS)}}}));
""", lambda d: make_pool(d, MAX_POOL_OPTIONS, d.of(None, "few")), max_pool2d,
    scale=lambda c: c.absolute_dys(max_pool2d), ulps=0, weight=4)
row("avg_pool2d", "x kernel_size:whole " + signature_of(AVG_POOL_OPTIONS), f"""
out(tn_avg_pool2d(ctx, x, kernel_size, (tn_pool2d_opts){{
    {options(*AVG_POOL_OPTIONS)}}}));
""", lambda d: make_pool(d, AVG_POOL_OPTIONS), avg_pool2d, magnitude=avg_pool2d, weight=4)


def make_adaptive(d):
    planes = d.of([1, 1], [2], [2, 3], [1], [17, 2]) if d.below(40) else [0, 2]
    return dict(x=d.floats(planes + [d.size(200, False), d.size(200, False)]), out_h=d.size(20, False), out_w=d.size(20, False))


def adaptive_avg_pool2d(x, out_h, out_w):
    return planes_of(x, lambda t: F.adaptive_avg_pool2d(t, (out_h, out_w)))


row("adaptive_avg_pool2d", "x out_h:whole out_w:whole", "out(tn_adaptive_avg_pool2d(ctx, x, out_h, out_w));", make_adaptive,
    adaptive_avg_pool2d, magnitude=adaptive_avg_pool2d, weight=2)

# ---- normalisation ---------------------------------------------------------------------------------

def make_batch_norm(d, dims=None):
    channels = d.size(40)
    shape = [d.size(33), channels] + (d.shape(0, 2) if dims is None else [d.size(17), d.size(17)])
    if math.prod(shape) > 3 * d.budget:
        shape = shape[:2] + [1] * (len(shape) - 2)
    training = d.below(2)
    some = d.below(5) > 0 or not training

    def per_channel(kind, changes=False):
        return d.floats([channels], kind, False if changes else None, changes)
    return dict(x=d.floats(shape, d.of(None, "normal")), mean=per_channel("normal", True) if some else None,
                var=per_channel("positive", True) if some else None, weight=per_channel("normal") if d.below(4) else None,
                bias=per_channel("normal") if d.below(4) else None, training=training, momentum=d.of(0, 0.5, 1.0, 0.01, ZERO), eps=d.of(0, 0.125, 1e-3))


def batch_norm(x, mean, var, weight, bias, training, momentum, eps):
    if training and x.shape[1] > 0 and x.numel() // x.shape[1] == 1:
        raise ValueError("one value per channel")
    mean, var = (None if t is None else t.clone() for t in (mean, var))
    if x.shape[1] == 0:  # which PyTorch trips over
        y = x + sum(t.sum() for t in (weight, bias) if t is not None)
        return (y,) if mean is None else (y, mean, var)
    y = F.batch_norm(x, mean, var, weight, bias, bool(training), float(given(momentum, 0.1)), eps or 1e-5)
    return (y,) if mean is None else (y, mean, var)


def batch_norm_scale(c):
    """xhat is as exact as x - mean and the variance are; dx is a difference of dy and means of it."""
    dims = [i for i in range(c.x.dim()) if i != 1]
    wide = [-1 if i == 1 else 1 for i in range(c.x.dim())]
    eps = c.eps or 1e-5
    batch_mean, batch_var = c.x.mean(dims), c.x.var(dims, unbiased=False)
    mean, var = (batch_mean, batch_var) if c.training else (c.mean, c.var)
    rstd = (var + eps).rsqrt().reshape(wide)
    w = c.weight.abs().reshape(wide) if c.weight is not None else 1
    size = c.x.abs() + c.x.abs().mean(dims).reshape(wide) + mean.abs().reshape(wide)
    off = size * rstd + (size * size).mean(dims).reshape(wide) * rstd * rstd
    far = off * (1 + off)
    outs = [far * w + (c.bias.abs().reshape(wide) if c.bias is not None else 0)]
    if c.mean is not None:
        outs += [c.mean.abs() + size.mean(dims), c.var.abs() + (size * size).mean(dims) * 2]
    dy = c.dys[0].abs()
    n = c.x.numel() / max(1, c.x.shape[1])
    dx = w * rstd * (1 + off) * (dy + dy.sum(dims).reshape(wide) / n + far * (dy * far).sum(dims).reshape(wide) / n)
    return outs, [{"x": dx, "weight": (dy * far).sum(dims), "bias": dy.sum(dims)}[name] for name in c.leaves]


row("batch_norm", "x mean var weight bias training:whole momentum:real eps:real", """
out(tn_batch_norm(ctx, x, mean, var, weight, bias, (tn_batch_norm_opts){
    .training = training, .momentum = momentum, .eps = eps}));
if (mean) {
    out(mean);
    out(var);
}
""", make_batch_norm, batch_norm, scale=batch_norm_scale, weight=3)

# ---- losses ----------------------------------------------------------------------------------------

REDUCTIONS = ("mean", "sum", "none")


def make_classes(d):
    classes, n = d.size(300, False), d.size()
    shape = [n] if d.below(6) else []
    smoothing = d.of(0, 0.1, 1.0)
    return dict(x=d.floats(shape + [classes], d.of(None, "shifted")), target=d.integers(shape, 0, min(classes, 256)),
                weight=d.floats([classes], "positive", False) if d.below(3) == 2 else None, reduction=d.below(3), smoothing=smoothing,
                ignore=d.of(0, d.below(classes), -100, ZERO))


def cross_entropy(x, target, weight, reduction, smoothing, ignore):
    return F.cross_entropy(x, target.long(), weight, ignore_index=given(ignore, -100), reduction=REDUCTIONS[reduction],
                           label_smoothing=smoothing)


def cross_entropy_scale(c):
    """Of the logarithms, times what each weighs; a mean divides the sum of as many."""
    size = 2 * c.x.abs().amax() + math.log(max(2, c.x.shape[-1])) if c.x.numel() else c.x.sum()
    heavy = c.weight.amax() if c.weight is not None else 1
    count = c.target.numel() if c.reduction == 1 else 1
    outs = [c.outs[0] * 0 + size * heavy * count * 2]
    if c.weight is not None and c.reduction == 0:
        outs = [outs[0] * heavy / c.weight.amin()]
    dy = c.dys[0].abs() * heavy
    if c.reduction == 0:
        dy = dy / max(1, c.target.numel()) / (c.weight.amin() if c.weight is not None else 1) * max(1, c.target.numel())
    return outs, [(1 + size) * (dy.unsqueeze(-1) if c.reduction == 2 else dy) + c.x * 0]


row("cross_entropy", "x target weight reduction:whole smoothing:real ignore:whole", """
out(tn_cross_entropy(ctx, x, target, (tn_cross_entropy_opts){
    .reduction = (tn_reduction)reduction, .label_smoothing = smoothing, .weight = weight, .ignore_index = ignore}));
""", make_classes, cross_entropy, scale=cross_entropy_scale, weight=3)
row("nll_loss", "x target weight reduction:whole ignore:whole", """
out(tn_nll_loss(ctx, x, target, (tn_nll_loss_opts){
    .reduction = (tn_reduction)reduction, .weight = weight, .ignore_index = ignore}));
""", lambda d: {name: value for name, value in make_classes(d).items() if name != "smoothing"},
    lambda x, target, weight, reduction, ignore: F.nll_loss(
        x, target.long(), weight, ignore_index=given(ignore, -100), reduction=REDUCTIONS[reduction]),
    magnitude=lambda x, target, weight, reduction, ignore: -F.nll_loss(
        x, target.long(), weight, ignore_index=given(ignore, -100), reduction=REDUCTIONS[reduction]))


def make_mse(d):
    shape = d.shape()
    return dict(a=d.floats(d.broadcast(shape)), b=d.floats(d.broadcast(shape)), reduction=d.below(3))


def mse(a, b, reduction):
    a, b = torch.broadcast_tensors(a, b)
    return F.mse_loss(a, b, reduction=REDUCTIONS[reduction])


def mse_positive(a, b, reduction):
    square = (a + b) ** 2
    return square if reduction == 2 else square.sum() if reduction == 1 else square.mean()


row("mse_loss", "a b reduction:whole", "out(tn_mse_loss(ctx, a, b, (tn_mse_loss_opts){.reduction = (tn_reduction)reduction, .broadcast = true}));", make_mse, mse, magnitude=mse_positive)


def make_bce(d):
    shape = d.shape()
    return dict(x=d.floats(shape), target=d.floats(shape, d.of("probability", "probability", "normal"), None),
                weight=d.floats(d.broadcast(shape), "positive", False) if d.below(3) == 2 else None,
                pos_weight=d.floats(d.broadcast(shape), "positive", False) if d.below(3) == 2 else None, reduction=d.below(3))


def bce(x, target, weight, pos_weight, reduction):
    return F.binary_cross_entropy_with_logits(x, target, weight, reduction=REDUCTIONS[reduction], pos_weight=pos_weight)


def bce_positive(x, target, weight, pos_weight, reduction):
    """Positive in x, target and weights, and so are its derivatives."""
    loss = (1 + 2 * x) * (1 + target * (1 if pos_weight is None else 1 + pos_weight)) * (1 if weight is None else weight)
    return loss if reduction == 2 else loss.sum() if reduction == 1 else loss.mean()


row("binary_cross_entropy_with_logits", "x target weight pos_weight reduction:whole", """
out(tn_binary_cross_entropy_with_logits(ctx, x, target, (tn_bce_opts){
    .reduction = (tn_reduction)reduction, .weight = weight, .pos_weight = pos_weight}));
""", make_bce, bce, magnitude=bce_positive, weight=2)

# ---- shape: copies of numbers, whose gradients are copied or added -----------------------------------

def moved(name, signature, code, make, reference, **more):
    row(name, signature, code, make, reference, magnitude=reference, ulps=0, **more)


def any_of(d, *shape, **more):
    return d.any(d.shape(*shape, **more))


def divisors(n):
    return [i for i in range(1, min(n, 4096) + 1) if n % i == 0]


def make_reshape(d):
    x = any_of(d)
    left, shape = x.values.size, []
    for _ in range(d.below(5)):
        shape.append(d.of(*divisors(left)) if left else d.below(3))
        left = left // shape[-1] if left and shape[-1] else left
    shape = shape + [left] if left != 1 or d.below(2) else shape
    if 0 not in shape and shape and d.below(2):
        shape[d.below(len(shape))] = -1
    return dict(x=x, shape=shape)


def make_permute(d):
    x = any_of(d)
    ndim = x.values.ndim
    dims = sorted(range(ndim), key=lambda _: d.below(1000))
    return dict(x=x, dims=[i - (ndim if d.chance(20) else 0) for i in dims])


def with_dims(*names):
    def make(d):
        x = any_of(d, 1)
        return dict(x=x, **{name: d.dim(x.values.shape) for name in names})
    return make


def make_flatten(d):
    x = any_of(d)
    ndim = max(1, x.values.ndim)
    start = d.below(ndim)
    return dict(x=x, start=start, end=d.between(start, ndim - 1) - (ndim if d.below(2) else 0))


def make_slice(d):
    x = any_of(d, 1)
    dim = d.dim(x.values.shape)
    n = x.values.shape[dim]
    return dict(x=x, dim=dim, start=d.of(0, 1, -1, d.between(-n - 1, n + 1)), end=d.of(END, n, -1, d.between(-n - 1, n + 1)),
                step=d.of(1, 2, 3, n + 1))


def make_narrow(d):
    x = any_of(d, 1)
    dim = d.dim(x.values.shape)
    start = d.between(0, x.values.shape[dim])
    return dict(x=x, dim=dim, start=start, length=d.between(0, x.values.shape[dim] - start))


def make_select(d):
    x = any_of(d, 1, zero=False)
    dim = d.dim(x.values.shape)
    return dict(x=x, dim=dim, index=d.between(-x.values.shape[dim], x.values.shape[dim] - 1))


def make_unsqueeze(d):
    x = any_of(d, 0, 3)
    return dict(x=x, dim=d.between(-x.values.ndim - 1, x.values.ndim))


def make_expand(d):
    shape = d.shape(0, 3)
    x = d.any(d.broadcast(shape))
    kept = len(shape) - x.values.ndim
    return dict(x=x, shape=[-1 if i >= kept and x.values.shape[i - kept] == n and d.chance(20) else n for i, n in enumerate(shape)])


def several(d, shapes):
    first = d.any(shapes[0])
    return [first] + [first if shape == shapes[0] and d.chance(5) else d.like(first, shape) for shape in shapes[1:]]


def make_cat(d):
    shape = d.shape(1, 3)
    dim = d.dim(shape)
    shapes = []
    for _ in range(d.between(1, 5)):
        shapes.append(list(shape))
        shapes[-1][dim] = d.size(20)
    if len(shape) == 1:
        shapes = [[max(1, s[0])] for s in shapes]
    return dict(tensors=several(d, shapes), dim=dim)


def make_stack(d):
    shape = d.shape(0, 3)
    return dict(tensors=several(d, [shape] * d.between(1, 5)), dim=d.between(-len(shape) - 1, len(shape)))


def make_index_select(d):
    x = any_of(d, 1, zero=False)
    dim = d.dim(x.values.shape)
    return dict(x=x, dim=dim, index=d.integers([d.size(40)], 0, x.values.shape[dim]))


def make_gather(d):
    x = any_of(d, 1, zero=False)
    dim = d.dim(x.values.shape)
    shape = [d.between(0 if d.chance(5) else 1, n) for n in x.values.shape]
    shape[dim] = d.size(20)
    return dict(x=x, dim=dim, index=d.integers(shape, 0, x.values.shape[dim]))


def make_pad(d):
    x = any_of(d, 1, 3)
    dims = d.between(0, x.values.ndim)
    pad = []
    for i in range(dims):
        size = x.values.shape[x.values.ndim - 1 - i]
        pad += [d.of(1, 0, 2, 5, -d.below(size // 2 + 1)) for _ in range(2)]
    return dict(x=x, pad=pad, value=d.of(0, 1, 2) if x.dtype not in ("f32", "f64") else d.of(0, -1.5, math.inf, math.nan))


moved("reshape", "x shape:sizes", "out(tn_reshape(ctx, x, shape_count, shape));", make_reshape, lambda x, shape: x.reshape(shape))
moved("flatten", "x start:whole end:whole", "out(tn_flatten(ctx, x, (int)start, (int)end));", make_flatten,
      lambda x, start, end: x.flatten(start, end))
moved("permute", "x dims:ints", "out(tn_permute(ctx, x, dims));\n(void)dims_count;", make_permute, lambda x, dims: x.permute(dims))
moved("transpose", "x dim0:whole dim1:whole", "out(tn_transpose(ctx, x, (int)dim0, (int)dim1));", with_dims("dim0", "dim1"),
      lambda x, dim0, dim1: x.transpose(dim0, dim1))
moved("slice", "x dim:whole start:whole end:whole step:whole", "out(tn_slice(ctx, x, (int)dim, start, end, step));", make_slice,
      lambda x, dim, start, end, step: x[(slice(None),) * (dim % x.dim()) + (slice(start, end, step),)])
moved("narrow", "x dim:whole start:whole length:whole", "out(tn_narrow(ctx, x, (int)dim, start, length));", make_narrow,
      lambda x, dim, start, length: x.narrow(dim, start, length))
moved("select", "x dim:whole index:whole", "out(tn_select(ctx, x, (int)dim, index));", make_select,
      lambda x, dim, index: x.select(dim, index))
moved("squeeze", "x dim:whole", "out(tn_squeeze(ctx, x, (int)dim));", with_dims("dim"), lambda x, dim: x.squeeze(dim))
moved("unsqueeze", "x dim:whole", "out(tn_unsqueeze(ctx, x, (int)dim));", make_unsqueeze, lambda x, dim: x.unsqueeze(dim))
moved("expand", "x shape:sizes", "out(tn_expand(ctx, x, shape_count, shape));", make_expand, lambda x, shape: x.expand(shape))
CAST_TENSORS = "(const tn_tensor *const *)tensors"
moved("cat", "tensors:tensors dim:whole", f"out(tn_cat(ctx, tensors_count, {CAST_TENSORS}, (int)dim));", make_cat,
      lambda tensors, dim: torch.cat(tensors, dim))
moved("stack", "tensors:tensors dim:whole", f"out(tn_stack(ctx, tensors_count, {CAST_TENSORS}, (int)dim));", make_stack,
      lambda tensors, dim: torch.stack(tensors, dim))
moved("index_select", "x dim:whole index", "out(tn_index_select(ctx, x, (int)dim, index));", make_index_select,
      lambda x, dim, index: x.index_select(dim, index.long()), weight=2)
moved("gather", "x dim:whole index", "out(tn_gather(ctx, x, (int)dim, index));", make_gather,
      lambda x, dim, index: x.gather(dim, index.long()), weight=2)
def padded(x, pad, value):
    """F.pad, which refuses tensors and results without elements."""
    shape = [n + sum(pad[2 * i:2 * i + 2]) for i, n in enumerate(reversed(x.shape))][::-1]
    if x.numel() and 0 not in shape:
        return F.pad(x, pad, value=value)
    y = torch.full(shape, value, dtype=x.dtype)
    return y + x.sum() if x.is_floating_point() else y


moved("pad", "x pad:sizes value:real", "out(tn_pad(ctx, x, pad_count, pad, value));", make_pad, padded)
moved("contiguous", "x", "out(tn_contiguous(ctx, x));", lambda d: dict(x=any_of(d)), lambda x: x.contiguous())
moved("clone", "x", "out(tn_clone(ctx, x));", lambda d: dict(x=any_of(d)), lambda x: x.clone())
moved("detach", "x", "out(tn_detach(ctx, x));", lambda d: dict(x=any_of(d)), lambda x: x.detach())

KINDS = ("f32", "f64", "i64", "i32", "u8", "bool")


def make_cast(d):
    d.special = d.chance(20)
    return dict(x=any_of(d), to=d.below(6))


def cast(x, to):
    """What is out of the range of an integer becomes the nearest one in range, and NaN 0."""
    kind = KINDS[to]
    if kind == "bool":
        return x != 0
    if kind in ("f32", "f64"):
        return Rounded.apply(x.double(), kind == "f32")
    limits = np.iinfo({"i64": np.int64, "i32": np.int32, "u8": np.uint8}[kind])
    if not x.is_floating_point():
        return x.long().clamp(limits.min, limits.max).to(getattr(torch, limits.dtype.name))
    numbers = [0 if math.isnan(v) else limits.min if v <= limits.min else limits.max if v >= limits.max else int(v)
               for v in x.detach().reshape(-1).tolist()]
    return torch.tensor(numbers, dtype=getattr(torch, limits.dtype.name)).reshape(x.shape)


class Rounded(torch.autograd.Function):
    """To float32 and back; tells the dtype of a cast's result apart, which is float64 in either case."""

    @staticmethod
    def forward(ctx, x, single):
        y = x.float().double() if single else x.clone()
        return y

    @staticmethod
    def backward(ctx, dy):
        return dy, None


row("cast", "x to:whole", "out(tn_cast(ctx, x, (tn_dtype)to));", make_cast, cast, ulps=1,
    dtype=lambda case: KINDS[case.arguments["to"]])

# ---- in place, and made from numbers -----------------------------------------------------------------

def changed(d, shape):
    """A tensor of any dtype that the library may write to."""
    t = d.any(shape)
    t = Tensor(t.values, t.dtype, False, True)
    t.lay_out(d)
    return t


def make_copy(d):
    shape = d.shape()
    x = changed(d, shape)
    y = d.like(x, d.broadcast(shape))
    y.grad = False
    return dict(x=x, y=y)


row("copy_", "x y", "tn_copy_(ctx, x, y);\nout(x);", make_copy, lambda x, y: x.clone().copy_(y), ulps=0)
row("fill_", "x value:real", "tn_fill_(ctx, x, value);\nout(x);", lambda d: dict(x=changed(d, d.shape()), value=d.below(2)),
    lambda x, value: x.clone().fill_(value), ulps=0)
row("arange", "start:real end:real step:real", "out(tn_arange(ctx, dtype, start, end, step));",
    lambda d: dict(start=d.of(0, 1, -2.5), end=d.of(5, 0.75, 33, 1000), step=d.of(1, 0.25, 3)),
    lambda start, end, step: start + step * torch.arange(max(0, math.ceil((end - start) / step)), dtype=torch.float64))
row("full", "shape:sizes value:real", "out(tn_full(ctx, dtype, shape_count, shape, value));",
    lambda d: dict(shape=d.shape(), value=d.of(1, 0, -2.5, math.inf)), lambda shape, value: torch.full(shape, float(value), dtype=torch.float64))

# ---- modules: their parameters are loaded from arguments ----------------------------------------------

def load(*names):
    """C code that loads the module with the arguments of these names, those that are not NULL."""
    lines = ["tn_module_to(ctx, module, dtype);"]
    for name in names:
        lines += [f"if ({name.replace('.', '_')})", f'    tn_dict_set(state, "{name}", {name.replace(".", "_")});']
    return "\n".join(lines + ["tn_load_state_dict(ctx, module, state, (tn_load_opts){.lenient = true});"])


def leaves(*names):
    return "\n".join(f'if ({name})\n    leaf(tn_parameter_named(module, "{name}"));' for name in names)


def as_parameters(arguments, *names):
    """Marks arguments whose values parameters get, which are what requires a gradient in their place."""
    for name in names:
        if arguments[name] is not None:
            arguments[name].grad, arguments[name].parameter = False, True
    return arguments


def make_nn_linear(d):
    a = make_linear(d)
    if 0 in a["weight"].values.shape:
        a.update(x=d.floats([3, 2]), weight=d.floats([4, 2]), bias=d.floats([4]))
    return as_parameters(a, "weight", "bias")


row("nn linear", "x weight bias", f"""
module = bias ? tn_nn_linear(ctx, tn_size(weight, 1), tn_size(weight, 0))
              : tn_nn_linear_nobias(ctx, tn_size(weight, 1), tn_size(weight, 0));
{load("weight", "bias")}
out(tn_forward(ctx, module, x));
{leaves("weight", "bias")}
""", make_nn_linear, named(F.linear), magnitude=named(F.linear))


def make_nn_conv2d(d):
    a = make_conv2d(d)
    while 0 in a["weight"].values.shape:
        a = make_conv2d(d)
    return as_parameters(a, "weight", "bias")


row("nn conv2d", "x weight bias " + CONV_SIGNATURE, f"""
tn_conv2d_opts opts = {{{options(*CONV_OPTIONS)}, {CONV_KERNEL}}};
int64_t o = tn_size(weight, 0), c = tn_size(weight, 1) * (groups ? groups : 1);
opts.kernel_w = tn_size(weight, 3);
module = bias ? tn_nn_conv2d(ctx, c, o, tn_size(weight, 2), opts)
              : tn_nn_conv2d_nobias(ctx, c, o, tn_size(weight, 2), opts);
{load("weight", "bias")}
out(tn_forward(ctx, module, x));
{leaves("weight", "bias")}
""", make_nn_conv2d, conv2d, scale=conv2d_scale)


def make_nn_batch_norm(d):
    channels = d.size(20, False)
    x = d.floats([d.size(9), channels, d.size(9), d.size(9)], d.of(None, "normal"))
    return as_parameters(dict(x=x, weight=d.floats([channels], "normal"), bias=d.floats([channels], "normal"),
                              mean=d.floats([channels], "normal", False), var=d.floats([channels], "positive", False),
                              training=d.below(2), momentum=d.of(0, 0.5, ZERO), eps=d.of(0, 0.125)), "weight", "bias")


row("nn batch_norm2d", "x weight bias mean var training:whole momentum:real eps:real", f"""
module = tn_nn_batch_norm2d(ctx, tn_size(x, 1), (tn_batch_norm_opts){{.momentum = momentum, .eps = eps}});
tn_dict_set(state, "running_mean", mean);
tn_dict_set(state, "running_var", var);
{load("weight", "bias")}
tn_train(module, training);
out(tn_forward(ctx, module, x));
out(tn_buffer_named(module, "running_mean"));
out(tn_buffer_named(module, "running_var"));
out(tn_buffer_named(module, "num_batches_tracked"));
{leaves("weight", "bias")}
""", make_nn_batch_norm, lambda x, weight, bias, mean, var, training, momentum, eps: (
    *batch_norm(x, mean, var, weight, bias, training, momentum, eps), torch.tensor(training)),
    scale=lambda c: (lambda outs, grads: (outs + [outs[0]], grads))(*batch_norm_scale(c)))


def layer(name, signature, call, make, reference, **more):
    """A module without parameters."""
    row("nn " + name, signature, f"module = {call};\nout(tn_forward(ctx, module, x));", make, reference, **more)


layer("max_pool2d", "x kernel_size:whole " + signature_of(MAX_POOL_OPTIONS),
      f"tn_nn_max_pool2d(ctx, kernel_size, (tn_pool2d_opts){{\n    {options(*MAX_POOL_OPTIONS)}}})",
      lambda d: make_pool(d, MAX_POOL_OPTIONS), max_pool2d, scale=lambda c: c.absolute_dys(max_pool2d), ulps=0)
layer("avg_pool2d", "x kernel_size:whole " + signature_of(AVG_POOL_OPTIONS),
      f"tn_nn_avg_pool2d(ctx, kernel_size, (tn_pool2d_opts){{\n    {options(*AVG_POOL_OPTIONS)}}})",
      lambda d: make_pool(d, AVG_POOL_OPTIONS), avg_pool2d, magnitude=avg_pool2d)
layer("adaptive_avg_pool2d", "x out_h:whole out_w:whole", "tn_nn_adaptive_avg_pool2d(ctx, out_h, out_w)", make_adaptive,
      adaptive_avg_pool2d, magnitude=adaptive_avg_pool2d)
layer("flatten", "x", "tn_nn_flatten(ctx)", lambda d: dict(x=d.floats(d.shape(2))), lambda x: x.flatten(1), ulps=0)
layer("relu", "x", "tn_nn_relu(ctx)", one(), named(F.relu), ulps=0)
layer("leaky_relu", "x slope:real", "tn_nn_leaky_relu(ctx, slope)", lambda d: dict(one()(d), slope=d.of(0.25, 0, 1)), named(F.leaky_relu))
layer("sigmoid", "x", "tn_nn_sigmoid(ctx)", one(), named(torch.sigmoid), scale=lambda c: (c.outs, [(c.dys[0] * c.outs[0]).abs()]))
layer("tanh", "x", "tn_nn_tanh(ctx)", one(), named(torch.tanh), scale=lambda c: (c.outs, [c.dys[0].abs()]))
layer("gelu", "x", "tn_nn_gelu(ctx)", one(), gelu, scale=lambda c: ([c.x], [2 * c.dys[0].abs()]))
row("nn dropout", "x p:real training:whole", """
module = tn_nn_dropout(ctx, p);
tn_train(module, training);
out(tn_forward(ctx, module, x));
""", lambda d: dict(x=d.floats(d.shape()), training=(training := d.below(2)), p=d.of(0, 1) if training else d.of(0.5, 0, 1)),
    lambda x, p, training: F.dropout(x, p, bool(training)))


def make_sequential(d):
    n, inputs, hidden, outputs = d.size(9), d.size(40, False), d.size(40, False), d.size(40, False)
    a = dict(x=d.floats([n, inputs]), weight=d.floats([hidden, inputs], "normal"), bias=d.floats([hidden], "normal"),
             weight_2=d.floats([outputs, hidden], "normal"), bias_2=d.floats([outputs], "normal"))
    return as_parameters(a, "weight", "bias", "weight_2", "bias_2")


def sequential_scale(c):
    """The sums of all terms; what is off in the hidden layer is off in the derivative of its sigmoid, too."""
    outs, grads = c.positive(lambda x, weight, bias, weight_2, bias_2: F.linear(F.linear(x, weight, bias), weight_2, bias_2))
    hidden = F.linear(c.x.abs(), c.weight.abs(), c.bias.abs())
    far = 1 + hidden.max() if hidden.numel() else 1
    return outs, [g * far for g in grads]


row("nn sequential", "x weight bias weight_2 bias_2", """
module = tn_sequential(ctx, tn_nn_linear(ctx, tn_size(weight, 1), tn_size(weight, 0)), tn_nn_sigmoid(ctx),
                       tn_nn_linear(ctx, tn_size(weight_2, 1), tn_size(weight_2, 0)));
tn_module_to(ctx, module, dtype);
tn_dict_set(state, "0.weight", weight);
tn_dict_set(state, "0.bias", bias);
tn_dict_set(state, "2.weight", weight_2);
tn_dict_set(state, "2.bias", bias_2);
tn_load_state_dict(ctx, module, state, (tn_load_opts){0});
out(tn_forward(ctx, module, x));
for (int64_t i = 0; i < tn_parameter_count(module); i++)
    leaf(tn_parameter(module, i, NULL, 0));
""", make_sequential, lambda x, weight, bias, weight_2, bias_2: F.linear(torch.sigmoid(F.linear(x, weight, bias)), weight_2, bias_2),
    scale=sequential_scale)

GAINS = ("leaky_relu", "relu", "linear", "tanh", "selu")
row("init_gain", "nonlinearity:whole slope:real",
    "out(tn_full(ctx, dtype, 0, NULL, tn_init_gain((tn_nonlinearity)nonlinearity, slope)));",
    lambda d: dict(nonlinearity=d.below(5), slope=d.of(0, 1, 0.5, 2.25)),
    lambda nonlinearity, slope: torch.tensor(torch.nn.init.calculate_gain(GAINS[nonlinearity], slope), dtype=torch.float64))

# ---- optimisers: the parameters after each of a few steps ---------------------------------------------

STEPS = """
for (int64_t i = 0; i < steps; i++) {
    tn_zero_grad(optim);
    for (int j = 0; j < params_count; j++)
        if ((i + j) %% 3 != skip)
            tn_backward(ctx, tn_sum(ctx, tn_mul(ctx, params[j], tn_select(ctx, grads[j], 0, i)), (tn_reduce_opts){0}));
    tn_step(optim);
    for (int j = 0; j < params_count; j++)
        out(tn_clone(ctx, tn_detach(ctx, params[j])));
    if (i == reload) {
        tn_dict_free(state);
        state = tn_optim_state_dict(optim);
        tn_optim_free(optim);
        optim = %s;
        tn_optim_load_state_dict(optim, state);
    }
}
"""


def make_steps(d, **more):
    steps, count = d.between(1, 4), d.between(1, 3)
    shapes = [d.shape(0, 3) for _ in range(count)]
    params = []
    for shape in shapes:
        params.append(Tensor(d.values(shape, "normal", d.dtype), d.dtype, False, True))
    return dict(params=params, grads=[d.floats([steps] + shape, d.of("normal", "counting", "few"), False) for shape in shapes],
                steps=steps, skip=d.of(3, 3, 0, 1), reload=d.of(4, 0, 1), **more)


def stepped(make, params, grads, steps, skip, sgd=False):
    """The parameters after each step of the optimiser that make(params) returns."""
    leaves = [p.clone().requires_grad_() for p in params]
    optimizer, outs = make(leaves), []
    for i in range(steps):
        for j, p in enumerate(leaves):
            p.grad = grads[j][i].clone() if (i + j) % 3 != skip else None
        optimizer.step()
        outs += [p.detach().clone() for p in leaves]
    return outs


def steps_scale(c):
    """Where each parameter began and the way it has gone, of which sums of gradients that cancel may be
    a part; steps of the adaptive ones are about as large as the rate whatever the gradients are."""
    count, rate, outs = len(c.params), abs(given(c.lr, c.row_lr)), []
    for i in range(c.steps):
        for j in range(count):
            before = [c.params[j]] + [c.outs[k * count + j] for k in range(i + 1)]
            way = sum((b - a).abs() for a, b in zip(before, before[1:]))
            felt = 10 if c.adaptive else c.grads_given[j][:i + 1].abs().sum(0)
            decays = [abs(given(c.weight_decay, 0.01)) * p for p in before[:-1]]
            if c.adaptive:  # what is left of a gradient that cancels the decay is as large a step
                lost = [(g.abs() + p.abs()) / (g + p).abs() for g, p in zip(c.grads_given[j], decays)]
                way = way * (1 + sum(torch.nan_to_num(x, 1, 1) for x in lost))
            outs.append(c.params[j].abs() + (i + 1) * (way + rate * (felt + decays[0].abs())))
    return outs, []


def optimiser(name, options_of, torch_class, defaults, options_names, more=lambda o: {}, adaptive=True):
    """`options_names`: of the options, their kinds, and PyTorch's arguments made of them by `more`."""
    struct = ", ".join(f".{n} = {n}" for n in options_names)
    new = f"tn_{name}_of(ctx, params_count, params, (tn_{name}_opts){{{struct}}})"
    code = "for (int j = 0; j < params_count; j++)\n    tn_set_requires_grad(ctx, params[j], true);\n" + f"optim = {new};" + STEPS % new

    def reference(params, grads, steps, skip, reload, **o):
        values = {n: given(o[n], defaults[n]) if defaults[n] is not None else o[n] for n in options_names}
        return stepped(lambda leaves: torch_class(leaves, **more(values)), params, grads, steps, skip)

    def scale(c):
        c.row_lr, c.adaptive, c.grads_given = defaults["lr"], adaptive, c.grads_argument
        return steps_scale(c)
    signature = "params:tensors grads:tensors steps:whole skip:whole reload:whole " + " ".join(f"{n}:real" for n in options_names)
    row(name, signature, code, lambda d: make_steps(d, **options_of(d)), reference, scale=scale, ulps=16, weight=2)


optimiser("sgd", lambda d: dict(lr=d.of(0, 0.1, 1.0, ZERO), momentum=d.of(0, 0.9), dampening=d.of(0, 0, 0.5), weight_decay=d.of(0, 0.1),
                                nesterov=d.chance(25)), torch.optim.SGD, dict(lr=1e-3, momentum=0, dampening=0, weight_decay=0, nesterov=None),
          ["lr", "momentum", "dampening", "weight_decay", "nesterov"], lambda o: {**o, "nesterov": bool(o["nesterov"])}, adaptive=False)
for name, torch_class, decay in (("adam", torch.optim.Adam, 0), ("adamw", torch.optim.AdamW, 1e-2)):
    optimiser(name, lambda d: dict(lr=d.of(0, 0.1, ZERO), beta1=d.of(0, 0.5, ZERO), beta2=d.of(0, 0.5, ZERO), eps=d.of(0, 0.125, 1e-6),
                                   weight_decay=d.of(0, 0.1, ZERO)), torch_class,
              dict(lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=decay), ["lr", "beta1", "beta2", "eps", "weight_decay"],
              lambda o: dict(lr=o["lr"], betas=(o["beta1"], o["beta2"]), eps=o["eps"], weight_decay=o["weight_decay"]))
optimiser("rmsprop", lambda d: dict(lr=d.of(0, 0.1, ZERO), alpha=d.of(0, 0.5, 0.75), eps=d.of(0, 0.125), weight_decay=d.of(0, 0.1),
                                    momentum=d.of(0, 0.9), centered=d.below(2)), torch.optim.RMSprop,
          dict(lr=1e-2, alpha=0.99, eps=1e-8, weight_decay=0, momentum=0, centered=None),
          ["lr", "alpha", "eps", "weight_decay", "momentum", "centered"], lambda o: {**o, "centered": bool(o["centered"])})

# The same of a module, in two groups: what the functions that take modules do with them.
for name, torch_class in (("sgd", torch.optim.SGD), ("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW), ("rmsprop", torch.optim.RMSprop)):
    row(f"{name} of a module", "x weight bias steps:whole lr:real group_lr:real group_decay:real freeze:whole", f"""
module = tn_nn_linear(ctx, tn_size(weight, 1), tn_size(weight, 0));
{load("weight", "bias")}
optim = tn_{name}(ctx, module, (tn_{name}_opts){{.lr = lr}});
tn_tensor *const group[] = {{tn_parameter_named(module, "bias")}};
tn_add_group_of(optim, 1, group, (tn_group_opts){{.lr = group_lr, .weight_decay = group_decay}});
for (int64_t i = 0; i < steps; i++) {{
    tn_freeze(ctx, module, i == freeze);
    tn_zero_grad(optim);
    tn_tensor *y = tn_sum(ctx, tn_square(ctx, tn_forward(ctx, module, x)), (tn_reduce_opts){{0}});
    if (i != freeze)
        tn_backward(ctx, y);
    tn_step(optim);
    out(tn_clone(ctx, tn_detach(ctx, tn_parameter_named(module, "weight"))));
    out(tn_clone(ctx, tn_detach(ctx, tn_parameter_named(module, "bias"))));
}}
""", lambda d: dict(x=d.floats([d.size(9, False), inputs := d.size(17, False)], "normal", False),
                    weight=d.floats([outputs := d.size(17, False), inputs], "normal", False), bias=d.floats([outputs], "normal", False),
                    steps=d.between(1, 4), lr=d.of(0.01, 0, ZERO), group_lr=d.of(0, 0.001), group_decay=d.of(0, 0.1, ZERO), freeze=d.of(4, 0, 1)),
        lambda x, weight, bias, steps, lr, group_lr, group_decay, freeze, of=torch_class, default=1e-2 if name == "rmsprop" else 1e-3,
        decay=1e-2 if name == "adamw" else 0.0: trained(of, default, decay, x, weight, bias, steps, lr, group_lr, group_decay, freeze),
        scale=lambda c, sgd=name == "sgd": ([(y.abs().max() + 1) * (1 + 99 * c.x.abs().sum() ** 2 * (c.lr == 0.01 and sgd)) + y * 0
                                             for y in c.outs], []), ulps=64)


def trained(torch_class, default, decay, x, weight, bias, steps, lr, group_lr, group_decay, freeze):
    weight, bias = weight.clone().requires_grad_(), bias.clone().requires_grad_()
    rate = float(given(lr, default))
    optimizer = torch_class([{"params": [weight], "lr": rate, "weight_decay": decay},
                             {"params": [bias], "lr": float(given(group_lr, rate)), "weight_decay": float(given(group_decay, decay))}], lr=rate)
    outs = []
    for i in range(steps):
        optimizer.zero_grad(set_to_none=True)
        if i != freeze:
            F.linear(x, weight, bias).square().sum().backward()
        optimizer.step()
        outs += [weight.detach().clone(), bias.detach().clone()]
    return outs


# Limits of gradients.
LIMITED = """
for (int j = 0; j < params_count; j++) {
    tn_set_requires_grad(ctx, params[j], true);
    tn_backward_with(ctx, params[j], grads[j]);
}
optim = tn_sgd_of(ctx, params_count, params, (tn_sgd_opts){0});
%s
for (int j = 0; j < params_count; j++)
    out(tn_grad(params[j]));
"""


def make_limited(d):
    shapes = [d.shape(0, 3) for _ in range(d.between(1, 3))]
    return dict(params=[Tensor(d.values(s, "counting", d.dtype), d.dtype, False, True) for s in shapes],
                grads=[d.floats(s, None, False) for s in shapes], limit=d.of(1, 0, 0.5, 100, math.inf))


def limited(clip):
    def fn(params, grads, limit):
        for p, g in zip(params, grads):
            p.grad = g.clone()
        total = clip(params, limit)
        return ([total.detach()] if isinstance(total, torch.Tensor) else []) + [p.grad for p in params]
    return fn


row("clip_grad_norm", "params:tensors grads:tensors limit:real",
    LIMITED % "out(tn_full(ctx, dtype, 0, NULL, tn_clip_grad_norm(optim, limit)));", make_limited, limited(torch.nn.utils.clip_grad_norm_),
    scale=lambda c: (c.outs, []), ulps=16)
row("clip_grad_value", "params:tensors grads:tensors limit:real", LIMITED % "tn_clip_grad_value(optim, limit);", make_limited,
    limited(torch.nn.utils.clip_grad_value_), ulps=1)

# ---- schedules: the rates of both groups at first and after each step -----------------------------------

RATES = """
tn_tensor *weights[] = {tn_zeros(ctx, TN_F32, TN_SHAPE(1)), tn_zeros(ctx, TN_F32, TN_SHAPE(1))};
tn_set_requires_grad(ctx, weights[0], true);
tn_set_requires_grad(ctx, weights[1], true);
optim = tn_sgd_of(ctx, 1, weights, (tn_sgd_opts){.lr = lr});
tn_add_group_of(optim, 1, weights + 1, (tn_group_opts){.lr = 3 * lr});
schedule = %s;
double rates[2 * 64] = {0};
for (int64_t i = 0; i <= steps; i++) {
    rates[2 * i] = tn_lr(optim);
    rates[2 * i + 1] = tn_group_lr(optim, 1);
    %s;
}
out(tn_from_data(ctx, TN_F64, TN_SHAPE(steps + 1, 2), rates));
"""


def rates(make, lr, steps, metrics=None):
    groups = [{"params": [torch.zeros(1, requires_grad=True)], "lr": lr}, {"params": [torch.zeros(1, requires_grad=True)], "lr": 3 * lr}]
    optimizer = torch.optim.SGD(groups, lr=lr)
    optimizer.step()
    schedule, found = make(optimizer), []
    for i in range(steps + 1):
        found.append([g["lr"] for g in optimizer.param_groups])
        schedule.step(*([metrics[i]] if metrics else []))
    return torch.tensor(found, dtype=torch.float64)


def schedule(name, signature, call, draw, make, step="tn_schedule_step(schedule)"):
    """Rates are products and sums of a few numbers, computed anew or from the ones before."""
    row(name, "lr:real steps:whole " + signature, RATES % (call, step), lambda d: dict(lr=d.of(1, 0.1, 0.003), steps=d.between(1, 40), **draw(d)),
        lambda lr, steps, **o: rates(lambda optimizer: make(optimizer, **o), lr, steps),
        scale=lambda c: ([c.outs[0] * 0 + 3 * c.lr], []), ulps=256, dtype=lambda case: "f64")


LR = torch.optim.lr_scheduler
schedule("step_lr", "step_size:whole gamma:real", "tn_step_lr(ctx, optim, step_size, gamma)",
         lambda d: dict(step_size=d.between(1, 7), gamma=d.of(0, 0.5, 1, ZERO)),
         lambda o, step_size, gamma: LR.StepLR(o, step_size, given(gamma, 0.1)))
schedule("exponential_lr", "gamma:real", "tn_exponential_lr(ctx, optim, gamma)", lambda d: dict(gamma=d.of(0.5, 0.9, 1, 1.125)),
         lambda o, gamma: LR.ExponentialLR(o, gamma))
schedule("cosine_annealing_lr", "t_max:whole eta_min:real", "tn_cosine_annealing_lr(ctx, optim, t_max, eta_min)",
         lambda d: dict(t_max=d.of(40, 41, 100), eta_min=d.of(0, 1e-3)), lambda o, t_max, eta_min: LR.CosineAnnealingLR(o, t_max, eta_min))
schedule("linear_lr", "start:real end:real total:whole", "tn_linear_lr(ctx, optim, start, end, total)",
         lambda d: dict(start=d.of(0.5, 1, 0.125), end=d.of(1, 0.5, 0), total=d.between(1, 50)),
         lambda o, start, end, total: LR.LinearLR(o, start, end, total))


def make_plateau(d):
    return dict(lr=d.of(1, 0.1), metrics=[float(v) for v in d.values([40], d.of("few", "normal", "positive"), "f64")], factor=d.of(0, 0.5, ZERO),
                patience=d.of(0, 1, 2, ZERO), threshold=d.of(0, 0.25, ZERO), absolute=d.below(2), maximize=d.below(2), cooldown=d.of(0, 2),
                min_lr=d.of(0, 0.01), eps=d.of(0, 0.05, ZERO))


def plateau(lr, metrics, factor, patience, threshold, absolute, maximize, cooldown, min_lr, eps):
    return rates(lambda o: LR.ReduceLROnPlateau(o, "max" if maximize else "min", given(factor, 0.1), given(patience, 10), given(threshold, 1e-4),
                                                "abs" if absolute else "rel", cooldown, min_lr, given(eps, 1e-8)), lr, 39, metrics)


PLATEAU = {"factor": "real", "patience": "whole", "threshold": "real", "absolute": "whole", "maximize": "whole", "cooldown": "whole",
           "min_lr": "real", "eps": "real"}
row("reduce_lr_on_plateau", "lr:real metrics:reals " + " ".join(f"{n}:{kind}" for n, kind in PLATEAU.items()),
    "const int64_t steps = metrics_count - 1;"
    + RATES % (f"tn_reduce_lr_on_plateau(ctx, optim, (tn_plateau_opts){{\n    {options(*PLATEAU)}}})", "tn_schedule_step_with(schedule, metrics[i])"),
    make_plateau, plateau, scale=lambda c: ([c.outs[0] * 0 + 3 * c.lr], []), ulps=256, dtype=lambda case: "f64")

# ---- functions that no row calls, and why ----------------------------------------------------------------

NOT_COMPARED = {}
for why, functions in {
    "frees": "tn_module_free tn_optim_free tn_schedule_free",
    "asks for what was set": "tn_is_training tn_parameter_numel tn_buffer_count tn_buffer tn_module_state tn_child tn_module_name tn_group_count",
    "sets what the next step takes": "tn_set_lr tn_set_group_lr",
    "makes modules of one's own": "tn_module_new tn_add_parameter tn_add_buffer tn_add_child",
    "is what tn_sequential expands to": "tn_sequential_of",
    "is tn_add_group_of of a module's parameters": "tn_add_group",
    "is for files (tests/unit/test_state.c and others)": "tn_load_opts tn_state_dict tn_schedule_state_dict tn_schedule_load_state_dict",
    "draws numbers that PyTorch does not": "tn_init_opts tn_init_kaiming_uniform_ tn_init_kaiming_normal_ tn_init_xavier_uniform_ tn_init_xavier_normal_",
    "writes text": "tn_summary tn_print_summary tn_summary_of tn_print_summary_of tn_summary_opts tn_graph_dot",
}.items():
    NOT_COMPARED.update(dict.fromkeys(functions.split(), why))
