/* Headers and bodies of mails: whatever people write, no line of it becomes another header, or ends a part. The
 * input is a text and, behind two NUL bytes, an address. */
#include "fuzz/fuzz.h"

#include "base/plain.h"
#include "providers/mime.h"

static void check_header(struct str value) {
    struct buf out = { 0 };
    size_t column = 0;
    mime_put_header(&out, "Subject", value);
    CLAIM(out.len >= 11 && memcmp(out.ptr + out.len - 2, "\r\n", 2) == 0);
    for (size_t i = 0; i + 2 < out.len; i++) {
        CLAIM((unsigned char)out.ptr[i] < 0x7f && out.ptr[i]);
        CLAIM(out.ptr[i] != '\n' || (out.ptr[i - 1] == '\r' && out.ptr[i + 1] == ' '));
        CLAIM(out.ptr[i] != '\r' || out.ptr[i + 1] == '\n');
        column = out.ptr[i] == '\n' ? 0 : column + 1;
        CLAIM(column <= 78);
    }
    buf_fini(&out);
}

static void check_body(struct str text) {
    struct buf out = { 0 };
    size_t column = 0;
    mime_put_quoted(&out, text);
    for (size_t i = 0; i < out.len; i++) {
        CLAIM((unsigned char)out.ptr[i] < 0x7f);
        CLAIM(out.ptr[i] != '\r' || (i + 1 < out.len && out.ptr[i + 1] == '\n'));
        CLAIM(out.ptr[i] != '\n' || (i > 0 && out.ptr[i - 1] == '\r'));
        CLAIM(out.ptr[i] != '.' || column > 0);
        column = out.ptr[i] == '\n' ? 0 : column + 1;
        CLAIM(column <= 77);
    }
    CLAIM(str_find(buf_view(&out), STR("=_")) < 0);
    buf_fini(&out);
}

static void check_address(struct str address) {
    struct arena *a = arena_new(1 << 16);
    const char *name, *only;
    if (!mailbox_split(a, address, &name, &only))
        CLAIM(!mailbox_wrong(str_of(only)));
    arena_free(a);
    if (mailbox_wrong(address))
        return;
    CLAIM(address.len >= 5 && address.len <= MAILBOX_ADDRESS_MAX_BYTES && plain_is(address));
    for (size_t i = 0; i < address.len; i++)
        CLAIM((unsigned char)address.ptr[i] > ' ' && !strchr("<>()[]:;,\"\\", address.ptr[i]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct str address, text = fuzz_cut(data, size, &address);
    if (plain_is(text))
        check_header(text);
    check_body(text);
    if (address.ptr)
        check_address(address);
    return 0;
}
