/* digits.h - the sub-commands: one file each, and one line in main.c. */
#ifndef EXAMPLES_DIGITS_H
#define EXAMPLES_DIGITS_H

/* Each runs with the arguments after its name, and returns the exit status. */
int digits_train(int argc, char **argv);
int digits_show(int argc, char **argv);
int digits_forward(int argc, char **argv);
int digits_gradcheck(int argc, char **argv);
int digits_compare(int argc, char **argv);
int digits_contour(int argc, char **argv);
int digits_backprop_cost(int argc, char **argv);
int digits_all(int argc, char **argv);

#endif
