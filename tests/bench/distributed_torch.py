"""Training of distributed.c by PyTorch's DistributedDataParallel over gloo, with the same questions:
distributed_torch.py PROCESSES

Each process has one thread, and is bound to a core of its own. Of a batch each takes an equal share; gradients are
sent while backward goes on, as DistributedDataParallel has it by itself. One process is a plain loop without it.
Questions of micro-batches and the order of sums are not understood."""
import gzip
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch.nn.parallel import DistributedDataParallel

from networks_torch import NETWORKS, Sizes

WARM, IMAGES = 3, 256
MNIST = pathlib.Path(__file__).parents[2] / "examples/data/mnist"


def idx(name, header):
    return torch.frombuffer(bytearray(gzip.open(MNIST / name).read()[header:]), dtype=torch.uint8)


class Training:
    def __init__(self, name, words):
        sizes = Sizes(words)
        make, shape, optimiser = NETWORKS[name.replace("_tune", "")]
        self.batch, shape = sizes.batch, shape(sizes)
        self.net = make(sizes)
        if name.endswith("_tune"):
            for layer in self.net[0][:-2]:
                layer.requires_grad_(False)
        if dist.get_world_size() > 1:
            self.net = DistributedDataParallel(self.net)
        self.opt = optimiser(self.net)
        if shape[0] == 1:
            self.x = idx("train-images-idx3-ubyte.gz", 16).reshape(-1, *shape)
            self.y = idx("train-labels-idx1-ubyte.gz", 8).long()
        else:
            self.x = (torch.rand(IMAGES, *shape) * 255).byte()
            self.y = torch.randint(0, 6, (IMAGES,))
        self.order = torch.tensor([], dtype=torch.long)

    def share(self):
        """Of the next batch: all processes draw the same order, without the samples that fill no batch."""
        if len(self.order) < self.batch:
            self.order = torch.randperm(len(self.x))
        batch, self.order = self.order[:self.batch], self.order[self.batch:]
        return batch.chunk(dist.get_world_size())[dist.get_rank()]

    def step(self):
        index = self.share()
        loss = F.cross_entropy(self.net(self.x[index].float() / 255), self.y[index])
        self.opt.zero_grad(set_to_none=True)
        loss.backward()
        self.opt.step()


def answer(what, steps, name, *words):
    if what != "step":
        raise SystemExit(f"distributed_torch.py: {what} is not understood")
    torch.manual_seed(1)
    training, times = Training(name, words), []
    for i in range(WARM + int(steps)):
        start = time.perf_counter()
        training.step()
        if i >= WARM:
            times.append(time.perf_counter() - start)
    if dist.get_rank() == 0:
        print(f"{1e6 * statistics.median(times):.4f} {1e6 * min(times):.4f}", flush=True)


def work(rank, size, meeting):
    os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[rank]})
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=size)
    while True:
        line = [sys.stdin.readline() if rank == 0 else None]
        dist.broadcast_object_list(line)
        if not line[0]:
            break
        answer(*line[0].split())
    dist.destroy_process_group()


def main():
    if len(sys.argv) == 4:
        work(int(sys.argv[2]), int(sys.argv[1]), sys.argv[3])
        return
    size = int(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        meeting = os.path.join(folder, "meeting")
        others = [subprocess.Popen([sys.executable, __file__, str(size), str(rank), meeting], stdin=subprocess.DEVNULL)
                  for rank in range(1, size)]
        work(0, size, meeting)
        for other in others:
            other.wait()


if __name__ == "__main__":
    main()
