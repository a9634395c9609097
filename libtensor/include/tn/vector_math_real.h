/* vector_math_real.h - the functions of vector_math.h, for the scalar type that it says. It
 * includes this file once for float and once for double; TN_OF_ takes the one's or the other's
 * value.
 *
 * What rounding takes is said in units of u = 2^-24 or 2^-53. n and k are whole numbers, r what a
 * reduction leaves. Polynomials have the smallest largest error that their degree allows
 * (tests/vector_math/minimax.py). */
#ifdef TN_REAL_

TN_INLINE_ TN_BITS_ TN_NAME_(tn__bits)(TN_REAL_ x)
{
    TN_BITS_ bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

TN_INLINE_ TN_REAL_ TN_NAME_(tn__from_bits)(TN_BITS_ bits)
{
    TN_REAL_ x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* 2^n for a normal number: its exponent is n + TN_BIAS_. */
TN_INLINE_ TN_REAL_ TN_NAME_(tn__power_of_two)(TN_BITS_ biased)
{
    return TN_NAME_(tn__from_bits)(biased << TN_MANTISSA_);
}

TN_INLINE_ TN_REAL_ TN_NAME_(tn__absolute)(TN_REAL_ x)
{
    return TN_NAME_(tn__from_bits)(TN_NAME_(tn__bits)(x) & ~TN_SIGN_);
}

/* |x| with the sign of `of`. */
TN_INLINE_ TN_REAL_ TN_NAME_(tn__with_sign)(TN_REAL_ x, TN_REAL_ of)
{
    return TN_NAME_(tn__from_bits)((TN_NAME_(tn__bits)(x) & ~TN_SIGN_) |
                                   (TN_NAME_(tn__bits)(of) & TN_SIGN_));
}

/* x within [low, high], NaN for NaN. */
TN_INLINE_ TN_REAL_ TN_NAME_(tn__within)(TN_REAL_ x, TN_REAL_ low, TN_REAL_ high)
{
    TN_REAL_ above = x < low ? low : x;
    return above > high ? high : above;
}

/* All ones where x < end, otherwise 0. */
TN_INLINE_ TN_BITS_ TN_NAME_(tn__below)(TN_REAL_ x, TN_REAL_ end)
{
    return 0 - ((TN_NAME_(tn__bits)(x - end) & TN_SIGN_) >> (sizeof(TN_REAL_) * 8 - 1));
}

/* x where the mask is all ones, y where it is 0. After a ?: GCC would compute y in a branch, which
 * it does not vectorise if there is much to it, or if that reads a table. */
TN_INLINE_ TN_REAL_ TN_NAME_(tn__choose)(TN_BITS_ mask, TN_REAL_ x, TN_REAL_ y)
{
    return TN_NAME_(tn__from_bits)((TN_NAME_(tn__bits)(x) & mask) |
                                   (TN_NAME_(tn__bits)(y) & ~mask));
}

/* ---- exponentials ------------------------------------------------------------------------------
 *
 * x = n ln 2 + r with |r| <= ln 2 / 2, so e^x = 2^n e^r. Adding 1.5 * 2^p, p the bits of the
 * mantissa, rounds x / ln 2 to n and leaves n in the low bits; ln 2 is two numbers, of which the
 * first has so few bits that n times it is exact (Cody and Waite, "Software manual for the
 * elementary functions", 1980). */

/* r of x + low, and n, which is negative as two's complement is. */
TN_INLINE_ TN_REAL_ TN_NAME_(tn__exp_reduce)(TN_REAL_ x, TN_REAL_ low, TN_BITS_ *n)
{
    const TN_REAL_ round = TN_OF_(0x1.8p23f, 0x1.8p52);
    TN_REAL_ shifted = (x + low) * TN_OF_(0x1.715476p+0f, 0x1.71547652b82fep+0) + round;
    TN_REAL_ whole = shifted - round;
    *n = TN_NAME_(tn__bits)(shifted) - TN_NAME_(tn__bits)(round);
    return ((x - whole * TN_OF_(0x1.62e4p-1f, 0x1.62e42fefa38p-1)) -
            whole * TN_OF_(0x1.7f7d1cp-20f, 0x1.ef35793c7673p-45)) +
           low;
}

/* e^r - 1 - r. */
TN_INLINE_ TN_REAL_ TN_NAME_(tn__exp_tail)(TN_REAL_ r)
{
    return r * r *
           TN_OF_(TN_POLY5_(r, 0x1.fffffcp-2f, 0x1.555492p-3f, 0x1.5558fp-5f, 0x1.1239dep-7f,
                            0x1.6a2488p-10f),
                  TN_POLY10_(r, 0x1.000000000000ap-1, 0x1.55555555554fap-3, 0x1.555555555087ep-5,
                             0x1.1111111127b94p-7, 0x1.6c16c18429ca3p-10, 0x1.a01a012a72951p-13,
                             0x1.a0199a0d3b33ap-16, 0x1.71df2517fe6e3p-19, 0x1.28ad71fe0ca08p-22,
                             0x1.ad7fc7ce23364p-26));
}

/* 2^n x as x 2^h 2^(n-h), h = n / 2, since 2^n may be neither normal nor finite. */
TN_INLINE_ TN_REAL_ TN_NAME_(tn__scale)(TN_REAL_ x, TN_BITS_ n)
{
    TN_BITS_ both = n + 2 * TN_BIAS_, half = both >> 1;
    return x * TN_NAME_(tn__power_of_two)(half) * TN_NAME_(tn__power_of_two)(both - half);
}

/* The ends are beyond those where e^x rounds to 0 and to infinity. */
TN_INLINE_ TN_REAL_ TN_NAME_(tn_exp)(TN_REAL_ x)
{
    TN_BITS_ n;
    TN_REAL_ safe = TN_NAME_(tn__within)(x, TN_OF_(-104.0f, -746.0), TN_OF_(89.0f, 710.0));
    TN_REAL_ r = TN_NAME_(tn__exp_reduce)(safe, 0, &n);
    return TN_NAME_(tn__scale)(1 + (r + TN_NAME_(tn__exp_tail)(r)), n);
}

/* e^x - 1 = 2 ((s - 1/2) + s (e^r - 1)), s = 2^(n-1). What the sum (s - 1/2) + s r loses to
 * rounding is added to the rest (Dekker's sum of a larger and a smaller number). */
TN_INLINE_ TN_REAL_ TN_NAME_(tn_expm1)(TN_REAL_ x)
{
    TN_BITS_ n;
    TN_REAL_ safe = TN_NAME_(tn__within)(x, TN_OF_(-20.0f, -40.0), TN_OF_(89.0f, 710.0));
    TN_REAL_ r = TN_NAME_(tn__exp_reduce)(safe, 0, &n);
    TN_REAL_ s = TN_NAME_(tn__power_of_two)(n - 1 + TN_BIAS_), a = s - TN_OF_(0.5f, 0.5), b = s * r;
    TN_REAL_ sum = a + b, lost = b - (sum - a);
    TN_REAL_ y = 2 * (sum + (lost + s * TN_NAME_(tn__exp_tail)(r)));
    return TN_NAME_(tn__absolute)(x) < TN_OF_(0x1p-25f, 0x1p-54) ? x : y;
}

/* 1 / (1 + E), E = e^-x. With n = n1 + n2 it is p / (p + q), p = 2^-n1 and q = 2^n2 e^r, so that
 * neither overflows; the denominator is a number and what rounding took from it, d + lost, and
 * 1 / (d + lost) = 1/d - lost/d^2. */
TN_INLINE_ TN_REAL_ TN_NAME_(tn_sigmoid)(TN_REAL_ x)
{
    TN_BITS_ n;
    TN_REAL_ safe = TN_NAME_(tn__within)(-x, TN_OF_(-104.0f, -746.0), TN_OF_(105.0f, 747.0));
    TN_REAL_ r = TN_NAME_(tn__exp_reduce)(safe, 0, &n);
    TN_BITS_ both = n + 2 * TN_BIAS_, half = both >> 1;
    TN_REAL_ p = TN_NAME_(tn__power_of_two)(2 * TN_BIAS_ - half);
    TN_REAL_ q = TN_NAME_(tn__power_of_two)(both - half);
    TN_REAL_ e = r + TN_NAME_(tn__exp_tail)(r), high = 1 + e, low = e - (high - 1);
    TN_REAL_ term = q * high, d = p + term, b = d - p;
    TN_REAL_ lost = ((p - (d - b)) + (term - b)) + q * low;
    TN_REAL_ y = 1 / d;
    return (y - y * (y * lost)) * p;
}

/* (1 - 2 / (e^2a + 1)) for a = |x|; below 0.55 that loses bits, and x + x^3 T(x^2) does not. */
TN_INLINE_ TN_REAL_ TN_NAME_(tn_tanh)(TN_REAL_ x)
{
    TN_BITS_ n;
    TN_REAL_ a = TN_NAME_(tn__absolute)(x), twice = 2 * a, z = x * x;
    TN_REAL_ r = TN_NAME_(tn__exp_reduce)(twice > 40 ? 40 : twice, 0, &n);
    TN_REAL_ e = TN_NAME_(tn__power_of_two)(n + TN_BIAS_) * (1 + (r + TN_NAME_(tn__exp_tail)(r)));
    TN_REAL_ t =
        TN_OF_(TN_POLY5_(z, -0x1.55554ap-2f, 0x1.110d26p-3f, -0x1.b9287ap-5f, 0x1.593d02p-6f,
                         -0x1.9b303cp-8f),
               TN_POLY11_(z, -0x1.555555555554fp-2, 0x1.111111111079fp-3, -0x1.ba1ba1b97d898p-5,
                          0x1.664f485970d13p-6, -0x1.226e2f1481f98p-7, 0x1.d6d29b9826802p-9,
                          -0x1.7d8fd3be87ef9p-10, 0x1.3483af1fdfb46p-11, -0x1.e96fcb90e58f9p-13,
                          0x1.5d746a2a2044dp-14, -0x1.471130dedfadap-16));
    TN_REAL_ y = a < TN_OF_(0.55f, 0.55) ? a + a * (z * t) : 1 - 2 / (e + 1);
    return TN_NAME_(tn__with_sign)(y, x);
}

/* ---- logarithms --------------------------------------------------------------------------------
 *
 * x = 2^k (1 + f) with 1/2 <= (1 + f)^2 < 2, so ln x = k ln 2 + ln(1 + f). */

/* f of a positive normal number, and k. */
TN_INLINE_ TN_REAL_ TN_NAME_(tn__log_split)(TN_REAL_ x, TN_REAL_ *k, TN_BITS_ *biased)
{
    const TN_BITS_ root = TN_NAME_(tn__bits)(TN_OF_(0x1.6a09e6p-1f, 0x1.6a09e667f3bcdp-1));
    const TN_REAL_ whole = TN_OF_(0x1p23f, 0x1p52); /* its low bits count ones */
    TN_BITS_ moved = TN_NAME_(tn__bits)(x) + (TN_NAME_(tn__bits)(1) - root);
    *biased = moved >> TN_MANTISSA_;
    *k = TN_NAME_(tn__from_bits)(TN_NAME_(tn__bits)(whole) | *biased) - (whole + TN_BIAS_);
    return TN_NAME_(tn__from_bits)((moved & (((TN_BITS_)1 << TN_MANTISSA_) - 1)) + root) - 1;
}

/* k ln 2 + ln(1 + f). ln(1 + f) is f - f^2/2 and a rest: s^3 P(s) with s = f, or else, since
 * ln(1 + f) = 2 artanh s with s = f / (2 + f), s (f^2/2 + s^2 P(s^2)). */
TN_INLINE_ TN_REAL_ TN_NAME_(tn__log_sum)(TN_REAL_ f, TN_REAL_ k)
{
    TN_REAL_ square = TN_OF_(0.5f, 0.5) * f * f, s = TN_OF_(f, f / (2 + f)), z = s * s;
    TN_REAL_ rest = s * TN_OF_(z * TN_POLY9_(s, 0x1.555548p-2f, -0x1.000006p-2f, 0x1.99a4b4p-3f,
                                             -0x1.555c4cp-3f, 0x1.233772p-3f, -0x1.fc225p-4f,
                                             0x1.e6f03p-4f, -0x1.de3a6ep-4f, 0x1.145634p-4f),
                               square + z * TN_POLY7_(z, 0x1.5555555555592p-1, 0x1.999999997fdbfp-2,
                                                      0x1.24924941f0e65p-2, 0x1.c71c5209847ccp-3,
                                                      0x1.74663ee0a37a1p-3, 0x1.39a1bb905ca97p-3,
                                                      0x1.2f0559f2f32a2p-3));
    return k * TN_OF_(0x1.62e4p-1f, 0x1.62e42fefa38p-1) -
           ((square - (rest + k * TN_OF_(0x1.7f7d1cp-20f, 0x1.ef35793c7673p-45))) - f);
}

/* y = ln x where x is positive and finite, otherwise what else a logarithm can be. */
TN_INLINE_ TN_REAL_ TN_NAME_(tn__log_limits)(TN_REAL_ x, TN_REAL_ y)
{
    y = x < TN_OF_(HUGE_VALF, HUGE_VAL) ? y : x;
    y = x == 0 ? -TN_OF_(HUGE_VALF, HUGE_VAL) : y;
    return x < 0 ? TN_OF_(NAN, (double)NAN) : y;
}

/* Numbers below the normal ones are made normal first. */
TN_INLINE_ TN_REAL_ TN_NAME_(tn_log)(TN_REAL_ x)
{
    TN_REAL_ k, small = x < TN_OF_(0x1p-126f, 0x1p-1022) ? TN_OF_(25.0f, 54.0) : 0;
    TN_BITS_ biased;
    TN_REAL_ f =
        TN_NAME_(tn__log_split)(x * (small > 0 ? TN_OF_(0x1p25f, 0x1p54) : 1), &k, &biased);
    return TN_NAME_(tn__log_limits)(x, TN_NAME_(tn__log_sum)(f, k - small));
}

/* ln(1 + x) = ln(u + lost), where u is 1 + x rounded and `lost` what that took (Knuth's sum of two
 * numbers); f is corrected by lost 2^-k, which is exact where k = 0. */
TN_INLINE_ TN_REAL_ TN_NAME_(tn_log1p)(TN_REAL_ x)
{
    TN_REAL_ k, u = 1 + x, b = u - 1, lost = (1 - (u - b)) + (x - b);
    TN_BITS_ biased;
    TN_REAL_ f = TN_NAME_(tn__log_split)(u, &k, &biased);
    f += lost * TN_NAME_(tn__power_of_two)(2 * TN_BIAS_ + 1 - biased) * TN_OF_(0.5f, 0.5);
    TN_REAL_ y = TN_NAME_(tn__log_limits)(u, TN_NAME_(tn__log_sum)(f, k));
    return x == 0 ? x : y;
}

/* ---- the error function ---------------------------------------------------------------------- */

/* n and 2^-n e^(-a^2) for a >= 0. a = h + l with h of half the bits, so that a^2 = h^2 + l (a + h)
 * without loss. */
TN_INLINE_ TN_REAL_ TN_NAME_(tn__exp_minus_square)(TN_REAL_ a, TN_BITS_ *n)
{
    TN_REAL_ h = TN_NAME_(tn__from_bits)(TN_NAME_(tn__bits)(a) & TN_UPPER_HALF_);
    TN_REAL_ r = TN_NAME_(tn__exp_reduce)(-h * h, -(a - h) * (a + h), n);
    return 1 + (r + TN_NAME_(tn__exp_tail)(r));
}

/* |x|, or a number beyond which e^(-x^2) rounds to 0. */
TN_INLINE_ TN_REAL_ TN_NAME_(tn__gaussian_range)(TN_REAL_ x)
{
    const TN_REAL_ a = TN_NAME_(tn__absolute)(x), last = TN_OF_(10.2f, 27.3);
    return a > last ? last : a;
}

TN_INLINE_ TN_REAL_ TN_NAME_(tn_gaussian)(TN_REAL_ x)
{
    TN_BITS_ n;
    TN_REAL_ e = TN_NAME_(tn__exp_minus_square)(TN_NAME_(tn__gaussian_range)(x), &n);
    return TN_NAME_(tn__scale)(e, n);
}

/* erfc(a) for a = |x| is e^(-a^2) (1 + v) P(v), v = (c - a) / (c + a): 1 + v is 1 at 0, but for a
 * factor, and falls like e^(a^2) erfc(a) where a is large. */
TN_INLINE_ TN_REAL_ TN_NAME_(tn__erfc_positive)(TN_REAL_ x)
{
    const TN_REAL_ a = TN_NAME_(tn__gaussian_range)(x), c = TN_OF_(3.0f, 3.5);
    TN_BITS_ n;
    TN_REAL_ e = TN_NAME_(tn__exp_minus_square)(a, &n), v = (c - a) / (c + a);
    TN_REAL_ p =
        TN_OF_(TN_POLY10_(v, 0x1.6e9828p-3f, 0x1.2d883p-3f, 0x1.92edep-4f, 0x1.a7e3bcp-5f,
                          0x1.4664ep-6f, 0x1.252998p-8f, -0x1.acaaf6p-13f, -0x1.0d29c4p-11f,
                          -0x1.51c494p-14f, 0x1.c6da2ap-15f),
               TN_POLY22_(v, 0x1.3e0a99a0ee914p-3, 0x1.125f977a879f6p-3, 0x1.9627d82db8acp-4,
                          0x1.fd5fb892e8489p-5, 0x1.082dbe3d58bc3p-5, 0x1.b02834b390f8bp-7,
                          0x1.f08cbf2e1bdf2p-9, 0x1.dbe947a026dc7p-12, -0x1.871347ff47c62p-13,
                          -0x1.ac2339f77a66p-14, -0x1.933fa5954981p-18, 0x1.66719c5dc3b09p-17,
                          0x1.65894e1809d89p-19, -0x1.15cf00f83387fp-20, -0x1.041d2e98d6606p-21,
                          0x1.e8d1b17812f52p-24, 0x1.514f483766638p-24, -0x1.1d3f7c5569d2ep-26,
                          -0x1.96ccbb12abf8ap-27, 0x1.a8785f827ccc9p-29, 0x1.5a6a0390295abp-30,
                          -0x1.f6a9a9487c9eep-32));
    return TN_NAME_(tn__scale)(e * ((1 + v) * p), n);
}

TN_INLINE_ TN_REAL_ TN_NAME_(tn_erfc)(TN_REAL_ x)
{
    TN_REAL_ y = TN_NAME_(tn__erfc_positive)(x);
    return x < 0 ? 2 - y : y;
}

/* 1 - erfc(|x|), and x + x E(x^2) where that would lose bits. */
TN_INLINE_ TN_REAL_ TN_NAME_(tn_erf)(TN_REAL_ x)
{
    TN_REAL_ a = TN_NAME_(tn__absolute)(x), z = x * x;
    TN_REAL_ e =
        TN_OF_(TN_POLY7_(z, 0x1.06eba8p-3f, -0x1.81273ep-2f, 0x1.ce2cf8p-4f, -0x1.b7f90cp-6f,
                         0x1.5405bp-8f, -0x1.a3f6f8p-11f, 0x1.496a1ap-14f),
               TN_POLY13_(z, 0x1.06eba8214db69p-3, -0x1.812746b0379e6p-2, 0x1.ce2f21a042b2p-4,
                          -0x1.b82ce3128499cp-6, 0x1.565bcd0db02ccp-8, -0x1.c02db3d8ece57p-11,
                          0x1.f9a321a1177bep-14, -0x1.f4d1df38e2b9dp-17, 0x1.b9def1998bad1p-20,
                          -0x1.5f1d36a38d1e6p-23, 0x1.f7a4112461c42p-27, -0x1.386abe40b1a3bp-30,
                          0x1.0579a58ecdc99p-34));
    TN_REAL_ large = 1 - TN_NAME_(tn__erfc_positive)(x);
    TN_REAL_ y = TN_NAME_(tn__choose)(TN_NAME_(tn__below)(a, 1), a + a * e, large);
    return TN_NAME_(tn__with_sign)(y, x);
}

/* ---- powers, the rest of which is in vector_math_wide.h -------------------------------------- */

/* How far b >= 0 is from a whole number: from 2^p on, p the bits of the mantissa, all are whole. */
TN_INLINE_ TN_REAL_ TN_NAME_(tn__from_whole)(TN_REAL_ b)
{
    const TN_REAL_ whole = TN_OF_(0x1p23f, 0x1p52);
    TN_REAL_ safe = b > whole ? whole : b;
    return safe - ((safe + whole) - whole);
}

/* x^y from m = |x|^y, which is right for finite numbers that are not 0. A condition is one
 * comparison, since GCC makes branches of others. */
TN_INLINE_ TN_REAL_ TN_NAME_(tn__pow_limits)(TN_REAL_ x, TN_REAL_ y, TN_REAL_ m)
{
    const TN_REAL_ infinity = TN_OF_(HUGE_VALF, HUGE_VAL);
    TN_REAL_ a = TN_NAME_(tn__absolute)(x), b = TN_NAME_(tn__absolute)(y), up = a > 1 ? y : -y;
    TN_REAL_ off_whole = TN_NAME_(tn__from_whole)(b);
    TN_REAL_ off_even = TN_NAME_(tn__from_whole)(b * TN_OF_(0.5f, 0.5));
    TN_REAL_ end = up > 0 ? infinity : 0;
    m = a == 0 ? end : m;
    m = a == infinity ? end : m;
    m = a == 1 ? 1 : m;
    TN_REAL_ turned = off_even != 0 ? TN_NAME_(tn__with_sign)(m, x) : m;
    m = off_whole == 0 ? turned : m;
    TN_REAL_ none = a < infinity ? TN_OF_(NAN, (double)NAN) : m;
    TN_REAL_ of_negative = off_whole != 0 ? none : m;
    m = x < 0 ? of_negative : m;
    m = x == x ? m : x;
    m = y == y ? m : y;
    m = x == 1 ? 1 : m;
    return y == 0 ? 1 : m;
}

/* What said it is gone, for the next type. */
#undef TN_REAL_
#undef TN_BITS_
#undef TN_NAME_
#undef TN_OF_
#undef TN_MANTISSA_
#undef TN_BIAS_
#undef TN_SIGN_
#undef TN_UPPER_HALF_

#endif
