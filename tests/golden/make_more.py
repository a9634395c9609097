#!/usr/bin/env python3
"""More reference vectors, in the format of make_golden.py: corners that it has no case for.

    make_more.py OUT_DIR

Writes OUT_DIR/more.tsv and one OUT_DIR/more_NAME.npz per case. Where the result is no floating-point
tensor there are no gout and gin arrays.
"""
import os, sys
import numpy as np
import torch
import torch.nn.functional as F

out_dir = sys.argv[1]
rng = np.random.RandomState(20180224)
manifest = open(os.path.join(out_dir, "more.tsv"), "w")
counts = {}
nan, inf, high = float("nan"), float("inf"), 2**63 - 1


def normal(*shape):
    """Rounded to float32, so that float32 sees the same numbers."""
    return torch.from_numpy(np.asarray(rng.standard_normal(shape), dtype=np.float32).astype(np.float64))


def integers(high, *shape):
    return torch.from_numpy(np.asarray(rng.randint(0, high, shape), dtype=np.int64))


def numbers(*values):
    return torch.tensor(values, dtype=torch.float64)


def attrs(kw):
    def one(v):
        if isinstance(v, (tuple, list)):
            return ",".join(str(x) for x in v)
        return str(int(v)) if isinstance(v, bool) else str(v)
    return " ".join(f"{k}={one(v)}" for k, v in kw.items()) or "-"


def case(op, fn, inputs, **kw):
    name = f"more_{op}_{counts.setdefault(op, 0)}"
    counts[op] += 1
    leaves = [t.clone().requires_grad_(True) if t.is_floating_point() else t for t in inputs]
    out = fn(*leaves)
    arrays = {f"in{i}": t.detach().numpy() for i, t in enumerate(leaves)}
    arrays["out"] = out.detach().numpy()
    if out.requires_grad:
        gout = torch.from_numpy(np.asarray(rng.standard_normal(tuple(out.shape)), dtype=np.float32)).to(out.dtype)
        out.backward(gout)
        arrays["gout"] = gout.numpy()
        for i, t in enumerate(leaves):
            if t.is_floating_point():
                arrays[f"gin{i}"] = (t.grad if t.grad is not None else torch.zeros_like(t)).numpy()
    np.savez_compressed(os.path.join(out_dir, name + ".npz"), **arrays)
    manifest.write(f"{name}\t{op}\t{attrs(kw)}\n")


# element-wise: NaN, infinities and zeros of both signs, all pairs of them; eight dimensions --------
special = numbers(nan, inf, -inf, 0.0, -0.0, 1.0, -2.5)
for op, fn in dict(neg=torch.neg, square=torch.square, exp=torch.exp, log=torch.log, relu=F.relu).items():
    case(op, fn, [special])
for op, fn in dict(add=torch.add, sub=torch.sub, mul=torch.mul, div=torch.div).items():
    case(op, fn, [special.reshape(7, 1), special])
    case(op, fn, [normal(2, 1, 2, 1, 2, 1, 2, 3), normal(2, 1, 2, 1, 2, 1, 3).abs() + 0.5])
    case(op, fn, [normal(1, 3), normal(0, 1)])
for x in (normal(2, 3), special, normal()):
    case("add_scalar", lambda t: t + 0.375, [x], s=0.375)
    case("mul_scalar", lambda t: t * -1.75, [x], s=-1.75)

# reductions ----------------------------------------------------------------------------------------
for op, f in dict(sum=torch.sum, mean=torch.mean).items():
    for shape, dims, keep in [((3, 4, 5), (0, 2), False), ((3, 4, 5), (0, 2), True), ((3, 4, 5), (-1, 0, 1), False),
                              ((2, 3, 1, 4), (1, 2), False), ((2, 2, 2, 1, 3, 2, 1, 2), (0, 2, 4, 6), True),
                              ((3, 0, 2), (1,), False), ((3, 0, 2), (0,), True), ((0,), (0,), False)]:
        case(op, lambda t: f(t, dim=dims, keepdim=keep), [normal(*shape)], dims=dims, keepdim=keep)
    case(op, f, [normal()])
    case(op, f, [normal(2, 0)])
    case(op, lambda t: f(t, dim=1), [torch.stack([special[:3], special[3:6], special[1:4]])], dims=(1,))
for x, dim in [(normal(3, 4, 5), 0), (normal(3, 4, 5), 1), (normal(3, 4, 5), -1), (numbers(3, 3, 1, 3), 0),
               (numbers(1, nan, 3, nan), 0), (numbers(-inf, -inf), 0), (numbers(1, inf, inf), -1), (integers(3, 6, 7), 1),
               (integers(3, 6, 7).int(), 0), (integers(3, 6, 7).byte(), 1), (normal(0, 3), 1), (normal(1), 0)]:
    case("argmax", lambda t: torch.argmax(t, dim), [x], dim=dim)

# soft-max ------------------------------------------------------------------------------------------
extreme = numbers(1e4, -1e4, 1e4, 0, 1e30, -1e30, 1e30, 3, -1e30, -1e30, -1e30, -1e30, 0, -745, -80, -100).reshape(4, 4)
infinite = numbers(-inf, 0, 1, -inf, -inf, -inf, inf, 0, 1, nan, 0, 1).reshape(4, 3)
for op, f in dict(softmax=F.softmax, log_softmax=F.log_softmax).items():
    for x, dim in [(extreme, 1), (infinite, 1), (normal(), 0), (normal(3, 0), 1), (normal(0, 3), -1), (normal(2, 1, 3), 1),
                   (normal(2, 2, 3, 1, 2, 1, 2, 2), 2), (normal(5) * 20, 0)]:
        case(op, lambda t: f(t, dim), [x], dim=dim)

# products ------------------------------------------------------------------------------------------
for a, b in [((4,), (4,)), ((4,), (4, 3)), ((2, 4), (4,)), ((2, 3, 4), (4,)), ((4,), (2, 4, 3)), ((3, 4), (2, 4, 5)),
             ((2, 1, 3, 4), (1, 5, 4, 2)), ((3, 0), (0, 4)), ((0, 3), (3, 4)), ((2, 3), (3, 0)), ((0, 2, 3), (3, 4)),
             ((70, 65), (65, 33)), ((2, 1, 2, 1, 1, 2, 2, 3), (2, 1, 3, 2)), ((1, 3), (3, 1)), ((3, 1), (1, 3))]:
    case("matmul", torch.matmul, [normal(*a), normal(*b)])
for x, w, bias in [((7,), (3, 7), True), ((7,), (3, 7), False), ((2, 3, 7), (4, 7), True), ((0, 7), (3, 7), True),
                   ((5, 0), (3, 0), True), ((5, 3), (0, 3), True), ((9, 20), (17, 20), True), ((9, 20), (33, 20), False),
                   ((2, 1, 2, 1, 2, 1, 2, 5), (3, 5), True), ((33, 65), (16, 65), True)]:
    case("linear", F.linear, [normal(*x), normal(*w)] + ([normal(w[0])] if bias else []))

# losses --------------------------------------------------------------------------------------------
weight = torch.tensor([0.5, 2.0, 0.0, 0.25], dtype=torch.float64)
target = torch.tensor([0, 3, 1, 1, -100, 2, 3])
for red in ("mean", "sum", "none"):
    case("cross_entropy", lambda x, t: F.cross_entropy(x, t, weight, reduction=red, label_smoothing=0.2), [normal(7, 4) * 2, target],
         reduction=red, weight=tuple(weight.tolist()), label_smoothing=0.2)
    case("cross_entropy", lambda x, t: F.cross_entropy(x, t, weight, ignore_index=1, reduction=red), [normal(6, 4), integers(4, 6)],
         reduction=red, weight=tuple(weight.tolist()), ignore_index=1)
    case("cross_entropy", lambda x, t: F.cross_entropy(x, t, ignore_index=0, reduction=red, label_smoothing=0.1),
         [normal(6, 3), torch.tensor([0, 1, 2, 0, 1, 2])], reduction=red, ignore_index=0, label_smoothing=0.1)
    case("cross_entropy", lambda x, t: F.cross_entropy(x, t, reduction=red), [extreme, torch.tensor([0, 2, 1, 1])], reduction=red)
    case("cross_entropy", lambda x, t: F.cross_entropy(x, t, reduction=red), [extreme, torch.tensor([1, 1, 3, 1])], reduction=red)
    case("cross_entropy", lambda x, t: F.cross_entropy(x, t, reduction=red), [normal(5), torch.tensor(3)], reduction=red)
    case("cross_entropy", lambda x, t: F.cross_entropy(x, t, reduction=red), [normal(3, 4), torch.tensor([-100] * 3)], reduction=red)
    case("cross_entropy", lambda x, t: F.cross_entropy(x, t, reduction=red), [normal(3, 1), torch.tensor([0] * 3)], reduction=red)
    case("cross_entropy", lambda x, t: F.cross_entropy(x, t, reduction=red), [infinite, torch.tensor([1, 0, 1, 1])], reduction=red)
    case("cross_entropy", lambda x, t: F.cross_entropy(x, t, reduction=red), [normal(0, 4), integers(4, 0)], reduction=red)
case("cross_entropy", lambda x, t: F.cross_entropy(x, t, label_smoothing=1.0), [normal(3, 4), integers(4, 3)], reduction="mean", label_smoothing=1.0)

# shape ---------------------------------------------------------------------------------------------
for x, shape in [((1, 1), ()), ((), (1, 1, 1)), ((2, 3), (1, 3, 1, 2)), ((0, 4), (-1, 2, 4)), ((0, 4), (3, 0)), ((2, 2, 2), (-1,)),
                 ((2, 3, 2, 2, 1, 1, 2, 2), (4, -1, 3))]:
    case("reshape", lambda t: t.reshape(shape), [normal(*x)], shape=shape)
for x, dims in [((2, 3, 4), (-1, 0, -2)), ((2, 1, 3, 1, 2, 1, 2, 2), (7, 0, 6, 1, 5, 2, 4, 3)), ((), ()), ((0, 3), (1, 0))]:
    case("permute", lambda t: t.permute(dims), [normal(*x)], dims=dims)
for x, a, b in [((2, 3, 4), -1, 0), ((2, 3), 1, 1), ((0, 2, 3), 0, -2)]:
    case("transpose", lambda t: t.transpose(a, b), [normal(*x)], dim0=a, dim1=b)
for x, a, b in [((2, 3, 4), 0, 1), ((2, 3, 4), -2, -1), ((2, 3, 4), 1, 1), ((), 0, -1), ((2, 0, 3), 0, 2)]:
    case("flatten", lambda t: t.flatten(a, b), [normal(*x)], start_dim=a, end_dim=b)
for start, end, step in [(-3, 7, 1), (1, -1, 2), (0, 7, 3), (-100, 100, 1), (5, 2, 1), (2, 3, 5), (0, 0, 1), (3, high, 2), (-2**40, high, 4)]:
    case("slice", lambda t: t[:, start:end:step], [normal(2, 7, 3)], dim=1, start=start, end=end, step=step)
for dim, start, length in [(0, 1, 2), (1, 0, 7), (-1, 3, 0), (1, 7, 0)]:
    case("narrow", lambda t: t.narrow(dim, start, length), [normal(3, 7, 3)], dim=dim, start=start, length=length)
for dim, index in [(0, 1), (1, -1), (-1, 0), (-2, -7)]:
    case("select", lambda t: t.select(dim, index), [normal(3, 7, 3)], dim=dim, index=index)
for shape, dim in [((2, 1, 3), 1), ((2, 1, 3), 0), ((1,), -1), ((0, 1), 1)]:
    case("squeeze", lambda t: t.squeeze(dim), [normal(*shape)], dim=dim)
for shape, dim in [((2, 3), 0), ((2, 3), 1), ((2, 3), -1), ((2, 3), -3), ((), 0), ((0, 2), 1)]:
    case("unsqueeze", lambda t: t.unsqueeze(dim), [normal(*shape)], dim=dim)
for x, shape in [((3, 1), (3, 4)), ((3, 1), (-1, 4)), ((3, 1), (2, -1, 5)), ((), (2, 2)), ((1,), (0,)), ((2, 3), (2, 3)),
                 ((1, 2, 1), (2, 1, 2, 1, 3, 2, 2, 2)), ((0, 1), (2, 0, 3))]:
    case("expand", lambda t: t.expand(shape), [normal(*x)], shape=shape)
for op, f in dict(clone=torch.clone, contiguous=lambda t: t.contiguous()).items():
    case(op, f, [normal(3, 4)])
    case(op, f, [integers(9, 3, 4)])
names = {torch.float32: "f32", torch.float64: "f64", torch.int64: "i64", torch.int32: "i32", torch.uint8: "u8", torch.bool: "bool"}
for to, name in names.items():
    case("cast", lambda t: t.to(to), [numbers(0, 0.25, 1.75, 200.5, 255.0) if to == torch.uint8 else numbers(-2.75, -0.25, -0.0, 0.25, 1.75, 1e6)], dtype=name)
    for x in (integers(256, 5), integers(256, 5).int(), integers(256, 5).byte(), integers(2, 5).bool()):
        case("cast", lambda t: t.to(to), [x], dtype=name)

# optimisers, limits of gradients, schedules ------------------------------------------------------------
# From a stream of their own. optim_*, lr_*: as make_golden.py. groups: p0 and p1 of two groups after each step from the
# gradients g0 and g1, the second group with lr1 and weight_decay1, the norm limited to max_norm where it is given.
# clip_*: the gradients g0 and g1, c0 and c1 after the limit, and the norm. lr_plateau: the rates before each metric.
own = np.random.RandomState(20180225)


def steady(*shape):
    return torch.from_numpy(np.asarray(own.standard_normal(shape), dtype=np.float32).astype(np.float64))


def arrays_case(op, arrays, **kw):
    name = f"more_{op}_{counts.setdefault(op, 0)}"
    counts[op] += 1
    np.savez_compressed(os.path.join(out_dir, name + ".npz"), **{k: np.asarray(v) for k, v in arrays.items()})
    manifest.write(f"{name}\t{op}\t{attrs(kw)}\n")


def walk(opt, params, n, before=lambda: None):
    """n steps with random gradients: these, and the parameters after each."""
    gs, ps = [[] for _ in params], [[] for _ in params]
    for _ in range(n):
        for p, g in zip(params, gs):
            p.grad = steady(*p.shape)
            g.append(p.grad.numpy().copy())
        before()
        opt.step()
        for p, kept in zip(params, ps):
            kept.append(p.detach().numpy().copy())
    return [np.stack(g) for g in gs], [np.stack(p) for p in ps]


O, S = torch.optim, torch.optim.lr_scheduler
for kw in (dict(lr=0.01), dict(lr=0.02, alpha=0.9, eps=1e-3, weight_decay=0.1), dict(lr=0.01, momentum=0.9),
           dict(lr=0.01, centered=True), dict(lr=0.02, alpha=0.8, momentum=0.5, centered=True, weight_decay=0.05)):
    p = steady(3, 7).requires_grad_(True); p0 = p.detach().numpy().copy()
    (g,), (after,) = walk(O.RMSprop([p], **kw), [p], 12)
    arrays_case("optim_rmsprop", dict(p0=p0, g=g, p=after), **kw)
for cls, kw in ((O.Adam, dict(lr=0.03, betas=(0.8, 0.99), eps=1e-6, weight_decay=0.01)), (O.AdamW, dict(lr=0.01)),
                (O.AdamW, dict(lr=0.02, betas=(0.5, 0.9), eps=1e-4, weight_decay=0.3))):
    p = steady(70).requires_grad_(True); p0 = p.detach().numpy().copy()
    (g,), (after,) = walk(cls([p], **kw), [p], 30)
    arrays_case(f"optim_{cls.__name__.lower()}", dict(p0=p0, g=g, p=after), **kw)
for name, cls, kw in (("sgd", O.SGD, dict(lr=0.1, momentum=0.9)), ("sgd", O.SGD, dict(lr=0.1, weight_decay=0.1)),
                      ("adam", O.Adam, dict(lr=0.01, weight_decay=0.1)), ("adamw", O.AdamW, dict(lr=0.01, weight_decay=0.1)),
                      ("rmsprop", O.RMSprop, dict(lr=0.01, momentum=0.5))):
    for second in (dict(lr=0.002, weight_decay=0.5), dict(lr=0.05, weight_decay=0.0)):
        for max_norm in (0, 2.5):
            ps = [steady(2, 3).requires_grad_(True), steady(5).requires_grad_(True)]
            a0, a1 = (p.detach().numpy().copy() for p in ps)
            opt = cls([dict(params=ps[:1]), dict(params=ps[1:], **second)], **kw)
            (g0, g1), (p0, p1) = walk(opt, ps, 8, lambda: torch.nn.utils.clip_grad_norm_(ps, max_norm) if max_norm else None)
            arrays_case("groups", dict(a0=a0, a1=a1, g0=g0, g1=g1, p0=p0, p1=p1), optim=name, **kw, max_norm=max_norm,
                        **{k + "1": v for k, v in second.items()})
for limit in (0.5, 3.0, 1e3, 0.0):
    for op, fn in dict(clip_norm=torch.nn.utils.clip_grad_norm_, clip_value=torch.nn.utils.clip_grad_value_).items():
        ps = [steady(3, 7).requires_grad_(True), steady(37).requires_grad_(True)]
        for p in ps:
            p.grad = steady(*p.shape)
        g = [p.grad.numpy().copy() for p in ps]
        norm = fn(ps, limit)
        arrays_case(op, dict(g0=g[0], g1=g[1], c0=ps[0].grad.numpy(), c1=ps[1].grad.numpy(), norm=0.0 if norm is None else float(norm)),
                    limit=limit)


def rates(build, n, step):
    opt = O.SGD([steady(1).requires_grad_(True)], lr=0.1)
    schedules, lrs = build(opt), []
    for i in range(n):
        lrs.append(opt.param_groups[0]["lr"]); opt.step(); [step(s, i) for s in schedules]
    return lrs


for op, n, cls, kw in [("lr_step", 12, S.StepLR, dict(step_size=1, gamma=0.9)), ("lr_step", 25, S.StepLR, dict(step_size=10)),
                       ("lr_exponential", 12, S.ExponentialLR, dict(gamma=1.1)),
                       ("lr_cosine", 40, S.CosineAnnealingLR, dict(T_max=7, eta_min=0.01)),
                       ("lr_cosine", 9, S.CosineAnnealingLR, dict(T_max=1)), ("lr_cosine", 9, S.CosineAnnealingLR, dict(T_max=2, eta_min=0.05)),
                       ("lr_linear", 10, S.LinearLR, dict(start_factor=1 / 3, end_factor=1.0, total_iters=5)),
                       ("lr_linear", 15, S.LinearLR, dict(start_factor=0.001, end_factor=1.0, total_iters=10)),
                       ("lr_linear", 10, S.LinearLR, dict(start_factor=1.0, end_factor=0.0, total_iters=6)),
                       ("lr_linear", 4, S.LinearLR, dict(start_factor=0.5, end_factor=0.75, total_iters=1))]:
    arrays_case(op, dict(lr=rates(lambda opt: [cls(opt, **kw)], n, lambda s, i: s.step())), lr=0.1, **kw)
warm_up = dict(start_factor=0.1, end_factor=1.0, total_iters=4)
arrays_case("lr_linear_cosine", dict(lr=rates(lambda opt: [S.LinearLR(opt, **warm_up), S.CosineAnnealingLR(opt, T_max=12)],
                                              30, lambda s, i: s.step())), lr=0.1, **warm_up, T_max=12)
down = np.concatenate([1 / np.arange(1, 9), np.full(30, 0.12) + 0.01 * own.standard_normal(30), np.full(12, 0.125)])
for kw in (dict(), dict(patience=2), dict(factor=0.5, patience=1, cooldown=3), dict(patience=0, factor=0.7, min_lr=0.02),
           dict(mode="max", patience=1, factor=0.3), dict(patience=1, threshold=0.1, threshold_mode="abs"),
           dict(mode="max", patience=2, threshold=0.05, threshold_mode="abs", factor=0.9), dict(patience=1, threshold=0.2),
           dict(mode="max", patience=1, threshold=0.01, factor=0.8, cooldown=1), dict(patience=0, threshold=0.0, eps=0.01)):
    for metric in (down, -down, np.where(np.arange(50) % 7 == 3, np.nan, down)):
        lrs = rates(lambda opt: [S.ReduceLROnPlateau(opt, **kw)], len(metric), lambda s, i: s.step(metric[i]))
        arrays_case("lr_plateau", dict(lr=lrs, metric=metric), lr=0.1, **kw)

# more operators, from a stream of their own ----------------------------------------------------------
rng = np.random.RandomState(20180226)
# PyTorch's gelu and its gradient are NaN at infinities, where they have limits: 0 and 0, infinity and 1.
def gelu(x):
    inner = F.gelu(torch.where(torch.isinf(x), torch.zeros_like(x), x))
    return torch.where(torch.isinf(x), torch.relu(x), inner)

for op, fn in dict(abs=torch.abs, sqrt=torch.sqrt, sigmoid=torch.sigmoid, tanh=torch.tanh, gelu=gelu).items():
    case(op, fn, [special])
    case(op, fn, [normal(4, 5).abs() * 2 if op == "sqrt" else normal(4, 5) * 2])
case("gelu", F.gelu, [normal(6) * 20])
for x in (normal(3, 4), special):
    for low, high_ in [(-0.5, 0.75), (-inf, 0.5), (-0.25, inf), (1.0, -1.0)]:
        case("clamp", lambda t: t.clamp(low, high_), [x], low=low, high=high_)
    for slope in (0.01, 0.0, -0.5, 1.0):
        case("leaky_relu", lambda t: F.leaky_relu(t, slope), [x], negative_slope=slope)
    for p in (0, 1, 2, 3.0, -1.0):
        case("pow_scalar", lambda t: t.pow(p), [x], p=p)
for p in (0.5, -0.5, 2.75, -3.0):
    case("pow_scalar", lambda t: t.pow(p), [normal(3, 4).abs() + 0.1], p=p)
for p, training in [(0.25, False), (0.0, True), (1.0, True)]:
    case("dropout", lambda t: F.dropout(t, p, training), [normal(3, 4)], p=p, training=training)
for op in ("eq", "ne", "lt", "le", "gt", "ge"):
    case(op, getattr(torch, op), [special.reshape(7, 1), special])
    for x in (integers(3, 4, 5), integers(3, 4, 5).int(), integers(3, 4, 5).byte(), integers(2, 4, 5).bool()):
        case(op, getattr(torch, op), [x, x.flip(0)[:1]])
for c, a, b in [((3, 4), (3, 4), (3, 4)), ((3, 1), (4,), (2, 1, 1)), ((), (2, 3), (3,)), ((2, 3), (), ()), ((0, 3), (1,), (3,))]:
    case("where", torch.where, [integers(2, *c).bool(), normal(*a), normal(*b)])
case("where", torch.where, [integers(2, 7, 1).bool(), special, -special])

for op, f in dict(max=torch.max, min=torch.min).items():
    for x, dim, keep in [(normal(3, 4, 5), 0, True), (normal(3, 4, 5), 1, False), (normal(3, 4, 5), -1, True), (normal(2, 1, 2, 1, 2, 1, 2, 3), 4, False),
                         (numbers(1, nan, 3, nan), 0, False), (numbers(-inf, 2, inf), 0, True), (normal(0, 3), 1, False)]:
        case(op, lambda t: f(t, dim, keep).values, [x], dim=dim, keepdim=keep)
        case(op + "_indices", lambda t: f(t, dim, keep).indices, [x], dim=dim, keepdim=keep)
    case(op, lambda t: f(t, 1).values, [integers(100, 4, 5)], dim=1)
for op, f in dict(amax=torch.amax, amin=torch.amin).items():
    for x, dims, keep in [((3, 4, 5), (0, 2), False), ((3, 4, 5), (0, 2), True), ((3, 4, 5), (-1, 0, 1), False), ((2, 3, 1, 4), (1, 2), False),
                          ((2, 2, 2, 1, 3, 2, 1, 2), (0, 2, 4, 6), True), ((3, 0, 2), (0,), False)]:
        case(op, lambda t: f(t, dims, keep), [normal(*x)], dims=dims, keepdim=keep)
    case(op, f, [normal()])
    case(op, f, [normal(3, 4)])
    case(op, lambda t: f(t, (0, 1)), [integers(3, 4, 5).double()], dims=(0, 1))
    case(op, lambda t: f(t, 1), [torch.stack([special[:3], special[3:6], special[1:4]])], dims=(1,))
    case(op, lambda t: f(t, (0,)), [integers(100, 4, 5)], dims=(0,))
for x, dims, kw in [((3, 4, 5), (0, 2), dict()), ((3, 4, 5), (0, 2), dict(keepdim=True)), ((3, 4, 5), (1,), dict(correction=0)),
                    ((3, 4, 5), (-1, 0, 1), dict(correction=3)), ((2, 2, 2, 1, 3, 2, 1, 2), (0, 2, 4, 6), dict(keepdim=True, correction=2)),
                    ((3, 1), (1,), dict(correction=0)), ((3, 2), (1,), dict()), ((3, 0), (1,), dict())]:
    kw.setdefault("correction", 1)
    case("var", lambda t: torch.var(t, dims, **kw), [normal(*x)], dims=dims, **kw)
case("var", lambda t: torch.var(t, (0,), correction=1), [normal(50) * 0.5 + 4], dims=(0,), correction=1)
for x, k, dim, largest in [((7,), 3, 0, True), ((7,), 7, 0, False), ((3, 5), 2, 1, True), ((3, 5), 2, 0, False), ((2, 3, 4), 1, -2, True),
                           ((2, 1, 2, 1, 2, 1, 2, 5), 3, 7, True), ((3, 5), 0, 1, True), ((0, 5), 2, 1, True)]:
    x = normal(*x)
    case("topk", lambda t: torch.topk(t, k, dim, largest).values, [x], k=k, dim=dim, largest=largest)
    case("topk_indices", lambda t: torch.topk(t, k, dim, largest).indices, [x], k=k, dim=dim, largest=largest)
for largest in (True, False):
    case("topk", lambda t: torch.topk(t, 3, 0, largest).values, [numbers(3, nan, inf, -inf, 1)], k=3, dim=0, largest=largest)

for shapes, dim in [([(2, 3), (2, 1)], 1), ([(2, 3), (0, 3), (4, 3)], 0), ([(3,), (2,), (1,), (4,), (2,), (1,)], -1), ([(2, 3, 2)], 1),
                    ([(2, 1, 2, 1, 2, 1, 2, 2), (2, 1, 2, 3, 2, 1, 2, 2)], 3)]:
    case("cat", lambda *t: torch.cat(t, dim), [normal(*x) for x in shapes], dim=dim)
case("cat", lambda *t: torch.cat(t, 0), [integers(9, 2, 3), integers(9, 1, 3)], dim=0)
for x, n, dim in [((2, 3), 3, 0), ((2, 3), 2, 1), ((2, 3), 2, -1), ((), 4, 0), ((0, 2), 2, 1), ((2, 1, 2, 1, 2, 1, 2), 2, 3)]:
    case("stack", lambda *t: torch.stack(t, dim), [normal(*x) for _ in range(n)], dim=dim)
for x, dim, n in [((5,), 0, 7), ((4, 3), 0, 2), ((2, 4, 3), 1, 6), ((4, 3), -1, 5), ((4, 3), 0, 0), ((2, 1, 2, 1, 2, 1, 2, 3), 7, 4)]:
    case("index_select", lambda t, i: torch.index_select(t, dim, i), [normal(*x), integers(x[dim], n)], dim=dim)
case("index_select", lambda t, i: torch.index_select(t, 0, i), [integers(9, 4, 2), integers(4, 3)], dim=0)
for x, dim, shape in [((5,), 0, (7,)), ((4, 3), 0, (6, 3)), ((4, 3), 1, (2, 5)), ((2, 4, 3), 1, (2, 6, 1)), ((4, 3), -1, (4, 2)), ((4, 3), 0, (0, 3)),
                      ((2, 1, 2, 1, 2, 1, 2, 3), 4, (2, 1, 1, 1, 5, 1, 2, 2))]:
    case("gather", lambda t, i: torch.gather(t, dim, i), [normal(*x), integers(x[dim], *shape)], dim=dim)
for x, pad, value in [((5,), (1, 2), 0.0), ((3, 4), (2, 0, 1, 1), -1.5), ((3, 4), (-1, 2), 0.25), ((2, 3, 4), (0, 0, -1, -1, 3, -2), 7.0),
                      ((3, 4), (-2, -2), 0.0), ((3, 0), (1, 1), 2.0), ((2, 1, 2, 1, 2, 1, 2, 2), (1, 0) * 8, 0.5), ((3,), (1, 1), -inf)]:
    case("pad", lambda t: F.pad(t, pad, value=value), [normal(*x)], pad=pad, value=value)
case("pad", lambda t: F.pad(t, (1, 0), value=3), [integers(9, 2, 3)], pad=(1, 0), value=3)

for red in ("mean", "sum", "none"):
    case("nll_loss", lambda x, t: F.nll_loss(x, t, weight, reduction=red), [normal(7, 4), target], reduction=red, weight=tuple(weight.tolist()))
    case("nll_loss", lambda x, t: F.nll_loss(x, t, weight, ignore_index=1, reduction=red), [normal(6, 4), integers(4, 6)],
         reduction=red, weight=tuple(weight.tolist()), ignore_index=1)
    case("nll_loss", lambda x, t: F.nll_loss(x, t, ignore_index=0, reduction=red), [normal(6, 3), torch.tensor([0, 1, 2, 0, 1, 2])], reduction=red, ignore_index=0)
    case("nll_loss", lambda x, t: F.nll_loss(x, t, reduction=red), [normal(5), torch.tensor(3)], reduction=red)
    case("nll_loss", lambda x, t: F.nll_loss(x, t, reduction=red), [normal(3, 4), torch.tensor([-100] * 3)], reduction=red)
    case("nll_loss", lambda x, t: F.nll_loss(x, t, reduction=red), [normal(0, 4), integers(4, 0)], reduction=red)
    for a, b in [((3, 4), (3, 4)), ((), ()), ((2, 3, 2), (2, 3, 2)), ((0, 3), (0, 3))]:
        case("mse_loss", lambda x, t: F.mse_loss(x, t, reduction=red), [normal(*a), normal(*b)], reduction=red)
    bce, probability = F.binary_cross_entropy_with_logits, lambda *shape: torch.sigmoid(normal(*shape)).float().double()
    case("binary_cross_entropy_with_logits", lambda x, t: bce(x, t, reduction=red), [normal(3, 4) * 3, probability(3, 4)], reduction=red)
    case("binary_cross_entropy_with_logits", lambda x, t: bce(x, t, weight, reduction=red), [normal(3, 4), probability(3, 4)],
         reduction=red, weight=tuple(weight.tolist()))
    case("binary_cross_entropy_with_logits", lambda x, t: bce(x, t, pos_weight=weight, reduction=red), [normal(3, 4), probability(3, 4)],
         reduction=red, pos_weight=tuple(weight.tolist()))
    case("binary_cross_entropy_with_logits", lambda x, t: bce(x, t, weight, pos_weight=weight.flip(0), reduction=red), [normal(2, 3, 4), probability(2, 3, 4)],
         reduction=red, weight=tuple(weight.tolist()), pos_weight=tuple(weight.flip(0).tolist()))
    case("binary_cross_entropy_with_logits", lambda x, t: bce(x, t, reduction=red), [numbers(1e4, -1e4, 1e4, -1e4, 50, -50), numbers(1, 1, 0, 0, 1, 0.5)], reduction=red)

# images --------------------------------------------------------------------------------------------
images = np.random.RandomState(20180226)


def pixels(*shape):
    return torch.from_numpy(np.asarray(images.standard_normal(shape), dtype=np.float32).astype(np.float64))


for x, w, bias, s, p, d, g in [((3, 5, 6), (4, 3, 2), True, (1, 1), (0, 0), (1, 1), 1), ((1, 1, 1, 1), (1, 1, 1, 1), True, (1, 1), (0, 0), (1, 1), 1),
                               ((0, 3, 5, 5), (2, 3, 3, 3), True, (1, 1), (0, 0), (1, 1), 1), ((2, 4, 9, 8), (8, 1, 3, 3), True, (2, 1), (1, 1), (1, 2), 4),
                               ((3, 6, 5, 5), (4, 3, 1, 1), False, (1, 1), (0, 0), (1, 1), 2), ((2, 3, 5, 4), (2, 3, 1, 1), True, (2, 3), (1, 0), (1, 1), 1),
                               ((1, 2, 3, 3), (3, 2, 3, 3), True, (5, 4), (2, 4), (1, 1), 1), ((2, 2, 7, 11), (3, 2, 2, 3), True, (3, 2), (4, 5), (3, 4), 1),
                               ((5, 8, 13, 13), (12, 8, 3, 3), True, (1, 1), (1, 1), (1, 1), 1), ((1, 3, 33, 35), (6, 3, 7, 5), True, (2, 3), (3, 2), (1, 1), 1),
                               ((40, 5, 3, 3), (7, 5, 3, 3), False, (1, 1), (1, 1), (1, 1), 1)]:
    if len(w) == 3:
        w = (2, *w[1:], 3)
    case("conv2d", lambda *t: F.conv2d(t[0], t[1], t[2] if bias else None, s, p, d, g), [pixels(*x), pixels(*w)] + ([pixels(w[0])] if bias else []),
         stride=s, padding=p, dilation=d, groups=g)
tied = torch.from_numpy(images.randint(0, 3, (2, 2, 7, 8)).astype(np.float64))
odd = pixels(1, 2, 6, 6); odd[0, 0, 2, 3] = nan; odd[0, 1, 4, 4] = inf; odd[0, 1, 0, 0] = -inf
for x, k, s, p, d, up in [(pixels(3, 6, 5), (2, 3), (1, 2), (1, 0), (1, 1), False), (pixels(2, 2, 9, 8), (3, 2), (2, 1), (1, 1), (2, 3), False),
                          (pixels(1, 2, 5, 4), (2, 2), (3, 5), (1, 1), (1, 1), True), (pixels(1, 1, 8, 8), (4, 3), (3, 3), (2, 1), (1, 2), True),
                          (tied, (3, 3), (2, 2), (1, 1), (1, 1), False), (odd, (2, 2), (1, 1), (1, 0), (1, 1), False), (pixels(0, 2, 4, 4), (2, 2), (2, 2), (0, 0), (1, 1), False)]:
    case("max_pool2d", lambda t: F.max_pool2d(t, k, s, p, d, up), [x], kernel_size=k, stride=s, padding=p, dilation=d, ceil_mode=up)
for x, k, s, p, up, include, divisor in [(pixels(3, 6, 5), (2, 3), (1, 2), (1, 0), False, True, None), (pixels(2, 2, 9, 7), (3, 3), (2, 2), (1, 1), False, False, None),
                                         (pixels(1, 2, 10, 10), (3, 3), (3, 3), (1, 1), True, True, None), (pixels(1, 2, 8, 9), (4, 5), (3, 3), (2, 2), True, False, None),
                                         (pixels(1, 2, 8, 9), (4, 5), (3, 3), (2, 2), True, True, None), (pixels(1, 2, 5, 4), (2, 2), (3, 5), (1, 1), True, True, 3),
                                         (odd, (2, 2), (1, 1), (1, 0), False, True, None), (pixels(0, 2, 4, 4), (2, 2), (2, 2), (0, 0), False, True, None)]:
    case("avg_pool2d", lambda t: F.avg_pool2d(t, k, s, p, up, include, divisor), [x], kernel_size=k, stride=s, padding=p, ceil_mode=up,
         count_include_pad=include, **({} if divisor is None else dict(divisor_override=divisor)))
for x, size in [(pixels(3, 6, 5), (4, 5)), (pixels(2, 2, 2, 3), (5, 7)), (pixels(1, 2, 13, 11), (6, 6)), (pixels(0, 2, 4, 4), (2, 1)), (odd, (4, 3))]:
    case("adaptive_avg_pool2d", lambda t: F.adaptive_avg_pool2d(t, size), [x], output_size=size)
for x, training, momentum, eps, affine in [((5, 3), True, 0.1, 1e-5, True), ((2, 3, 17), True, 0.75, 0.5, True), ((3, 2, 2, 1, 3), True, 0.0, 1e-5, True),
                                           ((3, 2, 5, 5), True, 1.0, 1e-3, False), ((1, 4), False, 0.1, 1e-5, True), ((3, 2, 5, 5), False, 0.1, 0.25, False),
                                           ((2, 1, 1, 1), True, 0.1, 1e-5, True)]:
    c = x[1]; mean, var = pixels(c), pixels(c).abs() + 0.5; after = mean.clone(), var.clone()
    inputs = [pixels(*x) + 2] + ([pixels(c), pixels(c)] if affine else [])
    F.batch_norm(inputs[0], *after, *inputs[1:], training=training, momentum=momentum, eps=eps)
    case("batch_norm", lambda *t: F.batch_norm(t[0], mean.clone(), var.clone(), *t[1:], training=training, momentum=momentum, eps=eps), inputs,
         training=training, momentum=momentum, eps=eps, running_mean=tuple(mean.tolist()), running_var=tuple(var.tolist()),
         running_mean_after=tuple(after[0].tolist()), running_var_after=tuple(after[1].tolist()))
manifest.close()
