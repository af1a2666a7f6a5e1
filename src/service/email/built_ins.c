/* What mail programs show well: no tables, no images, styles in place, and no colours but those that can
 * be read on white and on black. */
#include "service/email/built_ins.h"

#include <string.h>

#include "base/defs.h"

/* clang-format off */
#define HEAD(title)                                                                        \
    "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"              \
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"           \
    "<meta name=\"color-scheme\" content=\"light dark\">\n<title>" title "</title>\n"      \
    "</head>\n"                                                                            \
    "<body style=\"margin: 0; padding: 24px 16px; font: 16px/1.5 -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif\">\n" \
    "<div style=\"max-width: 560px; margin: 0 auto\">\n"                                   \
    "<h1 style=\"margin: 0 0 16px; font-size: 22px; line-height: 1.3\">" title "</h1>\n"

#define TAIL(words)                                                                        \
    "<p style=\"margin: 32px 0 0; padding-top: 12px; border-top: 1px solid #808994; font-size: 13px; color: #747d89\">" words "</p>\n" \
    "</div>\n</body>\n</html>\n"

#define P         "<p style=\"margin: 0 0 12px\">"
#define QUOTE     "<div style=\"margin: 0 0 16px; padding: 4px 0 4px 14px; border-left: 4px solid #3d7de0; white-space: pre-line\">"
#define BUTTON(url, words)                                                                 \
    "<p style=\"margin: 20px 0\"><a href=\"" url "\" style=\"display: inline-block; padding: 11px 20px; border-radius: 8px; background: #1f5fd0; color: #ffffff; text-decoration: none; font-weight: 600\">" words "</a></p>\n"

const struct built_in built_ins[] = {
    { "alert",
      "{{title}}",
      "{{title}}\n\n{{text}}\n"
      "{{#time}}\nWhen: {{time}}\n{{/time}}"
      "{{#link}}\nHave a look: {{link}}\n{{/link}}",
      HEAD("{{title}}")
      QUOTE "{{text}}</div>\n"
      "{{#time}}\n" P "<strong>When:</strong> {{time}}</p>\n{{/time}}\n"
      "{{#link}}\n" BUTTON("{{link}}", "Have a look") "{{/link}}\n"
      TAIL("You get this because alerts of your voice service go to this address."),
      "{\"title\":\"Calls are not getting through\",\"text\":\"The last five calls to the front desk failed. The carrier reports a busy network.\","
      "\"time\":\"28 November, 10:42\",\"link\":\"https://ava.example.com/calls\"}" },

    { "call_summary",
      "Your call with {{caller}}{{#time}}, {{time}}{{/time}}",
      "Your call with {{caller}}\n\n"
      "{{#time}}\nWhen: {{time}}\n{{/time}}\n"
      "{{#duration}}\nHow long: {{duration}}\n{{/duration}}\n"
      "\n{{summary}}\n"
      "{{#next_steps}}\n\nTo do: {{.}}\n{{/next_steps}}\n"
      "{{#link}}\n\nThe whole call: {{link}}\n{{/link}}\n",
      HEAD("Your call with {{caller}}")
      "{{#time}}\n" P "<strong>When:</strong> {{time}}</p>\n{{/time}}\n"
      "{{#duration}}\n" P "<strong>How long:</strong> {{duration}}</p>\n{{/duration}}\n"
      QUOTE "{{summary}}</div>\n"
      "{{#next_steps}}\n" P "<strong>To do:</strong> {{.}}</p>\n{{/next_steps}}\n"
      "{{#link}}\n" BUTTON("{{link}}", "Open the call") "{{/link}}\n"
      TAIL("Written by your voice assistant. It may have misheard a word: check what matters."),
      "{\"caller\":\"Ada Lovelace\",\"time\":\"28 November, 10:42\",\"duration\":\"4 min 10 s\","
      "\"summary\":\"Ada asked to move her appointment to Thursday. The assistant offered 9:30 and she took it.\","
      "\"next_steps\":[\"Confirm Thursday 9:30\",\"Send the new directions\"],\"link\":\"https://ava.example.com/calls/1\"}" },

    { "invitation",
      "{{#invited_by}}{{invited_by}} invites you{{/invited_by}}{{^invited_by}}You are invited{{/invited_by}} to {{workspace}}",
      "Hello,\n\n"
      "{{#invited_by}}{{invited_by}} invites you{{/invited_by}}{{^invited_by}}you are invited{{/invited_by}} to work together in {{workspace}}.\n\n"
      "Accept here: {{link}}\n"
      "{{#expires}}\n\nThe invitation is good until {{expires}}.\n{{/expires}}\n"
      "\nYou do not know what this is about? Then nothing is left to do: without your yes, nothing happens.\n",
      HEAD("You are invited to {{workspace}}")
      P "{{#invited_by}}<strong>{{invited_by}}</strong> invites you{{/invited_by}}{{^invited_by}}You are invited{{/invited_by}} to work together in <strong>{{workspace}}</strong>.</p>\n"
      BUTTON("{{link}}", "Accept the invitation")
      "{{#expires}}\n" P "The invitation is good until {{expires}}.</p>\n{{/expires}}\n"
      "<p style=\"margin: 0 0 12px; font-size: 14px; word-break: break-all\">If the button does not work: {{link}}</p>\n"
      TAIL("You do not know what this is about? Then nothing is left to do: without your yes, nothing happens."),
      "{\"workspace\":\"Front desk\",\"invited_by\":\"Grace Hopper\",\"link\":\"https://ava.example.com/signin#invitation=example\",\"expires\":\"5 December\"}" },

    { "missed_call",
      "Missed call from {{caller}}",
      "You missed a call.\n\n"
      "From: {{caller}}\n"
      "{{#called}}\nTo:   {{called}}\n{{/called}}\n"
      "When: {{time}}\n"
      "{{#message}}\n\nThe caller said:\n{{message}}\n{{/message}}\n"
      "{{#link}}\n\nMore about this call: {{link}}\n{{/link}}\n",
      HEAD("You missed a call")
      P "<strong>From:</strong> {{caller}}</p>\n"
      "{{#called}}\n" P "<strong>To:</strong> {{called}}</p>\n{{/called}}\n"
      P "<strong>When:</strong> {{time}}</p>\n"
      "{{#message}}\n<h2 style=\"margin: 20px 0 8px; font-size: 17px\">The caller said</h2>\n" QUOTE "{{message}}</div>\n{{/message}}\n"
      "{{#link}}\n" BUTTON("{{link}}", "See the call") "{{/link}}\n"
      TAIL("You get this because missed calls go to this address."),
      "{\"caller\":\"+33 6 12 34 56 78\",\"called\":\"Front desk\",\"time\":\"28 November, 10:42\",\"message\":\"Please call me back about Thursday.\",\"link\":\"https://ava.example.com/calls/1\"}" },

    { "test_mail",
      "Your e-mail works",
      "Hello,\n\n"
      "this is a test{{#workspace}} from {{workspace}}{{/workspace}}. It arrived, so your e-mail connection works.\n\n"
      "There is nothing you need to do.\n"
      "{{#time}}\n\nSent: {{time}}\n{{/time}}\n",
      HEAD("Your e-mail works")
      P "This is a test{{#workspace}} from <strong>{{workspace}}</strong>{{/workspace}}. It arrived, so your e-mail connection works.</p>\n"
      P "There is nothing you need to do.</p>\n"
      "{{#time}}\n" P "<strong>Sent:</strong> {{time}}</p>\n{{/time}}\n"
      TAIL("Somebody asked for this test under Connections."),
      "{\"workspace\":\"Front desk\",\"time\":\"28 November, 10:42\"}" },

    { "text_back",
      "Sorry we missed your call",
      "Sorry, we just missed your call{{#workspace}} to {{workspace}}{{/workspace}}. How can we help? Answer here, or call us again. Reply STOP for no more texts.\n",
      HEAD("Sorry we missed your call")
      P "We just missed your call{{#workspace}} to {{workspace}}{{/workspace}}. How can we help? Answer here, or call us again.</p>\n"
      TAIL("You get this because you called us."),
      "{\"workspace\":\"Front desk\"}" },
};
/* clang-format on */

const size_t built_ins_count = ARRAY_LEN(built_ins);

const struct built_in *built_in_find(const char *name) {
    for (size_t i = 0; i < built_ins_count; i++)
        if (strcmp(built_ins[i].name, name) == 0)
            return &built_ins[i];
    return NULL;
}
