from test_support import CheckerTest


class Forbidden(CheckerTest):
    tool = "forbidden"

    def test_lets_good_code_pass(self):
        self.plant("src/base/a.h", "/* a: why */\n#pragma once\n")
        self.plant(
            "src/base/a.c",
            '#include "base/a.h"\n#include <string.h>\n'
            "/* strcpy(a, b) was here */\n"
            'static const char *s = "system(1)";\n'
            "int f(void) { return fgets(x) || str_system(y) || t->gets(z) || memcmp(macro, b, 3); }\n",
        )
        self.assert_fine()

    def test_refuses_unbounded_calls(self):
        for call in ("strcpy", "strcat", "sprintf", "vsprintf", "gets", "atoi", "atol", "strtok", "system"):
            with self.subTest(call):
                self.plant("src/base/a.c", f"void f(void) {{\n    {call} (x);\n}}\n")
                self.assert_refused(f"src/base/a.c:2: {call} is forbidden")

    def test_refuses_them_in_tests_too(self):
        self.plant("tests/base/test_a.c", "int n = atoi(s);\n")
        self.assert_refused("tests/base/test_a.c:1: atoi")

    def test_refuses_to_compare_secrets_in_varying_time(self):
        for line in ("memcmp(sig, want, 20)", "memcmp(a, row->token_hash, sizeof a)",
                     "memcmp(\n    api_key, b, n)", "strcmp(given, csrf_token)"):
            with self.subTest(line):
                self.plant("src/auth/a.c", f"bool f(void) {{ return {line} == 0; }}\n")
                self.assert_refused("compare secrets with hmac_equal")

    def test_takes_a_reason(self):
        self.plant("src/base/a.c", "int f(void) { return memcmp(key, b, n); } /* not secret: a name */\n")
        self.assert_fine()

    def test_keeps_libraries_in_their_folders(self):
        cases = [
            ("service/a.c", "curl_easy_init();", "libcurl"),
            ("service/calls/a.c", "#include <sqlite3.h>", "SQLite"),
            ("store/a.c", "sqlite3_step(q);", "SQLite"),
            ("cli/user.c", "uv_run(l);", "libuv"),
            ("routes/a.c", "llhttp_init(p);", "llhttp"),
            ("vault/a.c", "#include <sodium.h>", "OpenSSL or libsodium"),
            ("net/loop.c", "#include <openssl/ssl.h>", "OpenSSL or libsodium"),
        ]
        for name, code, library in cases:
            with self.subTest(name + code):
                self.plant("src/" + name, code + "\n")
                self.assert_refused(f"src/{name}:1:", f"is of {library}")
                self.plant("src/" + name, "\n")

    def test_lets_libraries_be_where_they_live(self):
        self.plant("src/net/client.c", "#include <curl/curl.h>\n#include <openssl/ssl.h>\nuv_run(l);\n")
        self.plant("src/cli/serve.c", "uv_run(l);\n")
        self.plant("src/db/db_sqlite.c", "sqlite3_open(x);\n")
        self.plant("src/crypto/aead.c", "#include <sodium.h>\n")
        self.plant("src/base/secret.c", "sodium_memzero(p, n);\n")
        self.assert_fine()

    def test_lets_only_dialects_tell_providers_apart(self):
        for line in (
            "if (p == PROVIDER_VAPI)", "if (PROVIDER_TWILIO != p)", "case PROVIDER_RESEND:",
            "p == PROVIDER_VAPI ? a : b", "for (p = 0; p <= PROVIDER_TWILIO; p++)",
            'if (strcmp(row->provider, "vapi") == 0)', 'x = str_is(name, "twilio");',
            "strcmp(row.provider,\n    provider_name(PROVIDER_TWILIO))",
            'strncmp(template, "/webhooks/vapi", 14)', "q = \"SELECT 1 WHERE provider = 'vapi'\";",
        ):
            with self.subTest(line):
                self.plant("src/service/calls/a.c", line + "\n")
                self.assert_refused("src/service/calls/a.c:1:", "ask dialect_of(p)")
                self.plant("src/service/calls/a.c", "\n")
                self.plant("src/providers/a.c", line + "\n")
                self.assert_fine()
                self.plant("src/providers/a.c", "\n")

    def test_lets_everybody_name_a_provider(self):
        self.plant(
            "src/service/calls/a.c",
            "TRY(lending_find(ctx, PROVIDER_VAPI, &lent));\n"
            "T x[] = { [PROVIDER_TWILIO] = f };\n"
            "if (p == PROVIDER_COUNT || strcmp(row->provider, provider_name(p)) == 0)\n"
            '    jsonw_text_at(w, "vapi", y);\n',
        )
        self.assert_fine()

    def test_wants_the_own_header_first(self):
        self.plant("src/base/a.h", "#pragma once\n")
        self.plant("src/base/a.c", '#include <string.h>\n#include "base/a.h"\n')
        self.assert_refused('src/base/a.c:1: include "base/a.h" first')

    def test_wants_the_own_header_named_with_its_whole_room(self):
        self.plant("src/service/calls/a.h", "#pragma once\n")
        self.plant("src/service/calls/a.c", '#include "calls/a.h"\n')
        self.assert_refused('include "service/calls/a.h" first')

    def test_wants_headers_included_once(self):
        self.plant("src/base/a.h", "int a;\n")
        self.assert_refused("#pragma once")

    def test_refuses_unfinished_work_anywhere(self):
        self.plant("web/a.ts", "// TO" "DO later\n")
        self.assert_refused("web/a.ts:1:", "write it down as an issue")

    def test_refuses_paths_of_one_machine(self):
        for place in ("h" "ome/ann/ava", "w" "ork/main", "r" "oot/x", "U" "sers/Ann"):
            with self.subTest(place):
                self.plant("docs/a.md", f"see\nthe file /{place}\n")
                self.assert_refused("docs/a.md:2:", "path of one machine")

    def test_lets_other_paths_be(self):
        self.plant("docs/a.md", "../w" "ork/x, $DIR/r" "oot/x, https://a.example/w" "ork/, /etc/ava\n")
        self.assert_fine()

    def test_refuses_registry_hosts(self):
        self.plant("docs/a.md", "https://registry.n" "pmjs.org/\n")
        self.assert_refused("name no package registry")
