/* What the libraries say when they get no memory is not taken for what they were asked. */
#include "test.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/encode.h"
#include "crypto/crypto.h"
#include "crypto/hmac.h"
#include "crypto/password.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define BOUNDLESS 1 /* a sanitizer maps terabytes */
#else
#define BOUNDLESS 0
#endif

static int allocations_left = -1; /* before one fails; below 0: none does */
static int refused;

static bool is_refused(void) {
    if (allocations_left < 0 || allocations_left-- > 0)
        return false;
    refused++;
    return true;
}

static void *scarce_malloc(size_t n, const char *file, int line) {
    return is_refused() ? NULL : malloc(n);
}

static void *scarce_realloc(void *p, size_t n, const char *file, int line) {
    return is_refused() ? NULL : realloc(p, n);
}

static void give_back(void *p, const char *file, int line) {
    free(p);
}

__attribute__((constructor)) static void install(void) {
    if (!CRYPTO_set_mem_functions(scarce_malloc, scarce_realloc, give_back))
        abort();
}

/* RFC 4231, test case 2. */
TEST(an_hmac_is_right_whichever_of_its_allocations_fails) {
    static const char EXPECTED[] =
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    int failed = 0;
    for (int n = -1; n < 64; n++) {
        unsigned char out[HMAC_SHA256_BYTES];
        char hex[2 * sizeof out + 1];
        allocations_left = n;
        refused = 0;
        hmac_sha256(out, STR("Jefe"), STR("what do ya want for nothing?"));
        failed += refused;
        allocations_left = -1;
        hex_encode(hex, out, sizeof out);
        CHECK_TEXT(hex, EXPECTED);
    }
    CHECK(failed >= 3);
}

/* From here on the system gives this process no more than so much beyond what it has. */
static void allow(size_t more) {
    unsigned long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (!f || fscanf(f, "%lu", &pages) != 1)
        _exit(9);
    fclose(f);
    rlim_t bytes = (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + more;
    if (setrlimit(RLIMIT_AS, &(struct rlimit){ bytes, RLIM_INFINITY }) != 0)
        _exit(9);
}

static void check_passwords(void) {
    char phc[PASSWORD_PHC_BYTES], other[PASSWORD_PHC_BYTES];
    bool is_right = true;
    if (!crypto_init() || !password_hash(phc, STR("correct horse")))
        _exit(1);
    allow(32 << 20);
    for (int i = 0; i < 3; i++) {
        const struct str each[] = { STR("correct horse"), STR("wrong"), { 0 } };
        if (password_verify(phc, each[i], &is_right) || is_right)
            _exit(2);
        if (password_verify(NULL, each[i], &is_right) || is_right)
            _exit(3);
    }
    if (password_hash(other, STR("another")))
        _exit(4);
    allow(128 << 20);
    if (!password_verify(phc, STR("correct horse"), &is_right) || !is_right)
        _exit(5);
    if (!password_verify(phc, STR("wrong"), &is_right) || is_right)
        _exit(6);
    if (!password_verify("rubbish", STR("wrong"), &is_right) || is_right)
        _exit(7);
    _exit(0);
}

TEST(a_password_that_there_is_no_memory_to_check_is_not_a_wrong_one) {
    if (BOUNDLESS)
        return;
    int status = -1;
    pid_t child = fork();
    if (child == 0)
        check_passwords();
    CHECK_INT(waitpid(child, &status, 0), child);
    CHECK(WIFEXITED(status));
    CHECK_INT(WEXITSTATUS(status), 0);
}
