/* figure.c - writes a script for gnuplot and runs it. */
#include "common/figure.h"

#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "common/report.h"
#include "common/text.h"

extern char **environ;

/* The colours of Okabe and Ito, the darker ones first. */
static const char *const PALETTE[] = {"#0072B2", "#D55E00", "#009E73", "#CC79A7",
                                      "#E69F00", "#56B4E9", "#000000"};

static void write_preamble(FILE *file, const figure *f)
{
    fprintf(file, "# Draws %s.svg and %s.png in this folder: gnuplot %s.gp\n", f->name, f->name,
            f->name);
    fputs("set datafile separator ','\n", file);
    for (size_t i = 0; i < sizeof(PALETTE) / sizeof(PALETTE[0]); i++)
        fprintf(file, "set linetype %zu linecolor rgb '%s' linewidth 2\n", i + 1, PALETTE[i]);
    fputs("set style line 100 linecolor rgb '#d0d0d0' linewidth 1\n"
          "set grid linestyle 100\n"
          "set border 3 linecolor rgb '#404040'\n"
          "set tics nomirror out\n",
          file);
}

static void write_script(FILE *file, const figure *f)
{
    write_preamble(file, f);
    fprintf(file,
            "do for [format in 'svg png'] {\n"
            "    if (format eq 'png' && strstrt(GPVAL_TERMINALS, ' pngcairo ') == 0) { break }\n"
            "    if (format eq 'png') { set terminal pngcairo size %d,%d font 'sans,11' }\n"
            "    if (format eq 'svg') { set terminal svg size %d,%d font 'sans,14' "
            "background 'white' }\n"
            "    set output '%s.'.format\n",
            f->width, f->height, f->width, f->height, f->name);
    for (const char *line = f->commands; *line;) {
        size_t length = strcspn(line, "\n");
        fprintf(file, "    %.*s\n", (int)length, line);
        line += length + (line[length] != '\0');
    }
    fputs("    unset output\n}\n", file);
}

/* A quote is doubled, and a per cent sign in a format. */
void figure_put_text(FILE *to, const char *text, int most, bool format)
{
    for (int i = 0; i < most && *text; i++) {
        int length = text_character(text) > 0 ? text_character(text) : 1;
        if (*text == '\'' || (format && *text == '%'))
            fputc(*text, to);
        fprintf(to, "%.*s", length, text);
        text += length;
    }
}

/* Letters are 4 to 15 pixels wide in the font of figures, most small ones and digits 9; what is no
 * ASCII may be as wide as it is high. */
int figure_text_width(const char *text, int most)
{
    int width = 0;
    for (int i = 0; i < most && *text; i++) {
        int length = text_character(text) > 0 ? text_character(text) : 1;
        bool square = length > 1 || strchr("MW@m%#+<=>^~", *text),
             capital = *text >= 'A' && *text <= 'Z';
        width += square ? 16 : capital || strchr("w&", *text) ? 12 : 10;
        text += length;
    }
    return width;
}

static bool run_gnuplot(const char *dir, const char *script)
{
    char shell[] = "sh", option[] = "-c";
    char command[] = "CDPATH= cd -- \"$1\" && exec gnuplot \"$2\" >/dev/null 2>&1";
    path folder = path_join(dir, "."), name = path_join(".", script);
    char *argv[] = {shell, option, command, shell, folder.s, name.s, NULL};
    pid_t child;
    int status;
    fflush(NULL);
    if (posix_spawnp(&child, shell, NULL, NULL, argv, environ) != 0)
        return false;
    return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

figure_result figure_draw(const char *dir, const figure *f)
{
    char script[256];
    report r;
    snprintf(script, sizeof(script), "%s.gp", f->name);
    if (!report_open(&r, dir, script))
        return FIGURE_FAILED;
    write_script(r.file, f);
    if (!report_close(&r))
        return FIGURE_FAILED;
    return run_gnuplot(dir, script) ? FIGURE_DRAWN : FIGURE_NOT_DRAWN;
}
