/* report.c - writes JSON and CSV files, each put in its place when it is whole. */
#include "common/report.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/text.h"

path path_join(const char *dir, const char *name)
{
    path p;
    size_t length = strlen(dir);
    const char *slash = length > 0 && dir[length - 1] == '/' ? "" : "/";
    int n = snprintf(p.s, sizeof(p.s), "%s%s%s", dir, slash, name);
    if (n < 0 || (size_t)n >= sizeof(p.s))
        p.s[0] = '\0';
    return p;
}

bool file_exists(const char *name)
{
    return access(name, F_OK) == 0;
}

/* A folder that is not there could not be made, for mkdir's reason. */
static bool make_directory(const char *dir)
{
    struct stat status;
    if (mkdir(dir, 0777) == 0)
        return true;
    int reason = errno;
    if (stat(dir, &status) != 0) {
        errno = reason;
        return false;
    }
    errno = ENOTDIR;
    return S_ISDIR(status.st_mode);
}

bool make_directories(const char *dir)
{
    path p = path_join(dir, "");
    for (char *at = p.s + 1; p.s[0] && *at; at++) {
        if (*at != '/')
            continue;
        *at = '\0';
        if (!make_directory(p.s))
            return false;
        *at = '/';
    }
    return faccessat(AT_FDCWD, p.s, W_OK | X_OK, AT_EACCESS) == 0;
}

bool report_open(report *r, const char *dir, const char *name)
{
    *r = (report){.name = name, .target = path_join(dir, name)};
    int n = snprintf(r->temporary.s, sizeof(r->temporary.s), "%s.tmp", r->target.s);
    if (!r->target.s[0] || n < 0 || (size_t)n >= sizeof(r->temporary.s)) {
        errno = ENAMETOOLONG;
        return false;
    }
    r->file = fopen(r->temporary.s, "w");
    return r->file != NULL;
}

bool report_close(report *r)
{
    bool good = fflush(r->file) == 0 && !ferror(r->file) && fsync(fileno(r->file)) == 0;
    good = fclose(r->file) == 0 && good;
    good = good && rename(r->temporary.s, r->target.s) == 0;
    if (!good) {
        int reason = errno;
        unlink(r->temporary.s);
        errno = reason;
    }
    return good;
}

/* ---- JSON ------------------------------------------------------------------------------------ */

/* JSON is UTF-8: a byte of no plain character becomes U+FFFD. Returns how many bytes were taken. */
static int put_character(FILE *file, const char *text)
{
    int length = text_character(text);
    if (length == 0)
        fputs(*text == 0x7f ? "\\u007f" : "\\ufffd", file);
    else
        fprintf(file, "%.*s", length, text);
    return length > 0 ? length : 1;
}

void json_put_text(FILE *file, const char *text)
{
    fputc('"', file);
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (*c == '"' || *c == '\\')
            fprintf(file, "\\%c", *c);
        else if (*c < 0x20)
            fprintf(file, "\\u%04x", (unsigned)*c);
        else
            c += put_character(file, (const char *)c) - 1;
    }
    fputc('"', file);
}

static void put_name(report *r, const char *name)
{
    fputs(r->fields++ > 0 ? ",\n  " : "\n  ", r->file);
    json_put_text(r->file, name);
    fputs(": ", r->file);
}

/* The fewest digits, up to 17, that read back as the same number. */
static void put_number(FILE *file, double value)
{
    char text[32];
    double back = NAN;
    for (int digits = 6; digits <= 17 && back != value; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, value);
        back = strtod(text, NULL);
    }
    fputs(text, file);
}

static void put_finite(FILE *file, double value)
{
    if (isfinite(value))
        put_number(file, value);
    else
        fputs("null", file);
}

void json_begin(report *r)
{
    fputc('{', r->file);
}

void json_number(report *r, const char *name, double value)
{
    put_name(r, name);
    put_finite(r->file, value);
}

void json_integer(report *r, const char *name, int64_t value)
{
    put_name(r, name);
    fprintf(r->file, "%lld", (long long)value);
}

void json_string(report *r, const char *name, const char *value)
{
    put_name(r, name);
    json_put_text(r->file, value);
}

void json_numbers(report *r, const char *name, const double *values, int count)
{
    put_name(r, name);
    for (int i = 0; i < count; i++) {
        fputs(i > 0 ? ", " : "[", r->file);
        put_finite(r->file, values[i]);
    }
    fputs(count > 0 ? "]" : "[]", r->file);
}

void json_end(report *r)
{
    fputs("\n}\n", r->file);
}

/* ---- CSV ------------------------------------------------------------------------------------- */

void csv_text(report *r, const char *text)
{
    if (!strpbrk(text, ",\"\r\n")) {
        fputs(text, r->file);
        return;
    }
    fputc('"', r->file);
    for (; *text; text++) {
        if (*text == '"')
            fputc('"', r->file);
        fputc(*text, r->file);
    }
    fputc('"', r->file);
}

void csv_row(report *r, const double *values, int count)
{
    for (int i = 0; i < count; i++) {
        if (i > 0)
            fputc(',', r->file);
        if (isfinite(values[i]))
            put_number(r->file, values[i]);
    }
    fputc('\n', r->file);
}

char *csv_field(char **line)
{
    char *field = *line, *to = *line, *from = *line;
    if (!from)
        return NULL;
    bool quoted = *from == '"';
    for (from += quoted; *from && (quoted || *from != ','); from++) {
        if (quoted && *from == '"' && *++from != '"')
            break;
        *to++ = *from;
    }
    *line = *from == ',' ? from + 1 : NULL;
    *to = '\0';
    return field;
}
