#!/usr/bin/env python3
"""Writes the small files that the tests of libtensor/io read, into the directory of this script.

NumPy, SciPy and gzip write what they can; what they do not write (big-endian MAT-files, numbers
stored in a smaller type than their class, ZIP64 directories) is put together here from the
specifications, and read back by SciPy, NumPy or zipfile before it is kept.
"""
import gzip
import io
import json
import os
import struct
import zipfile
import zlib

import numpy as np
import scipy.io
import scipy.sparse

HERE = os.path.dirname(os.path.abspath(__file__))
INTS = ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"]


def path(name):
    return os.path.join(HERE, name)


def write(name, data):
    with open(path(name), "wb") as f:
        f.write(data)


def sample(code):
    """[2, 3]: the extremes of the type, and a few between them."""
    if code == "b1":
        return np.array([[1, 0, 0], [1, 1, 0]], "?")
    if code[0] == "f":
        return np.array([[-1.5, 0.25, 65504], [2.0**-24, np.inf, np.nan]], code)
    info = np.iinfo(code)
    high = min(info.max, 2**63 - 1)
    return np.array([[info.min, -1 if info.min else 1, 2], [3, 100, high]], code)


# ---- IDX ------------------------------------------------------------------------------------------


def idx_bytes(a):
    types = {"u1": 8, "i1": 9, "i2": 11, "i4": 12, "f4": 13, "f8": 14}
    head = bytes([0, 0, types[a.dtype.str[1:]], a.ndim]) + struct.pack(f">{a.ndim}I", *a.shape)
    return head + a.astype(a.dtype.newbyteorder(">")).tobytes()


def make_idx():
    for code in ["u1", "i1", "i2", "i4", "f4", "f8"]:
        write(f"{code}.idx", idx_bytes(sample(code)))
    cube = np.arange(24, dtype="u1").reshape(2, 3, 4)
    data = idx_bytes(cube)
    write("cube.idx.gz", gzip.compress(data, mtime=0))
    members = gzip.compress(data[:20], mtime=0) + gzip.compress(data[20:], mtime=0)
    assert gzip.decompress(members) == data
    write("members.idx.gz", members)


# ---- NumPy ----------------------------------------------------------------------------------------


def make_npy():
    cube = np.arange(24).reshape(2, 3, 4)
    np.save(path("c.npy"), cube.astype("<f4"))
    np.save(path("fortran.npy"), np.asfortranarray(cube.astype("<f8")))
    np.save(path("fortran_big.npy"), np.asfortranarray(cube.astype(">i2")))
    np.save(path("scalar.npy"), np.array(2.5))
    np.save(path("empty.npy"), np.zeros((0, 3), "i8"))
    for version in [2, 3]:
        with open(path(f"v{version}.npy"), "wb") as f:
            np.lib.format.write_array(f, np.arange(5, dtype="u1"), version=(version, 0))
    np.save(path("object.npy"), np.array([{}, None]), allow_pickle=True)
    np.save(path("text.npy"), np.array(["a", "bc"]))
    np.save(path("struct.npy"), np.zeros(2, [("a", "i4"), ("b", "f4")]))


def zip64_bytes(members):
    """A zip archive that has every size and offset in its ZIP64 form."""
    out, directory = b"", b""
    for name, data in members.items():
        name, packed = name.encode(), zlib.compress(data)[2:-4]
        crc, sizes = zlib.crc32(data), struct.pack("<QQ", len(data), len(packed))
        offset, common = len(out), struct.pack("<HHHHHI", 45, 0, 8, 0, 0x21, crc)
        none = 0xFFFFFFFF
        out += b"PK\3\4" + common + struct.pack("<IIHH", none, none, len(name), 20) + name
        out += struct.pack("<HH", 1, 16) + sizes + packed
        extra = struct.pack("<HHH", 0x7075, 2, 0) + struct.pack("<HH", 1, 24) + sizes
        extra += struct.pack("<Q", offset)
        directory += b"PK\1\2" + struct.pack("<H", 45) + common
        directory += struct.pack("<IIHHHHHII", none, none, len(name), len(extra), 0, 0, 0, 0, none)
        directory += name + extra
    start, n = len(out), len(members)
    out += directory
    end64 = struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, n, n, len(directory), start)
    locator = struct.pack("<IQI", 0, len(out), 1)
    out += b"PK\6\6" + end64 + b"PK\6\7" + locator
    out += b"PK\5\6" + struct.pack("<HHHHIIH", 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, none, none, 0)
    return out


def npy_bytes(a):
    f = io.BytesIO()
    np.save(f, a)
    return f.getvalue()


def make_npz():
    arrays = {}
    for code in INTS + ["f2", "f4", "f8"]:
        arrays[code] = sample(code)
        arrays["big_" + code] = sample(code).astype(np.dtype(code).newbyteorder(">"))
    arrays["b1"] = sample("b1")
    np.savez(path("types.npz"), **arrays)
    np.savez_compressed(path("deflated.npz"), x=np.arange(300), y=np.ones((2, 2), "f4"))
    np.savez(path("stored.npz"), x=np.arange(3, dtype="i4"), y=np.float64(1.5))
    np.savez(path("text.npz"), x=sample("f8"), classes=np.array(["ant", "bee"]), tag=b"v1",
             y=sample("i4"))
    np.savez(path("none.npz"))
    data = zip64_bytes({"x.npy": npy_bytes(np.arange(6.0).reshape(2, 3)),
                        "y.npy": npy_bytes(np.arange(4, dtype="u2"))})
    with np.load(io.BytesIO(data)) as z:
        assert z["x"].tolist() == [[0, 1, 2], [3, 4, 5]] and z["y"].tolist() == [0, 1, 2, 3]
    assert zipfile.ZipFile(io.BytesIO(data)).testzip() is None
    write("zip64.npz", data)


# ---- MATLAB ---------------------------------------------------------------------------------------

MI = {"i1": 1, "u1": 2, "i2": 3, "u2": 4, "i4": 5, "u4": 6, "f4": 7, "f8": 9, "i8": 12, "u8": 13}
MX = {"char": 4, "f8": 6, "f4": 7, "i1": 8, "u1": 9, "i2": 10, "u2": 11, "i4": 12, "u4": 13,
      "i8": 14, "u8": 15}


class MatWriter:
    """A Level 5 MAT-file of either byte order."""

    def __init__(self, order):
        self.order = order
        version = struct.pack(order + "H", 0x0100)
        mark = b"MI" if order == ">" else b"IM"
        self.out = b"MATLAB 5.0 MAT-file, made for a test".ljust(124) + version + mark

    def element(self, kind, data):
        if len(data) <= 4:
            words = (len(data), kind) if self.order == ">" else (kind, len(data))
            return struct.pack(self.order + "HH", *words) + data.ljust(4, b"\0")
        head = struct.pack(self.order + "II", kind, len(data))
        return head + data.ljust((len(data) + 7) // 8 * 8, b"\0")

    def add(self, name, a, of_class, stored, kind=None, flags=0, compressed=False):
        """`stored`: the type of NumPy in which the numbers are written."""
        word = MX[of_class] | flags << 8
        data = a.astype(np.dtype(stored).newbyteorder(self.order)).tobytes("F")
        body = self.element(6, struct.pack(self.order + "II", word, 0))
        body += self.element(5, struct.pack(f"{self.order}{a.ndim}i", *a.shape))
        body += self.element(1, name.encode())
        body += self.element(kind or MI[stored], data)
        matrix = struct.pack(self.order + "II", 14, len(body)) + body
        if compressed:
            packed = zlib.compress(matrix)
            matrix = struct.pack(self.order + "II", 15, len(packed)) + packed
        self.out += matrix

    def write(self, name, expected):
        read = scipy.io.loadmat(io.BytesIO(self.out), chars_as_strings=False)
        for key, value in expected.items():
            assert np.array_equal(read[key], value, equal_nan=value.dtype.kind == "f"), key
        write(name, self.out)


def make_mat():
    arrays = {code: sample(code) for code in INTS + ["f4", "f8", "b1"]}
    arrays["cube"] = np.arange(24.0).reshape(2, 3, 4)
    arrays["text"] = "abc"
    arrays["umlaut"] = "a\u00e4\u20ac\U0001f600"
    arrays["empty"] = np.zeros((0, 0))
    scipy.io.savemat(path("types.mat"), arrays)
    scipy.io.savemat(path("compressed.mat"), arrays, do_compression=True)
    scipy.io.savemat(path("kinds.mat"), {
        "a_cell": np.array([1, "b"], object), "a_struct": {"x": 1}, "good": np.arange(3.0),
        "a_sparse": scipy.sparse.eye(2), "a_complex": np.array([1j])})

    for order, name in [("<", "little.mat"), (">", "big.mat")]:
        w, expected = MatWriter(order), {}
        for code in INTS + ["f4", "f8"]:
            expected[code] = sample(code)
            w.add(code, sample(code), code, code, compressed=code in ["i4", "f8"])
        steps = np.array([[0.0, 1, 2], [3, 4, 250]])
        for stored in ["u1", "i2", "u2", "i4", "f4"]:
            expected["as_" + stored] = steps
            w.add("as_" + stored, steps, "f8", stored)
        expected["tiny"] = np.array([[7, 8]])
        w.add("tiny", expected["tiny"], "i4", "i1")
        w.add("flag", np.array([[1, 0, 2]]), "u1", "u1", flags=2)
        text = np.array([[0x61, 0x20AC, 0x62]])
        w.add("utf16", text, "char", "u2", kind=17)
        w.add("short", text, "char", "u2")
        w.write(name, expected)


# ---- safetensors -----------------------------------------------------------------------------------


def safetensors_bytes(parts, metadata):
    """As the format's documentation has it: size of the header, header, data."""
    header, data = {"__metadata__": metadata}, b""
    for name, (code, shape, raw) in parts.items():
        header[name] = {"dtype": code, "shape": shape, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def make_safetensors():
    parts = {}
    for code in ["BOOL", "U8", "I8", "U16", "I16", "U32", "I32", "U64", "I64", "F16", "BF16", "F32", "F64"]:
        if code == "BF16":  # the upper halves of floats
            a = sample("f4")
            a[0, 2] = 65536
            raw = (a.view("u4") >> 16).astype("<u2").tobytes()
        else:
            numpy_code = "b1" if code == "BOOL" else code[0].lower() + str(int(code[1:]) // 8)
            raw = sample(numpy_code).astype("<" + numpy_code).tobytes()
        parts[code] = (code, [2, 3], raw)
    parts["empty"] = ("F32", [0, 3], b"")
    parts["scalar"] = ("F64", [], struct.pack("<d", 2.5))
    write("types.safetensors", safetensors_bytes(parts, {"format": "pt"}))


if __name__ == "__main__":
    make_idx()
    make_npy()
    make_npz()
    make_mat()
    make_safetensors()
