#!/usr/bin/env python3
"""Writes the .npz archives that other programs than numpy.savez make, into the directory of this script, each read
back by NumPy before it is kept. They hold x = [0, 1, 2] and what is said below."""
import io
import os
import zipfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))


def npy(*values):
    f = io.BytesIO()
    np.save(f, np.array(values, "i4"))
    return f.getvalue()


class Pipe(io.BytesIO):
    """Cannot go back to write sizes into a header."""

    def seek(self, *args):
        raise OSError

    def tell(self):
        raise OSError


def archive(members, comment=b"", method=zipfile.ZIP_STORED, to=io.BytesIO, zip64=False, methods={}):
    out = to()
    with zipfile.ZipFile(out, "w", method) as z:
        for name, data in members.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = methods.get(name, method)
            with z.open(info, "w", force_zip64=zip64) as f:
                f.write(data)
        z.comment = comment
    return out.getvalue()


def keep(name, data, **expected):
    with open(os.path.join(HERE, name), "wb") as f:
        f.write(data)
    with np.load(os.path.join(HERE, name)) as z:
        for key, values in dict(x=[0, 1, 2], **expected).items():
            assert (z[key] if isinstance(values, bytes) else z[key].tolist()) == values, key


x = {"x.npy": npy(0, 1, 2)}
others = {"README.txt": b"Three numbers.", "empty": b"", "folder/": b"", "folder/y.npy": npy(3), "bare": npy(4, 5)}
keep("foreign.npz", archive({**others, **x}), **{"folder/y": [3], "bare": [4, 5]})
keep("foreign_deflated.npz", archive({**others, **x}, method=zipfile.ZIP_DEFLATED), **{"folder/y": [3], "bare": [4, 5]})
keep("comment.npz", archive(x, comment=b"It was a Tuesday."))
keep("cut_comment.npz", archive(x, comment=b"It was a Tuesday.")[:-9])
keep("padded.npz", archive(x, comment=b"It was a Tuesday.") + bytes(1000) + b"and more")
keep("in_front.npz", b"PK\3\4 is how it begins, but not the archive" + archive({**x, "y.npy": npy(3)}), y=[3])
keep("joined.npz", archive({"x.npy": npy(7, 8), "z.npy": npy(9)}) + archive(x))
keep("piped.npz", archive(x, method=zipfile.ZIP_DEFLATED, to=Pipe))
keep("piped64.npz", archive(x, to=Pipe, zip64=True))
keep("unicode.npz", archive({**x, "\u00e4\u20ac\U0001f600.npy": npy(3)}), **{"\u00e4\u20ac\U0001f600": [3]})
plain = archive({**x, "caf@.npy": npy(3)})
keep("cp437.npz", plain.replace(b"caf@", b"caf\x82"), **{"caf\u00e9": [3]})
apple = b"\0\5\x16\7\0\2\0\0Mac OS X        \0\0"
named = {"__MACOSX/": b"", "__MACOSX/._x.npy": apple, "b.npy": b"hello", "long.npy": 9 * b"hello", "empty.npy": b""}
read = {"__MACOSX/._x": apple, "b": b"hello", "long": 9 * b"hello", "empty": b""}
keep("named.npz", archive({**named, **x}), **read)
keep("named_deflated.npz", archive({**named, **x}, method=zipfile.ZIP_DEFLATED), **read)
texts = {"README.txt": b"Three numbers.", "NEWS": b"There are none."}
methods = {"README.txt": zipfile.ZIP_BZIP2, "NEWS": zipfile.ZIP_LZMA}
keep("methods.npz", archive({**texts, **x}, methods=methods), **texts)
