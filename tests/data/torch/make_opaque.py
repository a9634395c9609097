#!/usr/bin/env python3
"""Checkpoints with much beside the tensors that has no place in a dictionary of tensors: make_opaque.py, in this
folder. NAME.npz has what NAME.pth must read as; the others must be refused."""
import argparse
import collections
import datetime
import decimal
import fractions
import functools
import os
import pathlib
import random
import uuid

import numpy as np
import torch

HERE = os.path.dirname(os.path.abspath(__file__))


def path(name):
    return os.path.join(HERE, name)


def save(name, obj, **how):
    torch.save(obj, path(name + ".pth"), **how)


a, b = torch.arange(6.0).reshape(2, 3), torch.arange(4)
tree = collections.defaultdict(list, left=[a], right=[b])
ordered = collections.OrderedDict(a=a)
ordered._metadata = {"": {"version": 2}, "layer": {"version": 1}}
checkpoint = dict(
    a=a,
    tree=tree,
    ordered=ordered,
    tuple_keys={(0, 1): 5, (1, 0): [6]},
    odd_keys={0.5: "half", None: 1, b"bytes": 2, "x" * 2000: 3, frozenset([1]): 4, (): ()},
    text="text", raw=b"abc\xff", array=bytearray(b"abc"), large=2**100, small=-(2**70), imaginary=1j,
    best=np.float64(0.5), epoch=np.int64(3), flag=np.bool_(True), kind=np.dtype("f4"), draws=np.random.RandomState(1).get_state(),
    numbers=np.arange(5), names=np.array(["x", "yz"]), objects=np.array([{}, None]),
    options=argparse.Namespace(lr=0.1, layers=[1, 2], device=torch.device("cpu")),
    a_set={1, "two"}, frozen=frozenset([3]), empty_set=set(), part=slice(1, None, 2), span=range(3), queue=collections.deque([1, 2], 3),
    counts=collections.Counter("hello"), when=datetime.datetime(2020, 1, 2), took=datetime.timedelta(1), where=pathlib.PurePosixPath("/x/y"),
    exact=decimal.Decimal("0.1"), third=fractions.Fraction(1, 3), id=uuid.UUID(int=5), state=random.Random(1).getstate(),
    device=torch.device("cuda", 1), size=torch.Size([1, 2]), dtype=torch.float16, version=torch.__version__, layout=torch.strided,
    function=len, step=functools.partial(max, 1), a_class=dict, not_implemented=NotImplemented, dots=...,
    reduction=np.add, generator=torch.memory_format,
    last=[b, {"b": b}])
del checkpoint["generator"]
flat = {"a": a, "tree.left.0": a, "tree.right.0": b, "ordered.a": a, "last.0": b, "last.1.b": b}
np.savez_compressed(path("opaque.npz"), **{k: v.numpy() for k, v in flat.items()})
for protocol in [1, 2, 3, 4, 5]:
    save(f"opaque{protocol}", checkpoint, pickle_protocol=protocol)
    if protocol in [1, 2, 4]:
        save(f"opaque{protocol}_legacy", checkpoint, pickle_protocol=protocol, _use_new_zipfile_serialization=False)

# Tensors where they have no names.
save("in_namespace", dict(options=argparse.Namespace(weight=a)))
save("in_set", dict(all={a}))
save("in_key", {(a, 1): 2})
save("under_key", {(0, 1): a})
save("in_partial", dict(f=functools.partial(max, a)))
attributed = collections.OrderedDict(b=b)
attributed.mean = a
save("in_attribute", attributed)
