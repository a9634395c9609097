/* What all commands of all example programs have: help, versions, standard output, terminals,
 * signals, folders for results that cannot be written to, and names that are odd. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "common/check_tn.h"
#include "common/commands.h"
#include "common/files.h"
#include "common/programs.h"
#include "common/report.h"
#include "common/text.h"

static const char *const programs[] = {"digits", "faces", "alexnet", "serve"};

static const char *const commands[][2] = {
    {"digits", "show"},     {"digits", "forward"},       {"digits", "gradcheck"},
    {"digits", "train"},    {"digits", "compare"},       {"digits", "contour"},
    {"digits", "all"},      {"digits", "backprop-cost"}, {"faces", "download"},
    {"faces", "generate"},  {"faces", "train"},          {"faces", "weights"},
    {"faces", "predict"},   {"alexnet", "fetch"},        {"alexnet", "features"},
    {"alexnet", "train"},   {"alexnet", "predict"},      {"alexnet", "classify"},
    {"alexnet", "filters"}, {"serve", "digits"},
};

#define PROGRAMS ((int)(sizeof programs / sizeof *programs))
#define COMMANDS ((int)(sizeof commands / sizeof *commands))

/* ---- help and version ------------------------------------------------------------------------ */

static const char *const questions[][2] = {
    {"help", "--help"}, {"-h", "--help"}, {"version", "--version"}};

/* The one is answered as the other. */
static void check_same_answer(const char *name, const char *question, const char *other)
{
    static char answer[sizeof printed];
    run_well(name, question);
    strcpy(answer, printed);
    ck_assert_str_ne(answer, "");
    run_well(name, other);
    ck_assert_str_eq(answer, printed);
}

START_TEST(programs_tell_what_they_are)
{
    const char *name = programs[_i];
    char expected[128];
    for (int i = 0; i < 3; i++)
        check_same_answer(name, questions[i][0], questions[i][1]);
    run_well(name, "--version");
    snprintf(expected, sizeof expected, "%s (libtensor %s)\n", name, tn_version());
    ck_assert_str_eq(printed, expected);
    run_well(name, "help");
    ck_assert_ptr_nonnull(strstr(printed, "help COMMAND"));
    snprintf(expected, sizeof expected,
             "%s: there is no command 'nothing' (%s --help lists them)\n", name, name);
    ck_assert_int_eq(run_program(name, "help nothing", false), 2);
    ck_assert_str_eq(complained, expected);
    ck_assert_str_eq(printed, "");
}
END_TEST

START_TEST(commands_tell_what_they_are)
{
    char question[64], other[64];
    snprintf(question, sizeof question, "help %s", commands[_i][1]);
    snprintf(other, sizeof other, "%s --help", commands[_i][1]);
    check_same_answer(commands[_i][0], question, other);
}
END_TEST

/* ---- standard output ------------------------------------------------------------------------- */

static void refuses_to_lose(const char *name, const char *arguments)
{
    ck_assert_msg(run_without_room(name, arguments) == 1, "%s %s: %s", name, arguments, complained);
    ck_assert_ptr_nonnull(strstr(complained, "standard output cannot be written: No space left"));
    ck_assert_int_eq(strncmp(complained, name, strlen(name)), 0);
}

START_TEST(help_needs_standard_output)
{
    char arguments[64];
    snprintf(arguments, sizeof arguments, "%s --help", commands[_i][1]);
    refuses_to_lose(commands[_i][0], arguments);
}
END_TEST

START_TEST(versions_need_standard_output)
{
    refuses_to_lose(programs[_i], "--help");
    refuses_to_lose(programs[_i], "--version");
}
END_TEST

START_TEST(results_need_standard_output)
{
    refuses_to_lose("faces", "generate --people 2 --images 8 --out @/faces");
    refuses_to_lose("faces", "train --data @/faces --test-per-class 2 --epochs 1 --out @/out");
    refuses_to_lose("faces",
                    "predict --model @/out/model.safetensors @/faces/generated-1/0001.png");
    refuses_to_lose("faces", "weights --data @/faces --model @/out/model.safetensors --out @/w");
    refuses_to_lose("digits", "show --data examples/data/mnist --out @/show");
    refuses_to_lose("digits", "forward --data examples/data/mnist --train 20 --out @/forward");
    refuses_to_lose("digits", "train --data examples/data/mnist --iterations 1 --out @/train");
    refuses_to_lose("alexnet", "filters --out @/filters");
    ck_assert(work_has("train/metrics.json") && work_has("out/metrics.json"));
    run_well("digits", "train --data examples/data/mnist --iterations 1 --out @/train --quiet");
    ck_assert_int_eq(
        run_without_room("digits",
                         "train --data examples/data/mnist --iterations 1 --out @/train --quiet"),
        0);
}
END_TEST

/* ---- terminals ------------------------------------------------------------------------------- */

#define TRAIN "train --data examples/data/mnist --train 500 --iterations 60 --threads 1 --out @/out"

static const struct {
    const char *term;
    bool no_color, progress;
} terminals[] = {{"xterm", false, true}, {"xterm", true, true}, {"dumb", false, false}};

/* A carriage return that no line feed follows begins a line anew. */
static bool has_progress(const char *text)
{
    for (const char *c = text; *c; c++)
        if (c[0] == '\r' && c[1] != '\n')
            return true;
    return false;
}

START_TEST(terminals_get_no_escape_codes)
{
    ck_assert_int_eq(run_on_terminal("digits", TRAIN, terminals[_i].term, terminals[_i].no_color),
                     0);
    ck_assert_ptr_nonnull(strstr(printed, "test accuracy"));
    ck_assert_ptr_null(strchr(printed, '\033'));
    ck_assert(has_progress(printed) == terminals[_i].progress);
}
END_TEST

/* ---- signals --------------------------------------------------------------------------------- */

/* What a child does that ends with status 0 but for a signal. */
typedef void (*child_fn)(void);

static int status_of(child_fn work)
{
    int status = -1;
    pid_t child = fork();
    if (child == 0) {
        watch_interrupts();
        work();
        leave_child(0);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return status;
}

static void wait_longer(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 300000000}, NULL);
}

static void once(void)
{
    raise(SIGTERM);
    wait_longer();
}

static void twice(void)
{
    once();
    raise(SIGTERM);
}

/* A signal of this process that comes when it stops for the sake of another one. */
static void late(void)
{
    interrupt_too(SIGTERM);
    wait_longer();
    once();
}

static void later(void)
{
    interrupt_too(SIGTERM);
    unwatch_interrupts();
    once();
}

static void late_and_again(void)
{
    later();
    raise(SIGTERM);
}

static void not_watching(void)
{
    interrupt_too(0);
    unwatch_interrupts();
    raise(SIGTERM);
}

static const struct {
    child_fn work;
    int signal; /* that ends it */
} children[] = {{once, 0},  {twice, SIGTERM},          {late, 0},
                {later, 0}, {late_and_again, SIGTERM}, {not_watching, SIGTERM}};

START_TEST(second_signals_end_a_program)
{
    int status = status_of(children[_i].work);
    ck_assert(children[_i].signal ? WIFSIGNALED(status) : WIFEXITED(status));
    ck_assert_int_eq(children[_i].signal ? WTERMSIG(status) : WEXITSTATUS(status),
                     children[_i].signal);
}
END_TEST

/* ---- folders --------------------------------------------------------------------------------- */

/* What the system says of the folder that cannot be made, not of one that is not there. */
START_TEST(folders_say_why_they_cannot_be_made)
{
    static const char *const below[] = {"locked/new", "locked/new/deep", "locked"};
    char name[1024];
    uid_t user = geteuid();
    mkdir(folder_path("locked"), 0555);
    chmod(folder_path(""), 0755);
    if (user == 0)
        ck_assert_int_eq(seteuid(65534), 0);
    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "%s", folder_path(below[i]));
        errno = 0;
        bool made = make_directories(name);
        int reason = errno;
        ck_assert(!made);
        ck_assert_int_eq(reason, EACCES);
    }
    ck_assert_int_eq(seteuid(user), 0);
    snprintf(name, sizeof name, "%s", folder_path("new/deep"));
    ck_assert(make_directories(name) && make_directories(name));
}
END_TEST

/* ---- errors ---------------------------------------------------------------------------------- */

/* Files that are no such files: each is named once, and the reason said. */
static const char *const unread[][2] = {
    {"digits", "show --data @/wrong"},
    {"faces", "train --data @/wrong"},
    {"faces", "predict --model @/wrong x.png"},
    {"faces", "predict --model @/out/model.safetensors @/wrong"},
    {"faces", "weights --model @/out/model.safetensors --data @/wrong"},
    {"alexnet", "classify --weights @/wrong x.png"},
    {"alexnet", "filters --weights @/wrong"},
    {"alexnet", "filters --image @/wrong"},
    {"alexnet", "features --weights @/wrong --data @/faces"},
    {"alexnet", "train --data @/faces --split @/wrong --cache @/cache --layer conv1.pool"},
    {"alexnet", "predict --model @/wrong x.png"},
    {"digits", "train --resume --iterations 1 --data examples/data/mnist --out @/wrong"},
};

static void make_faces_and_model(void)
{
    run_well("faces", "generate --people 2 --images 8 --out @/faces --quiet");
    run_well("faces", "train --data @/faces --test-per-class 2 --epochs 1 --out @/out --quiet");
}

static void check_named_once(const char *name, const char *arguments)
{
    int status = run_program(name, arguments, true);
    ck_assert_msg(status == 1 || status == 2, "%s %s: %d, %s", name, arguments, status, complained);
    const char *first = strstr(complained, "/wrong");
    ck_assert_msg(first != NULL, "%s", complained);
    ck_assert_msg(strstr(first + 1, "/wrong") == NULL, "%s", complained);
}

START_TEST(errors_name_a_file_once)
{
    make_faces_and_model();
    for (size_t i = 0; i < sizeof unread / sizeof *unread; i++)
        check_named_once(unread[i][0], unread[i][1]);
    work_write("wrong", "no such file", 12);
    for (size_t i = 0; i < sizeof unread / sizeof *unread; i++)
        check_named_once(unread[i][0], unread[i][1]);
    remove(folder_path("wrong"));
    mkdir(folder_path("wrong"), 0777);
    for (size_t i = 0; i + 1 < sizeof unread / sizeof *unread; i++)
        check_named_once(unread[i][0], unread[i][1]);
}
END_TEST

/* ---- names ----------------------------------------------------------------------------------- */

static const struct {
    const char *text, *shown;
    int width;
    bool plain;
} texts[] = {
    {"", "", 0, true},
    {"Ann", "Ann", 3, true},
    {"M\xc3\xbcller \xe5\x90\x8d \xf0\x9f\x98\x80", "M\xc3\xbcller \xe5\x90\x8d \xf0\x9f\x98\x80",
     10, true},
    {"a\nb\r\t\x1b[m", "a\\nb\\r\\t\\x1b[m", 14, false},
    {"\x7f", "\\x7f", 4, false},
    {"\xc2\x85", "\\xc2\\x85", 8, false}, /* the control character U+0085 */
    {"a\xff", "a\\xff", 5, false},
    {"\xc3", "\\xc3", 4, false},          /* cut off */
    {"\xc0\xaf", "\\xc0\\xaf", 8, false}, /* too long */
    {"\xe0\x80\xaf", "\\xe0\\x80\\xaf", 12, false},
    {"\xed\xa0\x80", "\\xed\\xa0\\x80", 12, false},          /* a surrogate */
    {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80", 16, false}, /* above U+10FFFF */
};

START_TEST(texts_are_shown_plainly)
{
    char name[1024];
    text_show(texts[_i].text, name, sizeof name);
    ck_assert_str_eq(name, texts[_i].shown);
    ck_assert(text_plain(texts[_i].text) == texts[_i].plain);
    ck_assert_int_eq(text_width(name), texts[_i].width);
    char small[6];
    text_show(texts[_i].text, small, sizeof small);
    ck_assert_uint_lt(strlen(small), sizeof small);
    ck_assert(text_plain(small));
}
END_TEST

static void rename_person(const char *name, const char *other)
{
    char from[1024], to[1024];
    snprintf(from, sizeof from, "%s/%s", folder_path("faces"), name);
    snprintf(to, sizeof to, "%s/%s", folder_path("faces"), other);
    ck_assert_int_eq(rename(from, to), 0);
}

static const char *const odd[] = {"a\nb", "tab\there", "\x1b[31mred",
                                  "\x01", "del\x7f",   "\xff\xfe"};

/* A name that a table, a file or a terminal could not hold is no name of a person. */
START_TEST(odd_names_are_refused)
{
    make_faces_and_model();
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        rename_person("generated-1", odd[i]);
        run_badly("faces", "train --data @/faces --test-per-class 2 --epochs 1 --out @/new", 2,
                  "has a name with control characters or not in UTF-8; rename it");
        ck_assert(text_plain(strchr(complained, ':')) ||
                  complained[strlen(complained) - 1] == '\n');
        complained[strlen(complained) - 1] = '\0';
        ck_assert(text_plain(complained));
        ck_assert(!work_has("new"));
        rename_person(odd[i], "generated-1");
    }
}
END_TEST

/* A photograph alone is left out. */
START_TEST(odd_files_are_left_out)
{
    char from[1024], to[1024];
    run_well("faces", "generate --people 2 --images 9 --out @/faces --quiet");
    for (int i = 1; i <= 2; i++) {
        snprintf(from, sizeof from, "%s/000%d.png", folder_path("faces/generated-1"), i);
        snprintf(to, sizeof to, "%s/%s.png", folder_path("faces/generated-1"), odd[i == 1 ? 0 : 5]);
        ck_assert_int_eq(rename(from, to), 0);
    }
    ck_assert_int_eq(run_program("faces",
                                 "train --data @/faces --test-per-class 2 --epochs 1 --out @/out",
                                 false),
                     0);
    ck_assert_ptr_nonnull(strstr(complained, "generated-1/a\\nb.png left out: its name has control "
                                             "characters or is not in UTF-8"));
    ck_assert_ptr_nonnull(strstr(complained, "generated-1/\\xff\\xfe.png left out: "));
    ck_assert_double_eq(work_number("out/metrics.json", "lost_photographs"), 2);
    char *lost = work_text("out/lost.csv");
    ck_assert_ptr_nonnull(strstr(lost, "\"generated-1/a\nb.png\",its name has"));
    free(lost);
}
END_TEST

/* Names of persons, as many at a time as have them as headings of a table. */
enum { AT_ONCE = 3 };

static const char *const good[][AT_ONCE] = {
    {"comma,name", "\"quoted\"", "O'Brien"},
    {"under_score^2{x}", "per%cent %d", "back\\slash"},
    {"#hash; rm", "M\xc3\xbcller-L\xc3\xbc", "  spaces  "},
    {"-dash", "$HOME `ls`", "a b"},
};

/* The names are in what was printed, with as many blanks before and behind them. */
static void has_names(const char *const *names, const char *blanks)
{
    char line[200];
    for (int i = 0; i < AT_ONCE; i++) {
        snprintf(line, sizeof line, "%s%s%s", blanks, names[i], blanks);
        ck_assert_msg(strstr(printed, line) != NULL, "'%s' is not in: %s", line, printed);
    }
}

/* All others are kept whole by models, splits, tables and pictures. */
START_TEST(other_names_are_kept)
{
    run_well("faces", "generate --people 4 --images 8 --out @/faces --quiet");
    rename_person("generated-1", good[_i][0]);
    rename_person("generated-2", good[_i][1]);
    rename_person("generated-3", good[_i][2]);
    ck_assert_int_eq(run_program("faces",
                                 "train --data @/faces --test-per-class 2 --epochs 1 --out @/out",
                                 true),
                     0);
    ck_assert_str_eq(complained, "");
    has_names(good[_i], "  ");
    ck_assert_ptr_null(strstr(printed, "not drawn"));
    run_well("faces",
             "train --data @/faces --split @/out/split.csv --epochs 1 --out @/again --quiet");
    ck_assert(work_same("out/split.csv", "again/split.csv"));
    run_well("faces",
             "predict --model @/out/model.safetensors --top 4 @/faces/generated-4/0001.png");
    has_names(good[_i], " ");
}
END_TEST

/* The table of who was taken for whom has whole names, and no number where there is none. */
START_TEST(tables_are_whole)
{
    make_faces_and_model();
    rename_person("generated-1", "Bartholomew");
    run_well("faces", "train --data @/faces --test-per-class 2 --validation 0 --train 1 --lr 0.1 "
                      "--epochs 20 --out @/out");
    const char *table = strstr(printed, "taken for");
    ck_assert_ptr_nonnull(table);
    ck_assert_int_eq(strncmp(table + strcspn(table, "B"), "Bartholomew", 11), 0);
    ck_assert_ptr_nonnull(strstr(table, " generated-2  precision"));
    ck_assert_ptr_null(strstr(printed, "nan"));
    ck_assert_ptr_nonnull(strstr(table, "  -      "));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("programs");
    TCase *tc = tn_case(suite, "programs");
    tcase_add_checked_fixture(tc, make_folder, remove_work);
    tcase_add_loop_test(tc, programs_tell_what_they_are, 0, PROGRAMS);
    tcase_add_loop_test(tc, commands_tell_what_they_are, 0, COMMANDS);
    tcase_add_loop_test(tc, help_needs_standard_output, 0, COMMANDS);
    tcase_add_loop_test(tc, versions_need_standard_output, 0, PROGRAMS);
    tcase_add_test(tc, results_need_standard_output);
    tcase_add_loop_test(tc, terminals_get_no_escape_codes, 0, 3);
    tcase_add_loop_test(tc, second_signals_end_a_program, 0,
                        (int)(sizeof children / sizeof *children));
    tcase_add_test(tc, folders_say_why_they_cannot_be_made);
    tcase_add_test(tc, errors_name_a_file_once);
    tcase_add_loop_test(tc, texts_are_shown_plainly, 0, (int)(sizeof texts / sizeof *texts));
    tcase_add_test(tc, odd_names_are_refused);
    tcase_add_test(tc, odd_files_are_left_out);
    tcase_add_loop_test(tc, other_names_are_kept, 0, (int)(sizeof good / sizeof *good));
    tcase_add_test(tc, tables_are_whole);
    return tn_run(suite);
}
