/* replay: runs a fuzz target over its corpus, without libFuzzer: each file is one test. */
#include "test.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"

static uint8_t *read_file(const char *path, size_t *size) {
    FILE *f = fopen(path, "rb");
    if (!f)
        return NULL;
    fseek(f, 0, SEEK_END);
    *size = (size_t)ftell(f);
    rewind(f);
    uint8_t *bytes = malloc(*size + 1); /* exactly as long for a sanitizer, but never NULL */
    if (*size && fread(bytes, 1, *size, f) != *size)
        abort();
    fclose(f);
    bytes = realloc(bytes, *size ? *size : 1);
    return bytes;
}

TEST(the_whole_corpus_passes) {
    DIR *d = opendir(FUZZ_CORPUS);
    struct dirent *e;
    char path[600];
    int seen = 0;
    while (d && (e = readdir(d))) {
        size_t size;
        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", FUZZ_CORPUS, e->d_name);
        uint8_t *bytes = read_file(path, &size);
        CHECK(bytes != NULL);
        CHECK_INT(LLVMFuzzerTestOneInput(bytes, size), 0);
        free(bytes);
        seen++;
    }
    if (d)
        closedir(d);
    CHECK(seen > 0);
}

/* Every beginning of every file too: parsers meet cut texts all day. */
TEST(so_does_every_beginning_of_it) {
    DIR *d = opendir(FUZZ_CORPUS);
    struct dirent *e;
    char path[600];
    while (d && (e = readdir(d))) {
        size_t size;
        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", FUZZ_CORPUS, e->d_name);
        uint8_t *bytes = read_file(path, &size);
        for (size_t n = 0; n < size && n < 600; n++) {
            uint8_t *part = malloc(n ? n : 1);
            memcpy(part, bytes, n);
            CHECK_INT(LLVMFuzzerTestOneInput(part, n), 0);
            free(part);
        }
        free(bytes);
    }
    if (d)
        closedir(d);
}
