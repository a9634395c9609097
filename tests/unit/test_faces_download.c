/* faces download, from a server on loopback that answers in every way servers do. */
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include "common/check_tn.h"
#include "common/files.h"
#include "common/http.h"
#include "common/people.h"
#include "common/programs.h"

enum { SIDE = 60 };

static unsigned char good[32768], other[32768];
static size_t good_size, other_size;
static char page[] = "<html>404, with status 200</html>";

static http_answer answers[] = {
    {"/good.png", "200 OK", NULL, good, 0, 0, 0, 0},
    {"/second.png", "200 OK", NULL, other, 0, 0, 0, 0},
    {"/slow.png", "200 OK", NULL, good, 0, 0, 6, 0},
    {"/short.png", "200 OK", NULL, good, 500, 1000, 0, 0},
    {"/page.jpg", "200 OK", NULL, page, sizeof page - 1, 0, 0, 0},
    {"/large.png", "200 OK", NULL, good, 100, (size_t)100 << 20, 0, 0},
    {"/moved.png", "302 Found", "Location: /good.png\r\n", "", 0, 0, 0, 0},
    {"/loop.png", "302 Found", "Location: /loop.png\r\n", "", 0, 0, 0, 0},
    {"/refused.png", "403 Forbidden", NULL, "no", 2, 0, 0, 0},
    {"/half.png", "200 OK", NULL, good, 0, 0, 0, 0},
    {"/away.png", "302 Found", "Location: file:///etc/hostname\r\n", "", 0, 0, 0, 0},
};

#define ANSWERS ((int)(sizeof answers / sizeof *answers))

/* A picture whose colours say where a pixel is. */
static size_t make_file(const char *name, int blue, unsigned char *bytes)
{
    image picture;
    size_t size;
    ck_assert(image_make(&picture, SIDE, SIDE, 3, (uint8_t)blue));
    for (int i = 0; i < SIDE * SIDE; i++) {
        picture.pixels[3 * i] = (uint8_t)(4 * (i % SIDE));
        picture.pixels[3 * i + 1] = (uint8_t)(4 * (i / SIDE));
    }
    ck_assert(image_write_png(&picture, folder_path(""), name));
    image_free(&picture);
    unsigned char *read = read_bytes(folder_path(name), &size);
    memcpy(bytes, read, size);
    free(read);
    return size;
}

static int start(void)
{
    good_size = make_file("good.png", 10, good);
    other_size = make_file("other.png", 200, other);
    answers[0].size = answers[2].size = answers[9].size = good_size;
    answers[1].size = other_size;
    answers[9].size /= 2;
    answers[2].seconds = PATIENCE;
    setenv("no_proxy", "*", 1);
    return http_start(answers, ANSWERS);
}

/* An entry of the list. */
static void add(char *list, const char *person, int id, int port, const char *path, const char *box,
                const char *hash)
{
    sprintf(list + strlen(list), "%s\t%d\t%d\thttp://127.0.0.1:%d%s\t%s\t%s\n", person, id,
            1000 + id, port, path, box, hash);
}

static void write_list(const char *list)
{
    work_write("list.txt", list, strlen(list));
}

static int download(const char *more)
{
    char arguments[512];
    snprintf(arguments, sizeof arguments,
             "download --people all --timeout 600 --out @/faces %s @/list.txt", more);
    return run_program("faces", arguments, true);
}

/* How many lines of the tables at the end say so. */
static bool told(const char *text, int count)
{
    const char *line = strstr(printed, text);
    int number = -1;
    if (line)
        sscanf(line + strlen(text), "%d", &number);
    return number == count;
}

/* The slow one alone is timed out, unless the machine is slow, too: then all have more time. */
static void download_all_but_slow_ones(void)
{
    char more[32];
    bool others = true;
    for (int seconds = 3; others; seconds *= 2) {
        remove_tree(folder_path("faces"));
        snprintf(more, sizeof more, "--timeout %d", seconds);
        ck_assert_int_eq(download(more), 0);
        others = strstr(printed, "dead: timed out") && !told("dead: timed out", 1);
    }
}

START_TEST(tells_what_is_dead)
{
    char list[8192] = "name\timage_id\tface_id\turl\tbbox\tsha256\n";
    int port = start();
    sha256 right = sha256_of(good, good_size), second = sha256_of(other, other_size);
    add(list, "Ann Lee", 1, port, "/good.png", "10,20,42,52", right.hex);
    add(list, "Ann Lee", 2, port, "/good.png", "0,0,60,60", second.hex);
    add(list, "Ann Lee", 3, port, "/slow.png", "0,0,60,60", right.hex);
    add(list, "Ann Lee", 4, port, "/none.png", "0,0,60,60", right.hex);
    add(list, "Ann Lee", 5, port, "/short.png", "0,0,60,60", right.hex);
    add(list, "Bo", 6, port, "/page.jpg", "0,0,60,60", sha256_of(page, sizeof page - 1).hex);
    add(list, "Bo", 7, port, "/large.png", "0,0,60,60", right.hex);
    add(list, "Bo", 8, port, "/moved.png", "0,0,60,60", right.hex);
    add(list, "Bo", 9, port, "/loop.png", "0,0,60,60", right.hex);
    add(list, "Bo", 10, port, "/refused.png", "0,0,60,60", right.hex);
    add(list, "Bo", 11, port, "/second.png", "60,0,90,30", second.hex);
    add(list, "Bo", 12, port, "/half.png", "0,0,60,60", sha256_of(good, good_size / 2).hex);
    add(list, "Bo", 13, port, "/away.png", "0,0,60,60", right.hex);
    add(list, "Bo", 14, 1, "/nobody.png", "0,0,60,60", right.hex);
    strcat(list, "Bo\t1\t2\tftp://127.0.0.1/x\t0,0,1,1\t0\n");
    write_list(list);
    download_all_but_slow_ones();
    ck_assert_ptr_nonnull(strstr(complained, "list.txt, line 16 left out: the URL begins neither"));
    ck_assert(work_has("faces/ann-lee/1001.png") && work_has("faces/bo/1008.png"));
    ck_assert_double_eq(work_number("faces/metrics.json", "there"), 2);
    ck_assert_double_eq(work_number("faces/metrics.json", "dead"), 12);
    ck_assert(told("dead: another file: its SHA-256 differs", 1));
    ck_assert(told("dead: timed out", 1));
    ck_assert(told("dead: HTTP 404", 1));
    ck_assert(told("dead: HTTP 403", 1));
    ck_assert(told("dead: cut off", 1));
    ck_assert(told("dead: neither JPEG nor PNG", 1));
    ck_assert(told("dead: too large", 1));
    ck_assert(told("dead: too many redirects", 1));
    ck_assert(told("dead: the box is outside of the photograph", 1));
    ck_assert(told("dead: a damaged photograph", 1));
    ck_assert(told("dead: no such protocol", 1));
    ck_assert(told("dead: no connection", 1));
    ck_assert_int_eq(work_lines("faces/download.csv"), 15);
}
END_TEST

/* The box is cut out, beyond the edge too, and brought to the size without loss. */
START_TEST(cuts_the_face_out)
{
    char list[1024] = "";
    image face;
    photo_error error;
    int port = start();
    sha256 right = sha256_of(good, good_size);
    add(list, "Ann", 1, port, "/good.png", "10,20,42,52", right.hex);
    add(list, "Ann", 2, port, "/moved.png", "-4,44,28,76", right.hex);
    write_list(list);
    ck_assert_int_eq(download(""), 0);
    ck_assert(photo_read(folder_path("faces/ann/1001.png"), &face, &error));
    ck_assert_int_eq(face.width, 32);
    for (int i = 0; i < 32 * 32; i++) {
        ck_assert_int_eq(face.pixels[3 * i], 4 * (10 + i % 32));
        ck_assert_int_eq(face.pixels[3 * i + 1], 4 * (20 + i / 32));
        ck_assert_int_eq(face.pixels[3 * i + 2], 10);
    }
    image_free(&face);
    ck_assert(photo_read(folder_path("faces/ann/1002.png"), &face, &error));
    ck_assert_int_eq(face.pixels[0], 0);
    ck_assert_int_eq(face.pixels[3 * (31 * 32 + 31)], 4 * 27);
    ck_assert_int_eq(face.pixels[3 * (31 * 32 + 31) + 1], 4 * 59);
    image_free(&face);
}
END_TEST

/* Nothing is asked for twice, but for what was dead and is to be tried again. */
START_TEST(goes_on)
{
    char list[1024] = "";
    int port = start();
    sha256 right = sha256_of(good, good_size);
    add(list, "Ann", 1, port, "/good.png", "0,0,60,60", right.hex);
    add(list, "Ann", 2, port, "/refused.png", "0,0,60,60", right.hex);
    write_list(list);
    ck_assert_int_eq(download("--limit 5"), 0);
    ck_assert_int_eq(download("--limit 5"), 0);
    ck_assert(told("dead: HTTP 403", 1));
    ck_assert_int_eq(http_asked("/good.png"), 1);
    ck_assert_int_eq(http_asked("/refused.png"), 1);
    ck_assert_double_eq(work_number("faces/metrics.json", "tried_now"), 0);
    ck_assert_int_eq(download("--retry"), 0);
    ck_assert_int_eq(http_asked("/good.png"), 1);
    ck_assert_int_eq(http_asked("/refused.png"), 2);
    remove(folder_path("faces/ann/1001.png"));
    ck_assert_int_eq(download(""), 0);
    ck_assert_int_eq(http_asked("/good.png"), 2);
}
END_TEST

/* A line of the log, and the first entry of a person, are found among many without looking at
 * all of them. */
START_TEST(goes_on_with_many)
{
    enum { MANY = 20000 };
    static char list[160 * MANY], log[80 * MANY];
    char *to = list, *logged = log;
    struct rusage before, after;
    sha256 hash = sha256_of("", 0);
    logged += sprintf(logged, "person,image_id,face_id,url,reason,file\n");
    for (int i = 0; i < MANY; i++) {
        to += sprintf(to, "P%d\t%d\t7\thttp://127.0.0.1:1/%d\t0,0,9,9\t%s\n", i, i, i, hash.hex);
        logged += sprintf(logged, "P%d,%d,7,http://127.0.0.1:1/%d,HTTP 404,\n", i, i, i);
    }
    work_write("list.txt", list, (size_t)(to - list));
    mkdir(folder_path("faces"), 0777);
    work_write("faces/download.csv", log, (size_t)(logged - log));
    getrusage(RUSAGE_CHILDREN, &before);
    ck_assert_int_eq(download("--quiet"), 1);
    getrusage(RUSAGE_CHILDREN, &after);
    ck_assert_double_eq(work_number("faces/metrics.json", "dead"), MANY);
    double seconds = (double)(after.ru_utime.tv_sec - before.ru_utime.tv_sec) +
                     1e-6 * (double)(after.ru_utime.tv_usec - before.ru_utime.tv_usec);
    ck_assert_double_lt(effort(clock() - (clock_t)(seconds * CLOCKS_PER_SEC)), 1000);
}
END_TEST

/* Dead ones do not count towards the limit, and others are asked for in their place. */
START_TEST(keeps_the_limit)
{
    char list[4096] = "";
    int port = start();
    sha256 right = sha256_of(good, good_size);
    for (int i = 0; i < 10; i++)
        add(list, "Ann", i, port, i % 3 == 0 ? "/refused.png" : "/good.png", "0,0,60,60",
            right.hex);
    add(list, "Bo", 20, port, "/good.png", "0,0,60,60", right.hex);
    write_list(list);
    ck_assert_int_eq(download("--limit 3 --parallel 2"), 0);
    ck_assert_double_eq(work_number("faces/metrics.json", "there"), 4);
    ck_assert(work_has("faces/ann/1004.png") && !work_has("faces/ann/1005.png"));
    ck_assert_int_eq(download("--limit 3 --parallel 2"), 0);
    ck_assert_double_eq(work_number("faces/metrics.json", "tried_now"), 0);
    ck_assert_int_eq(run_program("faces", "download --people Bo --out @/bo @/list.txt", true), 0);
    ck_assert_double_eq(work_number("bo/metrics.json", "entries"), 1);
}
END_TEST

static bool first_is_there(void)
{
    return work_has("faces/download.csv") && work_lines("faces/download.csv") == 2;
}

START_TEST(can_be_interrupted)
{
    char list[4096] = "";
    int port = start();
    sha256 right = sha256_of(good, good_size);
    add(list, "Ann", 1, port, "/good.png", "0,0,60,60", right.hex);
    add(list, "Ann", 2, port, "/slow.png", "0,0,60,60", right.hex);
    write_list(list);
    int status =
        run_interrupted("faces", "download --people all --timeout 600 --out @/faces @/list.txt",
                        first_is_there, SIGINT);
    ck_assert_int_eq(status, 130);
    ck_assert_ptr_nonnull(strstr(complained, "stopped; the same command goes on"));
    ck_assert(work_has("faces/ann/1001.png"));
    ck_assert_int_eq(work_lines("faces/download.csv"), 2);
    ck_assert(!work_has("faces/.download-0") && !work_has("faces/.download-1"));
    answers[2].seconds = 0;
    ck_assert_int_eq(download(""), 0);
    ck_assert(work_has("faces/ann/1002.png"));
    ck_assert_int_eq(http_asked("/good.png"), 1);
}
END_TEST

/* An option in the place of a URL would be refused by the list, and is no option to curl. */
START_TEST(refuses_odd_lists)
{
    static const struct {
        const char *line, *error;
    } odd[] = {
        {"Ann\t1\t2\t--config=/etc/passwd\t0,0,9,9\t", "line 1 left out: the URL begins neither"},
        {"Ann\t1\t2\thttp://x/\t0,0,0,9\t", "line 1 left out: the box is not"},
        {"Ann\t1\t2\thttp://x/\t0,0,9\t", "line 1 left out: the box is not"},
        {"Ann\tx\t2\thttp://x/\t0,0,9,9\t", "line 1 left out: the ids are no numbers"},
        {"Ann\t1\t2\thttp://x/\t0,0,9,9\tg", "line 1 left out: the SHA-256 is not"},
        {"Ann\t1\t2\thttp://x/", "line 1 left out: not six fields"},
    };
    char line[300];
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        snprintf(line, sizeof line, "%s%s\n", odd[i].line, i < 4 ? sha256_of("", 0).hex : "");
        write_list(line);
        ck_assert_int_eq(download(""), 2);
        ck_assert_ptr_nonnull(strstr(complained, odd[i].error));
        ck_assert_ptr_nonnull(strstr(complained, "the lists have no entries of these people: all"));
    }
    run_badly("faces", "download @/list.txt", 1, "curl cannot be run; its package is named curl");
    ck_assert_int_eq(run_program("faces", "download /no/such/list", true), 2);
    ck_assert_ptr_nonnull(strstr(complained, "/no/such/list: No such file or directory"));
}
END_TEST

START_TEST(says_when_all_are_dead)
{
    char list[1024] = "";
    add(list, "Ann", 1, 1, "/x.png", "0,0,60,60", sha256_of("", 0).hex);
    write_list(list);
    ck_assert_int_eq(download(""), 1);
    ck_assert_ptr_nonnull(strstr(complained, "not one photograph could be fetched"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("faces_download");
    TCase *tc = tn_case(suite, "faces_download");
    tcase_add_checked_fixture(tc, make_folder, remove_work);
    tcase_add_test(tc, tells_what_is_dead);
    tcase_add_test(tc, cuts_the_face_out);
    tcase_add_test(tc, goes_on);
    tcase_add_test(tc, goes_on_with_many);
    tcase_add_test(tc, keeps_the_limit);
    tcase_add_test(tc, can_be_interrupted);
    tcase_add_test(tc, refuses_odd_lists);
    tcase_add_test(tc, says_when_all_are_dead);
    return tn_run(suite);
}
