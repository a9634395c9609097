/* serve, as its clients see it: over sockets, one and many at a time, well and badly behaved. */
#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
#include "common/check_tn.h"
#include "common/files.h"
#include "common/image.h"
#include "common/programs.h"

enum { PIXELS = 784, CLASSES = 10 };

static tn_module *net;
static pid_t process;
static int port;
static int said; /* what it prints */

/* ---- the server ------------------------------------------------------------------------------ */

/* A network of digits train, but for the training. */
static void write_model(void)
{
    net = tn_sequential(ctx, tn_nn_linear(ctx, PIXELS, CLASSES));
    ck_assert_int_eq(tn_save(ctx, net, folder_path("model.safetensors")), TN_OK);
}

/* Runs it on a port that is free, and reads where that is. Who says nothing for `idle` seconds is
 * left. */
static void start_with(const char *threads, const char *idle)
{
    int line[2];
    char text[256] = "", model[1024], out[1024];
    snprintf(model, sizeof model, "%s", folder_path("model.safetensors"));
    snprintf(out, sizeof out, "%s", folder_path("out"));
    ck_assert_int_eq(pipe(line), 0);
    process = fork();
    if (process == 0) {
        dup2(line[1], STDOUT_FILENO);
        close(line[0]);
        execl(TN_TEST_PROGRAMS "/serve", "serve", "digits", "--port", "0", "--threads", threads,
              "--model", model, "--most", "1", "--memory", "4", "--out", out, "--timeout", idle,
              (char *)NULL);
        _exit(127);
    }
    close(line[1]);
    ck_assert_int_gt(read(line[0], text, sizeof text - 1), 0);
    const char *at = strstr(text, "http://127.0.0.1:");
    ck_assert_msg(at != NULL, "it said: %s", text);
    port = atoi(at + strlen("http://127.0.0.1:"));
    said = line[0];
}

/* No machine is so slow that its clients are left. */
static void start(const char *threads)
{
    start_with(threads, "600");
}

static void stop(void)
{
    int status;
    kill(process, SIGTERM);
    waitpid(process, &status, 0);
    close(said);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void setup(void)
{
    signal(SIGPIPE, SIG_IGN);
    make_folder();
    write_model();
}

static void wait_milliseconds(int n)
{
    nanosleep(&(struct timespec){.tv_nsec = n * 1000000L}, NULL);
}

/* ---- a client -------------------------------------------------------------------------------- */

static int connect_to_it(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int s = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){.tv_sec = PATIENCE},
               sizeof(struct timeval));
    if (connect(s, (struct sockaddr *)&to, sizeof to) != 0)
        ck_abort_msg("port %d is not listened on", port);
    return s;
}

static void send_all(int s, const void *bytes, size_t size)
{
    for (size_t sent = 0; sent < size;) {
        ssize_t n = send(s, (const char *)bytes + sent, size - sent, 0);
        if (n <= 0)
            return; /* it has said what it wanted to say */
        sent += (size_t)n;
    }
}

static void send_head(int s, const char *method, const char *path, size_t size)
{
    char head[256];
    int n = snprintf(head, sizeof head, "%s %s HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n",
                     method, path, size);
    send_all(s, head, (size_t)n);
}

/* One answer with its body, whose length its head says. Returns the status; 0 for none. */
static int receive(int s, char *text, size_t room)
{
    size_t have = 0, want = 0;
    while (have + 1 < room && (want == 0 || have < want)) {
        ssize_t n = recv(s, text + have, room - 1 - have, 0);
        if (n <= 0)
            break;
        have += (size_t)n;
        text[have] = '\0';
        const char *end = strstr(text, "\r\n\r\n"), *length = strstr(text, "Content-Length: ");
        if (want == 0 && end && length)
            want = (size_t)(end + 4 - text) + (size_t)atol(length + 16);
    }
    text[have] = '\0';
    return have > 12 ? atoi(text + strlen("HTTP/1.1 ")) : 0;
}

static int ask(int s, const char *method, const char *path, const void *body, size_t size,
               char *text, size_t room)
{
    send_head(s, method, path, size);
    send_all(s, body, size);
    return receive(s, text, room);
}

/* The same by a connection of its own; the text must hold `expected`. */
static void check_answer(const char *method, const char *path, const void *body, size_t size,
                         int status, const char *expected)
{
    static char text[65536];
    int s = connect_to_it(), got = ask(s, method, path, body, size, text, sizeof text);
    close(s);
    if (got != status || !strstr(text, expected))
        ck_abort_msg("%s %s: not %d with \"%s\", but: %s", method, path, status, expected, text);
}

/* What is sent before the body, or with its first part. */
static void check_head(const char *method, const char *page, const char *want, const char * not )
{
    char text[1024] = "";
    int s = connect_to_it();
    send_head(s, method, page, 0);
    ck_assert_int_gt(recv(s, text, sizeof text - 1, 0), 0);
    ck_assert_msg(strstr(text, want) != NULL, "%s %s: %s", method, page, text);
    ck_assert_msg(strstr(text, not ) == NULL, "%s %s: %s", method, page, text);
    close(s);
}

/* ---- what it should say ---------------------------------------------------------------------- */

static void draw(uint8_t *ink, int number)
{
    for (int i = 0; i < PIXELS; i++)
        ink[i] = (uint8_t)(i * (number + 3) % 251);
}

/* The likeliest class, as the server writes it. */
static void expected_class(const uint8_t *ink, char *text, size_t room)
{
    float x[PIXELS];
    for (int i = 0; i < PIXELS; i++)
        x[i] = (float)ink[i] * (float)(1 / 255.0);
    tn_tensor *p =
        tn_softmax(ctx, tn_forward(ctx, net, tn_from_data(ctx, TN_F32, TN_SHAPE(1, PIXELS), x)), 1);
    int best = 0;
    for (int i = 1; i < CLASSES; i++)
        best = tn_data_f32(p)[i] > tn_data_f32(p)[best] ? i : best;
    snprintf(text, room, "{\"classes\": [{\"class\": \"%d\", \"probability\": %.6f}", best,
             (double)tn_data_f32(p)[best]);
}

START_TEST(answers)
{
    uint8_t ink[PIXELS], nothing[800] = {0};
    char want[256];
    draw(ink, 1);
    expected_class(ink, want, sizeof want);
    start("3");
    check_answer("POST", "/classify", ink, PIXELS, 200, want);
    check_answer("GET", "/health", "", 0, 200, "\"network\": \"softmax\"");
    check_head("HEAD", "/health", "200 OK", "{"); /* a body that does not come */
    check_answer("GET", "/", "", 0, 200, "<!DOCTYPE html>");
    check_answer("GET", "/classify", "", 0, 405, "/classify takes POST");
    check_answer("DELETE", "/", "", 0, 405, "this takes GET");
    check_head("GET", "/classify", "Allow: POST\r\n", "GET,");
    check_head("POST", "/health", "Allow: GET, HEAD\r\n", "POST");
    check_answer("GET", "/classif", "", 0, 404, "there are /, /classify");
    check_answer("POST", "/classify", "", 0, 400, "the body is empty");
    check_answer("POST", "/classify", nothing, 800, 400,
                 "neither JPEG nor PNG, nor 784 bytes of ink, but 800 bytes");
    check_answer("POST", "/classify", "\x89PNG\r\n\x1a\nxxxx", 12, 400, "PNG: ");
    check_answer("GET", "/metrics", "", 0, 200, "serve_requests_total{status=\"4xx\"} 8");
    stop();
    ck_assert_double_eq(work_number("out/metrics.json", "answered"), 5);
    ck_assert_double_eq(work_number("out/metrics.json", "refused"), 8);
    ck_assert_double_eq(work_number("out/metrics.json", "failed"), 0);
}
END_TEST

/* A picture of 28 x 28 is taken as it is: ink on paper, or the other way round. */
START_TEST(answers_pictures)
{
    uint8_t ink[PIXELS];
    char want[256];
    draw(ink, 4);
    ink[0] = ink[27] = ink[PIXELS - 28] = ink[PIXELS - 1] = 0;
    expected_class(ink, want, sizeof want);
    start("1");
    for (int inverted = 0; inverted < 2; inverted++) {
        image picture;
        ck_assert(image_make(&picture, 28, 28, 1, 0));
        for (int i = 0; i < PIXELS; i++)
            picture.pixels[i] = inverted ? (uint8_t)(255 - ink[i]) : ink[i];
        ck_assert(image_write_png(&picture, folder_path(""), "digit.png"));
        image_free(&picture);
        size_t size;
        unsigned char *bytes = read_bytes(folder_path("digit.png"), &size);
        check_answer("POST", "/classify", bytes, size, 200, want);
        free(bytes);
    }
    stop();
}
END_TEST

/* ---- many ------------------------------------------------------------------------------------ */

enum { CLIENTS = 12, REQUESTS = 60, PICTURES = 7 };

static uint8_t pictures[PICTURES][PIXELS];
static char wanted[PICTURES][256];

/* One connection for all its requests. */
static void *be_a_client(void *number)
{
    intptr_t wrong = 0, first = (intptr_t)number;
    char text[8192];
    int s = connect_to_it();
    for (int i = 0; i < REQUESTS; i++) {
        int k = (int)(first + i) % PICTURES;
        int status = ask(s, "POST", "/classify", pictures[k], PIXELS, text, sizeof text);
        wrong += status != 200 || !strstr(text, wanted[k]);
    }
    close(s);
    return (void *)wrong;
}

START_TEST(answers_many)
{
    pthread_t clients[CLIENTS];
    for (int k = 0; k < PICTURES; k++) {
        draw(pictures[k], k);
        expected_class(pictures[k], wanted[k], sizeof wanted[k]);
    }
    start("4");
    for (intptr_t i = 0; i < CLIENTS; i++)
        pthread_create(&clients[i], NULL, be_a_client, (void *)i);
    for (int i = 0; i < CLIENTS; i++) {
        void *wrong;
        pthread_join(clients[i], &wrong);
        ck_assert_int_eq((intptr_t)wrong, 0);
    }
    stop();
    ck_assert_double_eq(work_number("out/metrics.json", "answered"), CLIENTS * REQUESTS);
}
END_TEST

/* ---- clients that behave badly --------------------------------------------------------------- */

static int open_files(void)
{
    char path[64];
    int count = 0;
    snprintf(path, sizeof path, "/proc/%d/fd", (int)process);
    DIR *dir = opendir(path);
    while (dir && readdir(dir))
        count++;
    if (dir)
        closedir(dir);
    return count;
}

static void leave_at(const char *bytes, size_t size)
{
    int s = connect_to_it();
    send_all(s, bytes, size);
    close(s);
}

/* A request whose client goes in the middle of its body. */
static const char cut[] = "POST /classify HTTP/1.1\r\nHost: x\r\nContent-Length: 784\r\n\r\nabc";

/* What is cut off, too large or no HTTP ends its own connection and nothing else. */
START_TEST(survives_clients)
{
    static char large[2 << 20], text[4096];
    start("2");
    for (size_t n = 0; n < sizeof cut; n += 3)
        leave_at(cut, n);
    leave_at("\0\xff\n\n\r\n\r\n", 8);
    leave_at("GET / HTTP/9.9\r\n\r\n", 18);
    leave_at("POST /classify HTTP/1.1\r\nContent-Length: -5\r\n\r\n", 47);
    for (int i = 0; i < 3; i++) {
        int s = connect_to_it(),
            status = ask(s, "POST", "/classify", large, sizeof large, text, sizeof text);
        ck_assert_msg(status == 413 || status == 0, "%d: %s", status, text);
        close(s);
    }
    check_answer("GET", "/health", "", 0, 200, "ok");
    stop();
}
END_TEST

/* Nor does it wait for the rest of what a client began before it went. */
START_TEST(leaves_who_says_nothing)
{
    char text[64];
    start_with("1", "2");
    int before = open_files();
    for (int i = 0; i < 20; i++)
        leave_at(cut, sizeof cut - 1);
    int idle = connect_to_it();
    ck_assert_int_eq(recv(idle, text, sizeof text, 0), 0);
    close(idle);
    while (open_files() > before)
        wait_milliseconds(10);
    stop();
}
END_TEST

/* What is on its way between clients and the server, by the queues of the sockets of its port. */
static unsigned long bytes_on_their_way(void)
{
    unsigned long sum = 0, sending, coming;
    unsigned from, to;
    char line[256];
    FILE *file = fopen("/proc/net/tcp", "r");
    ck_assert_ptr_nonnull(file);
    while (fgets(line, sizeof line, file))
        if (sscanf(line, " %*d: %*x:%x %*x:%x %*x %lx:%lx", &from, &to, &sending, &coming) == 4 &&
            ((int)from == port || (int)to == port))
            sum += sending + coming;
    fclose(file);
    return sum;
}

static long most_kilobytes(void)
{
    char path[64], line[256];
    long kilobytes = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)process);
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    while (fgets(line, sizeof line, file))
        sscanf(line, "VmHWM: %ld", &kilobytes);
    fclose(file);
    return kilobytes;
}

enum { HOLDERS = 40, HELD = 900000, WHOLE = 1 << 20 };

/* Of unfinished bodies it keeps the 4 MB that it was given, and says so to the others: 4 bodies,
 * for the room of 900,000 bytes is 1 MB. */
START_TEST(keeps_no_more_than_it_may)
{
    static char body[WHOLE], text[4096];
    int holders[HOLDERS], taken = 0, refused = 0;
    char expected[64];
    start("2");
    check_answer("GET", "/health", "", 0, 200, "ok");
    long before = most_kilobytes();
    for (int i = 0; i < HOLDERS; i++) {
        holders[i] = connect_to_it();
        send_head(holders[i], "POST", "/classify", WHOLE);
        send_all(holders[i], body, HELD);
    }
    while (bytes_on_their_way() > 0)
        wait_milliseconds(10);
    for (int i = 0; i < HOLDERS; i++) {
        send_all(holders[i], body + HELD, WHOLE - HELD);
        int status = receive(holders[i], text, sizeof text);
        close(holders[i]);
        taken += status == 400 && strstr(text, "neither JPEG nor PNG");
        refused += status == 503 && strstr(text, "the memory for bodies of requests is full");
    }
    ck_assert_int_eq(taken + refused, HOLDERS);
    ck_assert_msg(taken >= 1 && taken <= 4, "%d are taken", taken);
    if (!is_watched()) /* whose allocator keeps what was freed */
        ck_assert_int_lt(most_kilobytes() - before, 16 << 10);
    snprintf(expected, sizeof expected, "serve_requests_total{status=\"5xx\"} %d\n", refused);
    check_answer("GET", "/metrics", "", 0, 200, expected);
    for (int i = 0; i < 8; i++)
        check_answer("POST", "/classify", body, WHOLE, 400, "neither JPEG nor PNG");
    stop();
    ck_assert_double_eq(work_number("out/metrics.json", "failed"), refused);
}
END_TEST

START_TEST(counts_what_is_too_large)
{
    static char large[WHOLE + 1];
    start("1");
    check_answer("POST", "/classify", large, sizeof large, 413, "the body is too large");
    check_answer("GET", "/metrics", "", 0, 200, "serve_requests_total{status=\"4xx\"} 1");
    stop();
}
END_TEST

/* It takes no further connections from then on. */
static void wait_until_it_ends(void)
{
    char text[8192];
    int status = 200;
    while (status == 200) {
        int s = connect_to_it();
        status = ask(s, "GET", "/health", "", 0, text, sizeof text);
        close(s);
    }
}

/* What has been asked before the signal is answered: here the body comes after it. */
START_TEST(answers_before_it_ends)
{
    uint8_t ink[PIXELS];
    char text[8192], want[256];
    draw(ink, 2);
    expected_class(ink, want, sizeof want);
    start("2");
    int s = connect_to_it();
    send_head(s, "POST", "/classify", PIXELS);
    send_all(s, ink, 100);
    check_answer("GET", "/health", "", 0, 200, "ok");
    kill(process, SIGTERM);
    wait_until_it_ends();
    send_all(s, ink + 100, PIXELS - 100);
    ck_assert_int_eq(receive(s, text, sizeof text), 200);
    ck_assert_ptr_nonnull(strstr(text, want));
    ck_assert_ptr_nonnull(strstr(text, "Connection: close"));
    close(s);
    stop();
}
END_TEST

START_TEST(says_why_it_does_not_begin)
{
    tn_module *other = tn_sequential(ctx, tn_nn_linear(ctx, 5, 2));
    ck_assert_int_eq(tn_save(ctx, other, folder_path("other.safetensors")), TN_OK);
    run_badly("serve", "digits --model @none", 2, "none: No such file or directory");
    run_badly("serve", "digits --model @other.safetensors", 2, "is no network of digits train");
    run_badly("serve", "digits --model @model.safetensors --host nowhere", 1, "nowhere: ");
    run_badly("serve", "digits --threads 0", 2, "--threads");
    run_badly("serve", "digits --model @model.safetensors --host nowhere --out /proc/x", 2,
              "/proc/x: no results can be written there: ");
    run_badly("serve", "digits --model @model.safetensors --most 9 --memory 8", 2,
              "--memory 8 is less than --most 9");
    start("1");
    char taken[64];
    snprintf(taken, sizeof taken, "digits --model @model.safetensors --port %d", port);
    run_badly("serve", taken, 1, "Address already in use");
    stop();
}
END_TEST

/* Nobody could read where it listens. */
START_TEST(ends_where_it_cannot_print)
{
    ck_assert_int_eq(run_without_room("serve", "digits --port 0 --model @model.safetensors"), 1);
    ck_assert_str_eq(complained, "serve digits: standard output cannot be written: No space left "
                                 "on device\n");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("serve");
    TCase *tc = tn_case(suite, "serve");
    tcase_add_checked_fixture(tc, setup, remove_work);
    tcase_add_test(tc, answers);
    tcase_add_test(tc, answers_pictures);
    tcase_add_test(tc, answers_many);
    tcase_add_test(tc, survives_clients);
    tcase_add_test(tc, leaves_who_says_nothing);
    tcase_add_test(tc, keeps_no_more_than_it_may);
    tcase_add_test(tc, counts_what_is_too_large);
    tcase_add_test(tc, answers_before_it_ends);
    tcase_add_test(tc, says_why_it_does_not_begin);
    tcase_add_test(tc, ends_where_it_cannot_print);
    return tn_run(suite);
}
