#include "test.h"

#include <string.h>

#include "base/defs.h"
#include "providers/outbound.h"

static struct outbound_url taken(const char *url) {
    struct outbound_url parts;
    const char *why = outbound_parse(str_of(url), &parts);
    if (why)
        print_error("%s: %s\n", url, why);
    CHECK(!why);
    return parts;
}

TEST(usual_addresses_are_read) {
    struct outbound_url u = taken("https://hooks.example.com/ava?x=1@2");
    CHECK(u.is_https && !u.is_address && u.port == 443);
    CHECK_TEXT(u.host, "hooks.example.com");
    u = taken("http://HOOKS.Example.com:8080");
    CHECK(!u.is_https && u.port == 8080);
    CHECK_TEXT(u.host, "hooks.example.com");
    u = taken("https://[2A00:1450::1]:8443/");
    CHECK(u.is_address && u.port == 8443);
    CHECK_TEXT(u.host, "2a00:1450::1");
    u = taken("https://8.8.8.8?x");
    CHECK(u.is_address && u.port == 443);
    CHECK(taken("HTTPS://example.com/").is_https && taken("Https://example.com/").port == 443);
    CHECK(!taken("HTTP://example.com/").is_https);
    taken("https://my_service/");
    taken("https://xn--h-1ga.example:1/");
}

TEST(whatever_could_be_read_in_two_ways_is_refused) {
    static const char *const ALL[] = {
        "",
        "https://",
        "https:///x",
        "ftp://example.com/",
        "//example.com/",
        "https://user@example.com/",
        "https://:@example.com/",
        "https://example.com@127.0.0.1/",
        "https://example.com/#x",
        "https://example.com#@127.0.0.1/",
        "https://example.com\\@127.0.0.1/",
        "https://example.com:/",
        "https://example.com:0/",
        "https://example.com:65536/",
        "https://example.com:+1/",
        "https://example.com:-1/",
        "https://example.com:1:2/",
        "https://2130706433/",
        "https://017700000001/",
        "https://0x7f000001/",
        "https://0x7f.1/",
        "https://127.1/",
        "https://127.0.0.01/",
        "https://127.0.0.1./",
        "https://1.2.3.4.5/",
        "https://a.0x7f/",
        "https://[::1/",
        "https://::1/",
        "https://[127.0.0.1]/",
        "https://[fe80::1%25eth0]/",
        "https://[::1]x/",
        "https://a..b/",
        "https://.a/",
        "https://a./",
        "https://-a/",
        "https://a%2eb/",
        "https://a b/",
        "https://a/\tb",
        "https://h\xc3\xb6.example/",
        "https://a,b/",
    };
    struct outbound_url parts;
    for (size_t i = 0; i < ARRAY_LEN(ALL); i++) {
        CHECK(outbound_parse(str_of(ALL[i]), &parts));
    }
    CHECK(outbound_parse((struct str){ "https://a\0.example", 18 }, &parts));
}

static void told(const char *url, const char *words) {
    struct outbound_url parts;
    const char *why = outbound_parse(str_of(url), &parts);
    CHECK(why);
    if (!strstr(why, words))
        print_error("%s: %s\n", url, why);
    CHECK(strstr(why, words));
}

TEST(what_people_type_is_told_what_is_wrong_with_it) {
    told("https://k\xc3\xa4se.example.net/a", "xn--");
    told("https://example.net\xe3\x80\x82/a", "xn--");
    told("https://api.example.net./x", "the dot at the end");
    told("https://api.example.net.:443/x", "the dot at the end");
    told("https://a b.example/", "host"); /* an escape would be refused next */
    told("https://a.example/b c", "%20");
    told("https://a.example/k\xc3\xa4se", "%20");
}

static const char *judge(const char *url, const char *const *addresses, size_t count,
                         const char *allowed) {
    struct address list[4];
    struct address_ranges ranges;
    struct outbound_url u = taken(url);
    for (size_t i = 0; i < count; i++)
        CHECK(address_parse(str_of(addresses[i]), &list[i]));
    CHECK(!outbound_allow_parse(allowed, &ranges));
    return outbound_judge(&u, list, count, &ranges);
}

#define JUDGE(url, allowed, ...)                     \
    judge(url, (const char *const[]){ __VA_ARGS__ }, \
          sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *), allowed)

TEST(every_address_a_host_leads_to_must_be_good) {
    CHECK(!JUDGE("https://a.example/", "", "8.8.8.8", "2a00::1"));
    CHECK(JUDGE("https://a.example/", "", "8.8.8.8", "127.0.0.1"));
    CHECK(JUDGE("https://a.example/", "", "127.0.0.1", "8.8.8.8"));
    CHECK(JUDGE("https://a.example/", "", "8.8.8.8", "::1"));
    CHECK(judge("https://a.example/", NULL, 0, "0.0.0.0/0,::/0"));
}

TEST(plain_http_goes_only_where_the_operator_said) {
    CHECK(JUDGE("http://a.example/", "", "8.8.8.8"));
    CHECK(!JUDGE("http://a.example/", "10.0.0.0/8", "10.1.2.3"));
    CHECK(JUDGE("http://a.example/", "10.0.0.0/8", "10.1.2.3", "8.8.8.8"));
    CHECK(JUDGE("http://a.example/", "10.0.0.0/8", "11.1.2.3"));
    CHECK(!JUDGE("https://a.example/", "10.0.0.0/8", "10.1.2.3", "8.8.8.8"));
}

/* --- hosts without a URL ---------------------------------------------------------------------- */

TEST(a_host_alone_is_read_by_the_same_rules) {
    static const struct address_ranges NOBODY = { .count = 0 };
    struct address_ranges home;
    struct outbound_url parts;
    CHECK(!outbound_allow_parse("127.0.0.0/8,::1", &home));
    CHECK(!outbound_host_parse(STR("Mail.Example.COM"), &parts));
    CHECK_TEXT(parts.host, "mail.example.com");
    CHECK(!parts.is_address);
    CHECK(!outbound_host_parse(STR("[2001:db8::1]"), &parts) && parts.is_address);
    CHECK(!outbound_host_parse(STR("2001:db8::1"), &parts) && parts.is_address);
    static const char *const BAD[] = { "",           "a b",        "mail.example.com.",
                                       "http://a.b", "a.b:25",     "user@a.b",
                                       "0x7f.1",     "2130706433", "k\xc3\xa4.b",
                                       "a\r\nb",     "-a.example", "a..b" };
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++)
        CHECK(outbound_host_parse(str_of(BAD[i]), &parts));
    CHECK(outbound_host_check(STR("127.0.0.1"), &NOBODY));
    CHECK(outbound_host_check(STR("10.0.0.1"), &home));
    CHECK(!outbound_host_check(STR("127.0.0.1"), &home));
    CHECK(!outbound_host_check(STR("::1"), &home));
    CHECK(!outbound_host_check(STR("93.184.216.34"), &NOBODY));
    CHECK(
        !outbound_host_check(STR("mail.example.com"), &NOBODY)); /* where it leads is asked later */
}
