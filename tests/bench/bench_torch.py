"""The steps of bench.c in PyTorch, as its users write them: bench_torch.py THREADS"""
import statistics
import sys
import time

import torch
import torch.nn.functional as F

threads = int(sys.argv[1])
torch.set_num_threads(threads)
torch.manual_seed(1)
count = 60000
data = (torch.rand(count, 784) * 255).byte()
pixels = data.float() / 255
labels = torch.randint(0, 10, (count,))
net = torch.nn.Sequential(torch.nn.Linear(784, 10))
opt = torch.optim.SGD(net.parameters(), lr=1e-5, momentum=0.9)


def step(x, y, reduction):
    loss = F.cross_entropy(net(x), y, reduction=reduction)
    opt.zero_grad(set_to_none=True)
    loss.backward()
    opt.step()


def full_batch():
    times = []
    step(pixels, labels, "sum")
    for _ in range(15):
        start = time.perf_counter()
        step(pixels, labels, "sum")
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def mini_batch():
    """Batches indexed from the tensors, which is much faster than torch's DataLoader."""
    times = []
    for _ in range(5):
        start = time.perf_counter()
        order = torch.randperm(count)
        for i in range(0, count, 64):
            index = order[i:i + 64]
            step(data[index].float() / 255, labels[index], "mean")
        times.append((time.perf_counter() - start) / -(-count // 64))
    return statistics.median(times)


print(f"softmax regression, full batch of 60000\t{threads}\t{1e3 * full_batch():.4f}")
print(f"softmax regression, mini-batch of 64\t{threads}\t{1e3 * mini_batch():.4f}")
