"""The networks of networks.c in PyTorch, with the same questions and answers: networks_torch.py THREADS

`networks_torch.py export DIRECTORY` asks for nothing: each line of standard input, a network and its sizes, becomes
a file for ONNX Runtime, DIRECTORY/NETWORK.onnx, whose batch is free."""
import os
import resource
import statistics
import sys
import time

# OpenBLAS has threads of its own, which torch.set_num_threads does not reach. It counts them as it is loaded.
os.environ["OPENBLAS_NUM_THREADS"] = sys.argv[1]

import torch
import torch.nn.functional as F
from torch import nn

EPOCH_BATCHES = 100


class Sizes:
    def __init__(self, words):
        self.batch, self.side, self.width, self.depth = 1, 224, 64, 1
        for word in words:
            key, value = word.split("=")
            setattr(self, key, int(value))


def conv5(_):
    return nn.Sequential(nn.Conv2d(3, 64, 11, 4, 2), nn.ReLU(True), nn.MaxPool2d(3, 2),
                         nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(True), nn.MaxPool2d(3, 2),
                         nn.Conv2d(192, 384, 3, padding=1), nn.ReLU(True),
                         nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(True),
                         nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(True))


def head(inputs):
    return nn.Sequential(nn.Linear(inputs, 20), nn.ReLU(True), nn.Linear(20, 6))


def alexnet(sizes):
    return nn.Sequential(conv5(sizes), nn.Flatten(), nn.Dropout(), head(256 * 13 * 13))


def conv(inputs, outputs, kernel, stride):
    """A convolution and the batch norm behind it."""
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(outputs)


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.residual = nn.Sequential(*conv(inputs, outputs, 3, stride), nn.ReLU(True), *conv(outputs, outputs, 3, 1))
        self.shortcut = nn.Sequential(*conv(inputs, outputs, 1, stride)) if inputs != outputs else nn.Identity()

    def forward(self, x):
        return F.relu(self.residual(x) + self.shortcut(x), inplace=True)


def resnet18(_):
    stages = [Block(i, o, 1 if i == o else 2) for i, o in
              ((64, 64), (64, 64), (64, 128), (128, 128), (128, 256), (256, 256), (256, 512), (512, 512))]
    return nn.Sequential(*conv(3, 64, 7, 2), nn.ReLU(True), nn.MaxPool2d(3, 2, 1), *stages,
                         nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 1000))


def mobilenet_block(sizes):
    n = sizes.width
    return nn.Sequential(nn.Conv2d(n, n, 3, padding=1, groups=n, bias=False), nn.BatchNorm2d(n), nn.ReLU(True),
                         *conv(n, n, 1, 1), nn.ReLU(True), nn.AdaptiveAvgPool2d(1), nn.Flatten())


def digits_cnn(_):
    return nn.Sequential(nn.Conv2d(1, 16, 5), nn.ReLU(True), nn.MaxPool2d(2), nn.Conv2d(16, 32, 5), nn.ReLU(True),
                         nn.MaxPool2d(2), nn.Flatten(), nn.Linear(512, 10))


def kann_mlp(_):
    return nn.Sequential(nn.Linear(784, 64), nn.ReLU(True), nn.Linear(64, 10))


class Gru(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru, self.output = nn.GRU(2, 64, batch_first=True), nn.Linear(64, 2)

    def forward(self, x):
        return self.output(self.gru(x.reshape(len(x), -1, 2))[0].reshape(-1, 64))


def convs(sizes):
    return nn.Sequential(*(nn.Sequential(nn.Conv2d(sizes.width, sizes.width, 3, padding=1), nn.ReLU(True))
                           for _ in range(sizes.depth)))


def layers(sizes):
    return nn.Sequential(*(nn.Sequential(nn.Linear(sizes.width, sizes.width), nn.ReLU(True))
                           for _ in range(sizes.depth)))


def sgd(net):
    return torch.optim.SGD(net.parameters(), lr=1e-5, momentum=0.9)


def adam(net):
    return torch.optim.Adam(net.parameters(), lr=1e-5)


def rmsprop(net):
    return torch.optim.RMSprop(net.parameters(), lr=1e-5)


# Of each network: how it is made, the shape of a sample, its optimiser.
NETWORKS = {
    "alexnet_conv5": (conv5, lambda s: (3, s.side, s.side), sgd),
    "alexnet": (alexnet, lambda s: (3, s.side, s.side), sgd),
    "resnet18": (resnet18, lambda s: (3, s.side, s.side), sgd),
    "mobilenet_block": (mobilenet_block, lambda s: (s.width, s.side, s.side), sgd),
    "digits_cnn": (digits_cnn, lambda s: (1, s.side, s.side), adam),
    "head": (lambda s: head(43264), lambda s: (43264,), adam),
    "faces": (lambda s: head(3072), lambda s: (3072,), adam),
    "softmax": (lambda s: nn.Sequential(nn.Linear(784, 10)), lambda s: (784,), sgd),
    "kann_mlp": (kann_mlp, lambda s: (784,), rmsprop),
    "gru": (lambda s: Gru(), lambda s: (s.width,), rmsprop),
    "convs": (convs, lambda s: (s.width, s.side, s.side), sgd),
    "layers": (layers, lambda s: (s.width,), sgd),
}


class Subject:
    """A network that is ready to be timed."""

    def __init__(self, name, words, training):
        sizes = Sizes(words)
        make, self.shape, optimiser = NETWORKS[name]
        self.batch, self.shape = sizes.batch, self.shape(sizes)
        self.net = make(sizes).train(training)
        self.x = torch.rand(self.batch, *self.shape)
        self.opt = optimiser(self.net)
        if training:
            with torch.no_grad():
                self.y = torch.randint(0, 2, (len(self.net(self.x)),))

    def forward(self):
        with torch.no_grad():
            self.net(self.x)

    def step(self):
        self.step_on(self.x, self.y)

    def step_on(self, x, y):
        loss = F.cross_entropy(self.net(x), y)
        self.opt.zero_grad(set_to_none=True)
        loss.backward()
        self.opt.step()

    def make_bytes(self):
        self.bytes = (torch.rand(EPOCH_BATCHES * self.batch, *self.shape) * 255).byte()
        self.labels = torch.randint(0, 2, (len(self.bytes),))

    def epoch(self):
        """Batches indexed from the tensors, which is much faster than torch's DataLoader."""
        order = torch.randperm(len(self.bytes))
        for i in range(0, len(order), self.batch):
            index = order[i:i + self.batch]
            self.step_on(self.bytes[index].float() / 255, self.labels[index])


def moment():
    return time.perf_counter(), time.process_time()


def seconds_since(start):
    """As in timing.h: with one thread, the processor's work where that is less than the wall's time."""
    wall, work = (now - then for now, then in zip(moment(), start))
    return work if torch.get_num_threads() == 1 and 0 < work < wall else wall


def time_calls(run, seconds):
    times = []
    run()
    end = time.perf_counter() + seconds
    while not times or time.perf_counter() < end:
        start = moment()
        run()
        times.append(seconds_since(start))
    return statistics.median(times), min(times)


def answer(what, milliseconds, name, *words):
    training = what in ("step", "epoch", "memory")
    subject = Subject(name, words, training)
    if what == "shape":
        with torch.no_grad():
            print(sum(p.numel() for p in subject.net.parameters()), subject.net(subject.x).numel(), flush=True)
        return
    if what == "epoch":
        subject.make_bytes()
    if what.startswith("memory"):
        for _ in range(2):
            subject.step() if training else subject.forward()
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{most:.1f}", flush=True)
        return
    middle, least = time_calls(getattr(subject, what), 1e-3 * float(milliseconds))
    print(f"{1e6 * middle:.4f} {1e6 * least:.4f}", flush=True)


def export(directory, name, *words):
    subject = Subject(name, words, False)
    torch.onnx.export(subject.net, subject.x, f"{directory}/{name}.onnx", input_names=["x"], output_names=["y"],
                      dynamic_axes={"x": {0: "batch"}, "y": {0: "batch"}})


def main():
    torch.manual_seed(1)
    if sys.argv[1] == "export":
        for line in sys.stdin:
            export(sys.argv[2], *line.split())
        return
    torch.set_num_threads(int(sys.argv[1]))
    for line in sys.stdin:
        answer(*line.split())


if __name__ == "__main__":
    main()
