/* figure.h - pictures by gnuplot. */
#ifndef EXAMPLES_FIGURE_H
#define EXAMPLES_FIGURE_H

#include <stdbool.h>
#include <stdio.h>

/* Commands of gnuplot that draw a picture. They find line types 1 to 7 in colours that colour-blind
 * readers can tell apart, data files in the folder of the figure, and commas between columns. Files
 * with texts among their columns are not for gnuplot, which takes the quotes and commas of a text
 * for those between columns. */
typedef struct figure {
    const char *name; /* of the files, without an ending */
    int width, height;
    const char *commands;
} figure;

typedef enum figure_result {
    FIGURE_DRAWN,
    FIGURE_NOT_DRAWN, /* the script is there, but gnuplot is not, or failed */
    FIGURE_FAILED     /* errno: the script could not be written */
} figure_result;

/* Writes the first characters of a plain text (text.h), `most` of them, as they stand between
 * single quotes of gnuplot; as a `format`, which the text of a tic is to gnuplot, if so. */
void figure_put_text(FILE *to, const char *text, int most, bool format);

/* Pixels that a plain text takes, `most` characters of it; rather too many, for fonts differ. */
int figure_text_width(const char *text, int most);

/* Writes the script DIR/NAME.gp, and draws DIR/NAME.svg and DIR/NAME.png if gnuplot is there. */
figure_result figure_draw(const char *dir, const figure *f);

#endif
