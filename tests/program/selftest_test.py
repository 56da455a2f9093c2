"""`superpose selftest` on this machine: every check passes, and the file says the same as the table."""

import json
import pathlib
import tempfile
import unittest

import program


class Selftest(unittest.TestCase):
    def test_every_check_passes(self):
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder) / "report.json"
            result = program.run("selftest", "--device", "cpu", "--out", out)
            self.assertEqual(result.code, 0, result)
            report = json.loads(out.read_text())
        self.assertTrue(report["passed"])
        self.assertEqual(report["device"], "cpu")
        names = [check["name"] for check in report["checks"]]
        for name in ("causal_attention f32", "multi_hot_linear_cross_entropy bf16", "killed twice and resumed"):
            self.assertIn(name, names)
        self.assertIn(f"all {len(names)} checks passed", result.out)
        for speed in report["speeds"]:
            self.assertEqual([case["bags"] for case in speed["cases"]], ["1", "4", "8", "16"])
            self.assertGreater(speed["positions_per_second"], 0)

    def test_every_instruction_set(self):
        """--isa all: each that this CPU has, checked with those kernels."""
        levels = [level for level in ("default", "avx2", "avx512") if program.run("--version", "--isa", level).code == 0]
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder) / "report.json"
            # Every check once per level.
            command = [program.PROGRAM, "selftest", "--device", "cpu", "--isa", "all", "--out", out]
            with program.Process(command) as process:
                result = process.wait(len(levels) * program.TIME_LIMIT)
            self.assertEqual(result.code, 0, result)
            report = json.loads(out.read_text())
        names = {check["name"] for check in report["checks"]}
        for level in levels:
            for name in ("causal_attention f32", "multi_hot_linear_cross_entropy bf16", "killed twice and resumed"):
                self.assertIn(f"{level}: {name}", names)
        self.assertEqual(sorted({speed["isa"] for speed in report["speeds"]}), sorted(f"{level} (forced)" for level in levels))

    def test_an_unknown_device_is_a_usage_error(self):
        result = program.run("selftest", "--device", "tpu")
        self.assertEqual(result.code, 2, result)
        self.assertIn("tpu", result.err)


if __name__ == "__main__":
    program.main()
