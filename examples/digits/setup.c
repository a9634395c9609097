#include "digits/setup.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "digits/models.h"

enum { MOST_OPTIONS = 10 };

/* ---- the digits and the network -------------------------------------------------------------- */

const char *digits_source(const cli_program *program, const char *data, path *found)
{
    if (data)
        return data;
    if (mnist_find(found->s, sizeof(found->s)))
        return found->s;
    cli_error(program, "no MNIST in data/mnist or examples/data/mnist (make data fetches it, "
                       "--data says where it is)");
    return NULL;
}

bool digits_load(const cli_program *program, tn_ctx *ctx, const char *source, int64_t use,
                 mnist *digits)
{
    if (!mnist_load(ctx, source, digits)) {
        cli_error(program, "%s", tn_error(ctx));
        return false;
    }
    int64_t count = tn_size(digits->train_labels, 0);
    if (use > count)
        cli_error(program, "--train %lld: %s has only %lld training images", (long long)use, source,
                  (long long)count);
    return use <= count;
}

tn_module *softmax_net(tn_ctx *ctx, double init_std)
{
    return digit_net(ctx, &DIGIT_MODELS[MODEL_SOFTMAX], init_std);
}

tn_tensor *setup_inputs(const setup *s, tn_dtype dtype)
{
    tn_scope scope = tn_scope_begin(s->ctx);
    tn_tensor *x = tn_mul_scalar(s->ctx, tn_cast(s->ctx, s->images, dtype), 1.0 / 255.0);
    x = tn_scope_keep(s->ctx, scope, x);
    tn_scope_end(s->ctx, scope);
    return x;
}

/* ---- running --------------------------------------------------------------------------------- */

static bool load(setup *s)
{
    mnist digits;
    s->data = digits_source(s->program, s->data, &s->found);
    if (!s->data || !digits_load(s->program, s->ctx, s->data, s->use, &digits))
        return false;
    s->count = s->use > 0 ? s->use : tn_size(digits.train_labels, 0);
    s->images = tn_narrow(s->ctx, digits.train_images, 0, 0, s->count);
    s->images = tn_reshape(s->ctx, s->images, TN_SHAPE(s->count, DIGIT_PIXELS));
    s->labels = tn_narrow(s->ctx, digits.train_labels, 0, 0, s->count);
    return tn_ok(s->ctx) || setup_library_failed(s);
}

/* The first options of all sub-commands, then their own, then the others that all have. */
static cli_result parse(setup *s, const cli_option *own, int argc, char **argv)
{
    cli_option options[MOST_OPTIONS + 7] = {
        {"data", CLI_STRING, &s->data, "PATH",
         .help = "folder with MNIST as IDX files or as mnist_all.mat, or such a .mat file",
         .shown_default = "data/mnist if the full set is there, else examples/data/mnist"},
        {"train", CLI_INT, &s->use, "N", .max = INFINITY,
         .help = "use only the first N training images; 0: all of them"},
    };
    const cli_option last[] = {
        {"seed", CLI_INT, &s->seed, "S", .max = INFINITY, .help = "of the random numbers"},
        {"threads", CLI_INT, &s->threads, "N", .max = 1024,
         .help = "0: as many as there are cores"},
        {"out", CLI_STRING, &s->out, "DIR", .help = "folder for the results"},
        {"quiet", CLI_FLAG, &s->quiet, .help = "show neither progress nor what was found"},
    };
    int count = 2;
    while (own->name && count < MOST_OPTIONS + 2)
        options[count++] = *own++;
    memcpy(&options[count], last, sizeof(last));
    return cli_parse(s->program, options, argc, argv);
}

int setup_run(setup *s, const cli_option *own, int argc, char **argv, setup_command run,
              void *payload)
{
    cli_result parsed = parse(s, own, argc, argv);
    if (parsed != CLI_RUN)
        return parsed == CLI_HELP ? 0 : CLI_EXIT_USAGE;
    s->ctx = tn_ctx_new(&(tn_ctx_opts){.seed = (uint64_t)s->seed, .threads = (int)s->threads});
    if (!s->ctx) {
        cli_error(s->program, "memory is short");
        return CLI_EXIT_FAILURE;
    }
    int status = load(s) ? run(s, payload) : CLI_EXIT_USAGE;
    tn_ctx_free(s->ctx);
    return status;
}

bool setup_numbers(const setup *s, const char *option, const char *text, double *values, int max,
                   int *count)
{
    int wanted = *count, n = 0;
    const char *at = text;
    for (bool more = true; more; n++) {
        char *end;
        double value = strtod(at, &end);
        if (end == at || (*end && *end != ',') || !isfinite(value) || n == max) {
            n = 0;
            break;
        }
        values[n] = value;
        more = *end == ',';
        at = end + 1;
    }
    *count = n;
    if (n > 0 && (wanted == 0 || n == wanted))
        return true;
    cli_error(s->program, "--%s needs %s%d numbers with commas between them, not '%s'", option,
              wanted ? "" : "1 to ", wanted ? wanted : max, text);
    return false;
}

/* ---- results --------------------------------------------------------------------------------- */

bool setup_make_out(const setup *s)
{
    if (make_directories(s->out))
        return true;
    cli_error(s->program, "%s: no results can be written there: %s", s->out, strerror(errno));
    return false;
}

bool setup_library_failed(const setup *s)
{
    cli_error(s->program, "%s", tn_error(s->ctx));
    return false;
}

bool setup_unwritten(const setup *s, const char *name)
{
    cli_error(s->program, "%s/%s cannot be written: %s", s->out, name, strerror(errno));
    return false;
}

void setup_put(report *r, const setup *s)
{
    json_string(r, "data", s->data);
    json_integer(r, "train_images", s->count);
    json_integer(r, "seed", s->seed);
    json_integer(r, "threads", tn_threads(s->ctx));
    json_string(r, "isa", tn_isa(s->ctx));
    json_string(r, "libtensor", tn_version());
}

bool setup_draw(const setup *s, const figure *f)
{
    figure_result result = figure_draw(s->out, f);
    if (result == FIGURE_FAILED)
        return setup_unwritten(s, f->name);
    if (result == FIGURE_NOT_DRAWN && !s->quiet)
        printf("%s not drawn: with gnuplot installed, (cd %s && gnuplot %s.gp) draws it\n", f->name,
               s->out, f->name);
    return true;
}
