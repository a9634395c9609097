/* examples/common: photographs of every kind, whole and damaged, resizing, SHA-256, and what the
 * difference hash takes for the same photograph. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <jpeglib.h>
#include <png.h>
#include "common/check_tn.h"
#include "common/files.h"
#include "common/people.h"
#include "common/report.h"

enum { WIDTH = 61, HEIGHT = 43 };

/* ---- SHA-256: the examples of FIPS 180-4, and lengths about that of a block ------------------ */

START_TEST(sha256_is_right)
{
    static char million[1000000];
    memset(million, 'a', sizeof million);
    ck_assert_str_eq(sha256_of("", 0).hex,
                     "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    ck_assert_str_eq(sha256_of("abc", 3).hex,
                     "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    ck_assert_str_eq(sha256_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56).hex,
                     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    ck_assert_str_eq(sha256_of(million, sizeof million).hex,
                     "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    ck_assert_str_eq(sha256_of(million, 55).hex,
                     "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318");
    ck_assert_str_eq(sha256_of(million, 64).hex,
                     "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb");
}
END_TEST

/* A file is read in parts; none, one or many of them give the hash of its bytes. */
START_TEST(sha256_reads_files)
{
    static unsigned char bytes[200000];
    static const size_t sizes[] = {0, 1, 1 << 15, (1 << 15) + 1, sizeof bytes};
    sha256 hash;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(7 * i + i / 251);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const char *name = write_temporary(bytes, sizes[i]);
        ck_assert(sha256_of_file(name, &hash));
        ck_assert_str_eq(hash.hex, sha256_of(bytes, sizes[i]).hex);
    }
    ck_assert(!sha256_of_file("/nowhere/at/all", &hash));
    ck_assert_int_eq(errno, ENOENT);
    ck_assert(!sha256_of_file("/", &hash));
    ck_assert_int_eq(errno, EISDIR);
    remove_temporary();
}
END_TEST

/* ---- files of every kind --------------------------------------------------------------------- */

/* A picture that changes slowly, so that compression does little to it. */
static int shade(int x, int y, int c)
{
    return (int)(127 + 100 * sin(0.05 * (c + 1) * x + 0.07 * y + c));
}

typedef struct bytes {
    unsigned char *data;
    size_t size;
} bytes;

typedef struct jpeg_kind {
    const char *name;
    J_COLOR_SPACE in, stored;
    bool progressive, adobe;
} jpeg_kind;

static const jpeg_kind jpegs[] = {
    {"baseline", JCS_RGB, JCS_YCbCr, false, false},
    {"progressive", JCS_RGB, JCS_YCbCr, true, false},
    {"grey", JCS_GRAYSCALE, JCS_GRAYSCALE, false, false},
    {"progressive grey", JCS_GRAYSCALE, JCS_GRAYSCALE, true, false},
    {"CMYK", JCS_CMYK, JCS_CMYK, false, false},
    {"CMYK of Adobe", JCS_CMYK, JCS_CMYK, false, true},
    {"YCCK of Adobe", JCS_CMYK, JCS_YCCK, true, true},
};

/* What is stored of a pixel; ink of CMYK is written as Adobe does where that is asked for. */
static void jpeg_pixel(const jpeg_kind *k, int x, int y, unsigned char *to)
{
    if (k->in == JCS_GRAYSCALE) {
        *to = (unsigned char)shade(x, y, 0);
    } else if (k->in == JCS_RGB) {
        for (int c = 0; c < 3; c++)
            to[c] = (unsigned char)shade(x, y, c);
    } else {
        for (int c = 0; c < 3; c++)
            to[c] = (unsigned char)(k->adobe ? shade(x, y, c) : 255 - shade(x, y, c));
        to[3] = k->adobe ? 200 : 55;
    }
}

static int expected_of(const jpeg_kind *k, int x, int y, int c)
{
    if (k->in == JCS_GRAYSCALE)
        return shade(x, y, 0);
    return k->in == JCS_RGB ? shade(x, y, c) : (shade(x, y, c) * 200 + 127) / 255;
}

static bytes make_jpeg(const jpeg_kind *k)
{
    struct jpeg_compress_struct info;
    struct jpeg_error_mgr errors;
    unsigned char row[4 * WIDTH], *rows[] = {row};
    unsigned long size = 0;
    bytes made = {NULL, 0};
    info.err = jpeg_std_error(&errors);
    jpeg_create_compress(&info);
    jpeg_mem_dest(&info, &made.data, &size);
    info.image_width = WIDTH;
    info.image_height = HEIGHT;
    info.in_color_space = k->in;
    info.input_components = k->in == JCS_GRAYSCALE ? 1 : k->in == JCS_RGB ? 3 : 4;
    jpeg_set_defaults(&info);
    jpeg_set_colorspace(&info, k->stored);
    jpeg_set_quality(&info, 98, TRUE);
    info.write_Adobe_marker = k->adobe;
    info.comp_info[0].h_samp_factor = info.comp_info[0].v_samp_factor = 1;
    if (k->progressive)
        jpeg_simple_progression(&info);
    jpeg_start_compress(&info, TRUE);
    for (int y = 0; y < HEIGHT; y++) {
        for (int x = 0; x < WIDTH; x++)
            jpeg_pixel(k, x, y, row + x * info.input_components);
        jpeg_write_scanlines(&info, rows, 1);
    }
    jpeg_finish_compress(&info);
    jpeg_destroy_compress(&info);
    made.size = size;
    return made;
}

START_TEST(reads_jpeg)
{
    const jpeg_kind *k = &jpegs[_i];
    bytes file = make_jpeg(k);
    image picture;
    photo_error error;
    ck_assert_msg(photo_decode(file.data, file.size, &picture, &error), "%s: %s", k->name,
                  error.text);
    ck_assert_int_eq(picture.width, WIDTH);
    ck_assert_int_eq(picture.height, HEIGHT);
    ck_assert_int_eq(picture.channels, 3);
    for (int i = 0; i < 3 * WIDTH * HEIGHT; i++) {
        int expected = expected_of(k, i / 3 % WIDTH, i / 3 / WIDTH, i % 3);
        ck_assert_msg(abs(picture.pixels[i] - expected) <= 9, "%s: value %d is %d, not %d", k->name,
                      i, picture.pixels[i], expected);
    }
    image_free(&picture);
    free(file.data);
}
END_TEST

typedef struct png_kind {
    const char *name;
    int type, depth;
    bool interlaced;
} png_kind;

static const png_kind pngs[] = {
    {"RGB", PNG_COLOR_TYPE_RGB, 8, false},
    {"RGB, interlaced", PNG_COLOR_TYPE_RGB, 8, true},
    {"RGB of 16 bits", PNG_COLOR_TYPE_RGB, 16, false},
    {"RGB with alpha", PNG_COLOR_TYPE_RGBA, 8, false},
    {"RGB of 16 bits with alpha", PNG_COLOR_TYPE_RGBA, 16, true},
    {"grey", PNG_COLOR_TYPE_GRAY, 8, false},
    {"grey of 16 bits", PNG_COLOR_TYPE_GRAY, 16, false},
    {"grey of 1 bit", PNG_COLOR_TYPE_GRAY, 1, false},
    {"grey with alpha", PNG_COLOR_TYPE_GRAY_ALPHA, 8, false},
    {"palette of 8 bits", PNG_COLOR_TYPE_PALETTE, 8, false},
    {"palette of 4 bits, interlaced", PNG_COLOR_TYPE_PALETTE, 4, true},
};

static void add_bytes(png_structp png, png_bytep data, size_t size)
{
    bytes *to = png_get_io_ptr(png);
    to->data = realloc(to->data, to->size + size);
    memcpy(to->data + to->size, data, size);
    to->size += size;
}

static int channels_of(const png_kind *k)
{
    int channels = k->type & PNG_COLOR_MASK_COLOR && k->type != PNG_COLOR_TYPE_PALETTE ? 3 : 1;
    return channels + (k->type & PNG_COLOR_MASK_ALPHA ? 1 : 0);
}

/* Colour `index` of the palette; what is stored in a channel, up to the largest of its depth. */
static int palette_shade(int index, int c)
{
    return (index * (37 + 20 * c)) % 256;
}

static int stored(const png_kind *k, int x, int y, int channel)
{
    bool alpha = k->type & PNG_COLOR_MASK_ALPHA && channel == channels_of(k) - 1;
    if (k->type == PNG_COLOR_TYPE_PALETTE)
        return (x + 3 * y) % (1 << k->depth);
    int value = alpha ? (x < WIDTH / 2 ? 255 : 0) : shade(x, y, channel);
    return k->depth == 16 ? value * 257 : k->depth == 1 ? value / 128 : value;
}

/* What is transparent shows white. */
static int png_expected(const png_kind *k, int x, int y, int c)
{
    if (k->type & PNG_COLOR_MASK_ALPHA && x >= WIDTH / 2)
        return 255;
    if (k->type == PNG_COLOR_TYPE_PALETTE)
        return palette_shade(stored(k, x, y, 0), c);
    int value = stored(k, x, y, k->type & PNG_COLOR_MASK_COLOR ? c : 0);
    return k->depth == 16 ? value / 257 : k->depth == 1 ? 255 * value : value;
}

static void set_palette(png_structp png, png_infop info, int depth)
{
    png_color colours[256];
    for (int i = 0; i < 1 << depth; i++)
        colours[i] = (png_color){(png_byte)palette_shade(i, 0), (png_byte)palette_shade(i, 1),
                                 (png_byte)palette_shade(i, 2)};
    png_set_PLTE(png, info, colours, 1 << depth);
}

static bytes make_png(const png_kind *k)
{
    bytes made = {NULL, 0};
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    unsigned char rows[HEIGHT][8 * WIDTH] = {{0}}, *row[HEIGHT];
    int channels = channels_of(k);
    for (int y = 0; y < HEIGHT; y++) {
        row[y] = rows[y];
        for (int i = 0; i < channels * WIDTH; i++) {
            int value = stored(k, i / channels, y, i % channels), bit = i * k->depth;
            if (k->depth == 16) {
                rows[y][2 * i] = (unsigned char)(value >> 8);
                rows[y][2 * i + 1] = (unsigned char)value;
            } else {
                rows[y][bit / 8] |= (unsigned char)(value << (8 - k->depth - bit % 8));
            }
        }
    }
    png_set_write_fn(png, &made, add_bytes, NULL);
    png_set_IHDR(png, info, WIDTH, HEIGHT, k->depth, k->type,
                 k->interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, 0, 0);
    if (k->type == PNG_COLOR_TYPE_PALETTE)
        set_palette(png, info, k->depth);
    png_set_rows(png, info, row);
    png_write_png(png, info, PNG_TRANSFORM_IDENTITY, NULL);
    png_destroy_write_struct(&png, &info);
    return made;
}

START_TEST(reads_png)
{
    const png_kind *k = &pngs[_i];
    bytes file = make_png(k);
    image picture;
    photo_error error;
    ck_assert_msg(photo_decode(file.data, file.size, &picture, &error), "%s: %s", k->name,
                  error.text);
    ck_assert_int_eq(picture.width, WIDTH);
    ck_assert_int_eq(picture.height, HEIGHT);
    for (int i = 0; i < 3 * WIDTH * HEIGHT; i++) {
        int expected = png_expected(k, i / 3 % WIDTH, i / 3 / WIDTH, i % 3);
        ck_assert_msg(abs(picture.pixels[i] - expected) <= 1, "%s: value %d is %d, not %d", k->name,
                      i, picture.pixels[i], expected);
    }
    image_free(&picture);
    free(file.data);
}
END_TEST

/* ---- damage ---------------------------------------------------------------------------------- */

#define JPEGS ((int)(sizeof jpegs / sizeof *jpegs))
#define PNGS ((int)(sizeof pngs / sizeof *pngs))

static bytes make_file(int kind)
{
    return kind < JPEGS ? make_jpeg(&jpegs[kind]) : make_png(&pngs[kind - JPEGS]);
}

/* The bytes are copied to just as many, so that reading behind them is seen. */
static bool decodes(const unsigned char *data, size_t size, photo_error *error)
{
    image picture;
    unsigned char *exact = malloc(size > 0 ? size : 1);
    memcpy(exact, data, size);
    bool read = photo_decode(exact, size, &picture, error);
    ck_assert(read == (error->text[0] == '\0'));
    ck_assert(read == (picture.pixels != NULL));
    image_free(&picture);
    free(exact);
    return read;
}

/* Behind the pixels there are two bytes in JPEG, and twelve in PNG, that say that it is the end. */
enum { END_BYTES = 12 };

START_TEST(refuses_what_is_cut_off)
{
    bytes file = make_file(_i);
    photo_error error;
    for (size_t size = 0; size < file.size - END_BYTES; size += 97)
        ck_assert_msg(!decodes(file.data, size, &error), "%zu of %zu bytes were read", size,
                      file.size);
    for (size_t size = file.size - 1; size > file.size - 40; size--)
        decodes(file.data, size, &error);
    free(file.data);
}
END_TEST

START_TEST(bears_damage)
{
    bytes file = make_file(_i);
    photo_error error;
    for (size_t i = 0; i<file.size; i += file.size> 2000 ? 13 : 3) {
        unsigned char whole = file.data[i];
        file.data[i] ^= (unsigned char)(1 + i % 255);
        decodes(file.data, file.size, &error);
        file.data[i] = whole;
    }
    free(file.data);
}
END_TEST

static long most_kilobytes(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

/* Width and height at `at`, two or four bytes each, the height first in JPEG. */
static void write_sides(unsigned char *at, int bytes_each, unsigned first, unsigned second)
{
    for (int i = 0; i < bytes_each; i++) {
        at[i] = (unsigned char)(first >> 8 * (bytes_each - 1 - i));
        at[bytes_each + i] = (unsigned char)(second >> 8 * (bytes_each - 1 - i));
    }
}

static size_t find_marker(bytes file, unsigned char marker)
{
    for (size_t i = 0; i + 1 < file.size; i++)
        if (file.data[i] == 0xff && file.data[i + 1] == marker)
            return i;
    ck_abort_msg("no marker %x", marker);
    return 0;
}

START_TEST(refuses_large_headers)
{
    photo_error error;
    for (int kind = 0; kind < 2; kind++) {
        bytes file = make_jpeg(&jpegs[kind]);
        size_t header = find_marker(file, kind == 0 ? 0xc0 : 0xc2);
        write_sides(file.data + header + 5, 2, 30000, 30000);
        long before = most_kilobytes();
        ck_assert(!decodes(file.data, file.size, &error));
        ck_assert_str_eq(error.text,
                         "30000 x 30000 pixels are more than the 33554432 that are allowed");
        ck_assert_int_lt(most_kilobytes() - before, 4000);
        free(file.data);
    }
}
END_TEST

/* A header of PNG has a check sum, so this one is made by libpng, without rows. */
START_TEST(refuses_large_png_headers)
{
    static const struct {
        unsigned width, height;
    } sides[] = {{30000, 30000}, {1000000, 34}, {34, 1000000}};
    photo_error error;
    char text[120];
    bytes file = {NULL, 0};
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    png_set_write_fn(png, &file, add_bytes, NULL);
    png_set_IHDR(png, info, sides[_i].width, sides[_i].height, 8, PNG_COLOR_TYPE_RGB, 0, 0, 0);
    png_write_info(png, info);
    png_destroy_write_struct(&png, &info);
    static const unsigned char idat[] = {0, 0, 0, 0, 'I', 'D', 'A', 'T', 0x35, 0xaf, 0x06, 0x1e};
    file.data = realloc(file.data, file.size + sizeof idat);
    memcpy(file.data + file.size, idat, sizeof idat);
    long before = most_kilobytes();
    ck_assert(!decodes(file.data, file.size + sizeof idat, &error));
    snprintf(text, sizeof text, "%u x %u pixels are more than the 33554432 that are allowed",
             sides[_i].width, sides[_i].height);
    ck_assert_str_eq(error.text, text);
    ck_assert_int_lt(most_kilobytes() - before, 4000);
    free(file.data);
}
END_TEST

/* Texts beside the picture, of a thousand times as many bytes as the file. */
START_TEST(inflates_no_texts)
{
    enum { TEXTS = 16, LENGTH = 7000000 };
    unsigned char chunk[16384] = "Comment", *text = malloc(LENGTH), row[3] = {1, 2, 3};
    uLongf size = sizeof chunk - 9;
    memset(text, 'a', LENGTH);
    ck_assert_int_eq(compress(chunk + 9, &size, text, LENGTH), Z_OK);
    free(text);
    bytes file = {NULL, 0};
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    png_set_write_fn(png, &file, add_bytes, NULL);
    png_set_IHDR(png, info, 1, 1, 8, PNG_COLOR_TYPE_RGB, 0, 0, 0);
    png_write_info(png, info);
    for (int i = 0; i < TEXTS; i++)
        png_write_chunk(png, (png_const_bytep) "zTXt", chunk, 9 + size);
    png_write_row(png, row);
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    photo_error error;
    long before = most_kilobytes();
    ck_assert_msg(decodes(file.data, file.size, &error), "%s", error.text);
    ck_assert_int_lt(most_kilobytes() - before, 4000);
    free(file.data);
}
END_TEST

START_TEST(refuses_other_files)
{
    static const char html[] = "<html>404</html>";
    photo_error error;
    size_t size;
    image picture;
    ck_assert(!decodes((const unsigned char *)html, sizeof html, &error));
    ck_assert_str_eq(error.text, "neither JPEG nor PNG");
    ck_assert(!decodes((const unsigned char *)html, 0, &error));
    ck_assert_str_eq(error.text, "an empty file");
    ck_assert(!photo_read("/no/such/photo.jpg", &picture, &error));
    ck_assert_str_eq(error.text, "No such file or directory");
    ck_assert_ptr_null(photo_bytes("/tmp", &size, &error));
    ck_assert_str_eq(error.text, "not a file");
    char pipe[64];
    snprintf(pipe, sizeof pipe, "/tmp/tn_test_pipe_%ld.jpg", (long)getpid());
    ck_assert_int_eq(mkfifo(pipe, 0600), 0);
    ck_assert_ptr_null(photo_bytes(pipe, &size, &error));
    ck_assert_str_eq(error.text, "not a file");
    remove(pipe);
}
END_TEST

/* A progressive file whose first scan comes over and over: each takes as long as the picture. */
START_TEST(refuses_endless_scans)
{
    bytes file = make_jpeg(&jpegs[1]);
    photo_error error;
    size_t scan = find_marker(file, 0xda), end = scan + 2;
    while (file.data[end] != 0xff || file.data[end + 1] == 0)
        end++;
    size_t length = end - scan, repeats = 64;
    unsigned char *many = malloc(file.size + repeats * length);
    memcpy(many, file.data, end);
    for (size_t i = 0; i < repeats; i++)
        memcpy(many + end + i * length, file.data + scan, length);
    memcpy(many + end + repeats * length, file.data + end, file.size - end);
    ck_assert(!decodes(many, file.size + repeats * length, &error));
    ck_assert_str_eq(error.text, "JPEG: more than 64 scans");
    free(many);
    free(file.data);
}
END_TEST

START_TEST(knows_names)
{
    static const char *const good[] = {"a.jpg", "b.JPEG", "x/c.Png"};
    static const char *const bad[] = {".jpg", "jpg", "a.gif", "a.jpg.txt", ""};
    for (int i = 0; i < 3; i++)
        ck_assert(photo_named(good[i]));
    for (int i = 0; i < 5; i++)
        ck_assert(!photo_named(bad[i]));
}
END_TEST

/* ---- sizes ----------------------------------------------------------------------------------- */

static image make_picture(int width, int height)
{
    image picture;
    ck_assert(image_make(&picture, width, height, 3, 0));
    for (int i = 0; i < 3 * width * height; i++)
        picture.pixels[i] = (uint8_t)(i * 29 % 251);
    return picture;
}

/* The weight of input j in output i, from the definition. */
static double weight_of(int j, int i, int in, int out)
{
    double scale = (double)in / out, reach = scale > 1 ? scale : 1;
    return fmax(0, 1 - fabs(j + 0.5 - (i + 0.5) * scale) / reach);
}

static double resized(const image *from, int x, int y, int c, int width, int height)
{
    double sum = 0, weights = 0;
    for (int v = 0; v < from->height; v++) {
        for (int u = 0; u < from->width; u++) {
            double w = weight_of(u, x, from->width, width) * weight_of(v, y, from->height, height);
            sum += w * from->pixels[3 * (v * from->width + u) + c];
            weights += w;
        }
    }
    return sum / weights;
}

static const struct {
    int from[2], to[2];
} sizes[] = {{{61, 43}, {32, 32}}, {{7, 5}, {3, 4}}, {{3, 2}, {8, 9}},   {{10, 10}, {10, 10}},
             {{64, 3}, {1, 7}},    {{1, 1}, {5, 4}}, {{40, 80}, {40, 9}}};

START_TEST(resizes_as_defined)
{
    const int *from = sizes[_i].from, *to = sizes[_i].to;
    image picture = make_picture(from[0], from[1]), small;
    ck_assert(image_resize(&picture, to[0], to[1], &small));
    for (int i = 0; i < 3 * to[0] * to[1]; i++) {
        double expected = resized(&picture, i / 3 % to[0], i / 3 / to[0], i % 3, to[0], to[1]);
        ck_assert_double_le(fabs(small.pixels[i] - expected), 0.5001);
    }
    image_free(&picture);
    image_free(&small);
}
END_TEST

/* torch.nn.functional.interpolate(arange(35).reshape(5, 7) * 7, (4, 3), mode="bilinear",
 * antialias=True, align_corners=False) of PyTorch 1.13, rounded. */
START_TEST(resizes_as_pytorch)
{
    static const uint8_t expected[] = {18, 33, 48, 75, 90, 105, 133, 148, 163, 190, 205, 220};
    image picture, small;
    ck_assert(image_make(&picture, 7, 5, 1, 0));
    for (int i = 0; i < 35; i++)
        picture.pixels[i] = (uint8_t)(7 * i);
    ck_assert(image_resize(&picture, 3, 4, &small));
    for (int i = 0; i < 12; i++)
        ck_assert_int_eq(small.pixels[i], expected[i]);
    image_free(&picture);
    image_free(&small);
}
END_TEST

START_TEST(crops_beyond_the_edge)
{
    image picture = make_picture(5, 4), part;
    ck_assert(image_crop(&picture, -2, 1, 9, 5, &part));
    for (int y = 0; y < 5; y++) {
        for (int x = 0; x < 9; x++) {
            int u = x - 2 < 0 ? 0 : x - 2 > 4 ? 4 : x - 2, v = y + 1 > 3 ? 3 : y + 1;
            ck_assert_int_eq(part.pixels[3 * (9 * y + x)], picture.pixels[3 * (5 * v + u)]);
        }
    }
    image_free(&picture);
    image_free(&part);
}
END_TEST

START_TEST(squares_take_the_middle)
{
    image picture = make_picture(9, 5);
    uint8_t planes[75];
    ck_assert(people_square(&picture, 5, planes));
    for (int i = 0; i < 75; i++)
        ck_assert_int_eq(planes[i], picture.pixels[3 * (i % 25 / 5 * 9 + i % 5 + 2) + i / 25]);
    image_free(&picture);
}
END_TEST

/* ---- near-duplicates ------------------------------------------------------------------------- */

/* A picture with some structure, which `seed` moves; then as it is, darker, or mirrored. */
static image make_scene(int size, double seed, double light, bool mirrored)
{
    image picture;
    ck_assert(image_make(&picture, size, size, 3, 0));
    for (int i = 0; i < size * size; i++) {
        double x = (mirrored ? size - 1 - i % size : i % size) / (double)size;
        double y = i / size / (double)size;
        double value =
            120 + 60 * sin(9 * x + seed) * cos(7 * y * seed) + 40 * sin(20 * x * y + seed);
        for (int c = 0; c < 3; c++)
            picture.pixels[3 * i + c] = (uint8_t)(light * value);
    }
    return picture;
}

static int distance_of(image a, image b)
{
    uint64_t first[LOOK_WORDS], second[LOOK_WORDS];
    ck_assert(look_of(&a, first) && look_of(&b, second));
    image_free(&a);
    image_free(&b);
    return look_distance(first, second);
}

START_TEST(near_duplicates_are_near)
{
    ck_assert_int_eq(distance_of(make_scene(100, 1, 1, false), make_scene(100, 1, 1, false)), 0);
    ck_assert_int_le(distance_of(make_scene(100, 1, 1, false), make_scene(100, 1, 0.7, false)), 12);
    ck_assert_int_le(distance_of(make_scene(100, 1, 1, false), make_scene(57, 1, 1, false)), 12);
    ck_assert_int_ge(distance_of(make_scene(100, 1, 1, false), make_scene(100, 2, 1, false)), 60);
    ck_assert_int_ge(distance_of(make_scene(100, 1, 1, false), make_scene(100, 1, 1, true)), 60);
}
END_TEST

/* ---- reports --------------------------------------------------------------------------------- */

START_TEST(refuses_paths_that_are_too_long)
{
    static char dir[4096];
    report r;
    for (size_t length = 4085; length < sizeof dir; length++) {
        memset(dir, 'a', length);
        ck_assert(!report_open(&r, dir, "x.csv"));
        ck_assert_int_eq(errno, ENAMETOOLONG);
        ck_assert_msg(!file_exists(".tmp"), "at %zu bytes", length);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("photo");
    TCase *tc = tn_case(suite, "photo");
    tcase_add_test(tc, inflates_no_texts); /* before others have taken more memory */
    tcase_add_test(tc, sha256_is_right);
    tcase_add_test(tc, sha256_reads_files);
    tcase_add_test(tc, refuses_paths_that_are_too_long);
    tcase_add_loop_test(tc, reads_jpeg, 0, JPEGS);
    tcase_add_loop_test(tc, reads_png, 0, PNGS);
    tcase_add_loop_test(tc, refuses_what_is_cut_off, 0, JPEGS + PNGS);
    tcase_add_loop_test(tc, bears_damage, 0, JPEGS + PNGS);
    tcase_add_test(tc, refuses_large_headers);
    tcase_add_loop_test(tc, refuses_large_png_headers, 0, 3);
    tcase_add_test(tc, refuses_other_files);
    tcase_add_test(tc, refuses_endless_scans);
    tcase_add_test(tc, knows_names);
    tcase_add_loop_test(tc, resizes_as_defined, 0, (int)(sizeof sizes / sizeof *sizes));
    tcase_add_test(tc, resizes_as_pytorch);
    tcase_add_test(tc, crops_beyond_the_edge);
    tcase_add_test(tc, squares_take_the_middle);
    tcase_add_test(tc, near_duplicates_are_near);
    return tn_run(suite);
}
