"""A struct secret fits no log field, no JSON writer and no printf: such code does not compile."""
import os
import shutil
import subprocess
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

HEAD = """
#include <stdio.h>
#include "base/jsonw.h"
#include "base/secret.h"
#include "obs/log.h"
void try_it(struct secret *s, struct jsonw *w);
void try_it(struct secret *s, struct jsonw *w) {
    (void)s;
    (void)w;
    %s
}
"""


def compiles(line):
    done = subprocess.run(
        ["gcc", "-std=gnu17", "-Wall", "-Wextra", "-Werror", "-D_GNU_SOURCE", "-fsyntax-only",
         "-I", os.path.join(ROOT, "src"), "-x", "c", "-"],
        input=HEAD % line, capture_output=True, text=True)
    return done.returncode == 0, done.stderr


@unittest.skipUnless(shutil.which("gcc"), "no gcc")
class Secret(unittest.TestCase):
    def test_what_is_not_secret_can_be_printed(self):
        for line in ('log_info(NULL, "x", L("bytes", s->hidden_len));', 'jsonw_text(w, "x");'):
            good, why = compiles(line)
            self.assertTrue(good, why)

    def test_a_secret_can_not(self):
        for line in ('log_info(NULL, "x", L("key", s));', 'log_info(NULL, "x", L("key", *s));',
                     "jsonw_text(w, s);", "jsonw_str(w, *s);", 'printf("%s", s);',
                     'log_info(NULL, "x", L("key", s->hidden));'):
            self.assertFalse(compiles(line)[0], line)


if __name__ == "__main__":
    unittest.main()
