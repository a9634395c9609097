#!/usr/bin/env python3
"""Writes print_cases.h: tensors, and how NumPy prints them (numpy.array2string, separator=', ').

A case: dtype, shape and values of a base array, the view of it that is printed, the text.
Values are "arange FACTOR MODULUS OFFSET" (element i is (i * FACTOR) % MODULUS + OFFSET) or a list;
the view is "" or words: "t" (all dimensions reversed), "s DIM STEP" (every STEP-th), "i DIM INDEX".
"""
import os
import random

import numpy as np

DTYPES = {"f32": np.float32, "f64": np.float64, "i64": np.int64, "i32": np.int32,
          "u8": np.uint8, "bool": np.bool_}
random.seed(1)
cases = []


def quoted(text):
    lines = text.replace("\\", "\\\\").replace('"', '\\"').split("\n")
    return "\n     ".join(f'"{line}\\n"' for line in lines[:-1]) + \
        ("\n     " if len(lines) > 1 else "") + f'"{lines[-1]}"'


def folded(words, width=88):
    """String literals of words, so that no line of the header is long."""
    lines, line = [], ""
    for word in words:
        if line and len(line) + len(word) + 1 > width:
            lines.append(line)
            line = ""
        line += word + " "
    return "\n     ".join(f'"{line}"' for line in lines + [line])


def view_of(array, view):
    words = view.split()
    while words:
        kind = words.pop(0)
        if kind == "t":
            array = array.T
        else:
            dim, number = int(words.pop(0)), int(words.pop(0))
            index = slice(None, None, number) if kind == "s" else number
            array = array[(slice(None),) * dim + (index,)]
    return array


def add(dtype, shape, values, view=""):
    if isinstance(values, tuple):
        factor, modulus, offset = values
        data = [(i * factor) % modulus + offset for i in range(int(np.prod(shape)))]
        words = ["arange", repr(factor), repr(modulus), repr(offset)]
    else:
        data = values
        real = dtype in ("f32", "f64")
        with np.errstate(over="ignore"):
            data = [DTYPES[dtype](v) for v in values]
        words = [float(v).hex() if real else str(int(v)) for v in data]
    array = np.array(data, dtype=DTYPES[dtype]).reshape(shape)
    text = np.array2string(view_of(array, view), separator=", ")
    dims = " ".join(str(n) for n in shape)
    cases.append(f'    {{"{dtype}", "{dims}", "{view}",\n     {folded(words)},\n     '
                 f'{quoted(text)}}},\n')


def reals():
    for dtype in ("f32", "f64"):
        largest = 38 if dtype == "f32" else 308
        for value in (0.0, -0.0, 1.0, 1.5, -2.25, 0.1, 1 / 3, -2e-5, 1e-4, 1e8, 99999999.0, 12345678.9,
                      1e22, 1e16, 123456789.0, float("nan"), float("inf"), float("-inf"),
                      0.001953125, 0.5 ** 9 * 3, 2.5, 1e-45, 5e-324, 10.0 ** largest):
            add(dtype, (), [value])
            add(dtype, (1,), [value])
        for power in list(range(-largest, largest, largest // 19)):
            add(dtype, (3,), [random.uniform(-1, 1) * 10.0 ** power for _ in range(3)])
            add(dtype, (2, 2), [round(random.uniform(-9, 9), 2) * 10.0 ** power for _ in range(4)])
        for power in range(-148, 127, 8):
            add(dtype, (1,), [2.0 ** power])
            add(dtype, (3,), [2.0 ** power, 2.0 ** (power + 1), 0.1 * 2.0 ** power])
        for power in range(-126, 127, 7):
            add(dtype, (2,), [2.0 ** power, -(2.0 ** (power + 3))])
        for digits in range(0, 12):
            add(dtype, (7,), [round(random.uniform(-100, 100), digits) for _ in range(7)])
            add(dtype, (6,), [round(random.uniform(0, 1), digits) for _ in range(6)])
        for spread in (10, 999, 1000, 1001, 1e4, 1e7, 1e12):
            add(dtype, (4,), [1.0, spread, -0.5 * spread, 0.0])
            add(dtype, (3,), [0.001, 0.001 * spread, -0.001])
        nan, inf = float("nan"), float("inf")
        for values in ([nan, nan], [inf, 1.0], [-inf, 1.0], [nan, -inf, inf, 0.5], [inf, inf],
                       [-inf, -inf], [nan, 1e20], [-inf, 1e-20], [nan, 100.25], [-inf, 10.0],
                       [0.0, -0.0], [0.0, 1e-300], [1e300, 1e-300, 0.0], [nan, inf, -1e100],
                       [9.99999999, 1.0], [0.999999999, 0.5], [9.999999999e9, 1.0], [1e-5, 1e5],
                       [0.1, 1e10 / 3], [0.005, 5.0], [99999999.5, 1e6], [1e-4, 0.05], [9.9e-5, 0.05],
                       [1.0, -1.0], [-48369688.0, 67895664.0], [96827408.0], [1e100, -1e5], [0.00012345678912, 0.1], [16777217.0, 33554433.0]):
            add(dtype, (len(values),), values)
        add(dtype, (40,), [random.gauss(0, 1) for _ in range(40)])
        add(dtype, (3, 12), [random.gauss(0, 100) for _ in range(36)])
        add(dtype, (2, 3, 4), [random.gauss(0, 1e-6) for _ in range(24)])
        add(dtype, (2, 2, 2, 3), [float(i) for i in range(24)])
        add(dtype, (1, 1, 1, 1), [3.25])
        add(dtype, (4, 300), (7, 1001, -300))
        for shape in ((1001,), (40, 50), (3, 500), (500, 3), (11, 10, 12), (7, 3, 6, 9), (2000, 1)):
            add(dtype, shape, (0.37, 11.5, -4.25))


def integers():
    for dtype, low, high in (("i64", -2 ** 63, 2 ** 63 - 1), ("i32", -2 ** 31, 2 ** 31 - 1),
                             ("u8", 0, 255)):
        for value in (0, 7, low, high):
            add(dtype, (), [value])
            add(dtype, (1,), [value])
        add(dtype, (3,), [low, 0, high])
        add(dtype, (30,), [random.randint(low, high) for _ in range(30)])
        add(dtype, (5, 8), [random.randint(max(low, -99), 99) for _ in range(40)])
        add(dtype, (2, 2, 2, 2), [random.randint(0, 99) for _ in range(16)])
        for shape in ((1000,), (1001,), (25, 41), (5, 6, 7, 8), (3, 400)):
            add(dtype, shape, (13, 251, 0))
        add(dtype, (1000,), (3, 10, 0))


def booleans():
    for values in ([0], [1]):
        add("bool", (), values)
        add("bool", (1,), values)
    add("bool", (2,), [1, 1])
    add("bool", (3, 3), [0, 1, 1, 0, 0, 1, 0, 1, 1])
    add("bool", (30,), [random.randint(0, 1) for _ in range(30)])
    for shape in ((1001,), (40, 40), (2, 3, 400)):
        add("bool", shape, (1, 2, 0))


def shapes_and_views():
    for dtype in DTYPES:
        for shape in ((0,), (0, 3), (3, 0), (2, 0, 4), (1, 2, 3, 0)):
            add(dtype, shape, [])
        values = (1, 2, 0) if dtype == "bool" else (1, 120, 0 if dtype == "u8" else -60)
        for view in ("t", "s 0 2", "s 1 3", "i 0 1", "i 1 2", "t s 0 2", "t i 0 0 s 1 2",
                     "i 0 0 i 0 0 i 0 3", "s 2 2 s 1 2 t"):
            add(dtype, (2, 5, 12), values, view)
        for view in ("t", "s 0 7", "s 1 3 t", "i 1 5", "i 0 3"):
            add(dtype, (60, 70), (1, 2, 0) if dtype == "bool" else (17, 200, 0), view)
        for columns in range(1, 20):
            add(dtype, (2, columns), (1, 2, 0) if dtype == "bool" else (29, 101, 0))
    for length in range(1, 25):
        add("f64", (1, 1, length), [float("1." + "5" * (length % 9)) for _ in range(length)])
        add("i64", (length,), [10 ** (length % 12)] * length)


reals()
integers()
booleans()
shapes_and_views()
path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "print_cases.h")
with open(path, "w") as out:
    out.write("/* Written by make_print.py: how NumPy prints these tensors. */\n")
    out.write("static const print_case CASES[] = {\n")
    out.writelines(cases)
    out.write("};\n")
print(len(cases), "cases")
