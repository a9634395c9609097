/* How far a loop has come: as text, and on a terminal. */
#define _GNU_SOURCE /* posix_openpt and its family */
#include "common/check_tn.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <tn/train.h>
#include <unistd.h>

/* The clock of this program, in the place of the C library's: it goes by what the tests say, so
 * that lines are the same on every machine. */
static int64_t passed = 1000000; /* in milliseconds */

int clock_gettime(clockid_t clock, struct timespec *t)
{
    (void)clock;
    *t = (struct timespec){.tv_sec = passed / 1000, .tv_nsec = passed % 1000 * 1000000};
    return 0;
}

static void let_pass(int64_t ms)
{
    passed += ms;
}

/* A loop that began so many seconds ago. */
static tn_progress begun(double seconds, int64_t first, int64_t total)
{
    tn_progress p = tn_progress_begin("epoch", first, total);
    p.start -= seconds;
    return p;
}

static const struct {
    double seconds;
    int64_t first, done, total;
    const char *detail, *text;
} cases[] = {
    {10, 0, 1, 3, "loss 0.5", "epoch 1/3  loss 0.5  20 s left"},
    {10, 0, 1, 3, NULL, "epoch 1/3  20 s left"},
    {10, 0, 0, 3, NULL, "epoch 0/3  ? left"},
    {10, 0, 3, 3, NULL, "epoch 3/3  0 s left"},
    {59.4, 0, 1, 2, NULL, "epoch 1/2  59 s left"},
    {59.6, 0, 1, 2, NULL, "epoch 1/2  1 min 00 s left"},
    {125.2, 0, 1, 2, NULL, "epoch 1/2  2 min 05 s left"},
    {3599.4, 0, 1, 2, NULL, "epoch 1/2  59 min 59 s left"},
    {3599.6, 0, 1, 2, NULL, "epoch 1/2  1 h 00 min left"},
    {3900.2, 0, 1, 2, NULL, "epoch 1/2  1 h 05 min left"},
    {360000.2, 0, 1, 2, NULL, "epoch 1/2  100 h 00 min left"},
    {10.2, 40, 41, 50, NULL, "epoch 41/50  1 min 32 s left"},
    {10, 40, 40, 50, NULL, "epoch 40/50  ? left"},
    {10, 0, 5, 3, NULL, "epoch 5/3  ? left"},
    {1e300, 0, 1, 3, NULL, "epoch 1/3  ? left"},
};

START_TEST(texts)
{
    char text[100];
    tn_progress p = begun(cases[_i].seconds, cases[_i].first, cases[_i].total);
    int64_t length = tn_progress_text(&p, cases[_i].done, cases[_i].detail, text, sizeof text);
    ck_assert_str_eq(text, cases[_i].text);
    ck_assert_int_eq(length, (int64_t)strlen(text));
    ck_assert_int_eq(tn_progress_text(&p, cases[_i].done, cases[_i].detail, NULL, 0), length);
}
END_TEST

START_TEST(short_buffers)
{
    char text[8];
    tn_progress p = begun(10, 0, 3);
    ck_assert_int_eq(tn_progress_text(&p, 1, NULL, text, sizeof text), 20);
    ck_assert_str_eq(text, "epoch 1");
    ck_assert_int_eq(tn_progress_text(NULL, 1, NULL, text, sizeof text), 0);
    ck_assert_str_eq(text, "");
}
END_TEST

/* What comes out of the other end, up to now. */
static const char *shown(int descriptor)
{
    static char text[1024];
    fcntl(descriptor, F_SETFL, O_NONBLOCK);
    ssize_t n = read(descriptor, text, sizeof text - 1);
    text[n > 0 ? n : 0] = '\0';
    return text;
}

/* A terminal of so many columns; *other is what its user sees. */
static int terminal(unsigned short columns, int *other)
{
    *other = posix_openpt(O_RDWR | O_NOCTTY);
    ck_assert(*other >= 0 && grantpt(*other) == 0 && unlockpt(*other) == 0);
    int descriptor = open(ptsname(*other), O_RDWR | O_NOCTTY);
    struct winsize size = {.ws_col = columns, .ws_row = 24};
    ck_assert(descriptor >= 0 && ioctl(descriptor, TIOCSWINSZ, &size) == 0);
    setenv("TERM", "xterm", 1);
    return descriptor;
}

START_TEST(on_a_terminal)
{
    int other, descriptor = terminal(16, &other);
    tn_progress p = begun(10, 0, 3);
    tn_progress_end(&p, descriptor);
    ck_assert_str_eq(shown(other), "");
    tn_progress_show(&p, 1, "loss 1", descriptor);
    ck_assert_str_eq(shown(other), "\repoch 1/3  loss");
    let_pass(90);
    tn_progress_show(&p, 2, "loss 1", descriptor);
    ck_assert_str_eq(shown(other), "");
    let_pass(20);
    tn_progress_show(&p, 3, NULL, descriptor);
    ck_assert_str_eq(shown(other), "\repoch 3/3  0 s ");
    p.label = "all";
    let_pass(110);
    tn_progress_show(&p, 3, "", descriptor);
    ck_assert_str_eq(shown(other), "\rall 3/3    0 s ");
    p.total = 1000;
    p.first = 3;
    p.label = "";
    let_pass(110);
    tn_progress_show(&p, 3, NULL, descriptor);
    ck_assert_str_eq(shown(other), "\r 3/1000  ? left");
    p.total = 9;
    let_pass(110);
    tn_progress_show(&p, 3, NULL, descriptor);
    ck_assert_str_eq(shown(other), "\r 3/9  ? left   ");
    tn_progress_end(&p, descriptor);
    ck_assert_str_eq(shown(other), "\r            \r");
    tn_progress_end(&p, descriptor);
    ck_assert_str_eq(shown(other), "");
    tn_progress_show(NULL, 1, NULL, descriptor);
    tn_progress_end(NULL, descriptor);
    close(descriptor);
    close(other);
}
END_TEST

START_TEST(silent_elsewhere)
{
    static const char *const terms[] = {"dumb", "", NULL};
    int ends[2], other, descriptor = terminal(80, &other);
    ck_assert_int_eq(pipe(ends), 0);
    tn_progress p = begun(10, 0, 3);
    tn_progress_show(&p, 1, NULL, ends[1]);
    tn_progress_end(&p, ends[1]);
    ck_assert_str_eq(shown(ends[0]), "");
    tn_progress_show(&p, 1, NULL, -1);
    for (int i = 0; i < 3; i++) {
        if (terms[i])
            setenv("TERM", terms[i], 1);
        else
            unsetenv("TERM");
        tn_progress_show(&p, 1, NULL, descriptor);
        tn_progress_end(&p, descriptor);
        ck_assert_str_eq(shown(other), "");
    }
    close(ends[0]);
    close(ends[1]);
    close(descriptor);
    close(other);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("progress");
    TCase *tc = tn_case(suite, "progress");
    tcase_add_loop_test(tc, texts, 0, (int)(sizeof cases / sizeof *cases));
    tcase_add_test(tc, short_buffers);
    tcase_add_test(tc, on_a_terminal);
    tcase_add_test(tc, silent_elsewhere);
    return tn_run(suite);
}
