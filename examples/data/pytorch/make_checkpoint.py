#!/usr/bin/env python3
"""A checkpoint as a training in PyTorch leaves it: make_checkpoint.py, in this folder.

A small convolutional network learns to tell the digits 0 to 4 of the MNIST images that ship apart, and is
saved as zero_to_four.pth with what else such files hold. examples/07_pytorch.c goes on from there.
"""
import gzip
import os

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

HERE = os.path.dirname(os.path.abspath(__file__))
EPOCHS = 5


class Net(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 8, 5, stride=2, padding=2), nn.ReLU(),
            nn.Conv2d(8, 16, 3, stride=2, padding=1), nn.ReLU(), nn.Flatten())
        self.classifier = nn.Linear(16 * 7 * 7, classes)

    def forward(self, x):
        return self.classifier(self.features(x))


def read(part):
    """Images [n, 1, 28, 28] from 0 to 1 and labels of the digits 0 to 4."""
    def load(name, header):
        with gzip.open(os.path.join(HERE, "..", "mnist", f"{part}-{name}-ubyte.gz")) as file:
            return torch.from_numpy(np.frombuffer(file.read(), np.uint8, offset=header).copy())
    images, labels = load("images-idx3", 16).reshape(-1, 1, 28, 28), load("labels-idx1", 8).long()
    return images[labels < 5] / 255, labels[labels < 5]


torch.manual_seed(1)
x, y = read("train")
net = Net(5)
optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
for epoch in range(EPOCHS):
    for batch in torch.randperm(len(x)).split(64):
        optimizer.zero_grad()
        F.cross_entropy(net(x[batch]), y[batch]).backward()
        optimizer.step()

x, y = read("t10k")
with torch.no_grad():
    accuracy = (net(x).argmax(1) == y).float().mean().item()
print(f"{100 * accuracy:.2f} % of the {len(x)} test images are recognised")
torch.save({"epoch": EPOCHS, "accuracy": accuracy, "model": net.state_dict()}, os.path.join(HERE, "zero_to_four.pth"))
