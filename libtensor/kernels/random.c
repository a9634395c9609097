/* random.c - numbers of distributions from the blocks of a random stream.
 *
 * Philox 4x32-10 (base/philox.c) makes as many blocks at once as a vector has lanes of 64 bits, and
 * the formulas run over the words of up to BLOCKS of them. They compute in double and round once;
 * none calls libm or fuses a product with a sum: the numbers have the same bits in every
 * instruction set. */
#include <string.h>
#include <tn/vector_math.h>
#include "kernels/wide.h"

UNFUSED_BEGIN

/* ---- random bits ----------------------------------------------------------------------------- */

enum { BLOCKS = 64, AT_ONCE = WIDE_BYTES / 8 };

typedef uint64_t lanes __attribute__((vector_size(WIDE_BYTES)));
typedef int32_t halves __attribute__((vector_size(WIDE_BYTES)));
typedef long long masked __attribute__((vector_size(WIDE_BYTES)));

/* The products of the lower halves of lanes; GCC knows that this is one instruction by its name
 * alone. */
#if defined(__clang__) || !defined(__x86_64__)
#define PRODUCT(x, y) (((x)&UINT32_MAX) * ((y)&UINT32_MAX))
#elif defined(TN_ISA_v4)
#define PRODUCT(x, y) \
    ((lanes)__builtin_ia32_pmuludq512_mask((halves)(x), (halves)(y), (masked){0}, 0xFF))
#elif defined(TN_ISA_v3)
#define PRODUCT(x, y) ((lanes)__builtin_ia32_pmuludq256((halves)(x), (halves)(y)))
#else
#define PRODUCT(x, y) ((lanes)__builtin_ia32_pmuludq128((halves)(x), (halves)(y)))
#endif

/* The words of blocks, which are the lower halves of lanes: what the upper ones hold, no round
 * reads. */
static inline void philox(lanes position, uint64_t seed, lanes word[4])
{
    const lanes m0 = (lanes){0} + 0xD2511F53, m1 = (lanes){0} + 0xCD9E8D57;
    lanes c0 = position, c1 = position >> 32, c2 = {0}, c3 = {0};
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    UNROLLED
    for (int round = 0; round < 10; round++) {
        lanes a = PRODUCT(m0, c0), b = PRODUCT(m1, c2);
        c0 = (b >> 32) ^ c1 ^ (uint64_t)k0;
        c2 = (a >> 32) ^ c3 ^ (uint64_t)k1;
        c1 = b;
        c3 = a;
        k0 += 0x9E3779B9;
        k1 += 0xBB67AE85;
    }
    word[0] = c0, word[1] = c1, word[2] = c2, word[3] = c3;
}

static void make_words(uint64_t seed, uint64_t block, int64_t blocks, uint64_t words[4][BLOCKS])
{
    lanes position = {0}, word[4];
    for (int l = 0; l < AT_ONCE; l++)
        position[l] = block + (uint64_t)l;
    for (int64_t i = 0; i < blocks; i += AT_ONCE, position += AT_ONCE) {
        philox(position, seed, word);
        for (int j = 0; j < 4; j++)
            memcpy(&words[j][i], &word[j], sizeof(lanes));
    }
}

void KERNEL(random_bits)(uint64_t seed, uint64_t position, int64_t n, uint64_t *y)
{
    uint64_t words[4][BLOCKS];
    for (int64_t i = 0; i < n; i += BLOCKS) {
        int64_t blocks = at_most(n - i, BLOCKS);
        make_words(seed, position + (uint64_t)i, blocks, words);
        for (int64_t b = 0; b < blocks; b++)
            y[i + b] = words[1][b] << 32 | (words[0][b] & UINT32_MAX);
    }
}

/* ---- uniform numbers ------------------------------------------------------------------------- */

/* The upper 24 bits of a word, behind the 1 of a number of [1, 2). */
static inline double unit24(uint64_t word)
{
    return tn__from_bits_f64(tn__bits_f64(1) | (word & 0xFFFFFF00) << 20) - 1;
}

/* The 32 bits of a word and the upper 21 of another: 2^52 counts ones in its last bits. */
static inline double unit53(uint64_t high, uint64_t low)
{
    double upper = tn__from_bits_f64(tn__bits_f64(0x1p52) | (high & UINT32_MAX)) - 0x1p52;
    double lower = tn__from_bits_f64(tn__bits_f64(0x1p52) | (low & UINT32_MAX) >> 11) - 0x1p52;
    return upper * 0x1p-32 + lower * 0x1p-53;
}

static void make_units(const tn__draw *d, int blocks, const uint64_t words[4][BLOCKS],
                       double u[4][BLOCKS])
{
    for (int j = 0; j < d->per_block; j++)
        if (d->per_block == 4)
            for (int i = 0; i < blocks; i++)
                u[j][i] = unit24(words[j][i]);
        else
            for (int i = 0; i < blocks; i++)
                u[j][i] = unit53(words[2 * j][i], words[2 * j + 1][i]);
}

/* ---- normal numbers -------------------------------------------------------------------------- */

/* -ln x for 2^-53 <= x <= 1, as tn_log of <tn/vector_math.h> has it: x = 2^k (1 + f), and with
 * s = f / (2 + f), ln(1 + f) = 2 artanh s. */
static inline double minus_log(double x)
{
    const uint64_t root = tn__bits_f64(0x1.6a09e667f3bcdp-1); /* sqrt(1/2) <= 1 + f < sqrt 2 */
    uint64_t moved = tn__bits_f64(x) + (tn__bits_f64(1) - root);
    double k = tn__from_bits_f64(tn__bits_f64(0x1p52) | moved >> 52) - (0x1p52 + 1023);
    double f = tn__from_bits_f64((moved & ((UINT64_C(1) << 52) - 1)) + root) - 1;
    double square = 0.5 * f * f, s = f / (2 + f), z = s * s;
    double rest = s * (square + z * TN_POLY7_(z, 0x1.5555555555592p-1, 0x1.999999997fdbfp-2,
                                              0x1.24924941f0e65p-2, 0x1.c71c5209847ccp-3,
                                              0x1.74663ee0a37a1p-3, 0x1.39a1bb905ca97p-3,
                                              0x1.2f0559f2f32a2p-3));
    return ((square - (rest + k * 0x1.ef35793c7673p-45)) - f) - k * 0x1.62e42fefa38p-1;
}

/* cos 2 pi v and sin 2 pi v for 0 <= v < 1: 4 v is n quarters of a turn and a rest of up to a half,
 * both exactly, and of the angle r of the rest the polynomials of tn_sin know sine and cosine. */
static inline void turn(double v, double *cosine, double *sine)
{
    double shifted = 4 * v + 0x1.8p52, r = (4 * v - (shifted - 0x1.8p52)) * 0x1.921fb54442d18p+0;
    uint64_t n = tn__bits_f64(shifted), odd = 0 - (n & 1);
    double z = r * r, half = 0.5 * z, w = 1 - half;
    double a = z * TN_POLY6_(z, -0x1.5555555555548p-3, 0x1.111111110f7c9p-7, -0x1.a01a019bfd043p-13,
                             0x1.71de35670262ep-19, -0x1.ae5e59ea1213dp-26, 0x1.5d8fa01089363p-33);
    double b = z * z *
               TN_POLY6_(z, 0x1.555555555554bp-5, -0x1.6c16c16c14f8ap-10, 0x1.a01a019c839cdp-16,
                         -0x1.27e4f7ea40887p-22, 0x1.1ee9d758dfc89p-29, -0x1.8fa4694c0b905p-37);
    double s = r + r * a, c = w + (((1 - w) - half) + b);
    *cosine = tn__from_bits_f64(tn__bits_f64(tn__choose_f64(odd, s, c)) ^ ((n + 1) & 2) << 62);
    *sine = tn__from_bits_f64(tn__bits_f64(tn__choose_f64(odd, c, s)) ^ (n & 2) << 62);
}

/* Two standard normal numbers from two uniform ones (Box and Muller 1958), in their place. */
static void box_muller(int blocks, double u[BLOCKS], double v[BLOCKS])
{
    for (int i = 0; i < blocks; i++) {
        double cosine, sine, radius = sqrt(2 * minus_log(1 - u[i]));
        turn(v[i], &cosine, &sine);
        u[i] = radius * cosine;
        v[i] = radius * sine;
    }
}

/* ---- numbers as they are asked for ----------------------------------------------------------- */

/* y[per_block i + j] = value of x = u[j][i] */
#define WRITE(per_block, value)                   \
    for (int i = 0; i < blocks; i++)              \
        for (int j = 0; j < (per_block); j++) {   \
            double x = u[j][i];                   \
            y[(per_block)*i + j] = (real)(value); \
        }

static inline real scaled(const tn__draw *d, double x)
{
    return (real)(d->a + d->b * x);
}

static inline real below(const tn__draw *d, real x)
{
    return x < (real)d->high ? x : (real)d->last;
}

static inline void finish(const tn__draw *d, int blocks, int per_block, double u[4][BLOCKS],
                          real *restrict y)
{
    const tn__draw c = *d;
    if (d->distribution == TN__BERNOULLI)
        WRITE(per_block, x < c.p ? 1 : 0)
    else if (d->distribution == TN__NORMAL)
        WRITE(per_block, scaled(&c, x))
    else
        WRITE(per_block, below(&c, scaled(&c, x)))
}

static void draw_blocks(const tn__draw *d, int64_t block, int blocks, real *y)
{
    uint64_t words[4][BLOCKS];
    double u[4][BLOCKS];
    make_words(d->seed, d->position + (uint64_t)block, blocks, words);
    make_units(d, blocks, (const uint64_t(*)[BLOCKS])words, u);
    if (d->distribution == TN__NORMAL)
        for (int j = 0; j < d->per_block; j += 2)
            box_muller(blocks, u[j], u[j + 1]);
    if (d->per_block == 4)
        finish(d, blocks, 4, u, y);
    else
        finish(d, blocks, 2, u, y);
}

/* The last blocks are made for whole vectors of any build, and in a place of their own. */
void KERNEL(random)(const tn__draw *d, int64_t block, int64_t n, void *py)
{
    real *y = py, rest[4 * BLOCKS];
    const int64_t whole = BLOCKS * d->per_block;
    for (; n >= whole; n -= whole, y += whole, block += BLOCKS)
        draw_blocks(d, block, BLOCKS, y);
    if (n == 0)
        return;
    draw_blocks(d, block, ((int)n + 8 * d->per_block - 1) / (8 * d->per_block) * 8, rest);
    memcpy(y, rest, (size_t)n * sizeof(real));
}

UNFUSED_END
