/* by_lines.c - linked into the programs of the documents: their two outputs come in the order in
 * which they write, as on a terminal. */
#include <stdio.h>

__attribute__((constructor)) static void by_lines(void)
{
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
}
