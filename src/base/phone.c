#include "base/phone.h"

#include "base/defs.h"

/* Letters on the keys of a phone (twilio.com/docs/voice: ANONYMOUS, RESTRICTED, BLOCKED, UNKNOWN,
 * UNAVAILABLE). */
bool phone_is_withheld(struct str number) {
    static const char *const KEYS[] = { "266696687", "7378742833", "2562533", "8656696",
                                        "86282452253" };
    if (number.len && number.ptr[0] == '+')
        number = (struct str){ number.ptr + 1, number.len - 1 };
    for (size_t i = 0; i < ARRAY_LEN(KEYS); i++)
        if (str_is(number, KEYS[i]))
            return true;
    return !number.len;
}

bool phone_takes_texts(struct str number) {
    if (number.len < 9 || number.len > 16 || number.ptr[0] != '+' || number.ptr[1] == '0')
        return false;
    for (size_t i = 1; i < number.len; i++)
        if (number.ptr[i] < '0' || number.ptr[i] > '9')
            return false;
    return !phone_is_withheld(number);
}
