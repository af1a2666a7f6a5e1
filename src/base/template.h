/* template: logic-less templates in Mustache's language (mustache.github.io/mustache.5.html).
 *
 *     {{name}} {{a.b}} {{.}}     a value; escaped in HTML
 *     {{{name}}} {{&name}}       the same, never escaped
 *     {{#list}} ... {{/list}}    for each entry; once for what is true; not at all for what is false or missing
 *     {{^list}} ... {{/list}}    when that would not be written
 *     {{> other}}                another template at this place
 *     {{! words }}               nothing
 *
 * A line that holds nothing but one section, comment or partial leaves no empty line behind. False are
 * false, null, 0, the empty text and the empty list. Of a.b, the innermost a there is counts, whether or
 * not it has a b.
 *
 * Otherwise than there: a value that is missing is an error that names it (null is an empty text), as is
 * one that is a list or an object; delimiters stay as they are; there are no lambdas and no parents. What
 * values hold is never read as a template.
 *
 * Time and memory are bounded by the length of the source, and by output_max when it is written. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"

enum {
    TEMPLATE_DEPTH_MAX = 16,   /* of sections in one template, and of partials in each other */
    TEMPLATE_NESTED_MAX = 48,  /* of sections and partials together */
    TEMPLATE_NAME_MAX = 128,   /* bytes of a name with its dots */
    TEMPLATE_PARTIALS_MAX = 64 /* of one template, each name counted once */
};

enum template_fault {
    TEMPLATE_FINE,
    TEMPLATE_WRONG,     /* the source itself */
    TEMPLATE_MISSING,   /* name: the variable that the data does not have */
    TEMPLATE_NO_TEXT,   /* name: the variable that is a list or an object */
    TEMPLATE_NOT_PLAIN, /* name: the variable with a line break in it; NULL: the template has one */
    TEMPLATE_UNKNOWN,   /* name: the partial that there is none of */
    TEMPLATE_TOO_DEEP,  /* name: the partial, or section in one, that goes on for ever */
    TEMPLATE_TOO_LONG   /* more comes out than may, or more work than that is worth */
};

/* What is wrong, where, and in a sentence for people. */
struct template_error {
    enum template_fault fault;
    size_t line, column; /* from 1; columns are code points */
    const char *partial; /* the partial in which that is; NULL: the template itself */
    const char *name;    /* see template_fault; may be NULL */
    const char *why;     /* without the place: "The section calls is not closed." */
};

struct template_code; /* compiled; the arena's */

/* NULL and *wrong when the source is no template. source must last as long as what is made of it. */
struct template_code *template_compile(struct arena *a, struct str source,
                                       struct template_error *wrong);

/* The names of the partials it asks for, in their order; NULL past the last. */
const char *template_partial(const struct template_code *t, size_t i);

enum template_mode {
    TEMPLATE_TEXT, /* values as they are */
    TEMPLATE_HTML, /* & < > " ' of values are escaped */
    TEMPLATE_LINE  /* as text, and only plain characters may come out (base/plain.h): a subject */
};

struct template_run {
    enum template_mode mode;
    const json_t *data; /* NULL: there is none */
    size_t output_max;  /* bytes */
    /* The partial of that name, which lasts as long as the run; NULL: there is none. NULL: no partials. */
    const struct template_code *(*partial)(void *arg, const char *name);
    void *arg;
};

/* Adds what the template says of the data to out. False and *wrong: it cannot be said; what is in out is
 * then of no use. a: for the words of *wrong. Waits for nothing, changes nothing of what it is given. */
bool template_write(struct arena *a, const struct template_code *t, const struct template_run *run,
                    struct buf *out, struct template_error *wrong);
