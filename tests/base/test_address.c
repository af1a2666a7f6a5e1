#include "test.h"

#include "base/address.h"
#include "base/defs.h"

static bool is_public(const char *text) {
    struct address a;
    if (!address_parse(str_of(text), &a)) {
        print_error("not an address: %s\n", text);
        fail();
    }
    return address_is_public(&a);
}

TEST(addresses_that_everybody_can_reach_are_public) {
    static const char *const ALL[] = {
        "1.1.1.1",         "8.8.8.8",          "9.255.255.255",   "11.0.0.0",
        "100.63.255.255",  "100.128.0.0",      "126.255.255.255", "128.0.0.0",
        "169.253.255.255", "169.255.0.0",      "172.15.255.255",  "172.32.0.0",
        "192.0.1.0",       "192.0.3.0",        "192.88.98.255",   "192.88.100.0",
        "192.167.255.255", "192.169.0.0",      "198.17.255.255",  "198.20.0.0",
        "198.51.99.255",   "198.51.101.0",     "203.0.112.255",   "203.0.114.0",
        "223.255.255.255", "2600::1",          "2a00:1450::1",    "2001:200::1",
        "2001:4860::8888", "2001:db7:ffff::",  "2001:db9::",      "3ffe:ffff::1",
        "2002:808:808::1", "64:ff9b::808:808",
    };
    for (size_t i = 0; i < ARRAY_LEN(ALL); i++) {
        if (!is_public(ALL[i]))
            print_error("not public: %s\n", ALL[i]);
        CHECK(is_public(ALL[i]));
    }
}

TEST(all_others_are_not) {
    static const char *const ALL[] = {
        "0.0.0.0",
        "0.255.255.255",
        "10.0.0.0",
        "10.255.255.255",
        "100.64.0.0",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.255",
        "169.254.0.0",
        "169.254.169.254",
        "172.16.0.0",
        "172.31.255.255",
        "192.0.0.0",
        "192.0.0.170",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.0.0",
        "192.168.255.255",
        "198.18.0.0",
        "198.19.255.255",
        "198.51.100.7",
        "203.0.113.255",
        "224.0.0.0",
        "239.255.255.255",
        "240.0.0.0",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:8.8.8.8",
        "64:ff9b::7f00:1",
        "64:ff9b::a00:1",
        "64:ff9b:1::808:808",
        "100::1",
        "2001::1",
        "2001:0:a00:1::1",
        "2001:2::1",
        "2001:10::1",
        "2001:1ff:ffff::",
        "2001:db8::1",
        "2002:7f00:1::1",
        "2002:a00:1::1",
        "2002:c0a8:1::",
        "3fff::1",
        "3fff:fff:ffff::1",
        "4000::1",
        "5f00::1",
        "fc00::1",
        "fdff:ffff::1",
        "fe80::1",
        "febf::1",
        "fec0::1",
        "ff02::1",
        "ffff:ffff::1",
    };
    for (size_t i = 0; i < ARRAY_LEN(ALL); i++) {
        if (is_public(ALL[i]))
            print_error("public: %s\n", ALL[i]);
        CHECK(!is_public(ALL[i]));
    }
}

TEST(only_plain_addresses_are_read) {
    static const char *const NONE[] = {
        "",          "127.1",    "0x7f.0.0.1", "2130706433",   "017700000001", "010.0.0.1",
        "1.2.3.4.5", "1.2.3.4 ", "[::1]",      "fe80::1%eth0", ":::",          "1.2.3.4:80"
    };
    struct address a;
    for (size_t i = 0; i < ARRAY_LEN(NONE); i++)
        CHECK(!address_parse(str_of(NONE[i]), &a));
    CHECK(!address_parse((struct str){ "1.2.3.4\0.5", 10 }, &a));
}

TEST(ranges_hold_what_is_in_them) {
    struct address_ranges r;
    struct address a;
    CHECK(address_ranges_parse(STR("127.0.0.0/8, ::1,10.1.2.3/32, fd00::/9,192.0.2.0/25"), &r));
    CHECK_INT(r.count, 5);
    static const struct {
        const char *text;
        bool held;
    } CASES[] = { { "127.9.9.9", true },
                  { "128.0.0.0", false },
                  { "::1", true },
                  { "::2", false },
                  { "10.1.2.3", true },
                  { "10.1.2.4", false },
                  { "fd7f::1", true },
                  { "fd80::1", false },
                  { "192.0.2.127", true },
                  { "192.0.2.128", false },
                  { "::ffff:127.0.0.1", true },
                  { "::ffff:7f00:1", true },
                  { "::ffff:192.0.2.128", false },
                  { "::127.0.0.1", false } };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        CHECK(address_parse(str_of(CASES[i].text), &a));
        CHECK(address_ranges_hold(&r, &a) == CASES[i].held);
    }
    CHECK(address_ranges_parse(STR(""), &r) && r.count == 0);
    CHECK(!address_ranges_parse(STR("10.0.0.0/33"), &r));
    CHECK(!address_ranges_parse(STR("10.0.0.0/8,nonsense"), &r));
    CHECK(!address_ranges_parse(STR("::/129"), &r));
}

TEST(a_mapped_range_holds_the_ipv4_addresses_it_carries) {
    struct address_ranges r;
    struct address a;
    CHECK(address_ranges_parse(STR("::ffff:172.16.0.0/108, ::ffff:10.1.2.3"), &r));
    CHECK(address_parse(STR("172.31.255.255"), &a) && address_ranges_hold(&r, &a));
    CHECK(address_parse(STR("::ffff:ac10:304"), &a) && address_ranges_hold(&r, &a));
    CHECK(address_parse(STR("10.1.2.3"), &a) && address_ranges_hold(&r, &a));
    CHECK(address_parse(STR("172.32.0.0"), &a) && !address_ranges_hold(&r, &a));
    CHECK(address_parse(STR("10.1.2.4"), &a) && !address_ranges_hold(&r, &a));
    CHECK(address_ranges_parse(STR("::ffff:0.0.0.0/96"), &r));
    CHECK(address_parse(STR("8.8.8.8"), &a) && address_ranges_hold(&r, &a));
    CHECK(!address_ranges_parse(STR("::ffff:0.0.0.0/95"), &r));
}

TEST(only_a_mapped_address_becomes_another) {
    struct address a, plain;
    CHECK(address_parse(STR("::ffff:ac10:304"), &a) && address_parse(STR("172.16.3.4"), &plain));
    a = address_unmapped(a);
    CHECK(address_equal(&a, &plain));
    static const char *const KEPT[] = { "172.16.3.4", "::172.16.3.4", "::fffe:172.16.3.4",
                                        "64:ff9b::172.16.3.4", "::1" };
    for (size_t i = 0; i < ARRAY_LEN(KEPT); i++) {
        CHECK(address_parse(str_of(KEPT[i]), &a));
        plain = address_unmapped(a);
        CHECK(address_equal(&a, &plain));
    }
}
