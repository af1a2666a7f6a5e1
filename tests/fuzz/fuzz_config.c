/* ava.conf with any bytes in it. */
#include "fuzz/fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct config c;
    struct arena *a = arena_new(64 << 20);
    char *problems = NULL, path[64];
    int fd = memfd_create("conf", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    size_t n = config_load(&c, &(struct config_sources){ .file = path }, a, &problems);
    CLAIM((n == 0) == (problems[0] == 0));
    for (enum setting s = 0; s < SETTING_COUNT; s++)
        CLAIM(config_value(&c, s, a) != NULL);
    close(fd);
    arena_free(a);
    return 0;
}
