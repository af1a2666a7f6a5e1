#include "test.h"

#include <stdio.h>
#include <string.h>

#include "base/defs.h"
#include "service/calls/ended.h"
#include "service/calls/ended_reasons.h"

TEST(every_reason_of_vapi_has_a_sentence_of_its_own_kind) {
    struct arena *a = arena_new(1 << 20);
    int unknown = 0;
    for (size_t i = 0; i < ARRAY_LEN(REASONS); i++) {
        struct ended e = ended_explain(a, REASONS[i]);
        size_t len = strlen(e.text);
        CHECK(len > 10 && len < 160 && e.text[len - 1] == '.');
        CHECK(!strchr(e.text, '%'));
        if (!e.is_known) {
            printf("# %s\n", REASONS[i]);
            unknown++;
        }
    }
    CHECK_INT(unknown, 0);
    arena_free(a);
}

TEST(says_what_happened_and_who_can_mend_it) {
    static const struct {
        const char *reason, *text, *who;
        bool is_fault;
    } CASES[] = {
        { "customer-did-not-answer", "Nobody picked up.", "callee", false },
        { "no-answer", "Nobody picked up.", "callee", false },
        { "call.in-progress.error-providerfault-openai-401-unauthorized",
          "OpenAI does not accept the key that is stored for it.", "you", true },
        { "call.in-progress.error-vapifault-openai-401-unauthorized",
          "OpenAI does not accept the key that is stored for it.", "vapi", true },
        { "pipeline-error-azure-openai-429-exceeded-quota",
          "The quota of the account at OpenAI at Azure is used up.", "you", true },
        { "call.in-progress.error-vapifault-worker-died",
          "Vapi lost the process that led the call.", "vapi", true },
        { "canceled-while-waiting",
          "Somebody ended it while it waited for a free line; nobody was called.", "nobody",
          false },
    };
    struct arena *a = arena_new(1 << 16);
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        struct ended e = ended_explain(a, CASES[i].reason);
        CHECK_TEXT(e.text, CASES[i].text);
        CHECK_TEXT(e.who, CASES[i].who);
        CHECK(e.is_fault == CASES[i].is_fault);
    }
    arena_free(a);
}

TEST(a_reason_nobody_wrote_down_is_shown_as_it_is) {
    struct arena *a = arena_new(1 << 16);
    struct ended e = ended_explain(a, "aliens-arrived");
    CHECK(!e.is_known);
    CHECK_TEXT(e.text, "Ava does not know this reason yet: aliens-arrived.");
    arena_free(a);
}
