#include "tasks/kinds.h"

#include "cli/kinds.h"
#include "tasks/operations.h"
#include "test.h"

static const struct operation_kind MAIL = { .name = "mail.send", .provider = PROVIDER_DESTINATION },
                                   CALL = { .name = "call.make", .provider = PROVIDER_VAPI };
static const struct job_kind SLOW = { .name = "slow", .is_slow = true }, FAST = { .name = "fast" };

TEST(a_kind_is_found_by_its_name_and_by_nothing_else) {
    static const struct job_kind *const JOBS[] = { &SLOW, &FAST };
    static const struct operation_kind *const OPERATIONS[] = { &CALL };
    struct task_kinds kinds = {
        .jobs = JOBS, .job_count = 2, .operations = OPERATIONS, .operation_count = 1
    };
    struct parts parts = { .kinds = &kinds };
    struct ctx ctx = { .parts = &parts };
    CHECK(job_kind_of(&parts, "fast") == &FAST && job_kind_of(&parts, "slow") == &SLOW);
    CHECK(!job_kind_of(&parts, "call.make") && !job_kind_of(&parts, ""));
    CHECK(operation_kind_of(&ctx, "call.make") == &CALL && !operation_kind_of(&ctx, "fast"));
}

TEST(without_kinds_there_is_none) {
    struct parts parts = { .kinds = NULL };
    struct ctx ctx = { .parts = &parts };
    CHECK(!job_kind_of(&parts, "inbox") && !operation_kind_of(&ctx, "call.create"));
}

TEST(a_kind_whose_provider_has_no_dialect_is_refused_at_the_start) {
    static const struct operation_kind *const BOTH[] = { &CALL, &MAIL };
    CHECK_TEXT(kinds_find_wrong(&(struct task_kinds){ .operations = BOTH, .operation_count = 2 }),
               "mail.send");
    CHECK(!kinds_find_wrong(&(struct task_kinds){ .operations = BOTH, .operation_count = 1 }));
    CHECK(!kinds_find_wrong(&KINDS));
}
