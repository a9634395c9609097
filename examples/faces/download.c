/* faces download: photographs of faces from the lists of FaceScrub. */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/cli.h"
#include "common/commands.h"
#include "common/fetch.h"
#include "common/photo.h"
#include "common/progress.h"
#include "common/report.h"
#include "common/sha256.h"
#include "faces/faces.h"
#include "faces/facescrub.h"

enum { MOST_PARALLEL = 64, MOST_REASONS = 64 };

static const char LOG_NAME[] = "download.csv";
static const char LOG_HEADER[] = "person,image_id,face_id,url,reason,file\n";

static const cli_program PROGRAM = {
    .name = "faces download",
    .summary =
        "Fetches photographs from lists of FaceScrub with curl, checks the SHA-256 of the bytes "
        "that it then decodes, cuts the face out and writes it as DIR/PERSON/FACEID.png. What was "
        "tried is kept in DIR/download.csv: the same command goes on where it was stopped. At the "
        "end it says what is dead, and why. Most links of the lists are, by now.",
};

typedef enum entry_state { WAITING, FETCHING, GOOD, DEAD } entry_state;

/* One of those that are fetched at a time. */
typedef struct request {
    pid_t child; /* 0: nothing is fetched */
    int64_t entry;
    path file, code;
} request;

typedef struct reason_count {
    char text[64];
    int64_t count;
} reason_count;

typedef struct settings {
    const char *people, *out;
    int64_t limit, size, parallel, timeout;
    bool retry, quiet;
    cli_words files;
    face_list list;
    entry_state *state;        /* of each entry */
    int64_t *good;             /* photographs that are there, at the first entry of the person */
    int64_t *first;            /* the first entry of the same person */
    const face_entry **sorted; /* by person, face and URL */
    request requests[MOST_PARALLEL];
    reason_count reasons[MOST_REASONS];
    int64_t deaths, tried;
    FILE *log;
    progress shown;
} settings;

/* ---- what was done before -------------------------------------------------------------------- */

static void face_file(const settings *s, int64_t entry, char *name, size_t size)
{
    char slug[256];
    face_slug(s->list.entries[entry].person, slug, sizeof(slug));
    snprintf(name, size, "%s/%lld.png", slug, (long long)s->list.entries[entry].face_id);
}

static void count_death(settings *s, const char *reason)
{
    int i = 0;
    while (i < MOST_REASONS - 1 && s->reasons[i].count > 0 &&
           strcmp(s->reasons[i].text, reason) != 0)
        i++;
    if (s->reasons[i].count++ == 0)
        snprintf(s->reasons[i].text, sizeof(s->reasons[i].text), "%s", reason);
    s->deaths++;
}

static void mark_good(settings *s, int64_t entry)
{
    s->state[entry] = GOOD;
    s->good[s->first[entry]]++;
}

static int compare_entries(const face_entry *a, const face_entry *b)
{
    int order = strcmp(a->person, b->person);
    if (order == 0)
        order = (a->face_id > b->face_id) - (a->face_id < b->face_id);
    return order ? order : strcmp(a->url, b->url);
}

/* Of those that are alike, the first one of the list comes first. */
static int by_contents(const void *a, const void *b)
{
    const face_entry *p = *(const face_entry *const *)a, *q = *(const face_entry *const *)b;
    int order = compare_entries(p, q);
    return order ? order : (p > q) - (p < q);
}

static void sort_entries(settings *s)
{
    for (int64_t i = 0; i < s->list.count; i++)
        s->sorted[i] = &s->list.entries[i];
    qsort(s->sorted, (size_t)s->list.count, sizeof(*s->sorted), by_contents);
}

static void find_first_ones(settings *s)
{
    for (int64_t begin = 0, end; begin < s->list.count; begin = end) {
        const face_entry *first = s->sorted[begin];
        for (end = begin; end < s->list.count; end++) {
            if (strcmp(s->sorted[end]->person, s->sorted[begin]->person) != 0)
                break;
            first = s->sorted[end] < first ? s->sorted[end] : first;
        }
        for (int64_t i = begin; i < end; i++)
            s->first[s->sorted[i] - s->list.entries] = first - s->list.entries;
    }
}

/* The entry of a line of download.csv, or -1. */
static int64_t entry_of(const settings *s, char *const *field)
{
    const face_entry wanted = {
        .person = field[0], .face_id = strtoll(field[2], NULL, 10), .url = field[3]};
    int64_t low = 0, high = s->list.count;
    while (low < high) {
        int64_t middle = (low + high) / 2;
        if (compare_entries(s->sorted[middle], &wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    bool found = low < s->list.count && compare_entries(s->sorted[low], &wanted) == 0;
    return found ? s->sorted[low] - s->list.entries : -1;
}

static void read_log(settings *s)
{
    FILE *log = fopen(path_join(s->out, LOG_NAME).s, "r");
    char *line = NULL;
    size_t size = 0;
    while (log && getline(&line, &size, log) > 0) {
        char *rest = line, *field[6];
        line[strcspn(line, "\r\n")] = '\0';
        for (int i = 0; i < 6; i++)
            field[i] = csv_field(&rest);
        int64_t entry = field[5] ? entry_of(s, field) : -1;
        if (entry >= 0 && s->state[entry] == WAITING && !s->retry && *field[4]) {
            s->state[entry] = DEAD;
            count_death(s, field[4]);
        }
    }
    free(line);
    if (log)
        fclose(log);
}

/* Faces that are there need not be fetched. */
static void look_for_faces(settings *s)
{
    char name[512];
    for (int64_t i = 0; i < s->list.count; i++) {
        face_file(s, i, name, sizeof(name));
        if (file_exists(path_join(s->out, name).s))
            mark_good(s, i);
    }
}

static bool open_log(settings *s)
{
    path name = path_join(s->out, LOG_NAME);
    bool there = file_exists(name.s);
    s->log = fopen(name.s, "a");
    if (s->log && !there)
        fputs(LOG_HEADER, s->log);
    if (!s->log)
        cli_error(&PROGRAM, "%s cannot be written: %s", name.s, strerror(errno));
    return s->log != NULL;
}

/* ---- one face -------------------------------------------------------------------------------- */

static void write_log(settings *s, int64_t entry, const char *reason)
{
    const face_entry *e = &s->list.entries[entry];
    report r = {.file = s->log};
    char name[512];
    face_file(s, entry, name, sizeof(name));
    csv_text(&r, e->person);
    fprintf(s->log, ",%lld,%lld,", (long long)e->image_id, (long long)e->face_id);
    csv_text(&r, e->url);
    fputc(',', s->log);
    csv_text(&r, reason ? reason : "");
    fprintf(s->log, ",%s\n", reason ? "" : name);
    fflush(s->log);
}

/* Cuts the face out and writes it. Returns what is wrong, or NULL. */
static const char *write_face(const settings *s, int64_t entry, const image *picture)
{
    const face_entry *e = &s->list.entries[entry];
    char slug[256], name[64];
    image cut = {.pixels = NULL}, face = {.pixels = NULL};
    if (e->x1 >= picture->width || e->y1 >= picture->height || e->x2 <= 0 || e->y2 <= 0)
        return "the box is outside of the photograph";
    if ((int64_t)(e->x2 - e->x1) * (e->y2 - e->y1) > PHOTO_MOST_PIXELS)
        return "the box is too large";
    face_slug(e->person, slug, sizeof(slug));
    snprintf(name, sizeof(name), "%lld.png", (long long)e->face_id);
    path folder = path_join(s->out, slug);
    bool written = image_crop(picture, e->x1, e->y1, e->x2 - e->x1, e->y2 - e->y1, &cut) &&
                   image_resize(&cut, (int)s->size, (int)s->size, &face) &&
                   make_directories(folder.s) && image_write_png(&face, folder.s, name);
    image_free(&cut);
    image_free(&face);
    return written ? NULL : "could not be written";
}

/* From the bytes that were fetched to the face. The bytes that are hashed are those decoded. */
static const char *take_face(const settings *s, int64_t entry, const char *file)
{
    photo_error error;
    image picture;
    size_t size;
    uint8_t *bytes = photo_bytes(file, &size, &error);
    if (!bytes)
        return "too large";
    const char *wrong = NULL;
    if (strcmp(sha256_of(bytes, size).hex, s->list.entries[entry].sha256) != 0) {
        wrong = "another file: its SHA-256 differs";
    } else if (!photo_decode(bytes, size, &picture, &error)) {
        wrong = error.other ? "neither JPEG nor PNG" : "a damaged photograph";
    } else {
        wrong = write_face(s, entry, &picture);
        image_free(&picture);
    }
    free(bytes);
    return wrong;
}

/* "HTTP 404" where the server refused, else what curl says. */
static const char *failure(const request *r, int status, char *text, size_t size)
{
    const char *reason = fetch_reason(status);
    FILE *code = fopen(r->code.s, "r");
    int number = 0;
    if (code) {
        if (fscanf(code, "%3d", &number) == 1 && number >= 400)
            snprintf(text, size, "HTTP %d", number);
        fclose(code);
    }
    return number >= 400 ? text : reason;
}

/* ---- many at a time -------------------------------------------------------------------------- */

static bool wants_more(const settings *s, int64_t entry)
{
    int64_t person = s->first[entry], there = s->good[person];
    for (int i = 0; i < s->parallel; i++)
        there += s->requests[i].child && s->first[s->requests[i].entry] == person;
    return s->limit == 0 || there < s->limit;
}

/* The next entry to fetch, or -1. */
static int64_t next_entry(const settings *s)
{
    for (int64_t i = 0; i < s->list.count; i++)
        if (s->state[i] == WAITING && wants_more(s, i))
            return i;
    return -1;
}

static bool begin(settings *s, request *r, int64_t entry)
{
    char name[64];
    int number = (int)(r - s->requests);
    snprintf(name, sizeof(name), ".download-%d", number);
    r->file = path_join(s->out, name);
    snprintf(name, sizeof(name), ".download-%d.code", number);
    r->code = path_join(s->out, name);
    unlink(r->file.s);
    fetch f = {.url = s->list.entries[entry].url,
               .file = r->file.s,
               .code = r->code.s,
               .most_bytes = PHOTO_MOST_BYTES,
               .seconds = s->timeout};
    r->entry = entry;
    r->child = fetch_begin(&f);
    s->state[entry] = FETCHING;
    if (r->child > 0)
        return true;
    r->child = 0;
    cli_error(&PROGRAM, "curl cannot be run: %s", strerror(errno));
    return false;
}

static void clear(request *r)
{
    r->child = 0;
    unlink(r->file.s);
    unlink(r->code.s);
}

/* A download that ends while the program is being stopped was stopped, too; its address is not
 * dead. */
static void end(settings *s, request *r, int status)
{
    if (interrupted) {
        clear(r);
        return;
    }
    char text[64];
    const char *wrong = failure(r, status, text, sizeof(text));
    if (!wrong)
        wrong = take_face(s, r->entry, r->file.s);
    clear(r);
    if (wrong) {
        s->state[r->entry] = DEAD;
        count_death(s, wrong);
    } else {
        mark_good(s, r->entry);
    }
    write_log(s, r->entry, wrong);
    progress_update(&s->shown, ++s->tried, "%lld dead", (long long)s->deaths);
}

static void stop_requests(settings *s)
{
    for (int i = 0; i < s->parallel; i++) {
        request *r = &s->requests[i];
        if (r->child <= 0)
            continue;
        kill(r->child, SIGTERM);
        waitpid(r->child, NULL, 0);
        clear(r);
    }
}

/* The child that ends first, or 0 if a signal comes before. That may come to another thread, for
 * OpenBLAS has some, which ends no wait of this one: it looks again after a moment. */
static pid_t wait_for_child(int *status)
{
    const struct timespec moment = {.tv_nsec = 10 * 1000 * 1000};
    pid_t child;
    while ((child = waitpid(-1, status, WNOHANG)) == 0 && !interrupted)
        nanosleep(&moment, NULL);
    return child;
}

/* Waits for one of the requests. False if a signal came first. */
static bool wait_for_one(settings *s)
{
    int status;
    pid_t child = wait_for_child(&status);
    for (int i = 0; child > 0 && i < s->parallel; i++) {
        if (s->requests[i].child == child) {
            end(s, &s->requests[i], status);
            return true;
        }
    }
    return false;
}

static bool fetch_all(settings *s)
{
    int running = 0;
    bool able = true;
    while (able && !interrupted) {
        for (int i = 0; i < s->parallel && able; i++) {
            int64_t entry = s->requests[i].child ? -1 : next_entry(s);
            able = entry < 0 || begin(s, &s->requests[i], entry);
            running += able && entry >= 0;
        }
        if (running == 0)
            break;
        running -= wait_for_one(s);
    }
    stop_requests(s);
    return able;
}

/* ---- results --------------------------------------------------------------------------------- */

static int64_t count_state(const settings *s, int64_t person, entry_state state)
{
    int64_t count = 0;
    for (int64_t i = 0; i < s->list.count; i++)
        count += s->state[i] == state && (person < 0 || s->first[i] == person);
    return count;
}

static int by_count(const void *a, const void *b)
{
    int64_t x = ((const reason_count *)a)->count, y = ((const reason_count *)b)->count;
    return (x < y) - (x > y);
}

static void print_tables(settings *s)
{
    printf("  %-24s  %5s  %5s  %9s\n", "", "there", "dead", "not tried");
    for (int64_t i = 0; i < s->list.count; i++)
        if (s->first[i] == i)
            printf("  %-24s  %5lld  %5lld  %9lld\n", s->list.entries[i].person,
                   (long long)count_state(s, i, GOOD), (long long)count_state(s, i, DEAD),
                   (long long)(count_state(s, i, WAITING) + count_state(s, i, FETCHING)));
    qsort(s->reasons, MOST_REASONS, sizeof(*s->reasons), by_count);
    for (int i = 0; i < MOST_REASONS && s->reasons[i].count > 0; i++)
        printf("  dead: %-40s %7lld\n", s->reasons[i].text, (long long)s->reasons[i].count);
    printf("faces in %s\n", s->out);
}

static bool write_metrics(const settings *s)
{
    report r;
    if (!report_open(&r, s->out, "metrics.json")) {
        cli_error(&PROGRAM, "%s/metrics.json cannot be written: %s", s->out, strerror(errno));
        return false;
    }
    json_begin(&r);
    json_integer(&r, "entries", s->list.count);
    json_integer(&r, "wrong_lines", s->list.wrong);
    json_integer(&r, "there", count_state(s, -1, GOOD));
    json_integer(&r, "dead", count_state(s, -1, DEAD));
    json_integer(&r, "tried_now", s->tried);
    json_integer(&r, "size", s->size);
    json_end(&r);
    return report_close(&r);
}

/* ---- the command ----------------------------------------------------------------------------- */

static bool read_lists(settings *s)
{
    for (int i = 0; i < s->files.count; i++)
        if (!face_list_read(&PROGRAM, s->files.word[i], s->people, &s->list))
            return false;
    if (s->list.count == 0)
        cli_error(&PROGRAM, "the lists have no entries of these people: %s", s->people);
    return s->list.count > 0;
}

static bool prepare(settings *s)
{
    size_t count = (size_t)s->list.count;
    s->state = calloc(count, sizeof(*s->state));
    s->good = calloc(count, sizeof(*s->good));
    s->first = calloc(count, sizeof(*s->first));
    s->sorted = malloc(count * sizeof(*s->sorted));
    if (!s->state || !s->good || !s->first || !s->sorted) {
        cli_error(&PROGRAM, "memory is short");
        return false;
    }
    sort_entries(s);
    find_first_ones(s);
    if (!make_directories(s->out)) {
        cli_error(&PROGRAM, "%s: no faces can be written there: %s", s->out, strerror(errno));
        return false;
    }
    look_for_faces(s);
    read_log(s);
    return open_log(s);
}

static int download(settings *s)
{
    if (!fetch_possible()) {
        cli_error(&PROGRAM, "curl cannot be run; its package is named curl");
        return CLI_EXIT_FAILURE;
    }
    if (!read_lists(s) || !prepare(s))
        return CLI_EXIT_USAGE;
    watch_interrupts();
    s->shown = progress_begin("photograph", count_state(s, -1, WAITING), s->quiet);
    bool able = fetch_all(s);
    progress_end(&s->shown);
    fclose(s->log);
    if (!write_metrics(s) || !able)
        return CLI_EXIT_FAILURE;
    if (!s->quiet)
        print_tables(s);
    if (interrupted) {
        cli_error(&PROGRAM, "stopped; the same command goes on");
        return interrupted_status();
    }
    if (count_state(s, -1, GOOD) == 0)
        cli_error(&PROGRAM, "not one photograph could be fetched");
    return count_state(s, -1, GOOD) > 0 ? 0 : CLI_EXIT_FAILURE;
}

int faces_download(int argc, char **argv)
{
    settings s = {.people = "Alec Baldwin,Lorraine Bracco,Steve Carell,Peri Gilpin,Bill Hader,"
                            "Angie Harmon",
                  .out = "data/faces",
                  .limit = 130,
                  .size = 32,
                  .parallel = 8,
                  .timeout = 20};
    cli_option options[] = {
        {"people", CLI_STRING, &s.people, "NAMES",
         .help = "whose photographs, with commas between the names; all: everybody's"},
        {"limit", CLI_INT, &s.limit, "N", .max = INFINITY,
         .help = "photographs of each person; 0: all of them"},
        {"size", CLI_INT, &s.size, "PIXELS", .min = 8, .max = 1024,
         .help = "width and height of the faces; 227 for examples/alexnet"},
        {"parallel", CLI_INT, &s.parallel, "N", .min = 1, .max = MOST_PARALLEL,
         .help = "photographs that are fetched at a time"},
        {"timeout", CLI_INT, &s.timeout, "SECONDS", .min = 1, .max = 3600,
         .help = "for one photograph"},
        {"retry", CLI_FLAG, &s.retry, .help = "try those again that were dead before"},
        {"out", CLI_STRING, &s.out, "DIR", .help = "folder for the faces"},
        {"quiet", CLI_FLAG, &s.quiet, .help = "show neither progress nor tables"},
        {"lists", CLI_WORDS, &s.files, "LIST...", .help = ""},
        {.name = NULL},
    };
    cli_result parsed = cli_parse(&PROGRAM, options, argc, argv);
    if (parsed != CLI_RUN)
        return (int)parsed;
    int status = download(&s);
    face_list_free(&s.list);
    free(s.state);
    free(s.good);
    free(s.first);
    free(s.sorted);
    return status;
}
