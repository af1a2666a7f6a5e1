from test_support import CheckerTest


def body(lines):
    return "    work();\n" * lines


class Functions(CheckerTest):
    tool = "functions"

    def test_counts_from_signature_to_brace(self):
        self.plant("src/base/a.c", "int a(void) {\n" + body(98) + "}\n")
        self.assert_fine()

    def test_refuses_a_hundred_and_one(self):
        self.plant("src/base/a.c", "\nstatic int a(int x,\n             int y) {\n" + body(98) + "}\n")
        self.assert_refused("src/base/a.c:2: a has 101 lines")

    def test_counts_a_test_as_a_function(self):
        self.plant("tests/base/test_a.c", "TEST(does_much) {\n" + body(120) + "}\n")
        self.assert_refused("does_much has 122 lines")

    def test_leaves_tables_and_structs_alone(self):
        self.plant("src/base/a.c", "static const struct row rows[] = {\n" + "    { f(1) },\n" * 150 + "};\n")
        self.plant("src/base/a.h", "struct a {\n" + "    int (*f)(int);\n" * 150 + "};\n")
        self.assert_fine()

    def test_is_not_misled_by_braces_in_strings_and_macros(self):
        self.plant(
            "src/base/a.c",
            "#define F(x) \\\n    g(x) {\nint a(void) {\n"
            + '    puts("}\\n{");\n    /*\n} int b(void) {\n    */\n}\n'
            + "int c(void) {\n" + body(99) + "}\n",
        )
        self.assert_refused("src/base/a.c:9: c has 101 lines")
