/* alexnet features: what a layer says to the photographs of a folder, kept for trial runs. */
#include <omp.h>
#include <stdio.h>

#include "alexnet/alexnet.h"
#include "alexnet/features.h"
#include "common/progress.h"

static const cli_program PROGRAM = {
    .name = "alexnet features",
    .summary = "Runs the photographs of a folder through AlexNet up to a layer and keeps what it "
               "says in the folder --cache: batches of 32 as .npz files of 'features', and of "
               "'mirrored' photographs, and features.csv, which says where each photograph is. "
               "What is there already is not computed again.",
};

typedef struct settings {
    const char *data, *weights, *layer, *out;
    int64_t seed, threads;
    feature_opts opts;
    bool no_flip;
} settings;

/* The file and the row of each photograph. */
static bool write_index(const settings *s, const alexnet *a, const people *p)
{
    report r;
    if (!report_open(&r, s->opts.cache, "features.csv"))
        return false;
    fputs("file,person,npz,row\n", r.file);
    for (int64_t i = 0; i < p->count; i++) {
        path name = features_name(a, p, &s->opts, i / FEATURE_BATCH * FEATURE_BATCH);
        csv_text(&r, p->photos[i].file);
        fputc(',', r.file);
        csv_text(&r, p->names[p->photos[i].person]);
        fprintf(r.file, ",%s,%d\n", name.s, (int)(i % FEATURE_BATCH));
    }
    return report_close(&r);
}

static int extract(settings *s, tn_ctx *ctx, people *p)
{
    alexnet a;
    feature_counts counts;
    double start = seconds_now();
    if (!alexnet_load(&PROGRAM, ctx, s->weights, s->seed, &a))
        return CLI_EXIT_USAGE;
    s->opts.step = alexnet_step(&PROGRAM, &a, s->layer);
    if (s->opts.step < 0)
        return CLI_EXIT_USAGE;
    people_opts opts = {0, -1, s->opts.threads, s->opts.quiet};
    if (!people_load(&PROGRAM, s->data, opts, p))
        return CLI_EXIT_USAGE;
    if (!features_compute(&PROGRAM, ctx, &a, p, &s->opts, &counts))
        return CLI_EXIT_FAILURE;
    if (!write_index(s, &a, p)) {
        cli_error(&PROGRAM, "%s/features.csv cannot be written", s->opts.cache);
        return CLI_EXIT_FAILURE;
    }
    if (!s->opts.quiet)
        printf("%s of %lld %s by %s: %lld batches computed, %lld were there, %.1f s\nin %s\n",
               s->layer, (long long)p->count, p->generated ? "generated faces" : "photographs",
               a.random ? "random weights" : s->weights, (long long)counts.computed,
               (long long)counts.kept, seconds_now() - start, s->opts.cache);
    return 0;
}

int alexnet_features(int argc, char **argv)
{
    settings s = {.layer = "conv5.relu", .seed = 1, .opts.cache = "out/alexnet/cache"};
    people p = {.dir = NULL};
    cli_option options[] = {
        {"data", CLI_STRING, &s.data, "DIR",
         .help = "folder with photographs: NAME/ANY.jpg, or NAME1.jpg, NAME2.jpg, ..."},
        {"weights", CLI_STRING, &s.weights, "FILE",
         .help = "of AlexNet: .pth, .npz or safetensors, all or those of 'features' alone",
         .shown_default = "random ones"},
        {"layer", CLI_STRING, &s.layer, "NAME",
         .help = "conv1, conv1.relu, conv1.pool, ... conv5.pool, avgpool, fc6, fc7 or fc8"},
        {"input", CLI_CHOICE, &s.opts.input, "227|224", .choices = FEATURE_INPUTS,
         .help = "the square in the middle at 227 pixels, or torchvision's: 256, of which 224"},
        {"no-flip", CLI_FLAG, &s.no_flip, .help = "leave the mirrored photographs out"},
        {"seed", CLI_INT, &s.seed, "S", .max = 1e9, .help = "of random weights"},
        {"threads", CLI_INT, &s.threads, "N", .max = 1024, .help = "0: as many as there are cores"},
        {"cache", CLI_STRING, &s.opts.cache, "DIR", .help = "folder for the features"},
        {"quiet", CLI_FLAG, &s.opts.quiet, .help = "show neither progress nor summary"},
        {.name = NULL},
    };
    cli_result parsed = cli_parse(&PROGRAM, options, argc, argv);
    if (parsed != CLI_RUN)
        return parsed == CLI_HELP ? 0 : CLI_EXIT_USAGE;
    if (!s.data) {
        cli_error(&PROGRAM, "--data DIR is missing: where the photographs are");
        return CLI_EXIT_USAGE;
    }
    s.opts.mirrored = !s.no_flip;
    s.opts.threads = s.threads > 0 ? (int)s.threads : omp_get_num_procs();
    tn_ctx *ctx = tn_ctx_new(&(tn_ctx_opts){.threads = (int)s.threads});
    if (!ctx) {
        cli_error(&PROGRAM, "memory is short");
        return CLI_EXIT_FAILURE;
    }
    int status = extract(&s, ctx, &p);
    people_free(&p);
    tn_ctx_free(ctx);
    return status;
}
