/* faces.h - the sub-commands: one file each, and one line in main.c. */
#ifndef EXAMPLES_FACES_H
#define EXAMPLES_FACES_H

/* Each runs with the arguments after its name, and returns the exit status. */
int faces_download(int argc, char **argv);
int faces_generate(int argc, char **argv);
int faces_train(int argc, char **argv);
int faces_weights(int argc, char **argv);
int faces_predict(int argc, char **argv);

#endif
