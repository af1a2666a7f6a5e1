#include "db/files.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void note(struct file_open *f, const char *path) {
    struct stat st;
    if (stat(path, &st) != 0)
        return;
    f->path = strdup(path);
    f->device = st.st_dev;
    f->inode = st.st_ino;
}

static const char *shm_path(const char *database, char *room, size_t size) {
    size_t len = strlen(database);
    if (len + sizeof "-shm" > size)
        return "";
    memcpy(room, database, len);
    memcpy(room + len, "-shm", sizeof "-shm");
    return room;
}

bool files_note(struct files *f, sqlite3 *handle) {
    char room[4096];
    int moved = 0;
    const char *path = sqlite3_db_filename(handle, "main"); /* with symbolic links resolved */
    *f = (struct files){ 0 };
    note(&f->list[0], path);
    note(&f->list[1], sqlite3_filename_wal(path));
    note(&f->list[2], shm_path(path, room, sizeof room));
    /* From its opening until the stat above is long enough to be replaced. */
    sqlite3_file_control(handle, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
    return f->list[0].path && !moved;
}

void files_forget(struct files *f) {
    for (size_t i = 0; i < FILES_MAX; i++)
        free(f->list[i].path);
    *f = (struct files){ 0 };
}

enum files_state files_look(const struct files *f) {
    for (size_t i = 0; i < FILES_MAX && f->list[i].path; i++) {
        struct stat st;
        if (stat(f->list[i].path, &st) != 0)
            return errno == ENOENT || errno == ENOTDIR ? FILES_GONE : FILES_UNSEEN;
        if (st.st_ino != f->list[i].inode || st.st_dev != f->list[i].device)
            return FILES_GONE;
    }
    return FILES_THERE;
}

bool files_hold_database(sqlite3 *handle) {
    static const char MAGIC[16] = "SQLite format 3";
    char head[sizeof MAGIC];
    sqlite3_file *file = NULL;
    sqlite3_file_control(handle, "main", SQLITE_FCNTL_FILE_POINTER, &file);
    if (!file || !file->pMethods)
        return true;
    int rc = file->pMethods->xRead(file, head, sizeof head, 0);
    return rc == SQLITE_IOERR_SHORT_READ ? false
                                         : rc != SQLITE_OK || memcmp(head, MAGIC, sizeof head) == 0;
}
