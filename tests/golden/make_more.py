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
manifest.close()
