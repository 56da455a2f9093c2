"""What an earlier version wrote (tests/fixtures) is resumed, opened, reported and finished by this one."""

import fcntl
import json
import os
import pathlib
import shutil
import unittest

import program

WRITTEN = program.ROOT / "tests" / "fixtures" / "written-by-8ac873d"
# The corpora's keys depend on where their files are and how old they are.
PLACE = pathlib.Path("/tmp/superpose-8ac873d")
MODIFIED_NS = 1_700_000_000 * 10**9


def snapshot(folder):
    """{path: content} of all files below."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


class EarlierVersion(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lock = open("/tmp/superpose-8ac873d.lock", "w")
        cls.addClassCleanup(cls.lock.close)
        fcntl.flock(cls.lock, fcntl.LOCK_EX)

    def setUp(self):
        shutil.rmtree(PLACE, ignore_errors=True)
        shutil.copytree(WRITTEN, PLACE)
        self.addCleanup(shutil.rmtree, PLACE, ignore_errors=True)
        for path in [*PLACE.glob("text/*"), *PLACE.glob("tokenizer/*"), PLACE / "lines.jsonl", PLACE / "other.txt"]:
            os.utime(path, ns=(MODIFIED_NS, MODIFIED_NS))
        self.corpora = sorted(os.listdir(PLACE / "cache"))

    def call(self, *words):
        result = program.run(*words, cwd=PLACE)
        self.assertEqual(result.code, 0, result)
        return result

    def assert_corpora_served(self):
        """No corpus was prepared a second time."""
        self.assertEqual(sorted(name for name in os.listdir(PLACE / "cache") if name.startswith("corpus-")), self.corpora)

    def check_resumed(self, recipe, folder):
        before = program.records(PLACE / folder)
        self.call("train", recipe)
        expected = json.loads((PLACE / "expected.json").read_text())[folder]
        after = program.records(PLACE / folder)
        self.assertEqual(after[: len(before) - 1], before[:-1])
        headers = [record for record in after if record["kind"] == "header"]
        self.assertEqual(len(headers), 2)
        self.assertEqual(headers[1]["fingerprints"], headers[0]["fingerprints"])
        losses = [record["loss"] for record in after if record["kind"] == "validation"]
        self.assertEqual(len(losses), len(expected))
        for loss, wanted in zip(losses, expected):
            self.assertAlmostEqual(loss, wanted, delta=1e-3)  # other kernels on another CPU
        self.assert_corpora_served()

    def test_run_resumes(self):
        self.check_resumed("recipe.toml", "run")

    def test_run_of_a_mixture_resumes(self):
        self.check_resumed("mixture.toml", "mixture-run")

    def test_corpora_open_under_their_keys(self):
        before = snapshot(PLACE / "cache")
        self.call("data", "prepare", "recipe.toml")
        self.call("data", "prepare", "mixture.toml")
        for corpus in self.corpora:
            self.call("data", "verify", f"cache/{corpus}")
            self.call("data", "inspect", f"cache/{corpus}", "--documents", "1", "--held-out")
        after = snapshot(PLACE / "cache")
        self.assertEqual({name: after.get(name) for name in before}, before)
        self.assert_corpora_served()

    def test_comparison_is_finished(self):
        finished = {arm: snapshot(PLACE / "comparison" / f"{arm}-seed-1" / "checkpoints") for arm in ("baseline", "tst")}
        records = {arm: program.records(PLACE / "comparison" / f"{arm}-seed-1") for arm in ("baseline", "tst")}
        self.call("compare", "compare.toml")
        for arm in ("baseline", "tst"):
            folder = PLACE / "comparison" / f"{arm}-seed-1"
            self.assertEqual(snapshot(folder / "checkpoints"), finished[arm])
            self.assertEqual(program.records(folder), records[arm])
        rows = (PLACE / "comparison" / "results.csv").read_text().splitlines()
        self.assertEqual(len(rows), 1 + 4)
        self.assert_corpora_served()

    def test_comparison_is_reported(self):
        before = json.loads((PLACE / "comparison" / "report.json").read_text())
        self.call("report", "comparison")
        after = json.loads((PLACE / "comparison" / "report.json").read_text())
        self.assertEqual(after["schema"], before["schema"])
        self.assertGreater((PLACE / "comparison" / "report.html").stat().st_size, 100_000)


program.main()
