/* people.c - reads a folder of photographs of people, and finds near-duplicates. */
#include "common/people.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <omp.h>

#include "common/progress.h"
#include "common/report.h"
#include "common/text.h"

enum { MOST_COMPLAINTS = 10 };

static const char GENERATED[] = "generated-";

/* ---- the files of a folder ------------------------------------------------------------------- */

/* Names that grow; `name` is NULL once memory was short. */
typedef struct name_list {
    char **name;
    int64_t count, room;
    bool short_of_memory;
} name_list;

static void list_add(name_list *l, const char *name)
{
    if (l->count == l->room) {
        int64_t room = 2 * l->room + 64;
        char **grown = realloc(l->name, (size_t)room * sizeof(*grown));
        if (grown) {
            l->name = grown;
            l->room = room;
        }
    }
    char *copy = l->count < l->room ? strdup(name) : NULL;
    l->short_of_memory |= !copy;
    if (copy)
        l->name[l->count++] = copy;
}

static void list_free(name_list *l)
{
    for (int64_t i = 0; i < l->count; i++)
        free(l->name[i]);
    free(l->name);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_folder(const char *name)
{
    struct stat status;
    return stat(name, &status) == 0 && S_ISDIR(status.st_mode);
}

/* Adds the photographs of DIR, or its folders, each with `prefix` in front. False with errno. */
static bool list_folder(name_list *l, const char *dir, const char *prefix, bool folders)
{
    DIR *open = opendir(dir);
    if (!open)
        return false;
    for (struct dirent *entry; (entry = readdir(open));) {
        bool hidden = entry->d_name[0] == '.';
        bool folder = !hidden && is_folder(path_join(dir, entry->d_name).s);
        path name = path_join(prefix, entry->d_name);
        if (!hidden && (folders ? folder : !folder && photo_named(entry->d_name)))
            list_add(l, *prefix ? name.s : entry->d_name);
    }
    closedir(open);
    return true;
}

/* The photographs of all folders below DIR, or in DIR if no folder has any; sorted, so that
 * nothing depends on the order of a folder. */
static bool list_photos(name_list *l, const char *dir)
{
    name_list folders = {.count = 0};
    bool listed = list_folder(&folders, dir, "", true);
    for (int64_t i = 0; listed && i < folders.count; i++)
        list_folder(l, path_join(dir, folders.name[i]).s, folders.name[i], false);
    l->short_of_memory |= folders.short_of_memory;
    list_free(&folders);
    if (listed && l->count == 0)
        listed = list_folder(l, dir, "", false);
    if (l->count > 0)
        qsort(l->name, (size_t)l->count, sizeof(*l->name), by_name);
    return listed;
}

/* Who is on a photograph: its folder's name, or its own without the number; "" if there is none. */
static void person_of(const char *file, char *name, size_t size)
{
    const char *slash = strrchr(file, '/');
    size_t length = slash ? (size_t)(slash - file) : strcspn(file, ".");
    while (!slash && length > 0 && isdigit((unsigned char)file[length - 1]))
        length--;
    while (!slash && length > 0 && strchr("-_ ", file[length - 1]))
        length--;
    snprintf(name, size, "%.*s", (int)length, file);
}

/* ---- what photographs look like -------------------------------------------------------------- */

/* Luma of Rec. 601. */
static double grey_of(const uint8_t *rgb)
{
    return 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2];
}

bool look_of(const image *picture, uint64_t *look)
{
    image small;
    if (!image_resize(picture, LOOK_SIDE + 1, LOOK_SIDE, &small))
        return false;
    memset(look, 0, LOOK_WORDS * sizeof(*look));
    for (int bit = 0; bit < LOOK_BITS; bit++) {
        const uint8_t *at = small.pixels + 3 * (bit + bit / LOOK_SIDE);
        if (grey_of(at + 3) > grey_of(at))
            look[bit / 64] |= (uint64_t)1 << bit % 64;
    }
    image_free(&small);
    return true;
}

int look_distance(const uint64_t *a, const uint64_t *b)
{
    int distance = 0;
    for (int i = 0; i < LOOK_WORDS; i++)
        distance += __builtin_popcountll(a[i] ^ b[i]);
    return distance;
}

bool people_square(const image *from, int side, uint8_t *planes)
{
    image square;
    if (!image_square(from, side, &square))
        return false;
    for (int i = 0; i < side * side; i++)
        for (int c = 0; c < 3; c++)
            planes[c * side * side + i] = square.pixels[3 * i + c];
    image_free(&square);
    return true;
}

/* The group of a photograph: it leads to its last one, step by step. Each step is made to lead as
 * far as the next one does, so that ways stay short. */
static int64_t group_of(people *p, int64_t i)
{
    while (p->photos[i].group != i) {
        p->photos[i].group = p->photos[p->photos[i].group].group;
        i = p->photos[i].group;
    }
    return i;
}

/* Photographs that are near each other form a group, together with all that are near to any of
 * them. */
static void find_groups(people *p, int64_t near)
{
    for (int64_t i = 0; i < p->count; i++) {
        p->photos[i].group = i;
        for (int64_t j = 0; j < i; j++)
            if (look_distance(p->photos[i].look, p->photos[j].look) <= near)
                p->photos[group_of(p, j)].group = i;
    }
    for (int64_t i = 0; i < p->count; i++)
        p->photos[i].group = group_of(p, i);
}

/* ---- reading --------------------------------------------------------------------------------- */

static size_t bytes_of_pixels(const people *p)
{
    return p->pixels ? 3 * (size_t)p->side * (size_t)p->side : 0;
}

const uint8_t *people_pixels(const people *p, int64_t i)
{
    return p->pixels + (size_t)i * bytes_of_pixels(p);
}

/* Decodes the same bytes that are hashed, whatever happens to the file meanwhile. */
static bool read_photo(const people *p, person_photo *photo, uint8_t *pixels, photo_error *error)
{
    image picture;
    size_t size;
    uint8_t *bytes = photo_bytes(path_join(p->dir, photo->file).s, &size, error);
    bool read = bytes && photo_decode(bytes, size, &picture, error);
    if (read) {
        photo->hash = sha256_of(bytes, size);
        read = photo->hash.hex[0] && look_of(&picture, photo->look) &&
               (!pixels || people_square(&picture, p->side, pixels));
        if (!read)
            snprintf(error->text, sizeof(error->text), "memory is short");
        image_free(&picture);
    }
    free(bytes);
    return read;
}

/* What is wrong with the name of a photograph, or NULL. */
static const char *wrong_name(const char *file)
{
    char name[256];
    person_of(file, name, sizeof(name));
    if (!text_plain(file))
        return "its name has control characters or is not in UTF-8";
    return *name ? NULL : "its name does not begin with that of a person";
}

/* All cores read. A photograph that could not be read has a reason in `errors`. */
static void read_photos(people *p, const people_opts *opts, photo_error *errors)
{
    progress shown = progress_begin("photograph", p->count, opts->quiet);
    int threads = opts->threads > 0 ? opts->threads : omp_get_num_procs();
    int64_t done = 0;
#pragma omp parallel for schedule(dynamic) num_threads(threads)
    for (int64_t i = 0; i < p->count; i++) {
        const char *wrong = wrong_name(p->photos[i].file);
        uint8_t *pixels = p->pixels ? p->pixels + (size_t)i * bytes_of_pixels(p) : NULL;
        if (wrong)
            snprintf(errors[i].text, sizeof(errors[i].text), "%s", wrong);
        else
            read_photo(p, &p->photos[i], pixels, &errors[i]);
#pragma omp critical
        progress_update(&shown, ++done, "decoding");
    }
    progress_end(&shown);
}

static void set_losses_aside(people *p, const photo_error *errors)
{
    int64_t kept = 0;
    for (int64_t i = 0; i < p->count; i++) {
        if (errors[i].text[0]) {
            p->lost[p->losses++] = (lost_photo){p->photos[i].file, errors[i]};
            continue;
        }
        if (p->pixels && kept < i)
            memcpy(p->pixels + (size_t)kept * bytes_of_pixels(p), people_pixels(p, i),
                   bytes_of_pixels(p));
        p->photos[kept++] = p->photos[i];
    }
    p->count = kept;
}

/* The names in `all`, each once, in their order. */
static void keep_each_once(name_list *all)
{
    int64_t kept = 0;
    for (int64_t i = 0; i < all->count; i++) {
        if (kept > 0 && strcmp(all->name[kept - 1], all->name[i]) == 0)
            free(all->name[i]);
        else
            all->name[kept++] = all->name[i];
    }
    all->count = kept;
}

static bool name_persons(people *p)
{
    name_list all = {.count = 0};
    char name[256], *key = name;
    for (int64_t i = 0; i < p->count; i++) {
        person_of(p->photos[i].file, name, sizeof(name));
        list_add(&all, name);
    }
    if (all.short_of_memory) {
        list_free(&all);
        return false;
    }
    qsort(all.name, (size_t)all.count, sizeof(*all.name), by_name);
    keep_each_once(&all);
    p->names = all.name;
    p->persons = (int)all.count;
    for (int64_t i = 0; i < p->count; i++) {
        person_of(p->photos[i].file, name, sizeof(name));
        char **found = bsearch(&key, p->names, (size_t)p->persons, sizeof(*p->names), by_name);
        p->photos[i].person = (int)(found - p->names);
    }
    p->generated = true;
    for (int i = 0; i < p->persons; i++)
        p->generated &= strncmp(p->names[i], GENERATED, strlen(GENERATED)) == 0;
    return true;
}

/* Takes the names over. */
static bool make_room(people *p, const name_list *files, int side)
{
    size_t count = (size_t)files->count;
    p->side = side;
    p->photos = calloc(count, sizeof(*p->photos));
    p->lost = calloc(count, sizeof(*p->lost));
    p->count = p->photos ? files->count : 0;
    if (side > 0)
        p->pixels = malloc(count * 3 * (size_t)side * (size_t)side);
    for (int64_t i = 0; i < p->count; i++)
        p->photos[i].file = files->name[i];
    return p->photos && p->lost && (p->pixels || side == 0);
}

static bool read_all(people *p, const people_opts *opts)
{
    photo_error *errors = calloc((size_t)p->count, sizeof(*errors));
    if (!errors)
        return false;
    read_photos(p, opts, errors);
    set_losses_aside(p, errors);
    free(errors);
    find_groups(p, opts->near);
    return p->count == 0 || name_persons(p);
}

static void complain(const cli_program *program, const people *p)
{
    for (int64_t i = 0; i < p->losses && i < MOST_COMPLAINTS; i++) {
        char file[512];
        text_show(p->lost[i].file, file, sizeof(file));
        cli_note(program, "%s/%s left out: %s", p->dir, file, p->lost[i].why.text);
    }
    if (p->losses > MOST_COMPLAINTS)
        cli_note(program, "... and %lld more", (long long)(p->losses - MOST_COMPLAINTS));
    if (p->losses > 0)
        cli_note(program, "%lld of %lld photographs cannot be used", (long long)p->losses,
                 (long long)(p->losses + p->count));
}

/* Whether the folders of all photographs have names that files, tables and terminals can hold. */
static bool check_folders(const cli_program *program, const char *dir, const name_list *files)
{
    for (int64_t i = 0; i < files->count; i++) {
        char name[256], shown[4 * sizeof(name)];
        person_of(files->name[i], name, sizeof(name));
        if (!strchr(files->name[i], '/') || text_plain(name))
            continue;
        text_show(name, shown, sizeof(shown));
        cli_error(program,
                  "%s: the folder %s has a name with control characters or not in UTF-8; rename it",
                  dir, shown);
        return false;
    }
    return true;
}

bool people_load(const cli_program *program, const char *dir, people_opts opts, people *p)
{
    name_list files = {.count = 0};
    *p = (people){.dir = dir};
    if (!list_photos(&files, dir)) {
        cli_error(program, "%s: %s", dir, strerror(errno));
        list_free(&files);
        return false;
    }
    if (files.count == 0 && !files.short_of_memory) {
        cli_error(program, "%s: no photographs, neither NAME/*.jpg nor NAME1.jpg (or .jpeg, .png)",
                  dir);
        list_free(&files);
        return false;
    }
    if (!check_folders(program, dir, &files)) {
        list_free(&files);
        return false;
    }
    bool read = !files.short_of_memory && make_room(p, &files, opts.side) && read_all(p, &opts);
    if (p->photos)
        free(files.name);
    else
        list_free(&files);
    if (!read)
        cli_error(program, "memory is short for the photographs of %s", dir);
    else
        complain(program, p);
    if (read && p->count == 0)
        cli_error(program, "%s: not one photograph can be read", dir);
    return read && p->count > 0;
}

void people_free(people *p)
{
    for (int64_t i = 0; i < p->count; i++)
        free(p->photos[i].file);
    for (int64_t i = 0; i < p->losses; i++)
        free(p->lost[i].file);
    for (int i = 0; i < p->persons; i++)
        free(p->names[i]);
    free(p->photos);
    free(p->lost);
    free(p->names);
    free(p->pixels);
    *p = (people){.dir = NULL};
}

/* ---- what there is --------------------------------------------------------------------------- */

const char *people_kind(const people *p)
{
    return p->generated ? "generated faces" : "photographs";
}

int people_name_width(const people *p)
{
    int width = 0;
    for (int i = 0; i < p->persons; i++)
        width = text_width(p->names[i]) > width ? text_width(p->names[i]) : width;
    return width;
}

/* A group has the number of one of its photographs; it counts when another is met. */
int64_t people_groups(const people *p)
{
    int64_t groups = 0;
    for (int64_t i = 0; i < p->count; i++) {
        int64_t others = 0;
        for (int64_t j = 0; p->photos[i].group == i && j < p->count; j++)
            others += j != i && p->photos[j].group == i;
        groups += others > 0;
    }
    return groups;
}
