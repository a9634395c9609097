/* photo.c - decodes JPEG and PNG files. */
#include "common/photo.h"

#include <errno.h>
#include <fcntl.h>
#include <png.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jpeglib.h>

#include <jerror.h>

enum { MOST_SCANS = 64 };

static bool fail(photo_error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool fail(photo_error *error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(error->text, sizeof(error->text), format, args);
    va_end(args);
    return false;
}

static bool check_size(int64_t width, int64_t height, photo_error *error)
{
    if (width < 1 || height < 1)
        return fail(error, "a picture of %lld x %lld pixels", (long long)width, (long long)height);
    if (width > PHOTO_MOST_PIXELS / height)
        return fail(error, "%lld x %lld pixels are more than the %lld that are allowed",
                    (long long)width, (long long)height, (long long)PHOTO_MOST_PIXELS);
    return true;
}

static bool make_picture(image *picture, int width, int height, photo_error *error)
{
    if (image_make(picture, width, height, 3, 0))
        return true;
    return fail(error, "no memory for %d x %d pixels", width, height);
}

/* ---- JPEG ------------------------------------------------------------------------------------ */

/* libjpeg reports by calling back, and ends a fatal call by a jump. */
typedef struct jpeg_reader {
    struct jpeg_decompress_struct info;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf end;
    photo_error *error;
    image *picture;
    uint8_t *row; /* of CMYK */
} jpeg_reader;

static void keep_message(j_common_ptr info)
{
    jpeg_reader *reader = info->client_data;
    char text[JMSG_LENGTH_MAX];
    info->err->format_message(info, text);
    fail(reader->error, "JPEG: %s", text);
}

static void end_by_error(j_common_ptr info)
{
    jpeg_reader *reader = info->client_data;
    keep_message(info);
    longjmp(reader->end, 1);
}

/* Bytes between markers and odd headers are common in photographs and do no harm; a warning about
 * the picture itself means that part of it is missing. */
static void warn(j_common_ptr info, int level)
{
    int code = info->err->msg_code;
    if (level < 0 && (code == JWRN_HIT_MARKER || code == JWRN_JPEG_EOF ||
                      code == JWRN_HUFF_BAD_CODE || code == JWRN_ARITH_BAD_CODE))
        end_by_error(info);
}

/* A small file may have a great many scans, and each takes as long as the whole picture. */
static void count_scans(j_common_ptr info)
{
    jpeg_reader *reader = info->client_data;
    if (reader->info.input_scan_number <= MOST_SCANS)
        return;
    fail(reader->error, "JPEG: more than %d scans", MOST_SCANS);
    longjmp(reader->end, 1);
}

/* Adobe's programs, which write a marker, store 255 - ink. */
static void cmyk_to_rgb(const uint8_t *cmyk, int width, bool inverted, uint8_t *rgb)
{
    for (int x = 0; x < width; x++)
        for (int c = 0; c < 3; c++) {
            int light = inverted ? cmyk[4 * x + c] : 255 - cmyk[4 * x + c];
            int black = inverted ? cmyk[4 * x + 3] : 255 - cmyk[4 * x + 3];
            rgb[3 * x + c] = (uint8_t)((light * black + 127) / 255);
        }
}

static bool read_header(jpeg_reader *reader, const uint8_t *bytes, size_t size)
{
    j_decompress_ptr info = &reader->info;
    jpeg_create_decompress(info);
    info->progress = &reader->progress;
    jpeg_mem_src(info, bytes, size);
    jpeg_read_header(info, TRUE);
    bool four = info->jpeg_color_space == JCS_CMYK || info->jpeg_color_space == JCS_YCCK;
    info->out_color_space = four ? JCS_CMYK : JCS_RGB;
    return check_size(info->image_width, info->image_height, reader->error);
}

static bool read_rows(jpeg_reader *reader)
{
    j_decompress_ptr info = &reader->info;
    int width = (int)info->image_width, height = (int)info->image_height;
    bool four = info->out_color_space == JCS_CMYK;
    if (!make_picture(reader->picture, width, height, reader->error))
        return false;
    reader->row = malloc(4 * (size_t)width);
    if (!reader->row)
        return fail(reader->error, "no memory for a row of %d pixels", width);
    jpeg_start_decompress(info);
    while (info->output_scanline < info->output_height) {
        uint8_t *to = reader->picture->pixels + 3 * (size_t)width * info->output_scanline;
        uint8_t *row = four ? reader->row : to;
        jpeg_read_scanlines(info, &row, 1);
        if (four)
            cmyk_to_rgb(row, width, info->saw_Adobe_marker, to);
    }
    jpeg_finish_decompress(info);
    return true;
}

static bool decode_jpeg(const uint8_t *bytes, size_t size, image *picture, photo_error *error)
{
    jpeg_reader *reader = calloc(1, sizeof(*reader));
    volatile bool read = false;
    if (!reader)
        return fail(error, "memory is short");
    reader->info.err = jpeg_std_error(&reader->errors);
    reader->info.client_data = reader;
    reader->errors.error_exit = end_by_error;
    reader->errors.emit_message = warn;
    reader->progress.progress_monitor = count_scans;
    reader->error = error;
    reader->picture = picture;
    if (setjmp(reader->end) == 0)
        read = read_header(reader, bytes, size) && read_rows(reader);
    jpeg_destroy_decompress(&reader->info);
    free(reader->row);
    free(reader);
    return read;
}

/* ---- PNG ------------------------------------------------------------------------------------- */

typedef struct png_reader {
    png_structp png;
    png_infop info;
    photo_error *error;
    image *picture;
    const uint8_t *next; /* the bytes that are left */
    size_t left;
    uint8_t *rgba;
    png_bytep *rows;
} png_reader;

static void end_png(png_structp png, png_const_charp message)
{
    png_reader *reader = png_get_error_ptr(png);
    fail(reader->error, "PNG: %s", message);
    png_longjmp(png, 1);
}

static void ignore_warning(png_structp png, png_const_charp message)
{
    (void)png;
    (void)message;
}

static void give_bytes(png_structp png, png_bytep to, size_t size)
{
    png_reader *reader = png_get_io_ptr(png);
    if (size > reader->left)
        png_error(png, "the file is cut off");
    memcpy(to, reader->next, size);
    reader->next += size;
    reader->left -= size;
}

/* Converts whatever the file holds to red, green, blue and alpha of 8 bits each. What is no part of
 * the pixels, as texts and profiles, is passed over: libpng would inflate it to a thousand times
 * its size, and keep it. */
static bool read_png_header(png_reader *reader)
{
    png_structp png = reader->png;
    png_set_read_fn(png, reader, give_bytes);
    png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
    png_read_info(png, reader->info);
    if (!check_size(png_get_image_width(png, reader->info), png_get_image_height(png, reader->info),
                    reader->error))
        return false;
    png_set_expand(png);
    png_set_scale_16(png);
    png_set_gray_to_rgb(png);
    png_set_add_alpha(png, 255, PNG_FILLER_AFTER);
    png_set_interlace_handling(png);
    png_read_update_info(png, reader->info);
    return true;
}

/* Blends with white, in the stored numbers (without gamma). */
static void drop_alpha(const uint8_t *rgba, image *picture)
{
    size_t pixels = (size_t)picture->width * (size_t)picture->height;
    for (size_t i = 0; i < pixels; i++, rgba += 4)
        for (size_t c = 0; c < 3; c++)
            picture->pixels[3 * i + c] =
                (uint8_t)((rgba[c] * rgba[3] + 255 * (255 - rgba[3]) + 127) / 255);
}

static bool read_png_rows(png_reader *reader)
{
    int width = (int)png_get_image_width(reader->png, reader->info);
    int height = (int)png_get_image_height(reader->png, reader->info);
    size_t row = 4 * (size_t)width;
    if (!make_picture(reader->picture, width, height, reader->error))
        return false;
    reader->rgba = malloc(row * (size_t)height);
    reader->rows = malloc((size_t)height * sizeof(*reader->rows));
    if (!reader->rgba || !reader->rows)
        return fail(reader->error, "no memory for %d x %d pixels", width, height);
    for (int y = 0; y < height; y++)
        reader->rows[y] = reader->rgba + (size_t)y * row;
    png_read_image(reader->png, reader->rows);
    drop_alpha(reader->rgba, reader->picture);
    return true;
}

static bool decode_png(const uint8_t *bytes, size_t size, image *picture, photo_error *error)
{
    png_reader *reader = calloc(1, sizeof(*reader));
    volatile bool read = false;
    if (!reader)
        return fail(error, "memory is short");
    reader->error = error;
    reader->picture = picture;
    reader->next = bytes;
    reader->left = size;
    reader->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, reader, end_png, ignore_warning);
    reader->info = reader->png ? png_create_info_struct(reader->png) : NULL;
    if (!reader->info)
        fail(error, "memory is short");
    else if (setjmp(png_jmpbuf(reader->png)) == 0)
        read = read_png_header(reader) && read_png_rows(reader);
    png_destroy_read_struct(&reader->png, &reader->info, NULL);
    free(reader->rgba);
    free(reader->rows);
    free(reader);
    return read;
}

/* ---- either ---------------------------------------------------------------------------------- */

static bool begins(const uint8_t *bytes, size_t size, const char *with, size_t length)
{
    return size >= length && memcmp(bytes, with, length) == 0;
}

bool photo_decode(const uint8_t *bytes, size_t size, image *picture, photo_error *error)
{
    bool read = false;
    *picture = (image){.pixels = NULL};
    *error = (photo_error){.text = ""};
    if (size == 0)
        fail(error, "an empty file");
    else if (size > PHOTO_MOST_BYTES)
        fail(error, "%zu bytes are more than the %zu that are allowed", size, PHOTO_MOST_BYTES);
    else if (begins(bytes, size, "\xff\xd8\xff", 3))
        read = decode_jpeg(bytes, size, picture, error);
    else if (begins(bytes, size, "\x89PNG\r\n\x1a\n", 8))
        read = decode_png(bytes, size, picture, error);
    else {
        error->other = true;
        fail(error, "neither JPEG nor PNG");
    }
    if (!read)
        image_free(picture);
    return read;
}

/* Opens a regular file. Nothing else is opened, since opening a pipe waits for somebody to write
 * into it; a file that has become a pipe meanwhile is not waited for. */
static FILE *open_file(const char *name, size_t *size, photo_error *error)
{
    struct stat status;
    bool there = stat(name, &status) == 0, regular = there && S_ISREG(status.st_mode);
    int descriptor = regular ? open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
    regular = descriptor >= 0 && fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
    FILE *file = regular ? fdopen(descriptor, "rb") : NULL;
    *size = there ? (size_t)status.st_size : 0;
    if (file)
        return file;
    fail(error, "%s", there && !S_ISREG(status.st_mode) ? "not a file" : strerror(errno));
    if (descriptor >= 0)
        close(descriptor);
    return NULL;
}

uint8_t *photo_bytes(const char *name, size_t *size, photo_error *error)
{
    size_t whole;
    uint8_t *bytes = NULL;
    FILE *file = open_file(name, &whole, error);
    if (!file)
        return NULL;
    if (whole > PHOTO_MOST_BYTES)
        fail(error, "%zu bytes are more than the %zu that are allowed", whole, PHOTO_MOST_BYTES);
    else if (!(bytes = malloc(whole + 1)))
        fail(error, "memory is short");
    *size = bytes ? fread(bytes, 1, whole, file) : 0;
    fclose(file);
    if (!bytes || *size == whole)
        return bytes;
    fail(error, "it could not be read whole");
    free(bytes);
    return NULL;
}

bool photo_read(const char *name, image *picture, photo_error *error)
{
    size_t size;
    uint8_t *bytes = photo_bytes(name, &size, error);
    bool read = bytes && photo_decode(bytes, size, picture, error);
    free(bytes);
    return read;
}

bool photo_named(const char *name)
{
    static const char *const ENDINGS[] = {".jpg", ".jpeg", ".png"};
    size_t length = strlen(name);
    for (int i = 0; i < 3; i++) {
        size_t ending = strlen(ENDINGS[i]);
        if (length > ending && strcasecmp(name + length - ending, ENDINGS[i]) == 0)
            return true;
    }
    return false;
}

/* ---- many ------------------------------------------------------------------------------------ */

static bool answer_one(const cli_program *program, tn_ctx *ctx, const char *name,
                       photo_answer answer, void *payload)
{
    photo_error error;
    image picture;
    if (!photo_read(name, &picture, &error)) {
        cli_error(program, "%s: %s", name, error.text);
        return false;
    }
    tn_scope scope = tn_scope_begin(ctx);
    bool answered = answer(payload, name, &picture);
    if (!answered)
        cli_error(program, "%s: %s", name,
                  tn_error_status(ctx) == TN_OK ? "memory is short" : tn_error(ctx));
    tn_scope_end(ctx, scope);
    image_free(&picture);
    return answered;
}

int photos_answer(const cli_program *program, tn_ctx *ctx, const cli_words *names,
                  photo_answer answer, void *payload)
{
    int failures = 0;
    tn_set_grad_enabled(ctx, false);
    for (int i = 0; i < names->count; i++)
        failures += !answer_one(program, ctx, names->word[i], answer, payload);
    return failures > 0 ? CLI_EXIT_FAILURE : 0;
}
