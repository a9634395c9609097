/* vector_math_wide.h - the functions of vector_math.h that need more bits than the type has:
 * float's are computed in double, double's in pairs of doubles high + low of which high is the
 * rounded sum. It is included there. */
#ifdef TN_VECTOR_MATH_H

/* x y = *low + the result (Veltkamp and Dekker, by halves of 26 and 27 bits). */
TN_INLINE_ double tn__two_product(double x, double y, double *low)
{
    const uint64_t upper = 0xFFFFFFFFF8000000u;
    double a = tn__from_bits_f64(tn__bits_f64(x) & upper), b = x - a;
    double c = tn__from_bits_f64(tn__bits_f64(y) & upper), d = y - c;
    double high = x * y;
    *low = (((a * c - high) + a * d) + b * c) + b * d;
    return high;
}

/* x + y = *low + the result where |x| >= |y| or x = 0 (Dekker). */
TN_INLINE_ double tn__sum(double x, double y, double *low)
{
    double high = x + y;
    *low = y - (high - x);
    return high;
}

/* ---- powers ------------------------------------------------------------------------------------
 *
 * |x|^y = e^(y ln |x|), and the exponent is as large as 745: ln |x| has 12 bits more than its
 * result. */

/* ln x = *low + the result for positive normal x = 2^k (1 + f), to 2^-64 of it. With s = f / (2 +
 * f) it is k ln 2 + 2 artanh s = k ln 2 + 2 s + s^3 (2/3 + s^2 Q(s^2)). */
TN_INLINE_ double tn__log_pair(double x, double scaled, double *low)
{
    double k, d_low, p_low, z_low, c_low, t_low, w_low, u_low, v_low;
    uint64_t biased;
    double f = tn__log_split_f64(x, &k, &biased), d = tn__sum(2, f, &d_low), r = 1 / d;
    double s = f * r, p = tn__two_product(s, d, &p_low);
    double s_low = (((f - p) - p_low) - s * d_low) * r;
    double z = tn__two_product(s, s, &z_low), c = tn__two_product(s, z, &c_low);
    z_low += 2 * s * s_low;
    c_low += s * z_low + s_low * z;
    double q = z * TN_POLY7_(z, 0x1.9999999999b3p-2, 0x1.2492492457d96p-2, 0x1.c71c722d605d8p-3,
                             0x1.745ce9e5ac88cp-3, 0x1.3b1eeb96d3d26p-3, 0x1.0f7ff4e0c9ec4p-3,
                             0x1.0e423e1a36239p-3);
    double w = tn__sum(0x1.5555555555555p-1, q, &w_low), t = tn__two_product(c, w, &t_low);
    t_low += c * (w_low + 0x1.5555555555555p-55) + c_low * w;
    k -= scaled;
    double u = tn__sum(k * 0x1.62e42fefa38p-1, 2 * s, &u_low), v = tn__sum(u, t, &v_low);
    return tn__sum(v, u_low + v_low + (k * 0x1.ef35793c7673p-45 + (2 * s_low + t_low)), low);
}

TN_INLINE_ double tn_pow_f64(double x, double y)
{
    double a = tn__absolute_f64(x), scaled = a < 0x1p-1022 ? 54.0 : 0.0, log_low, low;
    double log = tn__log_pair(a * (scaled > 0 ? 0x1p54 : 1.0), scaled, &log_low);
    double high = tn__within_f64(tn__two_product(y, log, &low), -748, 712);
    low += y * log_low;
    low = low < 1 ? low : 1.0; /* NaN, too, where the product is infinite */
    uint64_t n;
    double r = tn__exp_reduce_f64(high, low > -1 ? low : -1.0, &n);
    return tn__pow_limits_f64(x, y, tn__scale_f64(1 + (r + tn__exp_tail_f64(r)), n));
}

/* 2^t, t = y log2 |x|, with log2(1 + f) = s R(s^2). */
TN_INLINE_ float tn_pow_f32(float x, float y)
{
    const double round = 0x1.8p52;
    double k, f;
    uint64_t biased;
    f = tn__log_split_f64((double)tn__absolute_f32(x), &k, &biased);
    double s = f / (2 + f), z = s * s;
    double log2 =
        k + s * TN_POLY5_(z, 0x1.71547652bedep+1, 0x1.ec709d12e41a5p-1, 0x1.27777fd964aa5p-1,
                          0x1.a58d8ff54a23bp-2, 0x1.5ce7cccb9b00ep-2);
    double t = tn__within_f64((double)y * log2, -200, 200), shifted = t + round;
    double g = t - (shifted - round);
    double m = TN_POLY8_(g, 0x1.ffffffffab944p-1, 0x1.62e42ff116d1dp-1, 0x1.ebfbe0a4f3da8p-3,
                         0x1.c6b08aae37856p-5, 0x1.3b29dc148f81ap-7, 0x1.5d8a7121370bep-10,
                         0x1.446a435241436p-13, 0x1.fe173ecbbb6dep-17);
    uint64_t n = tn__bits_f64(shifted) - tn__bits_f64(round);
    return tn__pow_limits_f32(x, y, (float)(m * tn__power_of_two_f64(n + 1023)));
}

/* ---- sine and cosine ---------------------------------------------------------------------------
 *
 * a = |x| = (k + g) pi/2 with |g| <= 1/2, of which k counts modulo 4. Numbers as large as 2^1024
 * want 2/pi to as many bits, but only those whose products are neither multiples of 4 nor too small
 * to matter (Payne and Hanek, "Radian reduction for trigonometric functions", 1983). */

/* x + y = *low + the result (Knuth). */
TN_INLINE_ double tn__any_sum(double x, double y, double *low)
{
    double high = x + y, b = high - x;
    *low = (x - (high - b)) + (y - b);
    return high;
}

/* x less the nearest multiple of `step`, a power of two; |x| < 2^52 step. */
TN_INLINE_ double tn__remainder(double x, double step)
{
    return x - ((x + 0x1.8p52 * step) - 0x1.8p52 * step);
}

/* A sum of the product of three digits and of the digits of 2/pi from d[n] on. */
TN_INLINE_ double tn__digits_sum(double last, double middle, double first, const double *d,
                                 uint64_t n)
{
    return last * d[n] + middle * d[n + 1] + first * d[n + 2];
}

/* g = *low + the result, and k, of a >= 1/2. a = X 2^(25 j) with a whole number X of 77 bits, which
 * is three digits of 25 bits and more; 2/pi is digits of 25 bits with zeros in front. The sums of
 * products of digits are exact. Seven of them do: no double is nearer than 2^-62 to the next k. */
TN_INLINE_ double tn__quarter_turns(double a, double *k, double *low)
{
    static const double two_over_pi[] = {
        0,        0,        0,        0,        21361414, 28915984, 11096033, 7699743,  10918840,
        3594405,  13409825, 26231294, 10667863, 24833813, 17676579, 14918692, 28990464, 26364858,
        17098953, 1900061,  30816610, 10919163, 21238191, 22211508, 9477427,  18614701, 3129120,
        20550102, 7538342,  15192690, 2292829,  31429251, 23330578, 33552257, 13371383, 19861899,
        11801818, 8238297,  32930110, 11574132, 32032748, 27760634, 18266771, 29018091, 30139126,
        15998183, 29119124, 19834559, 23852579, 31676226};
    const double *d = two_over_pi, count = 0x1p52; /* its low bits count ones */
    double e = tn__from_bits_f64(tn__bits_f64(a) >> 52 | tn__bits_f64(count)) - count;
    double third = ((e - 1012) * 0.04 + 0x1.8p52) - 0x1.8p52; /* j + 3; a < 2^(e - 1022) */
    uint64_t n = tn__bits_f64(third + count) - tn__bits_f64(count);
    double x = a * tn__power_of_two_f64(tn__bits_f64(count + (1023 + 75 - 25 * third)));
    double below = tn__remainder(x, 0x1p50), last = tn__remainder(below, 0x1p25);
    double middle = (below - last) * 0x1p-25, first = (x - below) * 0x1p-50;
    double whole = tn__remainder(tn__digits_sum(last, middle, first, d, n), 4) +
                   tn__remainder(tn__digits_sum(last, middle, first, d, n + 1) * 0x1p-25, 4) +
                   tn__remainder(tn__digits_sum(last, middle, first, d, n + 2) * 0x1p-50, 4);
    double g = tn__remainder(whole, 1), first_low, second_low;
    *k = whole - g;
    g = tn__any_sum(g, tn__digits_sum(last, middle, first, d, n + 3) * 0x1p-75, &first_low);
    g = tn__any_sum(g, tn__digits_sum(last, middle, first, d, n + 4) * 0x1p-100, &second_low);
    double rest = tn__digits_sum(last, middle, first, d, n + 5) * 0x1p-125 +
                  tn__digits_sum(last, middle, first, d, n + 6) * 0x1p-150;
    return tn__sum(g, first_low + second_low + rest, low);
}

/* sin(a + turns pi/2), turns = 0 or 1, a >= 0. */
TN_INLINE_ double tn__sine(double a, uint64_t turns)
{
    uint64_t small = tn__below_f64(a, 0.5);
    double k, g_low, p_low, g = tn__quarter_turns(tn__choose_f64(small, 0.5, a), &k, &g_low);
    double p = tn__two_product(g, 0x1.921fb54442d18p+0, &p_low);
    p_low += g * 0x1.1a62633145c07p-54 + g_low * 0x1.921fb54442d18p+0;
    double r = tn__choose_f64(small, a, p), low = tn__choose_f64(small, 0, p_low);
    uint64_t quadrant = tn__bits_f64(tn__choose_f64(small, 0, k) + 0x1.8p52) + turns;
    double z = r * r, half = 0.5 * z, w = 1 - half;
    double s = z * TN_POLY6_(z, -0x1.5555555555548p-3, 0x1.111111110f7c9p-7, -0x1.a01a019bfd043p-13,
                             0x1.71de35670262ep-19, -0x1.ae5e59ea1213dp-26, 0x1.5d8fa01089363p-33);
    double c = z * z *
               TN_POLY6_(z, 0x1.555555555554bp-5, -0x1.6c16c16c14f8ap-10, 0x1.a01a019c839cdp-16,
                         -0x1.27e4f7ea40887p-22, 0x1.1ee9d758dfc89p-29, -0x1.8fa4694c0b905p-37);
    double sine = r + (r * s + low), cosine = w + (((1 - w) - half) + (c - r * low));
    double y = tn__choose_f64(0 - (quadrant & 1), cosine, sine);
    return tn__from_bits_f64(tn__bits_f64(y) ^ (quadrant & 2) << 62);
}

TN_INLINE_ double tn_sin_f64(double x)
{
    uint64_t sign = tn__bits_f64(x) & 0x8000000000000000u;
    return tn__from_bits_f64(tn__bits_f64(tn__sine(tn__absolute_f64(x), 0)) ^ sign);
}

TN_INLINE_ double tn_cos_f64(double x)
{
    return tn__sine(tn__absolute_f64(x), 1);
}

TN_INLINE_ float tn_sin_f32(float x)
{
    return (float)tn_sin_f64((double)x);
}

TN_INLINE_ float tn_cos_f32(float x)
{
    return (float)tn_cos_f64((double)x);
}

#endif
