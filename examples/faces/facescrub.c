/* facescrub.c - reads the lists of FaceScrub. */
#include "faces/facescrub.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIELDS = 6, MOST_COMPLAINTS = 10, MOST_SIDE = 65535 };

/* Whether the name is one of those between the commas. */
static bool is_wanted(const char *people, const char *name)
{
    size_t length = strlen(name);
    if (strcmp(people, "all") == 0)
        return true;
    for (const char *at = people; *at; at += strcspn(at, ",")) {
        at += strspn(at, ", ");
        if (strncmp(at, name, length) == 0 && (at[length] == ',' || at[length] == '\0'))
            return true;
    }
    return false;
}

static bool is_hash(const char *text)
{
    return strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64;
}

/* "463,450,1785,1772" with a box that is not empty. */
static bool read_box(const char *text, face_entry *e)
{
    int read = 0;
    if (sscanf(text, "%6d,%6d,%6d,%6d%n", &e->x1, &e->y1, &e->x2, &e->y2, &read) != 4 || text[read])
        return false;
    return e->x1 >= -MOST_SIDE && e->y1 >= -MOST_SIDE && e->x1 < e->x2 && e->y1 < e->y2 &&
           e->x2 <= MOST_SIDE && e->y2 <= MOST_SIDE;
}

static bool read_number(const char *text, int64_t *number)
{
    char *end;
    errno = 0;
    *number = strtoll(text, &end, 10);
    return end != text && *end == '\0' && errno == 0 && *number >= 0;
}

/* Splits a line at its tabs. Returns what is wrong with it, or NULL. */
static const char *read_entry(char *line, face_entry *e)
{
    char *field[FIELDS];
    for (int i = 0; i < FIELDS; i++) {
        field[i] = line;
        line = line ? strchr(line, '\t') : NULL;
        if (line)
            *line++ = '\0';
    }
    if (!field[FIELDS - 1] || line)
        return "not six fields: name, image id, face id, URL, box, SHA-256";
    if (!read_number(field[1], &e->image_id) || !read_number(field[2], &e->face_id))
        return "the ids are no numbers";
    if (strncmp(field[3], "http://", 7) != 0 && strncmp(field[3], "https://", 8) != 0)
        return "the URL begins neither with http:// nor with https://";
    if (!read_box(field[4], e))
        return "the box is not x1,y1,x2,y2 with x1 < x2 and y1 < y2";
    if (!is_hash(field[5]))
        return "the SHA-256 is not 64 hexadecimal digits";
    e->person = field[0];
    e->url = field[3];
    memcpy(e->sha256, field[5], sizeof(e->sha256));
    return NULL;
}

static bool add_entry(face_list *l, const face_entry *e)
{
    if (l->count == l->room) {
        int64_t room = 2 * l->room + 256;
        face_entry *grown = realloc(l->entries, (size_t)room * sizeof(*grown));
        if (!grown)
            return false;
        l->entries = grown;
        l->room = room;
    }
    face_entry *added = &l->entries[l->count];
    *added = *e;
    added->person = strdup(e->person);
    added->url = strdup(e->url);
    l->count++;
    return added->person && added->url;
}

static void complain(const cli_program *program, const char *file, int64_t number,
                     const char *wrong, face_list *l)
{
    if (l->wrong++ < MOST_COMPLAINTS)
        cli_error(program, "%s, line %lld left out: %s", file, (long long)number, wrong);
}

static bool read_lines(const cli_program *program, FILE *from, const char *file, const char *people,
                       face_list *l)
{
    char *line = NULL;
    size_t size = 0;
    bool able = true;
    for (int64_t number = 1; able && getline(&line, &size, from) > 0; number++) {
        face_entry e;
        line[strcspn(line, "\r\n")] = '\0';
        if (!*line || (number == 1 && strncmp(line, "name\t", 5) == 0))
            continue;
        const char *wrong = read_entry(line, &e);
        if (wrong)
            complain(program, file, number, wrong, l);
        else if (is_wanted(people, e.person))
            able = add_entry(l, &e);
    }
    free(line);
    if (!able)
        cli_error(program, "memory is short");
    return able;
}

bool face_list_read(const cli_program *program, const char *file, const char *people, face_list *l)
{
    FILE *from = fopen(file, "r");
    if (!from) {
        cli_error(program, "%s: %s", file, strerror(errno));
        return false;
    }
    bool read = read_lines(program, from, file, people, l);
    fclose(from);
    return read;
}

void face_list_free(face_list *l)
{
    for (int64_t i = 0; i < l->count; i++) {
        free(l->entries[i].person);
        free(l->entries[i].url);
    }
    free(l->entries);
    *l = (face_list){.entries = NULL};
}

void face_slug(const char *person, char *slug, size_t size)
{
    size_t length = 0;
    for (; *person && length + 1 < size; person++) {
        if (isalnum((unsigned char)*person))
            slug[length++] = (char)tolower((unsigned char)*person);
        else if (length > 0 && slug[length - 1] != '-')
            slug[length++] = '-';
    }
    slug[length] = '\0';
}
