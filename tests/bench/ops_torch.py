"""The operators of ops.c in PyTorch, with the same questions and answers: ops_torch.py THREADS"""
import os
import statistics
import sys
import time

# OpenBLAS has threads of its own, which torch.set_num_threads does not reach. It counts them as it is loaded.
os.environ["OPENBLAS_NUM_THREADS"] = sys.argv[1]

import torch
import torch.nn.functional as F

MOST_CALLS = 4096


DTYPES = {"f32": torch.float32, "f64": torch.float64, "i64": torch.int64, "i32": torch.int32, "u8": torch.uint8}


class Arguments:
    """The arguments of a row of ops.tsv."""

    def __init__(self, words):
        self.tensors, self.dtype, self.numbers = [], torch.float32, {}
        for word in words:
            key, value = word.split("=")
            if key == "dtype":
                self.dtype = DTYPES[value]
                continue
            sizes = list(map(int, value.split(",")))
            if key in ("x", "data"):
                self.tensors.append(torch.rand(sizes, dtype=self.dtype, requires_grad=key == "x"))
            elif key == "below":
                dtype = torch.int64 if self.dtype.is_floating_point else self.dtype
                self.tensors.append(torch.randint(0, sizes[0], sizes[1:], dtype=dtype))
            elif key == "flags":
                self.tensors.append(torch.rand(sizes) < 0.5)
            else:
                self.numbers[key] = sizes

    def __getattr__(self, key):
        return self.numbers.get(key, [])

    def one(self, key, default):
        return self.numbers.get(key, [default])[0]


def over(f):
    return lambda a: f(a.tensors[0], a.dim) if a.dim else f(a.tensors[0])


def window(a):
    return dict(kernel_size=a.one("kernel", 1), stride=a.one("stride", None), padding=a.one("padding", 0))


def conv(a):
    return dict(stride=a.one("stride", 1), padding=a.one("padding", 0), groups=a.one("groups", 1))


def batch_norm(a):
    x, weight, bias = a.tensors
    return F.batch_norm(x, None, None, weight, bias, training=True)


def narrowed(a):
    return a.tensors[0].narrow(a.dim[0], *a.size).contiguous()


OPERATORS = {
    "add": lambda a: torch.add(*a.tensors),
    "sub": lambda a: torch.sub(*a.tensors),
    "mul": lambda a: torch.mul(*a.tensors),
    "div": lambda a: torch.div(*a.tensors),
    "neg": lambda a: torch.neg(*a.tensors),
    "abs": lambda a: torch.abs(*a.tensors),
    "square": lambda a: torch.square(*a.tensors),
    "sqrt": lambda a: torch.sqrt(*a.tensors),
    "exp": lambda a: torch.exp(*a.tensors),
    "log": lambda a: torch.log(*a.tensors),
    "add_scalar": lambda a: a.tensors[0] + 2,
    "mul_scalar": lambda a: a.tensors[0] * 2,
    "pow_scalar": lambda a: a.tensors[0] ** 1.5,
    "clamp": lambda a: torch.clamp(a.tensors[0], 0.25, 0.75),
    "relu": lambda a: torch.relu(*a.tensors),
    "sigmoid": lambda a: torch.sigmoid(*a.tensors),
    "tanh": lambda a: torch.tanh(*a.tensors),
    "gelu": lambda a: F.gelu(*a.tensors),
    "leaky_relu": lambda a: F.leaky_relu(a.tensors[0], 0.01),
    "softplus": lambda a: F.softplus(*a.tensors),
    "arange": lambda a: torch.arange(0, a.size[0], dtype=a.dtype),
    "rand": lambda a: torch.rand(a.size, dtype=a.dtype),
    "randn": lambda a: torch.randn(a.size, dtype=a.dtype),
    "dropout": lambda a: F.dropout(a.tensors[0], 0.5, True),
    "lt": lambda a: torch.lt(*a.tensors),
    "where": lambda a: torch.where(*a.tensors),
    "sum": over(torch.sum),
    "mean": over(torch.mean),
    "var": lambda a: torch.var(a.tensors[0], a.dim) if a.dim else torch.var(a.tensors[0]),
    "max": lambda a: torch.max(a.tensors[0], a.dim[0])[0],
    "amax": over(torch.amax),
    "argmax": lambda a: torch.argmax(a.tensors[0], a.dim[0]),
    "topk": lambda a: torch.topk(a.tensors[0], a.one("size", 5), a.dim[0])[0],
    "softmax": lambda a: torch.softmax(a.tensors[0], a.dim[0]),
    "log_softmax": lambda a: torch.log_softmax(a.tensors[0], a.dim[0]),
    "matmul": lambda a: torch.matmul(*a.tensors),
    "linear": lambda a: F.linear(*a.tensors),
    "conv2d": lambda a: F.conv2d(*a.tensors, **conv(a)),
    "max_pool2d": lambda a: F.max_pool2d(a.tensors[0], **window(a)),
    "avg_pool2d": lambda a: F.avg_pool2d(a.tensors[0], **window(a)),
    "adaptive_avg_pool2d": lambda a: F.adaptive_avg_pool2d(a.tensors[0], a.size),
    "batch_norm": batch_norm,
    "cross_entropy": lambda a: F.cross_entropy(*a.tensors),
    "nll_loss": lambda a: F.nll_loss(*a.tensors),
    "mse_loss": lambda a: F.mse_loss(*a.tensors),
    "binary_cross_entropy_with_logits": lambda a: F.binary_cross_entropy_with_logits(*a.tensors),
    "reshape": lambda a: a.tensors[0].reshape(a.size),
    "transpose": lambda a: a.tensors[0].transpose(*a.dim).contiguous(),
    "permute": lambda a: a.tensors[0].permute(a.dim).contiguous(),
    "narrow": narrowed,
    "expand": lambda a: a.tensors[0].expand(a.size).contiguous(),
    "cat": lambda a: torch.cat(a.tensors, a.dim[0]),
    "stack": lambda a: torch.stack(a.tensors, a.dim[0]),
    "index_select": lambda a: torch.index_select(a.tensors[0], a.dim[0], a.tensors[1]),
    "gather": lambda a: torch.gather(a.tensors[0], a.dim[0], a.tensors[1]),
    "pad": lambda a: F.pad(a.tensors[0], a.size),
    "cast": lambda a: a.tensors[0].to(torch.float64 if a.dtype == torch.float32 else torch.float32),
}


def moment():
    return time.perf_counter(), time.process_time()


def seconds_since(start):
    """As in ops.c: with one thread, the processor's work where that is less than the wall's time."""
    wall, work = (now - then for now, then in zip(moment(), start))
    return work if torch.get_num_threads() == 1 and 0 < work < wall else wall


def time_call(run, a, what, dy):
    """Seconds of one call, or None where there is no gradient."""
    with torch.set_grad_enabled(what != "forward"):
        start = moment()
        y = run(a)
        seconds = seconds_since(start)
    if what == "forward":
        return seconds
    if not y.requires_grad:
        return None
    root = y.sum() if what == "sum" else y
    start = moment()
    root.backward(dy)
    seconds = seconds_since(start)
    for t in a.tensors:
        t.grad = None
    return seconds


def gradient_for(run, a, what):
    with torch.no_grad():
        y = run(a)
    if not y.dtype.is_floating_point:
        return None
    return torch.rand(() if what == "sum" else y.shape, dtype=y.dtype)


def answer(what, milliseconds, name, *words):
    run, a, times = OPERATORS[name], Arguments(words), []
    dy = gradient_for(run, a, what)
    first, end = time_call(run, a, what, dy), time.perf_counter() + 1e-3 * float(milliseconds)
    while first is not None and len(times) < MOST_CALLS and (not times or time.perf_counter() < end):
        times.append(time_call(run, a, what, dy))
    if times:
        print(f"{1e6 * statistics.median(times):.4f} {1e6 * min(times):.4f}", flush=True)
    else:
        print("none", flush=True)


torch.set_num_threads(int(sys.argv[1]))
torch.manual_seed(1)
for line in sys.stdin:
    answer(*line.split())
