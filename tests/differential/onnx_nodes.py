#!/usr/bin/env python3
"""ONNX's own tests of operators, computed by the library's public functions.

    onnx_nodes.py DRIVER [NAME...]

A test is a small graph with inputs and the outputs that are right. Its nodes are computed one after
another: OPERATORS says how, by calls of the rows of rows.py. Tests with an operator that is none of the
library's, nor can be composed of them, are counted under its name; those of types that it does not have
under their reason. README.md says more."""
import collections
import glob
import math
import os
import re
import sys

import numpy as np
import onnx
from onnx import numpy_helper

from cases import DTYPES, EPS, GIVE_BACK, NAMES, Case, Tensor
from differential import Driver
from rows import ROWS

DATA = "/usr/share/libonnx-testdata/data"
KINDS = ("node", "simple", "pytorch-operator", "pytorch-converted")
NUMPY_NAMES = {np.dtype(t[1]): name for name, t in DTYPES.items()}
BY_NAME = {r.name: r for r in ROWS}
RUNS = {"baseline": 1, "v3": 4, "v4": 16}  # by one thread
HIGH = 2**63 - 1


class NoOperator(Exception):
    pass


class NotApplicable(Exception):
    pass


class Refused(Exception):
    pass


def check_type(x, what):
    if isinstance(x, np.ndarray) and x.dtype not in NUMPY_NAMES:
        raise NotApplicable(f"{what} of {'text' if x.dtype == object else x.dtype}")
    return x


class Library:
    """Calls of rows: library.add(a, b). Arguments that are not given are 0 or NULL."""

    def __init__(self, driver, isa):
        self.driver, self.isa = driver, isa

    def __getattr__(self, name):
        row = BY_NAME[name]

        def call(*arguments, **named):
            values = {n: 0 if kind in ("whole", "real") else None if kind == "tensor" else [] for n, kind in row.signature}
            values.update(zip([n for n, _ in row.signature], arguments), **named)
            return self.run(row, values)
        return call

    def run(self, row, values):
        floats = set()
        for name, kind in row.signature:
            if kind == "tensor" and values[name] is not None:
                values[name] = self.tensor(row, values[name], floats)
            elif kind == "tensors":
                values[name] = [self.tensor(row, t, floats) for t in values[name]]
        case = Case(row, "f64" if floats == {"f64"} else "f32", values)
        answer, reason = self.driver.ask(case.request(RUNS[self.isa], GIVE_BACK))
        if answer is None:
            raise Refused(reason)
        results = self.results(answer)
        return results if len(results) > 1 else results[0]

    @staticmethod
    def tensor(row, x, floats):
        x = np.asarray(x)
        dtype = NUMPY_NAMES[check_type(x, row.name).dtype]
        floats.update({dtype} & {"f32", "f64"})
        return Tensor(x, dtype)

    @staticmethod
    def results(answer):
        count, at, found = int.from_bytes(answer[:8], "little", signed=True), 8, []
        if count < 0:
            text = answer[8:].decode()
            type_of = re.match(r"(\w+): \w+ is (\w+) but must be f32 or f64", text)
            raise NotApplicable("{} of {}".format(*type_of.groups())) if type_of else Refused(text)
        for _ in range(count):
            code, ndim = np.frombuffer(answer, np.int64, 2, at)
            shape = np.frombuffer(answer, np.int64, ndim, at + 16)
            dtype = np.dtype(DTYPES[NAMES[int(code)]][1])
            at += 16 + 8 * int(ndim)
            n = math.prod(int(i) for i in shape)
            found.append(np.frombuffer(answer, dtype, n, at).reshape(shape))
            at += n * dtype.itemsize
        return found


# ---- what ONNX's operators are made of ------------------------------------------------------------------

OPERATORS = {}


def operator(*names):
    def add(fn):
        for name in names:
            OPERATORS[name] = fn
        return fn
    return add


def same(onnx_name, row):
    """An operator of ours under another name, of as many tensors."""
    OPERATORS[onnx_name] = lambda n, *xs: getattr(n.lib, row)(*xs)


for pair in ("Add add,Sub sub,Mul mul,Div div,MatMul matmul,Equal eq,Less lt,LessOrEqual le,Greater gt,GreaterOrEqual ge,Where where,"
             "Neg neg,Abs abs,Sqrt sqrt,Exp exp,Log log,Relu relu,Sigmoid sigmoid,Tanh tanh,Softplus softplus,Identity clone").split(","):
    same(*pair.split())


class Node:
    """What a function of OPERATORS knows: the library, the attributes, the opset, how many outputs."""

    def __init__(self, lib, proto, opset):
        self.lib, self.name, self.opset, self.outputs = lib, proto.op_type, opset, len(proto.output)
        self.attributes = {a.name: onnx.helper.get_attribute_value(a) for a in proto.attribute}

    def get(self, name, otherwise=None):
        value = self.attributes.get(name, otherwise)
        return value.decode() if isinstance(value, bytes) else value


def number(x):
    return float(np.asarray(x).reshape(-1)[0])


def like(x, value):
    return np.asarray(value, x.dtype)


def as_bool(n, x):
    return n.lib.cast(x, DTYPES["bool"][0])


def index_dtype(x):
    return x if x.dtype in (np.int64, np.int32, np.uint8) else x.astype(np.int64)


# element by element
@operator("Reciprocal")
def reciprocal(n, x):
    return n.lib.div(like(x, 1), x)


@operator("LeakyRelu")
def leaky_relu(n, x):
    return n.lib.leaky_relu(x, n.get("alpha", 0.01))


def elu(n, x, alpha, gamma=1.0):
    """gamma x where it is positive, gamma alpha (e^x - 1) elsewhere."""
    low = n.lib.add_scalar(n.lib.exp(n.lib.clamp(x, -math.inf, 0)), -1)
    return n.lib.mul_scalar(n.lib.where(n.lib.gt(x, like(x, 0)), x, n.lib.mul_scalar(low, alpha)), gamma)


OPERATORS["Elu"] = lambda n, x: elu(n, x, n.get("alpha", 1.0))
OPERATORS["Selu"] = lambda n, x: elu(n, x, n.get("alpha", 1.67326319217681884765625), n.get("gamma", 1.05070102214813232421875))


@operator("Celu")
def celu(n, x):
    alpha = n.get("alpha", 1.0)
    return n.lib.mul_scalar(elu(n, n.lib.mul_scalar(x, 1 / alpha), 1.0), alpha)


@operator("HardSigmoid")
def hard_sigmoid(n, x, alpha=None, beta=None):
    alpha, beta = alpha or n.get("alpha", 0.2), beta or n.get("beta", 0.5)
    return n.lib.clamp(n.lib.add_scalar(n.lib.mul_scalar(x, alpha), beta), 0, 1)


@operator("HardSwish")
def hard_swish(n, x):
    return n.lib.mul(x, hard_sigmoid(n, x, 1 / 6, 0.5))


@operator("ThresholdedRelu")
def thresholded_relu(n, x):
    return n.lib.where(n.lib.gt(x, like(x, n.get("alpha", 1.0))), x, like(x, 0))


@operator("Shrink")
def shrink(n, x):
    bias, limit = n.get("bias", 0.0), n.get("lambd", 0.5)
    low = n.lib.where(n.lib.lt(x, like(x, -limit)), n.lib.add_scalar(x, bias), like(x, 0))
    return n.lib.where(n.lib.gt(x, like(x, limit)), n.lib.add_scalar(x, -bias), low)


@operator("Softsign")
def softsign(n, x):
    return n.lib.div(x, n.lib.add_scalar(n.lib.abs(x), 1))


@operator("PRelu")
def prelu(n, x, slope):
    if n.opset < 7:
        slope = slope.reshape([-1] + [1] * (x.ndim - 2))
    return n.lib.where(n.lib.ge(x, like(x, 0)), x, n.lib.mul(x, slope))


@operator("Clip")
def clip(n, x, low=None, high=None):
    low = n.get("min") if low is None else low
    high = n.get("max") if high is None else high
    if x.dtype.kind == "f":
        return n.lib.clamp(x, -math.inf if low is None else number(low), math.inf if high is None else number(high))
    if low is not None:
        x = n.lib.where(n.lib.gt(x, like(x, low)), x, like(x, low))
    return x if high is None else n.lib.where(n.lib.lt(x, like(x, high)), x, like(x, high))


@operator("Pow")
def power(n, x, p):
    """Of one exponent, or of a few different ones, each where it counts."""
    if x.dtype.kind != "f":
        raise NotApplicable(f"Pow of {x.dtype}")
    y = None
    for value in np.unique(p):
        part = n.lib.pow_scalar(x, float(value))
        y = part if y is None else n.lib.where(n.lib.eq(p, like(p, value)), part, y)
    return n.lib.expand(y, list(np.broadcast_shapes(x.shape, p.shape)))


@operator("Sign")
def sign(n, x):
    to = DTYPES[NUMPY_NAMES[check_type(x, "Sign").dtype]][0]
    return n.lib.sub(n.lib.cast(n.lib.gt(x, like(x, 0)), to), n.lib.cast(n.lib.lt(x, like(x, 0)), to))


@operator("Floor", "Ceil")
def floor(n, x):
    """Truncated, and one less or more where that went the wrong way."""
    to = DTYPES[NUMPY_NAMES[x.dtype]][0]
    whole = n.lib.cast(n.lib.cast(x, DTYPES["i64"][0]), to)
    if n.name == "Floor":
        return n.lib.sub(whole, n.lib.cast(n.lib.gt(whole, x), to))
    return n.lib.add(whole, n.lib.cast(n.lib.lt(whole, x), to))


@operator("IsNaN")
def is_nan(n, x):
    return n.lib.ne(x, x)


@operator("IsInf")
def is_inf(n, x):
    wanted = [value for value, name in ((math.inf, "detect_positive"), (-math.inf, "detect_negative")) if n.get(name, 1)]
    if len(wanted) == 2:
        return n.lib.eq(n.lib.abs(x), like(x, math.inf))
    return n.lib.eq(x, like(x, wanted[0])) if wanted else n.lib.ne(x, x)


@operator("Not")
def logical_not(n, x):
    return n.lib.eq(x, np.array(False))


@operator("And")
def logical_and(n, a, b):
    return n.lib.where(a, b, np.array(False))


@operator("Or")
def logical_or(n, a, b):
    return n.lib.where(a, np.array(True), b)


@operator("Xor")
def logical_xor(n, a, b):
    return n.lib.ne(a, b)


@operator("Max", "Min")
def most(n, *xs):
    y = xs[0]
    for x in xs[1:]:
        shape = list(np.broadcast_shapes(x.shape, y.shape))
        both = n.lib.stack([n.lib.expand(t, shape) for t in (y, x)], 0)
        y = getattr(n.lib, "amax" if n.name == "Max" else "amin")(both, [0], 0)
    return y


@operator("Sum", "Mean")
def total(n, *xs):
    y = xs[0]
    for x in xs[1:]:
        y = n.lib.add(y, x)
    return n.lib.mul_scalar(y, 1 / len(xs)) if n.name == "Mean" else y


# reductions
def axes_of(n, x, given):
    axes = n.get("axes") if given is None else [int(i) for i in given]
    return [] if axes is None else list(axes)


def reduction(onnx_name, fn):
    def reduce(n, x, axes=None):
        axes = axes_of(n, x, axes)
        if not axes and n.get("noop_with_empty_axes", 0):
            return x
        return fn(n.lib, x, axes, n.get("keepdims", 1))
    OPERATORS[onnx_name] = reduce


def log_sum_exp(lib, x, dims, keep):
    most = lib.amax(x, dims, 1)
    y = lib.add(lib.log(lib.sum(lib.exp(lib.sub(x, most)), dims, 1)), most)
    return y if keep else lib.sum(y, dims or list(range(x.ndim)), 0)


reduction("ReduceSum", lambda lib, x, dims, keep: lib.sum(x, dims, keep))
reduction("ReduceMean", lambda lib, x, dims, keep: lib.mean(x, dims, keep))
reduction("ReduceMax", lambda lib, x, dims, keep: lib.amax(x, dims, keep))
reduction("ReduceMin", lambda lib, x, dims, keep: lib.amin(x, dims, keep))
reduction("ReduceL1", lambda lib, x, dims, keep: lib.sum(lib.abs(x), dims, keep))
reduction("ReduceL2", lambda lib, x, dims, keep: lib.sqrt(lib.sum(lib.square(x), dims, keep)))
reduction("ReduceSumSquare", lambda lib, x, dims, keep: lib.sum(lib.square(x), dims, keep))
reduction("ReduceLogSum", lambda lib, x, dims, keep: lib.log(lib.sum(x, dims, keep)))
reduction("ReduceLogSumExp", log_sum_exp)


@operator("ReduceProd")
def reduce_prod(n, x, axes=None):
    axes = sorted({i % x.ndim for i in axes_of(n, x, axes) or range(x.ndim)}, reverse=True)
    for axis in axes:
        parts = [n.lib.narrow(x, axis, i, 1) for i in range(x.shape[axis])]
        x = parts[0]
        for part in parts[1:]:
            x = n.lib.mul(x, part)
        x = x if n.get("keepdims", 1) else n.lib.squeeze(x, axis)
    return x


@operator("ArgMax", "ArgMin")
def argmax(n, x):
    axis, size = n.get("axis", 0), x.shape[n.get("axis", 0)]
    last = n.get("select_last_index", 0)
    if last:
        x = n.lib.index_select(x, axis, np.arange(size)[::-1].copy())
    y = getattr(n.lib, "argmax" if n.name == "ArgMax" else "argmin")(x, axis)
    if last:
        y = n.lib.gather(np.arange(size)[::-1].copy(), 0, n.lib.flatten(y, 0, -1)).reshape(y.shape)
    return n.lib.unsqueeze(y, axis % x.ndim) if n.get("keepdims", 1) else y


@operator("TopK")
def topk(n, x, k=None):
    return n.lib.topk(x, int(n.get("k") if k is None else k[0]), n.get("axis", -1), n.get("largest", 1))


def flat_softmax(n, x, name):
    """Before opset 13 all dimensions from the axis on are one."""
    axis = n.get("axis", 1 if n.opset < 13 else -1)
    if n.opset >= 13:
        return getattr(n.lib, name)(x, axis)
    flat = n.lib.reshape(x, [math.prod(x.shape[:axis % x.ndim]), -1])
    return n.lib.reshape(getattr(n.lib, name)(flat, 1), list(x.shape))


OPERATORS["Softmax"] = lambda n, x: flat_softmax(n, x, "softmax")
OPERATORS["LogSoftmax"] = lambda n, x: flat_softmax(n, x, "log_softmax")


@operator("Hardmax")
def hardmax(n, x):
    axis = n.get("axis", -1) % x.ndim
    best = n.lib.unsqueeze(n.lib.argmax(x, axis), axis)
    places = np.arange(x.shape[axis]).reshape([-1] + [1] * (x.ndim - 1 - axis))
    return n.lib.cast(n.lib.eq(best, places), DTYPES[NUMPY_NAMES[x.dtype]][0])


# products
@operator("Gemm")
def gemm(n, a, b, c=None):
    a = n.lib.transpose(a, 0, 1) if n.get("transA", 0) else a
    b = n.lib.transpose(b, 0, 1) if n.get("transB", 0) else b
    y = n.lib.mul_scalar(n.lib.matmul(a, b), n.get("alpha", 1.0))
    return y if c is None else n.lib.add(y, n.lib.mul_scalar(c, n.get("beta", 1.0)))


@operator("Einsum")
def einsum(n, *xs):
    """Every operand with all letters as dimensions, multiplied, and summed over those left out."""
    left, arrow, right = n.get("equation").replace(" ", "").partition("->")
    terms = left.split(",")
    right = right if arrow else "".join(sorted(c for c in set(left) - {","} if left.count(c) == 1))
    if any(len(set(t.replace(".", ""))) < len(t.replace(".", "")) for t in terms):
        raise NoOperator("Einsum of a diagonal")
    stars = max(x.ndim - len(t.replace(".", "")) for t, x in zip(terms, xs))
    terms = [t.replace("...", "0123"[:stars]) for t in terms]
    right = right.replace("...", "0123"[:stars])
    letters = right + "".join(sorted(set("".join(terms)) - set(right)))
    y = None
    for t, x in zip(terms, xs):
        order = sorted(range(len(t)), key=lambda i: letters.index(t[i]))
        x = n.lib.permute(x, order)
        x = n.lib.reshape(x, [x.shape[sorted(t, key=letters.index).index(c)] if c in t else 1 for c in letters])
        y = x if y is None else n.lib.mul(y, x)
    dims = list(range(len(right), len(letters)))
    return n.lib.sum(y, dims, 0) if dims else y


def pads_of(n, spatial, kernel, strides, dilations):
    """Numbers before and after each spatial dimension, from the attributes or as auto_pad says."""
    auto = n.get("auto_pad", "NOTSET")
    dims = len(spatial)
    if auto == "NOTSET":
        pads = n.get("pads", [0] * 2 * dims)
        return list(zip(pads[:dims], pads[dims:]))
    if auto == "VALID":
        return [(0, 0)] * dims
    pads = []
    for size, k, s, d in zip(spatial, kernel, strides, dilations):
        whole = max(0, (-(-size // s) - 1) * s + d * (k - 1) + 1 - size)
        pads.append((whole // 2, whole - whole // 2) if auto == "SAME_UPPER" else (whole - whole // 2, whole // 2))
    return pads


def padded(n, x, pads, value):
    """x with the pads that are not alike before and after around it, and those that are."""
    numbers = [i for before, after in reversed(pads) for i in (before, after)]
    return n.lib.pad(x, numbers, value) if any(numbers) else x


def windows(n, x, kernel):
    dims = x.ndim - 2
    strides, dilations = n.get("strides", [1] * dims), n.get("dilations", [1] * dims)
    return strides, dilations, pads_of(n, x.shape[2:], kernel, strides, dilations)


def in_pairs(values, otherwise):
    """Options of both directions, of an image or a line that was made one of height 1."""
    return [otherwise] * (2 - len(values)) + list(values)


@operator("Conv")
def conv(n, x, w, b=None):
    strides, dilations, pads = windows(n, x, w.shape[2:])
    if x.ndim == 5:
        return conv3d(n, padded(n, x, pads, 0), w, b, strides, dilations)
    both = all(before == after for before, after in pads)
    x = x if both else padded(n, x, pads, 0)
    return conv_of(n, x, w, b, strides, dilations, [p[0] for p in pads] if both else [0] * len(pads))


def conv_of(n, x, w, b, strides, dilations, pads):
    line = x.ndim == 3
    if line:
        x, w = n.lib.unsqueeze(x, 2), n.lib.unsqueeze(w, 2)
    (sh, sw), (dh, dw), (ph, pw) = in_pairs(strides, 1), in_pairs(dilations, 1), in_pairs(pads, 0)
    y = n.lib.conv2d(x, w, b, stride_h=sh, stride_w=sw, dilation_h=dh, dilation_w=dw, padding_h=ph, padding_w=pw, groups=n.get("group", 1))
    return n.lib.squeeze(y, 2) if line else y


def conv3d(n, x, w, b, strides, dilations):
    """The sum over planes of the kernel of convolutions of planes of x."""
    out = (x.shape[2] - dilations[0] * (w.shape[2] - 1) - 1) // strides[0] + 1
    planes = []
    for i in range(out):
        y = None
        for j in range(w.shape[2]):
            at = i * strides[0] + j * dilations[0]
            part = conv_of(n, n.lib.select(x, 2, at), n.lib.select(w, 2, j), b if j == 0 else None, strides[1:], dilations[1:], [0, 0])
            y = part if y is None else n.lib.add(y, part)
        planes.append(y)
    return n.lib.stack(planes, 2)


def pool(n, x, name, kernel, strides, dilations, pads, ceil_mode, **more):
    """Of lines, images, or blocks: images first, then lines along the depth."""
    if x.ndim == 5:
        y = n.lib.flatten(n.lib.transpose(x, 1, 2), 0, 1)
        y = pool(n, y, name, kernel[1:], strides[1:], dilations[1:], pads[1:], ceil_mode, **more)
        y = n.lib.reshape(y, [x.shape[0], x.shape[2], x.shape[1], *y.shape[2:]])
        y = n.lib.permute(y, [0, 2, 3, 4, 1])
        shape = y.shape
        y = n.lib.reshape(y, [shape[0], -1, shape[4]])
        y = pool(n, y, name, kernel[:1], strides[:1], dilations[:1], pads[:1], ceil_mode, **more)
        return n.lib.permute(n.lib.reshape(y, [*shape[:4], y.shape[2]]), [0, 1, 4, 2, 3])
    line = x.ndim == 3
    x = n.lib.unsqueeze(x, 2) if line else x
    (kh, kw), (sh, sw), (ph, pw) = in_pairs(kernel, 1), in_pairs(strides, 1), in_pairs(pads, 0)
    if name == "max_pool2d":
        more["dilation_h"], more["dilation_w"] = in_pairs(dilations, 1)
    y = getattr(n.lib, name)(x, max(kh, kw), kernel_h=kh, kernel_w=kw, stride_h=sh, stride_w=sw, padding_h=ph, padding_w=pw,
                             ceil_mode=ceil_mode, **more)
    return n.lib.squeeze(y, 2) if line else y


@operator("MaxPool")
def max_pool(n, x):
    if n.outputs > 1:
        raise NoOperator("MaxPool with indices")
    kernel = n.get("kernel_shape")
    strides, dilations, pads = windows(n, x, kernel)
    ceil_mode = n.get("ceil_mode", 0)
    both = all(before == after and 2 * before <= k for (before, after), k in zip(pads, kernel))
    x = x if both else padded(n, x, pads, -math.inf)
    return pool(n, x, "max_pool2d", kernel, strides, dilations, [p[0] if both else 0 for p in pads], ceil_mode)


@operator("AveragePool")
def average_pool(n, x):
    """With pads that are not alike or windows too wide for them, the mean of x with zeros around it, over
    that of ones if padding does not count."""
    kernel, exclude = n.get("kernel_shape"), not n.get("count_include_pad", 0)
    strides, dilations, pads = windows(n, x, kernel)
    ceil_mode = n.get("ceil_mode", 0)
    if all(before == after and 2 * before <= k for (before, after), k in zip(pads, kernel)):
        return pool(n, x, "avg_pool2d", kernel, strides, dilations, [p[0] for p in pads], ceil_mode, exclude_padding=exclude)
    y = pool(n, padded(n, x, pads, 0), "avg_pool2d", kernel, strides, dilations, [0] * len(pads), ceil_mode)
    if not exclude:
        return y
    ones = n.lib.full(list(x.shape), 1.0)
    return n.lib.div(y, pool(n, padded(n, ones, pads, 0), "avg_pool2d", kernel, strides, dilations, [0] * len(pads), ceil_mode))


@operator("GlobalAveragePool")
def global_average_pool(n, x):
    return n.lib.adaptive_avg_pool2d(x, 1, 1) if x.ndim == 4 else n.lib.mean(x, list(range(2, x.ndim)), 1)


@operator("GlobalMaxPool")
def global_max_pool(n, x):
    return n.lib.amax(x, list(range(2, x.ndim)), 1)


# normalisation
@operator("BatchNormalization")
def batch_normalization(n, x, scale, bias, mean, var):
    training, momentum = n.get("training_mode", 0), n.get("momentum", 0.9)
    results = n.lib.batch_norm(x, mean, var, scale, bias, training, 1 - momentum, n.get("epsilon", 1e-5))
    if not training:
        return results[0]
    # ONNX's running variance takes in the biased one.
    dims = [i for i in range(x.ndim) if i != 1]
    biased = n.lib.var(x, dims, 0, -HIGH - 1)
    running = n.lib.add(n.lib.mul_scalar(var, momentum), n.lib.mul_scalar(biased, 1 - momentum))
    return [results[0], results[1], running]


@operator("InstanceNormalization")
def instance_normalization(n, x, scale, bias):
    """Batch normalisation of an image for each of its channels."""
    flat = n.lib.reshape(x, [1, x.shape[0] * x.shape[1], -1])
    y = n.lib.batch_norm(flat, training=1, eps=n.get("epsilon", 1e-5))
    y = n.lib.reshape(y, list(x.shape))
    wide = [-1] + [1] * (x.ndim - 2)
    return n.lib.add(n.lib.mul(y, n.lib.reshape(scale, wide)), n.lib.reshape(bias, wide))


@operator("LayerNormalization")
def layer_normalization(n, x, scale, bias=None):
    dims = list(range(n.get("axis", -1) % x.ndim, x.ndim))
    mean = n.lib.mean(x, dims, 1)
    var = n.lib.var(x, dims, 1, -HIGH - 1)
    scaled = n.lib.pow_scalar(n.lib.add_scalar(var, n.get("epsilon", 1e-5)), -0.5)
    y = n.lib.mul(n.lib.mul(n.lib.sub(x, mean), scaled), scale)
    return [y if bias is None else n.lib.add(y, bias), mean, scaled]


@operator("MeanVarianceNormalization")
def mean_variance_normalization(n, x):
    dims = list(n.get("axes", [0, 2, 3]))
    return n.lib.div(n.lib.sub(x, n.lib.mean(x, dims, 1)), n.lib.add_scalar(n.lib.sqrt(n.lib.var(x, dims, 1, -HIGH - 1)), 1e-9))


@operator("LRN")
def local_response_normalization(n, x):
    """The mean of squares over neighbouring channels, padding included: an average pool over them."""
    size = n.get("size")
    square = n.lib.reshape(n.lib.square(x), [x.shape[0], 1, x.shape[1], -1])
    square = n.lib.pad(square, [0, 0, (size - 1) // 2, size // 2], 0)
    mean = n.lib.reshape(n.lib.avg_pool2d(square, 1, kernel_h=size, stride=1), list(x.shape))
    base = n.lib.add_scalar(n.lib.mul_scalar(mean, n.get("alpha", 1e-4)), n.get("bias", 1.0))
    return n.lib.mul(x, n.lib.pow_scalar(base, -n.get("beta", 0.75)))


@operator("Dropout")
def dropout(n, x, ratio=None, training=None):
    if training is not None and bool(training) and (ratio is None or number(ratio) != 0):
        raise NotApplicable("random numbers")
    y = n.lib.dropout(x, 0, 0)
    return [y, np.ones(x.shape, bool)] if n.outputs > 1 else y


# losses
def class_loss(n, x, target, weight, name):
    """Classes last, everything else first; ignore_index 0 is TN_ZERO."""
    reduction = n.get("reduction", "mean")
    flat = n.lib.reshape(n.lib.permute(x, [0, *range(2, x.ndim), 1]), [-1, x.shape[1]])
    ignore = n.get("ignore_index", -100)
    y = getattr(n.lib, name)(flat, n.lib.reshape(target, [-1]), weight, reduction=("mean", "sum", "none").index(reduction),
                             ignore=ignore if ignore != 0 else -HIGH - 1)
    return n.lib.reshape(y, list(target.shape)) if reduction == "none" else y


@operator("NegativeLogLikelihoodLoss")
def negative_log_likelihood(n, x, target, weight=None):
    return class_loss(n, x, target, weight, "nll_loss")


@operator("SoftmaxCrossEntropyLoss")
def softmax_cross_entropy(n, x, target, weight=None):
    y = class_loss(n, x, target, weight, "cross_entropy")
    return [y, n.lib.log_softmax(x, 1)] if n.outputs > 1 else y


# shape
@operator("Reshape")
def reshape(n, x, shape=None):
    shape = [int(i) for i in (n.get("shape") if shape is None else shape)]
    if not n.get("allowzero", 0):
        shape = [x.shape[i] if s == 0 else s for i, s in enumerate(shape)]
    return n.lib.reshape(x, shape)


@operator("Flatten")
def flatten(n, x):
    axis = n.get("axis", 1)
    axis = axis + x.ndim if axis < 0 else axis
    return n.lib.reshape(x, [math.prod(x.shape[:axis]), math.prod(x.shape[axis:])])


@operator("Transpose")
def transpose(n, x):
    return n.lib.permute(x, list(n.get("perm", range(x.ndim)[::-1])))


@operator("Squeeze")
def squeeze(n, x, axes=None):
    axes = axes_of(n, x, axes) or [i for i, size in enumerate(x.shape) if size == 1]
    for axis in sorted((i % x.ndim for i in axes), reverse=True):
        x = n.lib.squeeze(x, axis)
    return x


@operator("Unsqueeze")
def unsqueeze(n, x, axes=None):
    axes = axes_of(n, x, axes)
    for axis in sorted(i % (x.ndim + len(axes)) for i in axes):
        x = n.lib.unsqueeze(x, axis)
    return x


@operator("Expand")
def expand(n, x, shape):
    return n.lib.expand(x, list(np.broadcast_shapes(x.shape, tuple(int(i) for i in shape))))


@operator("Tile")
def tile(n, x, repeats, axis=None):
    if axis is not None:
        raise NotApplicable("Tile of opset 1")
    for axis, count in enumerate(repeats):
        x = n.lib.cat([x] * int(count), axis) if count != 1 else x
    return x


@operator("Concat")
def concat(n, *xs):
    return n.lib.cat(list(xs), n.get("axis", 1))


@operator("Split")
def split(n, x, sizes=None):
    axis = n.get("axis", 0)
    sizes = n.get("split") if sizes is None else [int(i) for i in sizes]
    if sizes is None:
        each = -(-x.shape[axis] // n.outputs)
        sizes = [each] * (n.outputs - 1) + [x.shape[axis] - each * (n.outputs - 1)]
    return [n.lib.narrow(x, axis, sum(sizes[:i]), size) for i, size in enumerate(sizes)]


@operator("Slice")
def slices(n, x, starts=None, ends=None, axes=None, steps=None):
    starts, ends = (n.get("starts"), n.get("ends")) if starts is None else (starts, ends)
    axes = n.get("axes", range(len(starts))) if axes is None else axes
    steps = [1] * len(starts) if steps is None else steps
    for start, end, axis, step in zip(starts, ends, axes, steps):
        if step > 0:
            x = n.lib.slice(x, int(axis), int(start), int(end), int(step))
        else:
            x = n.lib.index_select(x, int(axis), np.arange(x.shape[axis])[int(start):int(end):int(step)].copy())
    return x


@operator("Gather")
def gather(n, x, index):
    """Parts of x, in the shape of the index in place of the axis."""
    axis = n.get("axis", 0) % x.ndim
    size = x.shape[axis]
    index = n.lib.where(n.lib.lt(index, like(index, 0)), (index + size).astype(index.dtype), index)
    y = n.lib.index_select(x, axis, n.lib.reshape(index, [-1]))
    return n.lib.reshape(y, [*x.shape[:axis], *index.shape, *x.shape[axis + 1:]])


@operator("GatherElements")
def gather_elements(n, x, index):
    size = x.shape[n.get("axis", 0)]
    index = n.lib.where(n.lib.lt(index, like(index, 0)), (index + size).astype(index.dtype), index)
    return n.lib.gather(x, n.get("axis", 0), index)


@operator("Pad")
def pad(n, x, pads=None, value=None):
    if n.get("mode", "constant") != "constant":
        raise NoOperator(f"Pad of mode {n.get('mode')}")
    pads = [int(i) for i in (n.get("pads", n.get("paddings")) if pads is None else pads)]
    value = n.get("value", 0.0) if value is None or value.size == 0 else number(value)
    return n.lib.pad(x, [i for pair in reversed(list(zip(pads[:x.ndim], pads[x.ndim:]))) for i in pair], value)


@operator("DepthToSpace")
def depth_to_space(n, x):
    b, (count, channels, h, w) = n.get("blocksize"), x.shape
    if n.get("mode", "DCR") == "DCR":
        y = n.lib.permute(n.lib.reshape(x, [count, b, b, channels // b**2, h, w]), [0, 3, 4, 1, 5, 2])
    else:
        y = n.lib.permute(n.lib.reshape(x, [count, channels // b**2, b, b, h, w]), [0, 1, 4, 2, 5, 3])
    return n.lib.reshape(y, [count, channels // b**2, h * b, w * b])


@operator("SpaceToDepth")
def space_to_depth(n, x):
    b, (count, channels, h, w) = n.get("blocksize"), x.shape
    y = n.lib.permute(n.lib.reshape(x, [count, channels, h // b, b, w // b, b]), [0, 3, 5, 1, 2, 4])
    return n.lib.reshape(y, [count, channels * b**2, h // b, w // b])


@operator("Trilu")
def trilu(n, x, k=None):
    """x where column - row is at least, or at most, k."""
    k = 0 if k is None else int(k)
    rows, columns = np.arange(x.shape[-2]).reshape(-1, 1), np.arange(x.shape[-1])
    compare = n.lib.ge if n.get("upper", 1) else n.lib.le
    return n.lib.where(compare(np.broadcast_to(columns, x.shape[-2:]), rows + k), x, like(x, 0))


@operator("OneHot")
def one_hot(n, index, depth, values):
    depth, axis = int(number(depth)), n.get("axis", -1)
    axis = axis % (index.ndim + 1)
    if NUMPY_NAMES[check_type(index, "OneHot").dtype] != "i64":
        index = n.lib.cast(index, DTYPES["i64"][0])
    places = n.lib.arange(0, depth, 1).astype(np.int64).reshape([-1] + [1] * (index.ndim - axis))
    index = n.lib.unsqueeze(index, axis)
    index = n.lib.where(n.lib.lt(index, like(index, 0)), index + depth, index)
    return n.lib.where(n.lib.eq(index, places), values[1], values[0])


@operator("EyeLike")
def eye_like(n, x):
    to = NUMPY_NAMES[check_type(np.empty(0, onnx.mapping.TENSOR_TYPE_TO_NP_TYPE[n.get("dtype")]), "EyeLike").dtype] if n.get("dtype") else (
        NUMPY_NAMES[x.dtype])
    rows, columns = np.arange(x.shape[0]).reshape(-1, 1), np.arange(x.shape[1])
    return n.lib.cast(n.lib.eq(rows + n.get("k", 0), columns), DTYPES[to][0])


@operator("Range")
def arange(n, start, end, step):
    y = n.lib.arange(number(start), number(end), number(step))
    return n.lib.cast(y, DTYPES[NUMPY_NAMES[check_type(start, "Range").dtype]][0])


@operator("ConstantOfShape")
def constant_of_shape(n, shape):
    value = numpy_helper.to_array(n.get("value")) if n.get("value") is not None else np.zeros(1, np.float32)
    y = n.lib.full([int(i) for i in shape], number(value))
    return n.lib.cast(y, DTYPES[NUMPY_NAMES[check_type(value, "ConstantOfShape").dtype]][0])


def cast_to(n, x, dtype):
    check_type(x, n.name)
    check_type(np.empty(0, dtype), n.name)
    return n.lib.cast(x, DTYPES[NUMPY_NAMES[np.dtype(dtype)]][0])


@operator("Cast")
def cast(n, x):
    if n.get("to") == onnx.TensorProto.BFLOAT16:
        raise NotApplicable("Cast of bfloat16")
    return cast_to(n, x, onnx.mapping.TENSOR_TYPE_TO_NP_TYPE[n.get("to")])


@operator("CastLike")
def cast_like(n, x, other):
    return cast_to(n, x, other.dtype)


# Facts of shapes and constants: nothing is computed.
@operator("Constant")
def constant(n):
    value = n.get("value")
    if value is not None:
        return numpy_helper.to_array(value)
    for name, dtype in (("value_float", np.float32), ("value_int", np.int64), ("value_floats", np.float32), ("value_ints", np.int64)):
        if n.get(name) is not None:
            return np.array(n.get(name), dtype)
    raise NoOperator("Constant of this kind")


@operator("Shape")
def shape_of(n, x):
    return np.array(x.shape[n.get("start", 0):n.get("end")], np.int64)


@operator("Size")
def size_of(n, x):
    return np.array(x.size, np.int64)


FACTS = ("Constant", "Shape", "Size")


# ---- running a test -----------------------------------------------------------------------------------

def load(path, proto):
    kind = proto.type.WhichOneof("value")
    if kind != "tensor_type":
        raise NoOperator(kind.replace("_type", "").capitalize())
    if proto.type.tensor_type.elem_type == onnx.TensorProto.BFLOAT16:
        raise NotApplicable("bfloat16")
    tensor = onnx.TensorProto()
    with open(path, "rb") as file:
        tensor.ParseFromString(file.read())
    return numpy_helper.to_array(tensor)


def run_graph(lib, model, inputs):
    graph = model.graph
    missing = sorted({node.op_type for node in graph.node if node.op_type not in OPERATORS})
    if missing:
        raise NoOperator(", ".join(missing))
    if all(node.op_type in FACTS for node in graph.node):
        raise NotApplicable("nothing is computed")
    opset = {o.domain: o.version for o in model.opset_import}.get("", 1)
    values = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    values.update(inputs)
    for proto in graph.node:
        node = Node(lib, proto, opset)
        given = [values[name] if name else None for name in proto.input]
        for x in given:
            check_type(x, proto.op_type)
        results = OPERATORS[proto.op_type](node, *given)
        results = results if isinstance(results, (list, tuple)) else [results]
        values.update({name: value for name, value in zip(proto.output, results) if name})
    return [values[o.name] for o in graph.output]


def difference(got, want):
    """None, or what is wrong: 1e-5 of the number or of the largest one, for data that are float32 as well."""
    if got.shape != want.shape or got.dtype != want.dtype:
        return f"{got.dtype} {list(got.shape)}, not {want.dtype} {list(want.shape)}"
    if want.dtype.kind != "f":
        return None if (got == want).all() else f"{(got != want).sum()} of {want.size} elements differ"
    finite = np.isfinite(want)
    if not (finite == np.isfinite(got)).all() or not np.array_equal(got[~finite], want[~finite], equal_nan=True):
        return "NaN or infinities elsewhere"
    if not finite.any():
        return None
    off = np.abs(got[finite].astype(np.float64) - want[finite])
    allowed = 1e-5 * np.abs(want[finite]) + 16 * EPS["f32"] * np.abs(want[finite]).max()
    return None if (off <= allowed).all() else f"off by {off.max():.3g}, the largest being {np.abs(want[finite]).max():.3g}"


def run_test(lib, folder):
    model = onnx.load(os.path.join(folder, "model.onnx"))
    known = {t.name for t in model.graph.initializer}
    wanted = [i for i in model.graph.input if i.name not in known]
    for data in sorted(glob.glob(os.path.join(folder, "test_data_set_*"))):
        inputs = {p.name: load(os.path.join(data, f"input_{i}.pb"), p) for i, p in enumerate(wanted)
                  if os.path.exists(os.path.join(data, f"input_{i}.pb"))}
        outputs = [load(os.path.join(data, f"output_{i}.pb"), p) for i, p in enumerate(model.graph.output)]
        for got, want in zip(run_graph(lib, model, inputs), outputs):
            wrong = difference(np.asarray(got), want)
            if wrong:
                raise Refused(wrong)


def classify(lib, folder):
    try:
        run_test(lib, folder)
        return "passed", ""
    except NoOperator as e:
        return "no operator here", str(e)
    except NotApplicable as e:
        return "not applicable", str(e)
    except Refused as e:
        return "failed", str(e)


def main(arguments):
    driver = Driver(arguments[0])
    if not os.path.isdir(DATA):
        print("ONNX's tests are not installed; on Debian and Ubuntu: apt-get install libonnx-testdata")
        return 2
    folders = [d for kind in KINDS for d in sorted(glob.glob(f"{DATA}/{kind}/*/"))]
    status = 0
    for isa in RUNS:
        found = collections.defaultdict(lambda: collections.defaultdict(list))
        for folder in folders:
            name = os.path.basename(folder[:-1])
            if not arguments[1:] or name in arguments[1:]:
                kind, why = classify(Library(driver, isa), folder)
                found[kind][why].append(name)
        show(found, isa, details=isa == "baseline")
        status |= "failed" in found
    driver.stop()
    return status


def show(found, isa, details):
    count = {kind: sum(map(len, whys.values())) for kind, whys in found.items()}
    for kind in ("no operator here", "not applicable"):
        if details and kind in found:
            print(f"{kind}:")
            for why, names in sorted(found[kind].items()):
                print(f"    {len(names):>4}  {why}")
    for why, names in found["failed"].items() if "failed" in found else []:
        print(f"failed: {', '.join(names)}: {why}")
    print(f"with the kernels of {isa}: {sum(count.values())} tests: " + ", ".join(
        f"{count.get(kind, 0)} {kind}" for kind in ("passed", "failed", "no operator here", "not applicable")), flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
