#include "db/temp_redis.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"

enum { ARGS_MAX = 24, COMES_MS = 10 * 1000 };

extern char **environ;

static int reach(const char *path) {
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(to.sun_path, sizeof to.sun_path, "%s", path);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0)
        return fd;
    close(fd);
    return -1;
}

/* What it writes ends with the line that it is ready, or with its death. */
static bool wait_until_ready(int from) {
    char all[16384];
    size_t len = 0;
    for (ssize_t n; (n = read(from, all + len, sizeof all - 1 - len)) > 0;) {
        len += (size_t)n;
        all[len] = 0;
        if (strstr(all, "ready to accept connections") || strstr(all, "Ready to accept"))
            return true;
    }
    fprintf(stderr, "# redis-server: %.*s\n", (int)len, all);
    return false;
}

static void run(struct temp_redis *t, const char *const *more) {
    const char *args[ARGS_MAX] = {
        "redis-server", "--port", "0",     "--unixsocket", t->path,     "--save", "",
        "--appendonly", "no",     "--dir", t->dir,         "--logfile", ""
    };
    int out[2];
    size_t n = 13;
    posix_spawn_file_actions_t to;
    for (; more && *more && n + 1 < ARGS_MAX; more++)
        args[n++] = *more;
    if (pipe2(out, O_CLOEXEC) != 0)
        abort();
    posix_spawn_file_actions_init(&to);
    posix_spawn_file_actions_adddup2(&to, out[1], 1);
    posix_spawn_file_actions_adddup2(&to, out[1], 2);
    if (posix_spawnp(&t->pid, args[0], &to, NULL, (char **)args, environ) != 0)
        t->pid = 0;
    posix_spawn_file_actions_destroy(&to);
    close(out[1]);
    if (t->pid && !wait_until_ready(out[0]))
        abort();
    close(out[0]); /* it goes on without a reader; it writes little, and ignores SIGPIPE */
}

bool temp_redis_start(struct temp_redis *t, const char *const *more) {
    if (!t->dir[0]) {
        snprintf(t->dir, sizeof t->dir, "/tmp/ava-redis-XXXXXX");
        if (!mkdtemp(t->dir))
            abort();
        snprintf(t->path, sizeof t->path, "%s/s", t->dir);
    }
    unlink(t->path);
    run(t, more);
    if (!t->pid)
        temp_redis_end(t);
    return t->pid != 0;
}

void temp_redis_signal(struct temp_redis *t, int signal) {
    if (t->pid)
        kill(t->pid, signal);
}

void temp_redis_kill(struct temp_redis *t) {
    temp_redis_signal(t, SIGKILL);
    if (t->pid)
        waitpid(t->pid, NULL, 0);
    t->pid = 0;
}

void temp_redis_end(struct temp_redis *t) {
    temp_redis_kill(t);
    unlink(t->path);
    rmdir(t->dir);
    t->dir[0] = 0;
}

const char *temp_redis_say(struct temp_redis *t, const char *const *words) {
    static char said[512];
    struct buf command = { 0 };
    size_t count = 0;
    while (words[count])
        count++;
    buf_printf(&command, "*%zu\r\n", count);
    for (size_t i = 0; i < count; i++)
        buf_printf(&command, "$%zu\r\n%s\r\n", strlen(words[i]), words[i]);
    int fd = reach(t->path);
    if (fd < 0 || write(fd, command.ptr, command.len) != (ssize_t)command.len)
        abort();
    ssize_t n = read(fd, said, sizeof said - 1);
    said[n > 0 ? n : 0] = 0;
    said[strcspn(said, "\r")] = 0;
    close(fd);
    buf_fini(&command);
    return said;
}

static void hash(void *arg, struct str of, unsigned char out[KV_HASH_BYTES]) {
    memset(out, 0, KV_HASH_BYTES);
    memcpy(out, of.ptr, of.len < KV_HASH_BYTES ? of.len : KV_HASH_BYTES);
}

struct kv *temp_redis_kv(const char *path, const char *password) {
    struct kv_conf conf = { .installation = "test", .hash = hash };
    const char *why;
    str_copy(conf.url.path, sizeof conf.url.path, str_of(path));
    str_copy(conf.url.password, sizeof conf.url.password, str_of(password));
    struct kv *kv = kv_open(&conf, &why);
    if (!kv)
        abort();
    return kv;
}

bool temp_redis_comes(struct kv *kv, bool up) {
    int64_t until_ms = ava_now_ms() + COMES_MS;
    while (kv_is_up(kv) != up && ava_now_ms() < until_ms)
        poll(NULL, 0, 1);
    return kv_is_up(kv) == up;
}
