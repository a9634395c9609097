/* serve.h - the commands of serve. */
#ifndef EXAMPLES_SERVE_SERVE_H
#define EXAMPLES_SERVE_SERVE_H

int serve_digits(int argc, char **argv);

#endif
