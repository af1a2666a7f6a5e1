#include "cli/kinds.h"

#include "base/defs.h"
#include "service/assistants.h"
#include "service/calls.h"
#include "service/forwarding.h"
#include "service/inbox.h"
#include "service/lines.h"
#include "service/messages.h"
#include "service/number_buy.h"
#include "service/number_import.h"
#include "service/operations.h"
#include "service/twilio_calls.h"

static const struct job_kind *const JOBS[] = { &OPERATION_JOB, &INBOX_JOB, &LINES_JOB,
                                               &FORWARDING_JOB };

static const struct operation_kind *const OPERATIONS[] = { &CALL_CREATE,    &TWILIO_CALL_CREATE,
                                                           &MESSAGE_CREATE, &ASSISTANT_CREATE,
                                                           &NUMBER_BUY,     &NUMBER_IMPORT };

const struct task_kinds KINDS = { .jobs = JOBS,
                                  .job_count = ARRAY_LEN(JOBS),
                                  .operations = OPERATIONS,
                                  .operation_count = ARRAY_LEN(OPERATIONS) };
