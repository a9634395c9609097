#!/usr/bin/env python3
"""What PyTorch says after every layer of AlexNet's `features`, for test_alexnet.c.

    make_alexnet.py ALEXNET_FEATURES.pth >tests/data/alexnet_layers.csv

Images and one set of weights are sines of the index, so that nothing has to be there for them; the
other set is torchvision's. Of each layer, 24 values spread over the output, and its largest one.
"""
import sys

import numpy as np
import torch

nn = torch.nn
KERNELS = [(0, 3, 64, 11, 4, 2), (3, 64, 192, 5, 1, 2), (6, 192, 384, 3, 1, 1),
           (8, 384, 256, 3, 1, 1), (10, 256, 256, 3, 1, 1)]


def sines(count, phase, amplitude):
    index = np.arange(count, dtype=np.float64)
    return torch.tensor(amplitude * np.sin(1.7 * index + 0.3 * phase), dtype=torch.float32)


def features():
    layers = []
    for step in range(13):
        kernel = [k for k in KERNELS if k[0] == step]
        if kernel:
            _, inputs, outputs, size, stride, padding = kernel[0]
            layers.append(nn.Conv2d(inputs, outputs, size, stride, padding))
        else:
            layers.append(nn.MaxPool2d(3, 2) if step in (2, 5, 12) else nn.ReLU())
    return nn.Sequential(*layers)


def formula_state():
    state = {}
    for step, inputs, outputs, size, _, _ in KERNELS:
        fan = inputs * size * size
        state[f"{step}.weight"] = sines(outputs * fan, step, (6 / fan) ** 0.5).reshape(outputs, inputs, size, size)
        state[f"{step}.bias"] = sines(outputs, step + 1, 0.1)
    return state


net = features()
torchvision = {k.replace("features.", ""): v for k, v in torch.load(sys.argv[1]).items()}
print("weights,image,step,largest,index,value")
for name, state in (("formula", formula_state()), ("torchvision", torchvision)):
    net.load_state_dict(state)
    for image in range(2):
        x = sines(3 * 227 * 227, 7 * image, 2).reshape(1, 3, 227, 227)
        for step, layer in enumerate(net):
            with torch.no_grad():
                x = layer(x)
            flat = x.flatten()
            for k in range(24):
                index = (k * 7919 * 131 + 17 * k) % flat.numel()
                print(f"{name},{image},{step},{flat.abs().max():.9g},{index},{flat[index]:.9g}")
