/* recognition.h - learning to tell people apart: what the programs that train on photographs share.
 * A program brings the network and what goes into it; from here come the options, the splits, the
 * labels, and who was taken for whom. */
#ifndef EXAMPLES_RECOGNITION_H
#define EXAMPLES_RECOGNITION_H

#include "common/split.h"
#include "common/training.h"

enum { CONTROL_NONE, CONTROL_PERMUTE };
enum { PRESET_NONE, PRESET_STUDY };

extern const char *const PRESET_NAMES[]; /* "none", "study" */

/* What the command line says, completed by defaults. */
typedef struct recognition_settings {
    run run;
    training_settings training;
    const char *data, *split;
    split_opts drawn; /* if there is no file with a split */
    int64_t near;
    double label_smoothing;
    int control, preset; /* indices in the choices of the options */
    bool balance;
} recognition_settings;

/* The settings before the command line is read. */
recognition_settings recognition_defaults(const cli_program *program, const char *out);

typedef struct recognition recognition;

/* What a program brings. */
typedef struct recognition_task {
    const char *network;         /* "3072-20-6 with ReLU" */
    const char *const *controls; /* names of CONTROL_NONE, CONTROL_PERMUTE */

    /* Makes the network of a run, whose split is known: [n, ...] -> [n, persons]. What is made
     * besides belongs to the scope of the run. NULL with the error in g->ctx. */
    tn_module *(*make)(recognition *g);

    /* What goes in for some photographs, [count, ...], a tensor of ctx; varied at random if it is
     * to be learned. */
    tn_tensor *(*inputs)(const recognition *g, tn_ctx *ctx, const int64_t *photos, int64_t count,
                         bool vary);

    /* Adds what predictions need besides the network to a dictionary, and its own settings to
     * metrics.json. */
    tn_status (*save)(const recognition *g, tn_dict *dict);
    void (*put)(report *to, const recognition *g);

    /* Lists its own settings that a run which goes on must share with its checkpoint, and returns
     * how many they are. */
    int (*settings)(const recognition *g, training_setting *list);
    const char *source; /* what the network is put on: a hash; "" for nothing */
} recognition_task;

struct recognition {
    const recognition_task *task;
    const recognition_settings *settings;
    const people *people;
    void *payload;
    int64_t *confusion; /* [persons, persons]: of one person, taken for another, in all tests */

    /* Of one run. */
    tn_ctx *ctx;
    tn_confusion *of_run; /* in its test */
    split split;
    int64_t *labels;          /* of the photographs, as they are learned */
    tn_loader *loader[PARTS]; /* for evaluations, if several processes share them */
};

enum { RECOGNITION_OPTIONS = 23 };

/* Writes the options that all such programs have, RECOGNITION_OPTIONS, and returns how many. */
int recognition_options(recognition_settings *s, const char *const *controls, cli_option *options);

/* Trains on the photographs, writes the results to OUT, and fills in the summary if it is not NULL.
 * Returns the exit status. */
int recognition_run(const recognition_task *task, const recognition_settings *s, const people *p,
                    void *payload, training_summary *summary);

/* ---- results (recognition_report.c) ---------------------------------------------------------- */

/* Write, of the first run: split.csv, duplicates.csv, lost.csv, model.safetensors and the learning
 * curve; and of all runs: confusion.csv, people.csv and the confusion matrix. False with a line on
 * standard error. */
bool recognition_write_run(training *t);
bool recognition_write_results(training *t, const training_results *results);

void recognition_put(report *to, const training *t, const training_results *results);
void recognition_print_photos(const people *p, int64_t near);
void recognition_print(const training *t, const training_results *results);

#endif
