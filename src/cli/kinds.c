#include "cli/kinds.h"

#include "base/defs.h"
#include "service/assistants/assistants.h"
#include "service/calendars/bookings.h"
#include "service/calendars/calendar_tools.h"
#include "service/calls/call_checks.h"
#include "service/calls/call_tools.h"
#include "service/calls/calls.h"
#include "service/calls/twilio_calls.h"
#include "service/email/email.h"
#include "service/email/email_smtp.h"
#include "service/email/email_tools.h"
#include "service/forwarding/forwarding.h"
#include "service/inbox/inbox.h"
#include "service/messages/message_tools.h"
#include "service/messages/messages.h"
#include "service/notices/notices.h"
#include "service/numbers/number_buy.h"
#include "service/numbers/number_import.h"
#include "service/upkeep/removal.h"
#include "tasks/operations.h"

static const struct job_kind *const JOBS[] = { &OPERATION_JOB,  &INBOX_JOB,   &LINES_JOB,
                                               &FORWARDING_JOB, &REMOVAL_JOB, &NOTICES_JOB };

static const struct operation_kind *const OPERATIONS[] = {
    &CALL_CREATE,   &TWILIO_CALL_CREATE, &MESSAGE_CREATE, &ASSISTANT_CREATE, &NUMBER_BUY,
    &NUMBER_IMPORT, &EMAIL_SEND,         &EMAIL_SMTP,     &BOOK_GOOGLE,      &BOOK_MICROSOFT
};

static const struct tool *const TOOLS[] = { &CALENDAR_FIND_SLOT, &CALENDAR_BOOK,   &CALENDAR_CANCEL,
                                            &SMS_SEND,           &EMAIL_TOOL_SEND, &CALL_TRANSFER,
                                            &CONTACT_NOTE };

const struct task_kinds KINDS = { .jobs = JOBS,
                                  .job_count = ARRAY_LEN(JOBS),
                                  .operations = OPERATIONS,
                                  .operation_count = ARRAY_LEN(OPERATIONS),
                                  .tools = TOOLS,
                                  .tool_count = ARRAY_LEN(TOOLS) };
