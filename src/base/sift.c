#include "base/sift.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"

enum {
    KEY_MAX = 256,    /* a longer name is none that anybody asks for */
    NUMBER_MAX = 400, /* digits that are looked at */
    WORD_MAX = 8,     /* "Infinity" */
    FRAMES_FIRST = 8,
    NODE_BYTES = 96,         /* what a value costs beside its text, about */
    CONTAINER_BYTES = 256,   /* and an object or list on top of that */
    TEXT_KEPT_MAX = 4 << 20, /* sift_text */
    OWN_KEPT_MAX = 64 << 20  /* sift_own */
};

/* "message.call.id" as its parts; "[]" is a part of its own. */
struct path {
    struct str parts[SIFT_PARTS_MAX];
    size_t count;
};

/* An object or list that is open, and whose kept members are collected. */
struct frame {
    json_t *node;
    uint64_t paths;       /* those that lead to it and go on below */
    bool is_list, is_all; /* is_all: everything in it is kept */
    char *key;            /* of the member that is being read; the arena's, NULL in lists */
    size_t key_len;
};

enum state {
    AT_VALUE,   /* a value begins, or a list ends */
    AT_KEY,     /* a name begins, or an object ends */
    AT_COLON,   /* behind a name */
    AT_NEXT,    /* behind a value: a comma, or an end */
    IN_TEXT,    /* within a name or a text */
    IN_SCALAR,  /* within a number or a word */
    IN_NOTHING, /* within an object or list of which nothing is kept */
    AT_END      /* behind the whole value, or behind what is broken */
};

struct sift {
    struct arena *arena;
    struct path *paths; /* the arena's, as many as were asked for */
    size_t path_count;
    size_t kept, kept_max;
    enum state state;
    enum sift_end how;
    bool is_cut;
    json_t *root;
    struct frame *frames; /* the arena's; grows, since few are deep */
    size_t depth, frames_room;
    /* The text, name or scalar that is being read. */
    struct buf *text; /* the arena's */
    bool is_key, is_kept, is_text_cut;
    unsigned escape; /* 0: none; 1: behind a backslash; 2..5: so many hex digits and one are read */
    unsigned unit, high; /* of the escape; high: a high surrogate that waits for its low one */
    /* IN_NOTHING: */
    size_t nothing_depth;
    bool nothing_in_text, nothing_escaped;
    unsigned bom; /* how many bytes of a byte order mark were passed over */
};

/* --- paths ----------------------------------------------------------------------------------- */

static void path_add(struct path *p, struct str part) {
    if (p->count < SIFT_PARTS_MAX)
        p->parts[p->count++] = part;
}

static struct path path_of(const char *text) {
    struct path p = { .count = 0 };
    struct str rest = str_of(text);
    while (rest.len) {
        struct str part = rest;
        size_t lists = 0;
        if (rest.ptr[0] == '@') /* OData: a name with dots in it */
            rest.len = 0;
        else
            part = str_cut(rest, '.', &rest);
        while (part.len >= 2 && str_ends(part, STR("[]"))) {
            part.len -= 2;
            lists++;
        }
        if (part.len)
            path_add(&p, part);
        for (; lists; lists--)
            path_add(&p, STR("[]"));
    }
    return p;
}

/* Of a frame's paths, those that lead to this member; *all: one of them ends there. */
static uint64_t paths_below(const struct sift *s, const struct frame *f, struct str name,
                            bool *all) {
    uint64_t out = 0;
    size_t at = s->depth - 1; /* the part that names members of the innermost frame */
    *all = f->is_all;
    for (size_t i = 0; i < s->path_count && !f->is_all; i++) {
        const struct path *p = &s->paths[i];
        if (!(f->paths & UINT64_C(1) << i) || p->count <= at || !str_eq(p->parts[at], name))
            continue;
        out |= UINT64_C(1) << i;
        *all |= p->count == at + 1;
    }
    return out;
}

/* --- what is kept ---------------------------------------------------------------------------- */

/* Makes room for a value; false when there is none left. */
static bool afford(struct sift *s, size_t bytes) {
    if (s->kept + bytes + NODE_BYTES > s->kept_max) {
        s->is_cut = true;
        return false;
    }
    s->kept += bytes + NODE_BYTES;
    return true;
}

/* Puts a value where it belongs; takes it over. */
static void put(struct sift *s, json_t *value) {
    struct frame *f = s->depth ? &s->frames[s->depth - 1] : NULL;
    if (!f)
        s->root = value;
    else if (f->is_list)
        json_array_append_new(f->node, value);
    else
        json_object_setn_new_nocheck(f->node, f->key, f->key_len, value);
}

/* Is the value that begins now kept? And what of it? */
static bool wanted(const struct sift *s, uint64_t *paths, bool *all) {
    if (s->depth == 0) {
        *paths = s->path_count == SIFT_PATHS_MAX ? UINT64_MAX : (UINT64_C(1) << s->path_count) - 1;
        *all = s->path_count == 0;
        for (size_t i = 0; i < s->path_count; i++)
            *all |= s->paths[i].count == 0;
        return true;
    }
    const struct frame *f = &s->frames[s->depth - 1];
    struct str name = f->is_list ? STR("[]") : (struct str){ f->key, f->key_len };
    if (!f->is_list && !f->key)
        return false;
    *paths = paths_below(s, f, name, all);
    return *all || *paths;
}

/* --- values ---------------------------------------------------------------------------------- */

static void after_value(struct sift *s) {
    s->state = s->depth ? AT_NEXT : AT_END;
    if (!s->depth)
        s->how = SIFT_WHOLE;
}

static void begin_nothing(struct sift *s) {
    s->state = IN_NOTHING;
    s->nothing_depth = 1;
    s->nothing_in_text = s->nothing_escaped = false;
}

/* Nothing of it is kept, but that it was there. */
static void put_null(struct sift *s, bool is_wanted) {
    if (is_wanted && afford(s, 0))
        put(s, json_null());
}

static void make_room(struct sift *s) {
    if (s->depth < s->frames_room)
        return;
    size_t room = s->frames_room ? 2 * s->frames_room : FRAMES_FIRST;
    struct frame *frames = arena_alloc(s->arena, room * sizeof *frames);
    if (s->depth)
        memcpy(frames, s->frames, s->depth * sizeof *frames);
    s->frames = frames;
    s->frames_room = room;
}

static void open_container(struct sift *s, bool is_list) {
    uint64_t paths;
    bool all, is_wanted = wanted(s, &paths, &all);
    bool fits = is_wanted && s->depth < SIFT_DEPTH_MAX;
    /* A path that goes on by a name below a list, or by [] below an object, leads nowhere. */
    bool leads = all;
    for (size_t i = 0; fits && !all && i < s->path_count; i++)
        leads |= (paths & UINT64_C(1) << i) && s->paths[i].count > s->depth &&
                 str_is(s->paths[i].parts[s->depth], "[]") == is_list;
    if (!fits || !leads || !afford(s, CONTAINER_BYTES)) {
        s->is_cut |= is_wanted && !fits;
        put_null(s, is_wanted);
        begin_nothing(s);
        return;
    }
    json_t *node = is_list ? json_array() : json_object();
    put(s, node);
    make_room(s);
    s->frames[s->depth++] =
        (struct frame){ .node = node, .paths = paths, .is_list = is_list, .is_all = all };
    s->state = is_list ? AT_VALUE : AT_KEY;
}

static void close_container(struct sift *s) {
    s->depth--;
    after_value(s);
}

static void begin_text(struct sift *s, bool is_key, bool is_kept) {
    s->state = IN_TEXT;
    s->is_key = is_key;
    s->is_kept = is_kept;
    s->is_text_cut = false;
    s->escape = s->high = 0;
    buf_clear(s->text);
}

static void begin_value(struct sift *s, char c) {
    uint64_t paths;
    bool all;
    if (c == '{' || c == '[') {
        open_container(s, c == '[');
        return;
    }
    bool is_wanted = wanted(s, &paths, &all);
    bool is_kept = is_wanted && all;
    if (c == '"') {
        begin_text(s, false, is_kept);
    } else {
        begin_text(s, false, is_kept);
        s->state = IN_SCALAR;
        buf_char(s->text, c);
    }
    if (is_wanted && !all) /* a path goes on below it */
        put_null(s, true);
}

/* --- texts ----------------------------------------------------------------------------------- */

static void put_text_byte(struct sift *s, char c) {
    size_t max = s->is_key ? KEY_MAX : s->kept_max - s->kept;
    if (!s->is_key && !s->is_kept)
        return;
    if (s->text->len >= max)
        s->is_text_cut = true;
    else
        buf_char(s->text, c);
}

static void put_text_bytes(struct sift *s, struct str bytes) {
    size_t max = s->is_key ? KEY_MAX : s->kept_max - s->kept;
    size_t room = max > s->text->len ? max - s->text->len : 0;
    if (!s->is_key && !s->is_kept)
        return;
    s->is_text_cut |= bytes.len > room;
    buf_put(s->text, bytes.ptr, bytes.len < room ? bytes.len : room);
}

static void put_code_point(struct sift *s, unsigned cp) {
    char out[4];
    size_t n = 0;
    if (cp == 0)
        cp = 0xFFFD;
    if (cp < 0x80) {
        out[n++] = (char)cp;
    } else if (cp < 0x800) {
        out[n++] = (char)(0xC0 | cp >> 6);
        out[n++] = (char)(0x80 | (cp & 0x3F));
    } else if (cp < 0x10000) {
        out[n++] = (char)(0xE0 | cp >> 12);
        out[n++] = (char)(0x80 | (cp >> 6 & 0x3F));
        out[n++] = (char)(0x80 | (cp & 0x3F));
    } else {
        out[n++] = (char)(0xF0 | cp >> 18);
        out[n++] = (char)(0x80 | (cp >> 12 & 0x3F));
        out[n++] = (char)(0x80 | (cp >> 6 & 0x3F));
        out[n++] = (char)(0x80 | (cp & 0x3F));
    }
    for (size_t i = 0; i < n; i++)
        put_text_byte(s, out[i]);
}

/* A byte that stands for itself, which NUL never does. */
static void put_plain(struct sift *s, char c) {
    if (c)
        put_text_byte(s, c);
    else
        put_code_point(s, 0);
}

/* A high surrogate whose low one did not come. */
static void drop_high(struct sift *s) {
    if (s->high)
        put_code_point(s, 0xFFFD);
    s->high = 0;
}

static void end_unit(struct sift *s) {
    unsigned u = s->unit;
    s->escape = 0;
    if (s->high && u >= 0xDC00 && u <= 0xDFFF) {
        put_code_point(s, 0x10000 + ((s->high - 0xD800) << 10) + (u - 0xDC00));
        s->high = 0;
        return;
    }
    drop_high(s);
    if (u >= 0xD800 && u <= 0xDBFF)
        s->high = u;
    else
        put_code_point(s, u >= 0xDC00 && u <= 0xDFFF ? 0xFFFD : u);
}

static int hex_of(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static void end_text(struct sift *s);

/* A byte of an escape; one that no escape has is kept as it stands. */
static void feed_escape(struct sift *s, char c) {
    static const char FROM[] = "bfnrt", TO[] = "\b\f\n\r\t";
    if (s->escape == 1) {
        const char *at = c ? strchr(FROM, c) : NULL;
        s->escape = c == 'u' ? 2 : 0;
        s->unit = 0;
        if (c == 'u')
            return;
        drop_high(s);
        put_plain(s, at ? TO[at - FROM] : c);
        return;
    }
    int digit = hex_of(c);
    if (digit < 0) { /* cut short: one bad part, and this byte is looked at anew */
        s->escape = 0;
        drop_high(s);
        put_code_point(s, 0xFFFD);
        if (c == '"')
            end_text(s);
        else if (c == '\\')
            s->escape = 1;
        else
            put_plain(s, c);
        return;
    }
    s->unit = s->unit << 4 | (unsigned)digit;
    if (s->escape++ == 5)
        end_unit(s);
}

static void end_key(struct sift *s) {
    struct frame *f = &s->frames[s->depth - 1];
    struct str name = str_clean(s->arena, buf_view(s->text));
    uint64_t paths;
    bool all;
    f->key = NULL;
    s->state = AT_COLON;
    if (s->is_text_cut || name.len > KEY_MAX) {
        s->is_cut |= f->is_all;
        return;
    }
    paths = paths_below(s, f, name, &all);
    if (!all && !paths)
        return;
    if (!afford(s, name.len))
        return;
    f->key = str_dup(s->arena, name);
    f->key_len = name.len;
}

static void end_text(struct sift *s) {
    drop_high(s);
    if (s->is_key) {
        end_key(s);
        return;
    }
    if (s->is_kept && s->is_text_cut) {
        s->is_cut = true;
        put_null(s, true);
    } else if (s->is_kept) {
        struct str clean = str_clean(s->arena, buf_view(s->text));
        if (afford(s, clean.len))
            put(s, json_stringn_nocheck(clean.ptr, clean.len));
    }
    after_value(s);
}

static void feed_text(struct sift *s, char c) {
    if (s->escape) {
        feed_escape(s, c);
    } else if (c == '"') {
        end_text(s);
    } else if (c == '\\') {
        s->escape = 1;
    } else {
        drop_high(s);
        put_plain(s, c);
    }
}

/* --- numbers and words ----------------------------------------------------------------------- */

static json_t *number_of(const char *text, size_t len) {
    char *end;
    bool is_integer = strspn(text, "-0123456789") == len;
    errno = 0;
    long long whole = is_integer ? strtoll(text, &end, 10) : 0;
    if (is_integer && errno == 0 && end == text + len)
        return json_integer(whole);
    double real = strtod(text, &end);
    if (end != text + len)
        return NULL;
    if (real == 0)
        real = 0; /* not -0, which would be read again as another number */
    return isfinite(real) ? json_real(real) : json_stringn_nocheck(text, len);
}

/* A word that JSON does not know is none of it: from there on nothing is sure. */
static void end_scalar(struct sift *s) {
    buf_char(s->text, 0);
    const char *text = s->text->ptr;
    size_t len = s->text->len - 1;
    bool is_number = text[0] == '-' || (text[0] >= '0' && text[0] <= '9');
    json_t *value = strcmp(text, "true") == 0      ? json_true()
                    : strcmp(text, "false") == 0   ? json_false()
                    : strcmp(text, "null") == 0    ? json_null()
                    : is_number && !s->is_text_cut ? number_of(text, len)
                                                   : NULL;
    if (!value && !is_number && strcmp(text, "NaN") != 0 && strcmp(text, "Infinity") != 0) {
        s->how = SIFT_BROKEN;
        s->state = AT_END;
        return;
    }
    if (s->is_kept && afford(s, len))
        put(s, value ? value : json_null());
    else
        json_decref(value);
    after_value(s);
}

static bool is_scalar_byte(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '+' || c == '.';
}

/* A number, or a word: true, false, null, and what some print instead of a number. */
static bool begins_scalar(char c) {
    return (c >= '0' && c <= '9') || (c && strchr("-tfnNI", c));
}

/* --- what is passed over ----------------------------------------------------------------------- */

/* Reads on to the end of the object or list; returns how many bytes it took. */
static size_t feed_nothing(struct sift *s, struct str bytes) {
    size_t i = 0;
    while (i < bytes.len && s->nothing_depth) {
        char c = bytes.ptr[i++];
        if (s->nothing_in_text) {
            if (s->nothing_escaped)
                s->nothing_escaped = false;
            else if (c == '\\')
                s->nothing_escaped = true;
            else if (c == '"')
                s->nothing_in_text = false;
        } else if (c == '"') {
            s->nothing_in_text = true;
        } else if (c == '{' || c == '[') {
            s->nothing_depth++;
        } else if (c == '}' || c == ']') {
            s->nothing_depth--;
        }
    }
    if (!s->nothing_depth)
        after_value(s);
    return i;
}

/* --- bytes ----------------------------------------------------------------------------------- */

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void break_off(struct sift *s) {
    s->how = SIFT_BROKEN;
    s->state = AT_END;
}

static void feed_structure(struct sift *s, char c) {
    const struct frame *f = s->depth ? &s->frames[s->depth - 1] : NULL;
    if (is_blank(c))
        return;
    if (s->state == AT_VALUE) {
        if (c == ']' && f && f->is_list)
            close_container(s);
        else if (c == '{' || c == '[' || c == '"' || begins_scalar(c))
            begin_value(s, c);
        else
            break_off(s);
    } else if (s->state == AT_KEY) {
        if (c == '}')
            close_container(s);
        else if (c == '"')
            begin_text(s, true, true);
        else
            break_off(s);
    } else if (s->state == AT_COLON) {
        if (c == ':')
            s->state = AT_VALUE;
        else
            break_off(s);
    } else { /* AT_NEXT */
        if (c == ',')
            s->state = f->is_list ? AT_VALUE : AT_KEY;
        else if (c == (f->is_list ? ']' : '}'))
            close_container(s);
        else
            break_off(s);
    }
}

/* How many bytes from here on stand for themselves. */
static size_t plain_run(struct str bytes) {
    size_t n = 0;
    while (n < bytes.len && bytes.ptr[n] != '"' && bytes.ptr[n] != '\\' && bytes.ptr[n] != 0)
        n++;
    return n;
}

static void feed_byte(struct sift *s, char c) {
    if (s->state == IN_TEXT) {
        feed_text(s, c);
    } else if (s->state == IN_SCALAR && is_scalar_byte(c)) {
        bool is_word = s->text->ptr[0] >= 'A';
        if (is_word && s->text->len >= WORD_MAX)
            break_off(s);
        else if (s->text->len < NUMBER_MAX)
            buf_char(s->text, c);
        else
            s->is_text_cut = true;
    } else {
        if (s->state == IN_SCALAR)
            end_scalar(s);
        if (s->state != AT_END)
            feed_structure(s, c);
    }
}

/* A byte order mark stands before anything else; true: this byte is one of it. */
static bool is_mark(struct sift *s, char c) {
    static const char MARK[] = "\xEF\xBB\xBF";
    if (s->bom < 3 && s->state == AT_VALUE && s->depth == 0 && c == MARK[s->bom]) {
        s->bom++;
        return true;
    }
    s->bom = 3;
    return false;
}

void sift_feed(struct sift *s, struct str bytes) {
    json_use_arena(s->arena);
    for (size_t i = 0; i < bytes.len && s->state != AT_END;) {
        if (s->state == IN_NOTHING) {
            i += feed_nothing(s, (struct str){ bytes.ptr + i, bytes.len - i });
            continue;
        }
        if (s->state == IN_TEXT && !s->escape && !s->high) {
            size_t run = plain_run((struct str){ bytes.ptr + i, bytes.len - i });
            put_text_bytes(s, (struct str){ bytes.ptr + i, run });
            i += run;
            if (i == bytes.len)
                break;
        }
        char c = bytes.ptr[i++];
        if (s->bom < 3 && is_mark(s, c))
            continue;
        feed_byte(s, c);
    }
    json_use_arena(NULL);
}

bool sift_is_broken(const struct sift *s) {
    return s->state == AT_END && s->how == SIFT_BROKEN;
}

struct sift *sift_new(struct arena *a, const char *const *paths, size_t kept_max_bytes) {
    struct sift *s = arena_alloc(a, sizeof *s);
    *s = (struct sift){
        .arena = a, .kept_max = kept_max_bytes, .how = SIFT_SHORT, .text = buf_in(a)
    };
    size_t count = 0;
    if (!paths)
        return s;
    while (count < SIFT_PATHS_MAX && paths[count])
        count++;
    s->paths = arena_alloc(a, (count + 1) * sizeof *s->paths);
    for (; s->path_count < count; s->path_count++)
        s->paths[s->path_count] = path_of(paths[s->path_count]);
    return s;
}

json_t *sift_end(struct sift *s, enum sift_end *how, bool *is_cut) {
    json_use_arena(s->arena);
    if (s->state == IN_SCALAR && s->depth == 0)
        end_scalar(s); /* a bare number ends with the text */
    json_use_arena(NULL);
    *how = s->how;
    if (is_cut)
        *is_cut = s->is_cut;
    return s->root;
}

json_t *sift_text(struct arena *a, struct str text, const char *const *paths, enum sift_end *how) {
    struct sift *s = sift_new(a, paths, TEXT_KEPT_MAX);
    sift_feed(s, text);
    return sift_end(s, how, NULL);
}

json_t *sift_own(struct arena *a, struct str text) {
    enum sift_end how;
    struct sift *s = sift_new(a, NULL, OWN_KEPT_MAX);
    sift_feed(s, text);
    json_t *tree = sift_end(s, &how, NULL);
    return how == SIFT_WHOLE ? tree : NULL;
}
