#!/usr/bin/env python3
"""More PyTorch files, beside those of make_checkpoints.py: make_more.py, in this folder. NAME.npz has what
NAME.pth must read as."""
import collections
import os
import pickle

import numpy as np
import torch

HERE = os.path.dirname(os.path.abspath(__file__))


def path(name):
    return os.path.join(HERE, name)


def save(name, obj, flat, **how):
    torch.save(obj, path(name + ".pth"), **how)
    np.savez_compressed(path(name + ".npz"), **{k: v.detach().contiguous().numpy() for k, v in flat.items()})


class Pairs(collections.OrderedDict):
    """Pickled as Python 2 does it: made of a list of pairs."""

    def __reduce__(self):
        return collections.OrderedDict, ([[k, v] for k, v in self.items()],)


a, b = torch.arange(6.0).reshape(2, 3), torch.arange(4, dtype=torch.float64)
legacy = dict(_use_new_zipfile_serialization=False)
for protocol in [3, 4, 5]:
    pickle_protocol = dict(pickle_protocol=protocol)
    save(f"protocol{protocol}", dict(a=a, b=[b, (a[0],)]), {"a": a, "b.0": b, "b.1.0": a[0]}, **pickle_protocol)
    save(f"protocol{protocol}_legacy", dict(a=a), dict(a=a), **pickle_protocol, **legacy)
save("alone", a, {"": a})
save("pairs", Pairs(a=a, b=b), dict(a=a, b=b), **legacy)

integers = dict(i8=torch.tensor([-128, 127], dtype=torch.int8), i16=torch.tensor([-32768, 32767], dtype=torch.int16))
save("integers", integers, {k: v.int() for k, v in integers.items()})

# The state of an optimiser has integers for keys, and much that is no tensor.
parameter = torch.nn.Parameter(torch.ones(2, 3))
adam = torch.optim.Adam([parameter], lr=0.1)
parameter.sum().backward()
adam.step()
flat = {f"optimizer.state.0.{k}": v for k, v in adam.state_dict()["state"][0].items() if torch.is_tensor(v)}
save("optimizer", dict(optimizer=adam.state_dict(), device=torch.device("cpu"), size=a.shape, dtype=torch.float32), flat)

expanded = torch.tensor([5.0]).expand(3, 2)
save("tiny", dict(x=expanded), dict(x=expanded))
save("tiny_legacy", dict(x=expanded), dict(x=expanded), **legacy)
torch.save(torch.nn.Linear(2, 3), path("module.pth"))
torch.save(dict(x=torch.zeros(2, dtype=torch.complex64)), path("complex.pth"))
torch.save(dict(best=np.float64(0.5)), path("numpy.pth"))
torch.save(dict(x=torch.eye(3).to_sparse()), path("sparse.pth"))
