/* vector_math_wide.h - the functions of vector_math.h that need more bits than the type has:
 * float's are computed in double, double's in pairs of doubles high + low of which high is the
 * rounded sum. It is included there. */
#ifdef TN_VECTOR_MATH_H

/* x y = *low + the result (Veltkamp and Dekker, by halves of 26 and 27 bits). */
TN_INLINE_ double tn__product(double x, double y, double *low)
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
    double s = f * r, p = tn__product(s, d, &p_low);
    double s_low = (((f - p) - p_low) - s * d_low) * r;
    double z = tn__product(s, s, &z_low), c = tn__product(s, z, &c_low);
    z_low += 2 * s * s_low;
    c_low += s * z_low + s_low * z;
    double q = z * TN_POLY7_(z, 0x1.9999999999b3p-2, 0x1.2492492457d96p-2, 0x1.c71c722d605d8p-3,
                             0x1.745ce9e5ac88cp-3, 0x1.3b1eeb96d3d26p-3, 0x1.0f7ff4e0c9ec4p-3,
                             0x1.0e423e1a36239p-3);
    double w = tn__sum(0x1.5555555555555p-1, q, &w_low), t = tn__product(c, w, &t_low);
    t_low += c * (w_low + 0x1.5555555555555p-55) + c_low * w;
    k -= scaled;
    double u = tn__sum(k * 0x1.62e42fefa38p-1, 2 * s, &u_low), v = tn__sum(u, t, &v_low);
    return tn__sum(v, u_low + v_low + (k * 0x1.ef35793c7673p-45 + (2 * s_low + t_low)), low);
}

TN_INLINE_ double tn_pow_f64(double x, double y)
{
    double a = tn__absolute_f64(x), scaled = a < 0x1p-1022 ? 54.0 : 0.0, log_low, low;
    double log = tn__log_pair(a * (scaled > 0 ? 0x1p54 : 1.0), scaled, &log_low);
    double high = tn__within_f64(tn__product(y, log, &low), -748, 712);
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

#endif
