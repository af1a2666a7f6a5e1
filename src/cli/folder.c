#include "cli/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "obs/log.h"

enum { OTHERS_MAY_WRITE = S_IWGRP | S_IWOTH };

/* What stands in the way of writing into the data folder, or of making it. */
static int cannot_write(const char *path, const char *what, int e) {
    if (e == EROFS)
        return cli_fail(EXIT_CONFIG, "AVA_DATA_DIR: %s is on a read-only file system", path);
    return cli_fail(EXIT_CONFIG, "AVA_DATA_DIR: cannot %s %s: %s", what, path, strerror(e));
}

/* Is it a volume? What mode and owner that has is decided by who mounts it. */
static bool is_mounted(const char *path) {
    struct statx st;
    return statx(AT_FDCWD, path, 0, STATX_BASIC_STATS, &st) == 0 &&
           (st.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

static bool is_link(const char *path) {
    struct stat st;
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/') /* a link with a slash behind it is what it leads to */
        len--;
    char bare[4096];
    str_copy(bare, sizeof bare, (struct str){ path, len });
    return lstat(bare, &st) == 0 && S_ISLNK(st.st_mode);
}

/* EXIT_OK with a warning where it can be nobody's mistake, else EXIT_CONFIG. */
static int object(bool is_usual, bool warns, const char *sentence) {
    if (!is_usual)
        return cli_fail(EXIT_CONFIG, "AVA_DATA_DIR: %s", sentence);
    if (warns)
        log_warn(NULL, "data_dir", L("why", sentence));
    return EXIT_OK;
}

/* Whose the folder is, and who else may put files into it. */
static int judge(const char *path, const struct stat *st, bool warns, struct arena *a) {
    uid_t us = geteuid();
    bool is_foreign = st->st_uid != us && st->st_uid != 0;
    if (is_foreign && is_link(path))
        return object(
            false, warns,
            arena_printf(a,
                         "%s is a symbolic link to a folder that belongs to somebody else "
                         "(uid %u); name a folder of your own, or: chown -R %u %s/",
                         path, (unsigned)st->st_uid, (unsigned)us, path));
    bool is_volume = is_mounted(path);
    if (is_foreign)
        return object(is_volume || us == 0, warns,
                      arena_printf(a, "%s belongs to somebody else (uid %u): chown -R %u %s", path,
                                   (unsigned)st->st_uid, (unsigned)us, path));
    if (st->st_mode & OTHERS_MAY_WRITE)
        return object(
            is_volume, warns,
            arena_printf(a,
                         "others may write into %s (mode %04o), and so replace the keys and "
                         "the database: chmod go-w %s",
                         path, (unsigned)st->st_mode & 07777, path));
    return EXIT_OK;
}

/* Opening anything but a file there would wait for ever, or fail without a word that helps. */
static int judge_database(const char *path, struct arena *a) {
    struct stat st;
    const char *file = arena_printf(a, "%s/ava.db", path);
    if (stat(file, &st) != 0 || S_ISREG(st.st_mode))
        return EXIT_OK;
    return cli_fail(EXIT_CONFIG,
                    "AVA_DATA_DIR: %s is not a file, but should be the database; move it away: "
                    "mv %s %s.odd",
                    file, file, file);
}

int folder_make(const char *path, bool warns, struct arena *a) {
    struct stat st;
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return cannot_write(path, "make", errno);
    if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
        return cli_fail(EXIT_CONFIG, "AVA_DATA_DIR: %s is not a folder", path);
    if (access(path, W_OK) != 0)
        return cannot_write(path, "write into", errno);
    int status = judge(path, &st, warns, a);
    return status == EXIT_OK ? judge_database(path, a) : status;
}

int folder_make_backups(const char *path) {
    struct stat st;
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return cli_fail(EXIT_CONFIG, "AVA_BACKUP_DIR: cannot make %s: %s", path, strerror(errno));
    if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
        return cli_fail(EXIT_CONFIG, "AVA_BACKUP_DIR: %s is not a folder", path);
    if (access(path, R_OK | W_OK | X_OK) != 0)
        return cli_fail(EXIT_CONFIG, "AVA_BACKUP_DIR: cannot write into %s: %s", path,
                        strerror(errno));
    return EXIT_OK;
}

/* "." for a name alone. */
static const char *folder_of(const char *file, struct arena *a) {
    const char *slash = strrchr(file, '/');
    if (!slash)
        return ".";
    return slash == file ? "/" : arena_strndup(a, file, (size_t)(slash - file));
}

const char *folder_judge_log(const char *file, struct arena *a) {
    struct stat st;
    const char *folder = folder_of(file, a);
    if (stat(folder, &st) != 0 || !S_ISDIR(st.st_mode))
        return arena_printf(
            a, "AVA_LOG_FILE: %s is not a folder; make it for the user that Ava runs as", folder);
    if ((st.st_mode & S_IWOTH) && !(st.st_mode & S_ISVTX))
        return arena_printf(
            a,
            "AVA_LOG_FILE: others may write into %s, and so put another file there: chmod o-w %s",
            folder, folder);
    bool is_there = stat(file, &st) == 0;
    if (is_there && !S_ISREG(st.st_mode))
        return arena_printf(a, "AVA_LOG_FILE: %s is no regular file", file);
    if (access(is_there ? file : folder, W_OK) != 0)
        return arena_printf(a, "AVA_LOG_FILE: cannot write into %s: %s", is_there ? file : folder,
                            strerror(errno));
    return NULL;
}
