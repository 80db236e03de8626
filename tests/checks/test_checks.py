# SPDX-License-Identifier: Apache-2.0
"""Every check on this tree, and on bad samples: a check that cannot fail checks nothing."""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import exports  # noqa: E402
import forbidden  # noqa: E402
import format as formatting  # noqa: E402
import headers  # noqa: E402
import layers  # noqa: E402
import shell  # noqa: E402
import sizes  # noqa: E402
import tree  # noqa: E402

os.environ.setdefault("MUSTER_BUILD", str(tree.ROOT / "build"))


class Tree(unittest.TestCase):
    """The checks themselves."""

    def clean(self, complaints):
        self.assertEqual([], complaints, "\n" + "\n".join(complaints))

    def test_layers(self):
        self.clean(layers.check(tree.ROOT))

    def test_sizes(self):
        failures, remarks = sizes.survey(tree.ROOT)
        print("\n".join(f"remark: {remark}" for remark in remarks))
        self.clean(failures)

    def test_format(self):
        self.clean(formatting.check(tree.ROOT))

    def test_forbidden(self):
        self.clean(forbidden.check(tree.ROOT))

    def test_headers(self):
        self.clean(headers.check(tree.ROOT))

    def test_shell(self):
        self.clean(shell.check(tree.ROOT))

    def test_exports(self):
        build = pathlib.Path(os.environ["MUSTER_BUILD"])
        for program in ("agent/**/muster-agent", "aggregator/**/muster-aggregator"):
            if not list(build.glob(program)):
                self.skipTest(f"{build} has no {program}: without it most exports look unused")
        self.clean(exports.check(tree.ROOT, build))


class Sample(unittest.TestCase):
    """Bad samples: each must be found, at its place, and nothing else with it."""

    def setUp(self):
        self.root = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def write(self, where, text):
        path = self.root / where
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def one(self, complaints, *parts):
        self.assertEqual(1, len(complaints), complaints)
        for part in parts:
            self.assertIn(part, complaints[0])

    def layered(self, where, include):
        self.write("docs/style.md", (tree.ROOT / "docs/style.md").read_text())
        self.write(where, f"#include <string.h>\n#include {include}\n")
        return layers.check(self.root)

    def test_upward_include(self):
        self.one(self.layered("common/base/x.c", '"common/loop/loop.h"'),
                 "common/base/x.c:2", "may not include common/loop")

    def test_agent_includes_aggregator(self):
        self.one(self.layered("agent/app/x.c", '"aggregator/core/x.h"'), "may not include")

    def test_include_by_file_name(self):
        self.one(self.layered("common/base/x.c", '"error.h"'), "may not include error.h")

    def test_foreign_library(self):
        self.one(self.layered("aggregator/rest/x.c", "<sqlite3.h>"), "sqlite is not for")

    def test_generated_header_is_foreign(self):
        self.one(self.layered("agent/core/x.c", '"muster/v1/fleet.pb-c.h"'), "proto is not for")

    def test_unknown_library(self):
        self.one(self.layered("agent/app/x.c", "<glib.h>"), "unknown library")

    def test_clock_in_pure_folder(self):
        self.one(self.layered("aggregator/core/x.c", "<time.h>"), "PURE")

    def test_one_header_is_not_the_folder(self):
        self.assertEqual([], self.layered("agent/core/x.c", '"agent/hv/hv_types.h"'))
        self.one(self.layered("agent/core/x.c", '"agent/hv/hv.h"'), "may not include agent/hv")

    def test_folder_without_row(self):
        self.one(self.layered("common/misc/x.c", "<stdio.h>"), "no row")

    def test_long_function(self):
        body = "\tx++;\n" * 99
        self.write("a.c", f"static void f(int x)\n{{\n{body}}}\n\nint g(void)\n{{\n{body[6:]}}}\n")
        failures, remarks = sizes.survey(self.root)
        self.one(failures, "a.c:2: f() has 101 lines")
        self.one(remarks, "g() has 100 lines")

    def test_a_table_is_no_code(self):
        table = "\tstatic const struct {\n\t\tint x;\n\t} cases[] = {\n" + "\t    {1},\n" * 99 + "\t};\n"
        self.write("a.c", "static void f(void)\n{\n" + table + "\tg();\n" * 60 + "}\n")
        self.assertEqual(([], ["a.c:2: f() has 64 lines: review"]), sizes.survey(self.root))

    def test_long_file_and_header(self):
        self.write("a.c", "\n" * 1001)
        self.write("b.c", "\n" * 601)
        self.write("c.h", "\n" * 121)
        failures, remarks = sizes.survey(self.root)
        self.one(failures, "a.c: 1001 lines")
        self.assertEqual(2, len(remarks), remarks)

    def test_misformatted(self):
        shutil.copy(tree.ROOT / ".clang-format", self.root)
        self.write("a.c", "int f(void)\n{\n  return 0;\n}\n")
        self.one(formatting.check(self.root), "a.c:2")

    def test_forbidden_call(self):
        self.write("a.c", 'void f(void)\n{\n\tputs("system(x)"); /* popen( */\n'
                   "\tsystem(cmd);\n\tos.system(cmd);\n}\n")
        self.one(forbidden.check(self.root), "a.c:4", "system()")

    def test_default_in_enum_switch(self):
        self.write("a.h", "enum color {\n\tRED,\n\tBLUE = 2,\n};\n")
        self.write("a.c", "int f(enum color c)\n{\n\tswitch (c) {\n\tcase RED:\n\t\treturn 1;\n"
                   "\tdefault:\n\t\treturn 0;\n\t}\n}\n")
        self.one(forbidden.check(self.root), "a.c:3", "default:")

    def test_default_elsewhere_is_fine(self):
        self.write("a.h", "enum color {\n\tRED,\n};\n")
        self.write("a.c", "int f(enum color c, int x)\n{\n\tswitch (c) {\n\tcase RED:\n"
                   "\t\tswitch (x) {\n\t\tcase EINTR:\n\t\t\treturn 1;\n\t\tdefault:\n"
                   "\t\t\treturn 2;\n\t\t}\n\t}\n\treturn 0;\n}\n")
        self.assertEqual([], forbidden.check(self.root))

    def test_sleep(self):
        self.write("a.py", "time.sleep(1)\ntime.sleep(0.1)  # polls: no event for this\n")
        self.one(forbidden.check(self.root), "a.py:1", "sleeps")
        self.write("a.py", "")
        self.write("b.c", "void f(void)\n{\n\tusleep(5);\n}\n")
        self.one(forbidden.check(self.root), "b.c:3")

    def test_unfinished_and_machine_path(self):
        self.write("a.md", "TO" "DO: write\n")
        self.one(forbidden.check(self.root), "a.md:1", "unfinished")
        self.write("a.md", "see /wo" "rk/main\n")
        self.one(forbidden.check(self.root), "a.md:1", "path")

    def test_headers(self):
        self.write("a.c", "int x;\n")
        self.one(headers.check(self.root), "a.c:1", "SPDX")
        self.write("a.c", f"/* {headers.SPDX} */\n")
        self.write("a.h", f"/* {headers.SPDX} */\n#ifndef MUSTER_A_H\n#define MUSTER_B_H\n#endif\n")
        self.one(headers.check(self.root), "a.h", "guard")

    def test_shell(self):
        self.write("a", '#!/bin/bash\nread x < "f"\ncd $x\n')
        self.assertTrue(any("a:3" in line for line in shell.check(self.root)))

    def test_exports(self):
        self.write("a.c", "int used(void)\n{\n\treturn 1;\n}\nint dead(void)\n{\n\treturn 2;\n}\n")
        self.write("b.c", "int used(void);\nint main(void)\n{\n\treturn used();\n}\n")
        for name in "ab":
            subprocess.run(["cc", "-c", f"{name}.c", "-o", f"{name}.c.o"], cwd=self.root, check=True)
        self.one(exports.check(self.root, self.root), "a.c: dead()")
        self.one(exports.check(self.root, self.root / "none"), "no build")


if __name__ == "__main__":
    unittest.main()
