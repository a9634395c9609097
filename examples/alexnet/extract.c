/* alexnet features: what a layer says to the photographs of a folder, kept for trial runs. */
#include <omp.h>
#include <stdio.h>

#include "alexnet/alexnet.h"
#include "alexnet/features.h"
#include "common/commands.h"
#include "common/processes.h"
#include "common/progress.h"
#include "common/run.h"

static const cli_program PROGRAM = {
    .name = "alexnet features",
    .summary = "Runs the photographs of a folder through AlexNet up to a layer and keeps what it "
               "says in the folder --cache: batches of 32 as .npz files of 'features', and of "
               "'mirrored' photographs, and features.csv, which says where each photograph is. "
               "What is there already is not computed again.",
};

typedef struct settings {
    run run;
    const char *data, *weights, *layer;
    feature_opts opts;
    bool no_flip;
    people people;
} settings;

/* The file and the row of each photograph. */
static bool write_index(const settings *s, const alexnet *a)
{
    const people *p = &s->people;
    report to;
    if (!run_open(&s->run, &to, "features.csv"))
        return false;
    fputs("file,person,npz,row\n", to.file);
    for (int64_t i = 0; i < p->count; i++) {
        path name = features_name(a, p, &s->opts, i / FEATURE_BATCH * FEATURE_BATCH);
        csv_text(&to, p->photos[i].file);
        fputc(',', to.file);
        csv_text(&to, p->names[p->photos[i].person]);
        fprintf(to.file, ",%s,%d\n", name.s, (int)(i % FEATURE_BATCH));
    }
    return run_close(&s->run, &to);
}

static bool write_metrics(const settings *s, const alexnet *a, const feature_counts *counts,
                          double seconds)
{
    report to;
    if (!run_open_metrics(&s->run, &to))
        return false;
    json_integer(&to, "photographs", s->people.count);
    json_integer(&to, "persons", s->people.persons);
    json_string(&to, "kind", people_kind(&s->people));
    json_string(&to, "layer", s->layer);
    json_string(&to, "weights", a->random ? "random" : s->weights);
    json_string(&to, "weights_sha256", a->hash.hex);
    json_integer(&to, "computed_batches", counts->computed);
    json_integer(&to, "kept_batches", counts->kept);
    json_number(&to, "seconds", seconds);
    json_string(&to, "data", s->data);
    json_integer(&to, "seed", s->run.seed);
    run_put_machine(&to, &s->run);
    return run_close_metrics(&s->run, &to);
}

static int extract(run *r, void *payload)
{
    settings *s = payload;
    people *p = &s->people;
    alexnet a;
    feature_counts counts;
    double start = seconds_now();
    if (!processes_all(alexnet_load(&PROGRAM, r->ctx, s->weights, r->seed, &a)))
        return CLI_EXIT_USAGE;
    s->opts = (feature_opts){.step = alexnet_step(&PROGRAM, &a, s->layer),
                             .input = s->opts.input,
                             .mirrored = !s->no_flip,
                             .cache = r->out,
                             .threads = r->threads > 0 ? (int)r->threads : omp_get_num_procs(),
                             .quiet = r->quiet,
                             .again = "the same command"};
    people_opts opts = {0, -1, s->opts.threads, r->quiet};
    if (!processes_all(s->opts.step >= 0 && people_load(&PROGRAM, s->data, opts, p)))
        return CLI_EXIT_USAGE;
    if (!features_compute(&PROGRAM, r->ctx, &a, p, &s->opts, &counts))
        return interrupted ? interrupted_status() : CLI_EXIT_FAILURE;
    double seconds = seconds_now() - start;
    if (!processes_all(!processes_first() ||
                       (write_index(s, &a) && write_metrics(s, &a, &counts, seconds))))
        return CLI_EXIT_FAILURE;
    if (!r->quiet)
        printf("%s of %lld %s by %s: %lld batches computed, %lld were there, %.1f s\nin %s\n",
               s->layer, (long long)p->count, people_kind(p),
               a.random ? "random weights" : s->weights, (long long)counts.computed,
               (long long)counts.kept, seconds, r->out);
    return 0;
}

int alexnet_features(int argc, char **argv)
{
    settings s = {.run = {.program = &PROGRAM, .out = "out/alexnet/cache", .seed = 1},
                  .layer = "conv5.relu"};
    const cli_option options[] = {
        feature_data_option(&s.data),
        alexnet_weights_option(&s.weights),
        {"layer", CLI_STRING, &s.layer, "NAME",
         .help = "conv1, conv1.relu, conv1.pool, ... conv5.pool, avgpool, fc6, fc7 or fc8"},
        feature_input_option(&s.opts.input),
        {"no-flip", CLI_FLAG, &s.no_flip, .help = "leave the mirrored photographs out"},
        {"seed", CLI_INT, &s.run.seed, "S", .max = 1e9, .help = "of random weights"},
        run_threads_option(&s.run),
        {"cache", CLI_STRING, &s.run.out, "DIR", .help = "folder for the features"},
        run_quiet_option(&s.run, "show neither progress nor summary"),
        {.name = NULL},
    };
    int status = run_command(&s.run, options, argc, argv, extract, &s);
    people_free(&s.people);
    return status;
}
