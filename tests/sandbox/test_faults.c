#include "sandbox/faults.h"

#include <string.h>

#include "test.h"

static struct fault fault(enum fault_kind kind, const char *credential, const char *operation,
                          int64_t times) {
    struct fault f = { .provider = "vapi", .kind = kind, .times = times };
    str_copy(f.credential, sizeof f.credential, str_of(credential));
    str_copy(f.operation, sizeof f.operation, str_of(operation));
    return f;
}

static enum fault_kind met(struct faults *f, const char *last4, const char *method,
                           const char *path) {
    return faults_take(f, "vapi", str_of(last4), method, str_of(path)).kind;
}

static void set(struct faults *f, struct fault fault) {
    CHECK(faults_set(f, &fault));
}

TEST(nothing_goes_wrong_unasked) {
    struct faults *f = faults_new();
    CHECK_INT(met(f, "1234", "GET", "/assistant"), FAULT_NONE);
    faults_free(f);
}

TEST(a_fault_counts_down_and_goes) {
    struct faults *f = faults_new();
    set(f, fault(FAULT_RESET, "", "", 2));
    CHECK_INT(met(f, "1234", "GET", "/assistant"), FAULT_RESET);
    CHECK_INT(met(f, "1234", "GET", "/assistant"), FAULT_RESET);
    CHECK_INT(met(f, "1234", "GET", "/assistant"), FAULT_NONE);
    faults_free(f);
}

TEST(the_one_that_names_most_wins) {
    struct faults *f = faults_new();
    set(f, fault(FAULT_RESET, "", "", 0));
    set(f, fault(FAULT_HANG, "", "PATCH /assistant", 0));
    set(f, fault(FAULT_STATUS, "beef", "", 0));
    CHECK_INT(met(f, "1234", "GET", "/assistant"), FAULT_RESET);
    CHECK_INT(met(f, "1234", "PATCH", "/assistant/7"), FAULT_HANG);
    CHECK_INT(met(f, "beef", "PATCH", "/assistant/7"), FAULT_STATUS);
    CHECK_INT(faults_take(f, "twilio", STR("beef"), "GET", STR("/")).kind, FAULT_NONE);
    faults_free(f);
}

TEST(an_operation_is_a_method_and_how_the_path_begins) {
    struct faults *f = faults_new();
    set(f, fault(FAULT_RESET, "", "GET /assistant", 0));
    set(f, fault(FAULT_HANG, "", "PATCH", 0));
    CHECK_INT(met(f, "", "GET", "/assistant/1"), FAULT_RESET);
    CHECK_INT(met(f, "", "GET", "/call"), FAULT_NONE);
    CHECK_INT(met(f, "", "GETS", "/assistant"), FAULT_NONE);
    CHECK_INT(met(f, "", "PATCH", "/any"), FAULT_HANG);
    faults_free(f);
}

TEST(none_removes_one_or_all) {
    struct faults *f = faults_new();
    set(f, fault(FAULT_RESET, "", "", 0));
    set(f, fault(FAULT_HANG, "beef", "", 0));
    set(f, fault(FAULT_NONE, "beef", "", 0));
    CHECK_INT(met(f, "beef", "GET", "/"), FAULT_RESET);
    set(f, fault(FAULT_HANG, "beef", "", 0));
    set(f, fault(FAULT_NONE, "", "", 0));
    CHECK_INT(met(f, "beef", "GET", "/"), FAULT_NONE);
    faults_free(f);
}

TEST(the_list_is_bounded_and_replaces_what_is_the_same) {
    struct faults *f = faults_new();
    for (int i = 0; i < FAULTS_MAX; i++) {
        char path[8] = { 'G', 'E', 'T', ' ', '/', (char)('0' + i / 10), (char)('0' + i % 10) };
        set(f, fault(FAULT_RESET, "", path, 0));
    }
    struct fault more = fault(FAULT_RESET, "", "GET /more", 0);
    CHECK(!faults_set(f, &more));
    set(f, fault(FAULT_HANG, "", "GET /07", 0));
    CHECK_INT(met(f, "", "GET", "/07"), FAULT_HANG);
    faults_free(f);
}
