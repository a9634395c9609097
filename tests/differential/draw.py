"""What the makers of cases in rows.py draw: sizes, shapes, tensors."""
import math

import numpy as np

from cases import DTYPES, TINY, Choices, Tensor

# Around the widths of vectors (4, 8, 16), the thin kernels (32), Winograd's tiles, the blocks of the
# pairwise sums (128, 256), the rows of a tile of windows (512) and what is worth a thread (16384).
SMALL = (1, 2, 3, 4, 5)
MIDDLE = (6, 7, 8, 9, 10, 12, 15, 16, 17, 18, 31, 32, 33)
LARGE = (63, 64, 65, 95, 96, 97, 127, 128, 129, 255, 256, 257, 511, 512, 513, 1023, 1024, 1025, 2049, 4097, 16384,
         16385, 32769)
SPECIAL = (0.0, 1.0, -1.0, math.inf, -math.inf, math.nan, -0.0, 0.5, 2.0, -2.0, 1e-3, 88.0, -88.0, 89.5, -104.0,
           16777216.0, 1e10, -1e10, 700.0, -745.0)
INTEGERS = {"i64": (-2**40, 2**40), "i32": (-2**31, 2**31 - 1), "u8": (0, 255), "bool": (0, 1)}


class Draw(Choices):
    def __init__(self, seed=None, repeat=None):
        super().__init__(seed, repeat)
        self.dtype = self.of("f32", "f32", "f64")
        self.budget = (300, 3000, 20000, 100000)[max(0, (self.below(100) - 70) // 9)]
        self.special = False

    def size(self, most=None, zero=True):
        """One size; 0 now and then, and none above `most`."""
        most = self.budget if most is None else most
        kind = self.below(100)
        if zero and kind >= 98:
            return 0
        table = SMALL if kind < 60 else MIDDLE if kind < 85 else LARGE
        size = table[self.below(len(table))]
        return size if size <= most else 1 + size % max(1, most)

    def shape(self, least=0, most=4, zero=True):
        """A shape of `least` to `most` dimensions; eight now and then."""
        ndim = self.between(least, most)
        if most == 4 and self.chance(3):
            ndim = self.between(5, 8)
        shape, room = [], self.budget
        for _ in range(ndim):
            shape.append(self.size(room, zero))
            room //= max(1, shape[-1])
        return shape

    def broadcast(self, shape):
        """A shape that broadcasts to `shape`."""
        kind = self.of("same", "same", "ones", "shorter", "both")
        cut = self.below(len(shape) + 1) if kind in ("shorter", "both") else 0
        part = list(shape[cut:])
        if kind in ("ones", "both"):
            part = [1 if self.below(2) else n for n in part]
        return part

    def dim(self, shape):
        ndim = max(1, len(shape))
        return self.between(0, ndim - 1) - (ndim if self.below(2) else 0)

    def some_dims(self, shape):
        """Dimensions to reduce; none means all."""
        dims = [i for i in range(len(shape)) if self.below(2)]
        return [i - (len(shape) if self.chance(30) else 0) for i in dims]

    def values(self, shape, kind, dtype):
        """Floats that float32 holds, too."""
        n = math.prod(shape)
        random = np.random.RandomState(self.below(1 << 30))
        if kind == "counting":
            values = np.arange(1, n + 1) % 251
        elif kind == "few":
            values = random.randint(-3, 4, n)
        elif kind == "positive":
            values = random.rand(n) + 0.1
        elif kind == "probability":
            values = random.rand(n)
        elif kind == "shifted":
            values = random.randn(n) + 1000
        elif kind == "special":
            top = float(np.finfo(DTYPES[dtype][1]).max)
            table = np.array(SPECIAL + (top, -top, TINY[dtype], 3 * TINY[dtype] / 16), DTYPES[dtype][1])
            return table[random.randint(0, len(table), n)].astype(np.float64).reshape(shape)
        else:
            values = random.randn(n)
        return np.asarray(values, np.float32).astype(np.float64).reshape(shape)

    def floats(self, shape, kind=None, grad=None, changes=False, dtype=None):
        """A tensor, of the case's dtype; `grad`: whether it requires a gradient, None: perhaps."""
        if kind is None:
            kind = "special" if self.special else self.of("counting", "normal", "normal", "normal", "few", "positive")
        if grad is None:
            grad = self.below(5) > 0
        dtype = dtype or self.dtype
        t = Tensor(self.values(shape, kind, dtype), dtype, grad, changes)
        t.lay_out(self)
        t.recorded = bool(grad and t.views) and self.below(2) == 1
        return t

    def integers(self, shape, low, high, dtypes=("i64", "i32", "u8")):
        """Whole numbers from low to high - 1."""
        dtype = self.of(*dtypes)
        low, high = max(low, INTEGERS[dtype][0]), min(high, INTEGERS[dtype][1] + 1)
        random = np.random.RandomState(self.below(1 << 30))
        t = Tensor(random.randint(low, max(high, low + 1), size=shape, dtype=np.int64), dtype)
        t.lay_out(self)
        return t

    def any(self, shape):
        """A tensor of any dtype; floats now and then require a gradient."""
        if self.below(3) < 2:
            return self.floats(shape)
        return self.integers(shape, -4, 5, ("i64", "i32", "u8", "bool"))

    def like(self, t, shape):
        """Another one of the dtype of t."""
        if t.dtype in ("f32", "f64"):
            return self.floats(shape)
        return self.integers(shape, -4, 5, (t.dtype,))
