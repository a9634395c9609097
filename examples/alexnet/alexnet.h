/* alexnet.h - the sub-commands: one file each, and one line in main.c. */
#ifndef EXAMPLES_ALEXNET_H
#define EXAMPLES_ALEXNET_H

/* Each runs with the arguments after its name, and returns the exit status. */
int alexnet_fetch(int argc, char **argv);
int alexnet_features(int argc, char **argv);
int alexnet_train(int argc, char **argv);
int alexnet_predict(int argc, char **argv);
int alexnet_classify(int argc, char **argv);
int alexnet_filters(int argc, char **argv);

#endif
