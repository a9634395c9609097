/* split.c - draws, writes and reads the division of photographs into parts. */
#include "common/split.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/report.h"
#include "common/text.h"

static const char *const NAMES[] = {"train", "validation", "test", "unused", NULL};

static const char HEADER[] = "file,person,part,group,sha256\n";

static bool short_of_memory(const cli_program *program)
{
    cli_error(program, "memory is short");
    return false;
}

/* All photographs unused. */
static bool split_begin(const people *p, split *s)
{
    size_t count = (size_t)p->count;
    *s = (split){.part = malloc(count * sizeof(*s->part))};
    for (int64_t i = 0; s->part && i < p->count; i++)
        s->part[i] = PART_UNUSED;
    for (int part = 0; part < PARTS; part++)
        s->photos[part] = malloc(count * sizeof(*s->photos[part]));
    return s->part && s->photos[0] && s->photos[1] && s->photos[2];
}

void split_free(split *s)
{
    free(s->part);
    for (int part = 0; part < PARTS; part++)
        free(s->photos[part]);
    *s = (split){.part = NULL};
}

/* Lists the photographs of each part. */
static void split_end(const people *p, split *s)
{
    for (int part = 0; part < PARTS; part++)
        s->count[part] = 0;
    for (int64_t i = 0; i < p->count; i++)
        if (s->part[i] != PART_UNUSED)
            s->photos[s->part[i]][s->count[s->part[i]]++] = i;
}

int64_t split_count(const people *p, const split *s, int part, int person)
{
    int64_t count = 0;
    for (int64_t i = 0; i < p->count; i++)
        count += p->photos[i].person == person && s->part[i] == part;
    return count;
}

/* ---- drawing --------------------------------------------------------------------------------- */

/* How many photographs of each person a part still wants. */
typedef struct demand {
    int part;
    int64_t *of;
} demand;

/* Whether nobody on the photographs of a group would be there more often than wanted. */
static bool fits(const people *p, const demand *d, int64_t group)
{
    int64_t over = 0;
    for (int64_t i = 0; i < p->count; i++)
        if (p->photos[i].group == group)
            d->of[p->photos[i].person]--;
    for (int64_t i = 0; i < p->count; i++)
        over += p->photos[i].group == group && d->of[p->photos[i].person] < 0;
    for (int64_t i = 0; i < p->count && over > 0; i++)
        if (p->photos[i].group == group)
            d->of[p->photos[i].person]++;
    return over == 0;
}

/* Gives the part what it wants, from the groups that no part has, in a random order. */
static void meet(const people *p, const demand *d, const int64_t *order, split *s)
{
    for (int64_t k = 0; k < p->count; k++) {
        int64_t group = p->photos[order[k]].group;
        if (s->part[group] != PART_TRAIN || group != order[k] || !fits(p, d, group))
            continue;
        for (int64_t i = 0; i < p->count; i++)
            if (p->photos[i].group == group)
                s->part[i] = d->part;
    }
}

static bool want_test(const cli_program *program, const people *p, int64_t test, int64_t *of)
{
    for (int person = 0; person < p->persons; person++)
        of[person] = 0;
    for (int64_t i = 0; i < p->count; i++)
        of[p->photos[i].person]++;
    for (int person = 0; person < p->persons; person++) {
        if (of[person] <= test) {
            cli_error(program, "%s: %lld photographs of %s are too few for %lld to test", p->dir,
                      (long long)of[person], p->names[person], (long long)test);
            return false;
        }
        of[person] = test;
    }
    return true;
}

static void want_validation(const people *p, const split *s, double part, int64_t *of)
{
    for (int person = 0; person < p->persons; person++)
        of[person] = llround(part * (double)split_count(p, s, PART_TRAIN, person));
}

/* Leaves `train` of the training photographs. */
static bool reduce(const cli_program *program, const people *p, int64_t train, const int64_t *order,
                   split *s)
{
    int64_t kept = 0;
    for (int64_t k = 0; k < p->count && train > 0; k++)
        if (s->part[order[k]] == PART_TRAIN && ++kept > train)
            s->part[order[k]] = PART_UNUSED;
    if (kept < train)
        cli_error(program, "--train %lld: there are only %lld training photographs",
                  (long long)train, (long long)kept);
    return kept >= train;
}

static bool draw(const cli_program *program, const people *p, split_opts opts, const int64_t *order,
                 int64_t *of, split *s)
{
    for (int64_t i = 0; i < p->count; i++)
        s->part[i] = PART_TRAIN;
    if (!want_test(program, p, opts.test_per_class, of))
        return false;
    meet(p, &(demand){PART_TEST, of}, order, s);
    want_validation(p, s, opts.validation, of);
    meet(p, &(demand){PART_VALIDATION, of}, order, s);
    if (!reduce(program, p, opts.train, order, s))
        return false;
    split_end(p, s);
    return true;
}

bool split_make(const cli_program *program, tn_ctx *ctx, const people *p, split_opts opts, split *s)
{
    tn_scope scope = tn_scope_begin(ctx);
    tn_tensor *order = tn_randperm(ctx, p->count);
    int64_t *of = malloc((size_t)p->persons * sizeof(*of));
    bool made = split_begin(p, s) && order && of ? draw(program, p, opts, tn_data_i64(order), of, s)
                                                 : short_of_memory(program);
    free(of);
    tn_scope_end(ctx, scope);
    return made;
}

/* ---- files ----------------------------------------------------------------------------------- */

bool split_write(const people *p, const split *s, const char *dir, const char *name)
{
    report r;
    if (!report_open(&r, dir, name))
        return false;
    fputs(HEADER, r.file);
    for (int64_t i = 0; i < p->count; i++) {
        const person_photo *photo = &p->photos[i];
        csv_text(&r, photo->file);
        fputc(',', r.file);
        csv_text(&r, p->names[photo->person]);
        fprintf(r.file, ",%s,%lld,%s\n", NAMES[s->part[i]], (long long)photo->group,
                photo->hash.hex);
    }
    return report_close(&r);
}

static int part_named(const char *name)
{
    for (int part = 0; NAMES[part]; part++)
        if (strcmp(NAMES[part], name) == 0)
            return part;
    return -1;
}

/* The number of the photograph with this file, or -1. */
static int64_t photo_number(const people *p, const char *file)
{
    int64_t low = 0, high = p->count;
    while (low < high) {
        int64_t middle = (low + high) / 2;
        int order = strcmp(p->photos[middle].file, file);
        if (order == 0)
            return middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return -1;
}

/* Puts the photograph of a line into its part. Returns what is wrong, or NULL. */
static const char *read_line(const people *p, char *line, split *s)
{
    char *field[5];
    for (int i = 0; i < 5; i++)
        field[i] = csv_field(&line);
    if (!field[4] || line)
        return "not five fields: file,person,part,group,sha256";
    int64_t photo = photo_number(p, field[0]);
    int part = part_named(field[2]);
    if (part < 0)
        return "the part is none of train, validation, test and unused";
    if (photo < 0)
        return part == PART_UNUSED ? NULL : "that photograph is not there";
    if (strcmp(field[1], p->names[p->photos[photo].person]) != 0)
        return "that is a photograph of somebody else";
    if (strcmp(field[4], p->photos[photo].hash.hex) != 0)
        return "that photograph has changed: its SHA-256 is another";
    s->part[photo] = part;
    return NULL;
}

static bool read_lines(const cli_program *program, const people *p, FILE *file, const char *name,
                       split *s)
{
    char line[8192];
    const char *wrong = fgets(line, sizeof(line), file) && strcmp(line, HEADER) == 0
                            ? NULL
                            : "not the first line of such a file";
    int64_t number = 1;
    while (!wrong && fgets(line, sizeof(line), file)) {
        number++;
        line[strcspn(line, "\r\n")] = '\0';
        wrong = read_line(p, line, s);
    }
    if (wrong)
        cli_error(program, "%s, line %lld: %s (photographs of %s)", name, (long long)number, wrong,
                  p->dir);
    return !wrong;
}

bool split_read(const cli_program *program, const people *p, const char *name, split *s)
{
    FILE *file = fopen(name, "r");
    if (!file) {
        cli_error(program, "%s: %s", name, strerror(errno));
        return false;
    }
    bool read =
        split_begin(p, s) ? read_lines(program, p, file, name, s) : short_of_memory(program);
    fclose(file);
    if (!read)
        return false;
    split_end(p, s);
    if (s->count[PART_TRAIN] == 0 || s->count[PART_TEST] == 0) {
        cli_error(program, "%s: no photographs to %s", name,
                  s->count[PART_TRAIN] == 0 ? "train" : "test");
        return false;
    }
    return true;
}

/* ---- a table --------------------------------------------------------------------------------- */

void split_print(const people *p, const split *s)
{
    int width = people_name_width(p);
    printf("  %-*s  %8s  %10s  %8s\n", width, "", "training", "validation", "test");
    for (int person = 0; person < p->persons; person++) {
        printf("  ");
        text_print(p->names[person], width);
        printf("  %8lld  %10lld  %8lld\n", (long long)split_count(p, s, PART_TRAIN, person),
               (long long)split_count(p, s, PART_VALIDATION, person),
               (long long)split_count(p, s, PART_TEST, person));
    }
    printf("  %-*s  %8lld  %10lld  %8lld\n", width, "all", (long long)s->count[PART_TRAIN],
           (long long)s->count[PART_VALIDATION], (long long)s->count[PART_TEST]);
}
