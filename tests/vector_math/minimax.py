#!/usr/bin/env python3
"""The polynomials of <tn/vector_math.h>: minimax.py prints them, with the largest error of each.

    minimax.py [HEADER...]

With HEADERS, libtensor/include/tn/vector_math_*.h, it says which numbers do not stand there, and fails if
there are any. It needs mpmath.

Each polynomial has the smallest largest weighted error that its number of terms allows. Remez' exchange
finds it: the error of the best one takes its largest value with alternating signs in one more place than
it has terms (Chebyshev), so equations for these places give the coefficients; the places are then moved
to where the error of that is largest, until it is nowhere larger than at them. See Muller, "Elementary
functions", chapter 3."""
import struct
import sys

import mpmath as m

m.mp.prec = 200
POINTS = 40  # of the grid, for each term
NONE = m.mpf("1e-9")


def extremes(errors, count):
    """Where the error is largest in each run of one sign: `count` neighbouring runs."""
    places = []
    for i, error in enumerate(errors):
        if places and (error > 0) == (errors[places[-1]] > 0):
            if abs(error) > abs(errors[places[-1]]):
                places[-1] = i
        else:
            places.append(i)
    while len(places) > count:
        del places[0 if abs(errors[places[0]]) < abs(errors[places[-1]]) else -1]
    return places


def minimax(f, weight, terms, low, high):
    """c for which the largest |weight (f - sum c_k x^k)| on [low, high] is smallest, and that error."""
    low, high = m.mpf(low), m.mpf(high)
    n = POINTS * terms
    grid = [(low + high) / 2 - (high - low) / 2 * m.cos(m.pi * (2 * i + 1) / (2 * n)) for i in range(n)]
    values = [f(x) for x in grid]
    weights = [weight(x) for x in grid]
    places = [i * (n - 1) // terms for i in range(terms + 1)]
    while True:
        rows = [[weights[i] * grid[i] ** k for k in range(terms)] + [(-1) ** row] for row, i in enumerate(places)]
        *c, level = m.lu_solve(m.matrix(rows), m.matrix([weights[i] * values[i] for i in places]))
        errors = [w * (v - m.polyval(c[::-1], x)) for w, v, x in zip(weights, values, grid)]
        worst = max(map(abs, errors))
        if worst < abs(level) * m.mpf("1.001"):
            return c, worst
        places = extremes(errors, terms + 1)


def relative(f):
    return lambda x: 1 / f(x)


def of_root(f):
    """f(z^(1/2)) for a polynomial in z = x^2."""
    return lambda z: f(m.sqrt(z))


def exp_tail(terms):
    """(e^r - 1 - r) / r^2, relative to e^r."""
    end = m.log(2) / 2 * m.mpf("1.0001")
    return minimax(lambda r: (m.expm1(r) - r) / r**2, lambda r: r**2 / m.exp(r), terms, -end, end)


def log_rest(terms):
    """(ln(1 + f) - f + f^2/2) / f^3, relative to ln(1 + f)."""
    return minimax(lambda f: (m.log1p(f) - f + f * f / 2) / f**3, lambda f: f**3 / m.log1p(f), terms,
                   m.sqrt(0.5) - 1, m.sqrt(2) - 1)


def artanh_rest(terms):
    """(2 artanh(s) / s - 2) / s^2 in s^2, relative to 1."""
    end = (m.sqrt(2) - 1) / (m.sqrt(2) + 1)
    return minimax(of_root(lambda s: (2 * m.atanh(s) / s - 2) / s**2), lambda z: z, terms, NONE, end**2)


def artanh_end(terms):
    """(2 artanh(s) / s - 2 - 2/3 s^2) / s^4 in s^2, relative to 1."""
    end = (m.sqrt(2) - 1) / (m.sqrt(2) + 1)
    return minimax(of_root(lambda s: (2 * m.atanh(s) / s - 2 - 2 * s**2 / 3) / s**4), lambda z: z * z, terms,
                   NONE * 100, end**2)


def log2_over_s(terms):
    """2 artanh(s) / (s ln 2) in s^2, relative to itself."""
    end = (m.sqrt(2) - 1) / (m.sqrt(2) + 1)
    return minimax(of_root(lambda s: 2 * m.atanh(s) / (s * m.log(2))), of_root(lambda s: s / m.atanh(s)), terms, NONE,
                   end**2)


def exp2(terms):
    """2^f for |f| <= 1/2, relative to itself."""
    return minimax(lambda f: 2**f, lambda f: 2**-f, terms, "-0.5001", "0.5001")


def tanh_rest(terms):
    """(tanh(x) / x - 1) / x^2 in x^2, relative to tanh(x) / x."""
    return minimax(of_root(lambda x: (m.tanh(x) / x - 1) / x**2), of_root(lambda x: x**3 / m.tanh(x)), terms,
                   NONE, m.mpf("0.55") ** 2)


EIGHTH = m.pi / 4 * m.mpf("1.0001")


def sin_rest(terms):
    """(sin(r) / r - 1) / r^2 in r^2, relative to sin(r) / r."""
    return minimax(of_root(lambda r: (m.sin(r) / r - 1) / r**2), of_root(lambda r: r**3 / m.sin(r)), terms, NONE,
                   EIGHTH**2)


def cos_rest(terms):
    """(cos(r) - 1 + r^2/2) / r^4 in r^2, relative to cos(r)."""
    return minimax(of_root(lambda r: (m.cos(r) - 1 + r * r / 2) / r**4), of_root(lambda r: r**4 / m.cos(r)), terms,
                   NONE * 100, EIGHTH**2)


def erf_rest(terms):
    """erf(x) / x - 1 in x^2, relative to erf(x) / x."""
    return minimax(of_root(lambda x: m.erf(x) / x - 1), of_root(lambda x: x / m.erf(x)), terms, NONE, 1)


def erfc_scaled(x):
    """e^(x^2) erfc(x); by its asymptotic series where x is large."""
    if x < 20:
        return m.exp(x * x) * m.erfc(x)
    return sum((-1) ** k * m.fac2(2 * k - 1) / (2 * x * x) ** k for k in range(20)) / (x * m.sqrt(m.pi))


def erfc_part(terms, c, last):
    """e^(x^2) erfc(x) / (1 + v) in v = (c - x) / (c + x), for x from 0 to last."""
    c, last = m.mpf(c), m.mpf(last)

    def f(v):
        return erfc_scaled(c * (1 - v) / (1 + v)) / (1 + v)

    return minimax(f, relative(f), terms, (c - last) / (c + last), 1)


# Function, type of the numbers, polynomial.
POLYNOMIALS = (
    ("exp_tail", "float", exp_tail(5)),
    ("exp_tail", "double", exp_tail(10)),
    ("log_sum", "float", log_rest(9)),
    ("log_sum", "double", artanh_rest(7)),
    ("tanh", "float", tanh_rest(5)),
    ("tanh", "double", tanh_rest(11)),
    ("erf", "float", erf_rest(7)),
    ("erf", "double", erf_rest(13)),
    ("erfc", "float", erfc_part(10, 3, "10.2")),
    ("erfc", "double", erfc_part(22, "3.5", "27.3")),
    ("log_pair", "double", artanh_end(7)),
    ("pow_f32, log2", "double", log2_over_s(5)),
    ("pow_f32, exp2", "double", exp2(8)),
    ("sine", "double", sin_rest(6)),
    ("cosine", "double", cos_rest(6)),
)


def text_of(number, single):
    """As a hexadecimal constant of C."""
    value = float(number)
    if single:
        value = struct.unpack("f", struct.pack("f", value))[0]
    digits, exponent = value.hex().split("p")
    return f"{digits.rstrip('0').rstrip('.')}p{exponent}{'f' if single else ''}"


def main():
    headers = "".join(open(name).read() for name in sys.argv[1:])
    missing = []
    for name, kind, (c, error) in POLYNOMIALS:
        texts = [text_of(number, kind == "float") for number in c]
        missing += [f"{name}: {text}" for text in texts if headers and text not in headers]
        if not headers:
            print(f"{name}, {kind}, 2^{float(m.log(error, 2)):.1f}:", ", ".join(texts))
    print(*missing, sep="\n", end="\n" if missing else "")
    sys.exit(bool(missing))


if __name__ == "__main__":
    main()
