#include "test.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/json.h"
#include "obs/ctx.h"
#include "obs/log.h"
#include "obs/metrics.h"

static int pipe_of[2];

static void begin(enum log_level level, bool as_json) {
    CHECK(pipe(pipe_of) == 0);
    log_setup(level, as_json, pipe_of[1]);
}

/* Everything written since begin. */
static struct buf end(void) {
    struct buf out = { 0 };
    char bytes[4096];
    ssize_t n;
    close(pipe_of[1]);
    log_setup(LOG_OFF, true, 2);
    while ((n = read(pipe_of[0], bytes, sizeof bytes)) > 0)
        buf_put(&out, bytes, (size_t)n);
    close(pipe_of[0]);
    return out;
}

TEST(a_line_is_one_json_object_whatever_the_values_are) {
    static const char HOSTILE[] =
        "a\"b\\c\nd\re\tf\x01\x7f\xff\xc3(\xed\xa0\x80 </script> \xe2\x80\xa8 %s%n";
    struct arena *a = arena_new(1 << 20);
    const char *why;
    begin(LOG_INFO, true);
    log_info(NULL, "x", L("text", HOSTILE), L("none", (const char *)NULL), L("n", -5),
             L("big", 1L << 60), L("real", 0.5), L("nan", 0.0 / 0.0), L("inf", 1e308 * 10),
             L("yes", (bool)1));
    struct buf out = end();
    CHECK(out.len && strchr(out.ptr, '\n') == out.ptr + out.len - 1);
    json_t *line = json_parse(a, (struct str){ out.ptr, out.len - 1 }, &why);
    CHECK(line != NULL);
    CHECK_TEXT(json_text(line, "event"), "x");
    CHECK_TEXT(json_text(line, "level"), "info");
    CHECK(json_i64_or(line, "n", 0) == -5 && json_i64_or(line, "big", 0) == 1L << 60);
    CHECK(json_is_null(json_object_get(line, "none")) &&
          json_is_true(json_object_get(line, "yes")));
    CHECK(strncmp(json_text(line, "text"), "a\"b\\c\nd\re\tf", 11) == 0);
    buf_fini(&out);
    arena_free(a);
}

TEST(what_goes_wrong_is_counted_by_its_event_and_a_request_by_its_problem_elsewhere) {
    begin(LOG_WARN, true);
    log_warn(NULL, "job failed", L("n", 1));
    log_error(NULL, "crypto", L("n", 2));
    log_error(NULL, "request", L("n", 3));
    log_info(NULL, "not written", L("n", 4));
    struct buf out = end();
    CHECK(metric_value(METRIC_LOG_MESSAGES, (const char *[4]){ "warn", "job failed" }) == 1);
    CHECK(metric_value(METRIC_LOG_MESSAGES, (const char *[4]){ "error", "crypto" }) == 1);
    CHECK(metric_value(METRIC_LOG_MESSAGES, (const char *[4]){ "error", "request" }) == 0);
    CHECK(metric_value(METRIC_LOG_MESSAGES, (const char *[4]){ "info", "not written" }) == 0);
    buf_fini(&out);
}

TEST(a_line_of_a_request_names_who_and_under_which_ids) {
    struct arena *a = arena_new(1 << 20);
    struct ctx ctx;
    const char *why;
    ctx_init(&ctx, NULL, a, 1000);
    str_copy(ctx.who.user_id, sizeof ctx.who.user_id, str_of("usr_1"));
    str_copy(ctx.who.workspace_id, sizeof ctx.who.workspace_id, str_of("ws_1"));
    begin(LOG_DEBUG, true);
    log_warn(&ctx, "request", L("status", 404));
    struct buf out = end();
    json_t *line = json_parse(a, (struct str){ out.ptr, out.len - 1 }, &why);
    CHECK_TEXT(json_text(line, "correlation_id"), ctx.correlation_id);
    CHECK_TEXT(json_text(line, "trace_id"), ctx.trace.trace_id);
    CHECK_TEXT(json_text(line, "user_id"), "usr_1");
    CHECK_TEXT(json_text(line, "workspace_id"), "ws_1");
    buf_fini(&out);
    arena_free(a);
}

TEST(a_text_line_can_not_be_forged_by_a_value) {
    begin(LOG_INFO, false);
    log_info(NULL, "x", L("name", "a\n2026-11-20T08:00:00.000Z info request status=200"));
    struct buf out = end();
    CHECK(strchr(out.ptr, '\n') == out.ptr + out.len - 1);
    buf_fini(&out);
}

TEST(a_text_line_holds_no_control_character_of_a_value) {
    begin(LOG_INFO, false);
    log_info(NULL, "x", L("name", "a\x1b[2J\x7f\xc2\x9b\xc2\x80\xc2\xa0\xc3\xa9\x9b."));
    struct buf out = end();
    CHECK(strstr(out.ptr,
                 "name=\"a\\u001b[2J\\u007f\\u009b\\u0080\xc2\xa0\xc3\xa9\xef\xbf\xbd.\"\n"));
    buf_fini(&out);
}

TEST(what_is_below_the_level_is_not_written) {
    begin(LOG_WARN, true);
    log_info(NULL, "quiet", L("a", 1));
    log_error(NULL, "loud", L("a", 1));
    struct buf out = end();
    CHECK(!strstr(out.ptr, "quiet") && strstr(out.ptr, "loud"));
    buf_fini(&out);
}

enum { THREADS = 4, LINES = 200 };

static void *write_lines(void *arg) {
    for (int i = 0; i < LINES; i++)
        log_info(NULL, "line", L("i", i), L("filler", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"));
    return NULL;
}

static void *drain(void *arg) {
    struct buf *out = arg;
    char bytes[4096];
    ssize_t n;
    while ((n = read(pipe_of[0], bytes, sizeof bytes)) > 0)
        buf_put(out, bytes, (size_t)n);
    return NULL;
}

TEST(lines_of_many_threads_stay_whole_and_stopping_writes_what_is_left) {
    struct arena *a = arena_new(16 << 20);
    struct buf out = { 0 };
    pthread_t threads[THREADS], reader;
    const char *why;
    int good = 0;
    begin(LOG_INFO, true);
    log_start();
    pthread_create(&reader, NULL, drain, &out);
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, write_lines, NULL);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    log_stop();
    close(pipe_of[1]);
    pthread_join(reader, NULL);
    close(pipe_of[0]);
    log_setup(LOG_OFF, true, 2);
    for (struct str rest = buf_view(&out), line; rest.ptr;) {
        line = str_cut(rest, '\n', &rest);
        good += line.len && json_parse(a, line, &why);
    }
    CHECK_INT(good, THREADS * LINES);
    buf_fini(&out);
    arena_free(a);
}

/* The line that says why is what somebody needs who finds it dead. */
TEST(the_last_lines_are_written_before_an_abort) {
    char bytes[1 << 16];
    size_t have = 0;
    ssize_t n;
    int status = 0;
    begin(LOG_INFO, true);
    pid_t child = fork();
    if (child == 0) {
        setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
        log_start();
        for (int i = 0; i < 200; i++)
            log_info(NULL, "line", L("i", i));
        log_error(NULL, "why", L("it", "ends"));
        abort();
    }
    close(pipe_of[1]);
    while ((n = read(pipe_of[0], bytes + have, sizeof bytes - 1 - have)) > 0)
        have += (size_t)n;
    close(pipe_of[0]);
    bytes[have] = 0;
    log_setup(LOG_OFF, true, 2);
    CHECK_INT(waitpid(child, &status, 0), child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    CHECK(strstr(bytes, "\"it\":\"ends\""));
}

TEST(a_json_line_holds_nothing_that_a_terminal_obeys_or_that_hides) {
    struct arena *a = arena_new(1 << 20);
    const char *why;
    const char *text = "a\x1b[2J\x7f\xc2\x9b"
                       "31m\xe2\x80\xae\xe2\x80\xa8\xe2\x80\x8b\xef\xbb\xbf\x9b.";
    begin(LOG_INFO, true);
    log_info(NULL, "x", L("name", text));
    struct buf out = end();
    for (size_t i = 0; i + 1 < out.len; i++)
        CHECK((unsigned char)out.ptr[i] >= 0x20 && (unsigned char)out.ptr[i] != 0x7f);
    CHECK(!strstr(out.ptr, "\xc2\x9b") && !strstr(out.ptr, "\xe2\x80"));
    json_t *line = json_parse(a, (struct str){ out.ptr, out.len - 1 }, &why);
    CHECK(line && strstr(json_text(line, "name"), "\xe2\x80\xae"));
    buf_fini(&out);
    arena_free(a);
}

/* --- a file ---------------------------------------------------------------------------------- */

static char folder[64], path[96], moved[96];

static void begin_file(void) {
    const char *why = "";
    snprintf(folder, sizeof folder, "/tmp/ava-log-XXXXXX");
    CHECK(mkdtemp(folder) != NULL);
    snprintf(path, sizeof path, "%s/ava.log", folder);
    snprintf(moved, sizeof moved, "%s/ava.log.1", folder);
    log_setup(LOG_INFO, true, 2);
    CHECK(log_to_file(path, &why));
}

static void end_file(void) {
    log_setup(LOG_OFF, true, 2);
    unlink(path);
    unlink(moved);
    rmdir(folder);
}

static struct buf read_file(const char *name) {
    struct buf out = { 0 };
    char bytes[4096];
    size_t n;
    FILE *f = fopen(name, "r");
    CHECK(f != NULL);
    while ((n = fread(bytes, 1, sizeof bytes, f)) > 0)
        buf_put(&out, bytes, n);
    buf_char(&out, 0);
    fclose(f);
    return out;
}

/* How many lines there are, each of them a whole object. */
static int whole_lines(const char *name) {
    struct arena *a = arena_new(16 << 20);
    struct buf text = read_file(name);
    const char *why;
    int count = 0;
    char *rest = text.ptr;
    for (char *line; (line = strsep(&rest, "\n")) && *line; count++)
        CHECK(json_parse(a, str_of(line), &why) != NULL);
    arena_free(a);
    buf_fini(&text);
    return count;
}

TEST(a_file_is_added_to_and_others_may_not_read_it) {
    struct stat st;
    const char *why = "";
    mode_t before = umask(0);
    begin_file();
    umask(before);
    log_info(NULL, "one", L("n", 1));
    CHECK(log_to_file(path, &why));
    log_info(NULL, "two", L("n", 2));
    CHECK(whole_lines(path) == 2);
    CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0640);
    end_file();
}

TEST(what_is_no_file_is_refused_and_lines_go_where_they_went) {
    const char *why = "";
    begin_file();
    CHECK(rename(path, moved) == 0 && mkdir(path, 0700) == 0);
    CHECK(!log_reopen(&why) && *why);
    log_info(NULL, "still", L("n", 1));
    CHECK(whole_lines(moved) == 1);
    CHECK(rmdir(path) == 0);
    CHECK(!log_to_file("/dev/null", &why));
    CHECK_TEXT(why, "it is no regular file");
    end_file();
}

TEST(a_file_that_is_moved_away_under_load_loses_and_tears_no_line) {
    pthread_t threads[THREADS];
    const char *why = "";
    int count = 0;
    begin_file();
    log_start();
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, write_lines, NULL);
    for (int i = 0; i < 50; i++) {
        CHECK(rename(path, moved) == 0);
        CHECK(log_reopen(&why));
        log_info(NULL, "after", L("i", i));
        struct stat st = { 0 };
        while (stat(path, &st) != 0 || st.st_size == 0) /* the old one is closed by then */
            sched_yield();
        count += whole_lines(moved);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    log_stop();
    count += whole_lines(path);
    CHECK(count == THREADS * LINES + 50);
    end_file();
}

TEST(a_line_that_a_full_disk_cut_does_not_run_into_the_next) {
    struct rlimit was, tight = { 150, 0 };
    begin_file();
    CHECK(getrlimit(RLIMIT_FSIZE, &was) == 0);
    tight.rlim_max = was.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    CHECK(setrlimit(RLIMIT_FSIZE, &tight) == 0);
    double lost = metric_value(METRIC_LOG_LINES_DROPPED, (const char *[4]){ 0 });
    log_info(NULL, "fits", L("n", 1));
    log_info(NULL, "cut", L("filler", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"));
    log_info(NULL, "lost", L("n", 3));
    CHECK(setrlimit(RLIMIT_FSIZE, &was) == 0);
    log_info(NULL, "again", L("n", 4));
    struct buf text = read_file(path);
    CHECK(strstr(text.ptr, "\"event\":\"cut\"") && strstr(text.ptr, "\n{\"time\":") &&
          !strstr(text.ptr, "\"lost\""));
    CHECK(strstr(text.ptr, "\"event\":\"again\",\"n\":4}\n"));
    char *again = strstr(text.ptr, "\"event\":\"again\"");
    while (*again != '\n')
        again--;
    CHECK(strncmp(again, "\n{\"time\"", 8) == 0 && !strstr(again, "\"cut\""));
    CHECK(metric_value(METRIC_LOG_LINES_DROPPED, (const char *[4]){ 0 }) == lost + 2);
    buf_fini(&text);
    end_file();
}

TEST(stopping_does_not_wait_for_a_reader_that_reads_no_more) {
    struct timespec began, ended;
    pid_t child = fork();
    if (child == 0) {
        begin(LOG_INFO, true);
        log_start();
        for (int i = 0; i < 4000; i++)
            log_info(NULL, "line", L("i", i));
        log_stop();
        _exit(7);
    }
    int status = 0;
    clock_gettime(CLOCK_MONOTONIC, &began);
    CHECK(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 7);
    clock_gettime(CLOCK_MONOTONIC, &ended);
    CHECK(ended.tv_sec - began.tv_sec < 10);
}
