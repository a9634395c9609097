#!/usr/bin/env python3
"""Rows for `make bench-shapes`: operators over matrices of shapes that ops.tsv leaves out, along both dimensions. Few
and many rows, short and long ones: what a table of common sizes does not show."""

SHAPES = [(60000, 10), (4096, 3), (100, 1000), (16, 20000), (3, 100000), (100000, 3), (2000, 64)]
ALONG = ["sum", "mean", "var", "amax", "max", "argmax", "softmax", "log_softmax"]
OF_ALL = ["sum", "mean", "var", "amax"]
BROADCAST = ["add", "sub", "mul", "div", "lt"]


def along(shape, x, dim):
    size = shape[dim]
    yield from (f"{op}\tx={x} dim={dim}" for op in ALONG)
    if size >= 5:
        yield f"topk\tx={x} dim={dim}"
    yield from (f"{op}\tx={x} x={x} dim={dim}" for op in ("cat", "stack"))
    yield f"narrow\tx={x} dim={dim} size={size // 4},{size // 2}"
    yield f"index_select\tx={x} below={size},{size} dim={dim}"
    yield f"gather\tx={x} below={size},{x} dim={dim}"


def broadcast(shape, x):
    others = (f"{shape[0]},1", str(shape[1]), "1")
    yield from (f"{op}\tx={x} x={other}" for op in BROADCAST for other in others)
    yield f"where\tflags={x} x={x} x={x}"
    yield f"where\tflags={others[0]} x={x} x={x}"
    yield f"where\tflags={x} x={x} x=1"
    yield f"expand\tx={others[0]} size={x}"
    yield f"expand\tx=1,{others[1]} size={x}"


def rows(shape):
    x = ",".join(map(str, shape))
    for dim in (0, 1):
        yield from along(shape, x, dim)
    yield from (f"{op}\tx={x}" for op in OF_ALL)
    yield from broadcast(shape, x)
    yield f"transpose\tx={x} dim=0,1"
    yield f"pad\tx={x} size=1,1"
    yield f"cast\tx={x}"
    yield f"mse_loss\tx={x} x={x}"
    yield from (f"{op}\tx={x} below={shape[1]},{shape[0]}" for op in ("cross_entropy", "nll_loss"))


if __name__ == "__main__":
    for of_shape in map(rows, SHAPES):
        print("\n".join(of_shape))
