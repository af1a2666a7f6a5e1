#include "vault/keyring.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/encode.h"
#include "crypto/guarded.h"

static bool is_id(struct str id) {
    if (id.len == 0 || id.len >= KEK_ID_BYTES)
        return false;
    for (size_t i = 0; i < id.len; i++) {
        char c = id.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '-' || c == '_'))
            return false;
    }
    return true;
}

static bool parse_line(struct keyring *k, struct str line, int number, struct arena *a,
                       const char **why) {
    struct str encoded, raw, id = str_trim(str_cut(line, ':', &encoded));
    if (!is_id(id) || !encoded.ptr) {
        *why = arena_printf(a, "line %d of the master keys is not 'id:base64(32 bytes)'", number);
        return false;
    }
    if (!base64_decode(a, str_trim(encoded), &raw) || raw.len != KEK_BYTES) {
        *why =
            arena_printf(a, "line %d of the master keys does not hold 32 bytes in base64", number);
        return false;
    }
    if (k->count == KEYRING_MAX) {
        *why = arena_printf(a, "there are more than %d master keys", KEYRING_MAX);
        return false;
    }
    struct kek *kek = &k->keks[k->count];
    str_copy(kek->id, sizeof kek->id, id);
    if (keyring_find(k, kek->id)) {
        *why = arena_printf(a, "the master key id '%s' stands twice", kek->id);
        return false;
    }
    memcpy(kek->key, raw.ptr, KEK_BYTES);
    explicit_bzero((char *)raw.ptr, raw.len);
    k->count++;
    return true;
}

bool keyring_parse(struct keyring *k, struct str text, struct arena *a, const char **why) {
    *k = (struct keyring){ .keks = guarded_alloc(KEYRING_MAX * sizeof *k->keks) };
    int number = 0;
    if (!k->keks) {
        *why = "there is no memory for the master keys";
        return false;
    }
    for (struct str rest = text, line; rest.ptr;) {
        line = str_trim(str_cut(rest, '\n', &rest));
        number++;
        if (line.len && line.ptr[line.len - 1] == '\r')
            line.len--;
        if (line.len == 0 || line.ptr[0] == '#')
            continue;
        if (!parse_line(k, line, number, a, why)) {
            keyring_fini(k);
            return false;
        }
    }
    if (k->count == 0) {
        *why = "there is no master key";
        keyring_fini(k);
        return false;
    }
    return true;
}

static bool make_file(const char *path, struct arena *a, const char **why) {
    unsigned char key[KEK_BYTES];
    ava_rand(key, sizeof key);
    char *encoded = base64_encode(a, key, sizeof key);
    char *line = arena_printf(a, "k1:%s\n", encoded);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool good = fd >= 0 && write(fd, line, strlen(line)) == (ssize_t)strlen(line) && fsync(fd) == 0;
    if (!good)
        *why = arena_printf(a, "cannot make the key file %s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    explicit_bzero(key, sizeof key);
    explicit_bzero(encoded, strlen(encoded));
    explicit_bzero(line, strlen(line));
    return good;
}

bool keyring_from_file(struct keyring *k, const char *path, struct arena *a, bool *made,
                       const char **why) {
    struct stat st;
    if (made)
        *made = false;
    if (made && lstat(path, &st) != 0 && errno == ENOENT) {
        if (!make_file(path, a, why))
            return false;
        *made = true;
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK); /* a FIFO would block */
    if (fd < 0 || fstat(fd, &st) != 0) {
        *why = errno == ELOOP
                   ? arena_printf(a,
                                  "the key file %s is a symbolic link; put the file itself there, "
                                  "or name another one with AVA_MASTER_KEYS_FILE",
                                  path)
                   : arena_printf(a, "cannot read the key file %s: %s", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return false;
    }
    char text[4096];
    ssize_t n = -1;
    if (!S_ISREG(st.st_mode))
        *why = arena_printf(a, "the key file %s is not a file; move it away: mv %s %s.odd", path,
                            path, path);
    else if (st.st_mode & 077)
        *why = arena_printf(a, "others may read the key file %s: chmod 600 %s", path, path);
    else if ((n = read(fd, text, sizeof text)) < 0)
        *why = arena_printf(a, "cannot read the key file %s: %s", path, strerror(errno));
    close(fd);
    if (n == sizeof text) {
        *why = arena_printf(a, "the key file %s is larger than 4 KiB", path);
        n = -1;
    }
    bool good = n >= 0 && keyring_parse(k, (struct str){ text, (size_t)n }, a, why);
    explicit_bzero(text, sizeof text);
    return good;
}

const struct kek *keyring_find(const struct keyring *k, const char *id) {
    for (size_t i = 0; i < k->count; i++)
        if (strcmp(k->keks[i].id, id) == 0)
            return &k->keks[i];
    return NULL;
}

void keyring_fini(struct keyring *k) {
    guarded_free(k->keks);
    *k = (struct keyring){ 0 };
}
