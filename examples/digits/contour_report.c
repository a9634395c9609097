/* contour_report.c - writes, draws and prints the loss over two weights. */
#include "digits/contour.h"

#include <math.h>

/* Contours lie at these shares of the excess loss of the start. */
static const double SHARES[] = {0.1, 0.25, 0.5, 0.75, 1, 1.5, 2.2, 3.2, 4.5, 6};

enum { LEVELS = sizeof(SHARES) / sizeof(SHARES[0]) };

static bool write_grid(const run *s, const landscape *l)
{
    char name[64];
    report r;
    snprintf(name, sizeof(name), "%s.csv", l->name);
    if (!run_open(s, &r, name))
        return false;
    fputs("w1,w2,loss\n", r.file);
    for (int row = 0; row < CONTOUR_GRID; row++) {
        for (int column = 0; column < CONTOUR_GRID; column++) {
            double x = (double)column / (CONTOUR_GRID - 1), y = (double)row / (CONTOUR_GRID - 1);
            csv_row(&r,
                    (double[]){l->low[0] + x * (l->high[0] - l->low[0]),
                               l->low[1] + y * (l->high[1] - l->low[1]), l->grid[row][column]},
                    3);
        }
        fputc('\n', r.file);
    }
    return run_close(s, &r);
}

static bool write_paths(const run *s, const landscape *l)
{
    char name[64];
    report r;
    snprintf(name, sizeof(name), "%s_paths.csv", l->name);
    if (!run_open(s, &r, name))
        return false;
    fputs("step,vanilla_w1,vanilla_w2,vanilla_loss,momentum_w1,momentum_w2,momentum_loss\n",
          r.file);
    for (int64_t i = 0; i <= l->steps; i++) {
        const visit *v = &l->path[VANILLA][i], *m = &l->path[MOMENTUM][i];
        csv_row(&r, (double[]){(double)i, v->w[0], v->w[1], v->loss, m->w[0], m->w[1], m->loss}, 7);
    }
    return run_close(s, &r);
}

/* "12 steps", or "more than 100 steps". */
static const char *describe(const landscape *l, int method, char *text, size_t size)
{
    if (isfinite(l->needed[method]))
        snprintf(text, size, "%.0f steps", l->needed[method]);
    else
        snprintf(text, size, "more than %lld steps", (long long)l->steps);
    return text;
}

static void put_levels(const landscape *l, char *text, size_t size)
{
    size_t used = 0;
    for (int i = 0; i < LEVELS && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%.8g", i > 0 ? "," : "",
                                 l->best.loss + SHARES[i] * (l->start.loss - l->best.loss));
}

/* Where the paths are the same, the wide pale one of vanilla shows on both sides of the other. */
static bool draw(const run *s, const landscape *l)
{
    char commands[4096], levels[512], vanilla[64], momentum[64];
    const double condition = l->best_curve.high / l->best_curve.low;
    put_levels(l, levels, sizeof(levels));
    snprintf(commands, sizeof(commands),
             "set view map\n"
             "set contour base\n"
             "set cntrparam levels discrete %s\n"
             "set palette defined (0 '#505050', 1 '#d8d8d8')\n"
             "set cbrange [%.8g:%.8g]\n"
             "set cblabel 'mean cross-entropy (nats)'\n"
             "set xrange [%.17g:%.17g]\n"
             "set yrange [%.17g:%.17g]\n"
             "set size ratio -1\n"
             "unset grid\n"
             "set border 15\n"
             "set lmargin at screen 0.1\n"
             "set rmargin at screen 0.84\n"
             "set bmargin at screen 0.22\n"
             "set tmargin at screen 0.93\n"
             "set title 'condition number %.3g, learning rate %.4g'\n"
             "set xlabel 'W[%d,%d]'\n"
             "set ylabel 'W[%d,%d]'\n"
             "set key at screen 0.5,0.085 center horizontal maxrows 2\n"
             "splot '%s.csv' skip 1 using 1:2:3 with lines linecolor palette nosurface notitle, "
             "'%s_paths.csv' skip 1 using 2:3:(0) with lines linecolor rgb '#8fc3e3' "
             "linewidth 7 nocontour title 'vanilla: %s', "
             "'' skip 1 using 2:3:(0) with points linetype 1 pointtype 7 pointsize 0.5 nocontour "
             "notitle, "
             "'' skip 1 using 5:6:(0) with linespoints linetype 2 pointtype 9 pointsize 0.8 "
             "nocontour title 'momentum %.3g: %s', "
             "'' skip 1 every ::0::0 using 2:3:(0) with points linetype 7 pointtype 4 "
             "pointsize 2 nocontour title 'start', "
             "'+' every ::0::0 using (%.8g):(%.8g):(0) with points linetype 3 pointtype 3 "
             "pointsize 2 nocontour title 'minimum'",
             levels, l->best.loss,
             l->best.loss + SHARES[LEVELS - 1] * (l->start.loss - l->best.loss), l->low[0],
             l->high[0], l->low[1], l->high[1], condition, l->lr, l->at[0].pixel, l->at[0].digit,
             l->at[1].pixel, l->at[1].digit, l->name, l->name,
             describe(l, VANILLA, vanilla, sizeof(vanilla)), l->momentum,
             describe(l, MOMENTUM, momentum, sizeof(momentum)), l->best.w[0], l->best.w[1]);
    return run_draw(s, &(figure){l->name, 800, 600, commands});
}

bool contour_write(const run *s, const landscape *l)
{
    return write_grid(s, l) && write_paths(s, l) && draw(s, l);
}

void contour_print(const landscape *l)
{
    char vanilla[64], momentum[64];
    const hessian *h = &l->best_curve;
    printf("%s: W[%d,%d] and W[%d,%d], curvatures %.3g and %.3g, condition number %.4g (%.4g at "
           "the trained point)\n",
           l->name, l->at[0].pixel, l->at[0].digit, l->at[1].pixel, l->at[1].digit, h->high, h->low,
           h->high / h->low, l->trained.high / l->trained.low);
    printf("  minimum %.6g at (%.4g, %.4g), start %.6g at (%.4g, %.4g)\n", l->best.loss,
           l->best.w[0], l->best.w[1], l->start.loss, l->start.w[0], l->start.w[1]);
    printf("  learning rate %.4g, 1 / the largest curvature at start and minimum\n", l->lr);
    printf("  to %g %% of the excess loss: vanilla %s, momentum %.3g %s\n", 100 * CONTOUR_ARRIVED,
           describe(l, VANILLA, vanilla, sizeof(vanilla)), l->momentum,
           describe(l, MOMENTUM, momentum, sizeof(momentum)));
}
