"""The steps of bench.c in PyTorch, as its users write them: bench_torch.py THREADS [memory]"""
import resource
import statistics
import sys
import time

import torch
import torch.nn.functional as F

threads = int(sys.argv[1])
torch.set_num_threads(threads)
torch.manual_seed(1)
count = 60000 if sys.argv[2:] != ["memory"] else 0
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


# The larger networks of bench.c.
nn = torch.nn


def features():
    return [nn.Conv2d(3, 64, 11, 4, 2), nn.ReLU(True), nn.MaxPool2d(3, 2),
            nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(True), nn.MaxPool2d(3, 2),
            nn.Conv2d(192, 384, 3, padding=1), nn.ReLU(True),
            nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(True),
            nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(True)]


def head(inputs):
    return nn.Sequential(nn.Linear(inputs, 20), nn.ReLU(True), nn.Linear(20, 6))


def bench(name, net, shape, kind, steps):
    x = torch.randn(shape)
    y = torch.randint(0, 6, shape[:1])
    if kind == "adam":
        optimizer = torch.optim.Adam(net.parameters(), lr=1e-4)
    else:
        optimizer = torch.optim.SGD(net.parameters(), lr=1e-4, momentum=0.9)

    def run():
        if kind == "forward":
            with torch.no_grad():
                net(x)
            return
        loss = F.cross_entropy(net(x), y)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()

    times = []
    run()
    for _ in range(steps):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    print(f"{name}\t{threads}\t{1e3 * statistics.median(times):.4f}", flush=True)


def memory():
    net = nn.Sequential(*features())
    with torch.no_grad():
        for done in range(0, 682, 32):
            net(torch.randn(min(32, 682 - done), 3, 227, 227))
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"memory of 682 photographs to conv5 (MB)\t{threads}\t{most:.1f}")


if sys.argv[2:] == ["memory"]:
    memory()
    sys.exit()

print(f"softmax regression, full batch of 60000\t{threads}\t{1e3 * full_batch():.4f}")
print(f"softmax regression, mini-batch of 64\t{threads}\t{1e3 * mini_batch():.4f}")
images = (32, 3, 227, 227)
bench("faces, 3072-20-6, batch of 200, Adam", head(3072), (200, 3072), "adam", 2000)
bench("head, 43264-20-6, batch of 449, Adam", head(43264), (449, 43264), "adam", 15)
bench("AlexNet to conv5, batch of 32, forward", nn.Sequential(*features()), images, "forward", 5)
bench("AlexNet, batch of 32, trained by SGD",
      nn.Sequential(*features(), nn.MaxPool2d(3, 2), nn.AdaptiveAvgPool2d(6), nn.Flatten(),
                    nn.Linear(256 * 6 * 6, 6)), images, "sgd", 3)
