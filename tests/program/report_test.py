"""`superpose report` of other trainers' records and of a run in progress."""

import json
import math
import pathlib
import re
import signal
import tempfile
import time
import unittest

import program

HEADER = {"kind": "header", "schema": 1, "seed": 1, "flops_per_position": 1e6, "total_steps": 20,
          "phases": [{"first_step": 0, "num_steps": 20, "bag_size": 1, "target_size": 1}],
          "fingerprints": {"recipe": "a", "data": "b", "validation": "c"}}


def data_of(page):
    """The numbers that the page's plots draw."""
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page.read_text(), re.S)[1])


def validation(step, loss):
    return {"kind": "validation", "step": step, "positions": 100 * step, "raw_tokens": 100 * step, "seconds": step / 10, "loss": loss}


class Folder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)


class OtherTrainers(Folder):
    def test_tensorboard_as_torch_writes_it(self):
        """Both encodings of a scalar; of a step that a second file repeats the second counts."""
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            self.skipTest("tensorboard is not installed")
        logs = self.folder / "logs"
        for first, offset in ((0, 0.0), (3, 0.5)):
            with SummaryWriter(str(logs)) as writer:
                for step in range(first, 6):
                    writer.add_scalar("eval/loss", 4 - step / 4 + offset, step)
                    writer.add_scalar("train/loss", 5 - step / 4, step, new_style=True)
                    writer.add_scalar("custom/thing", step, step)
            time.sleep(1.1)  # the name of the next file begins with a later second
        result = program.run("report", logs, "--out", self.folder / "out")
        self.assertEqual(result.code, 0, result)
        data = data_of(self.folder / "out" / "report.html")
        run = data["runs"][0]
        self.assertEqual(run["validation"]["step"], list(range(6)))
        self.assertEqual(run["validation"]["loss"], [4, 3.75, 3.5, 3.75, 3.5, 3.25])
        self.assertEqual(run["steps"]["series"]["training loss"][""], [5 - step / 4 for step in range(6)])
        self.assertIn("custom/thing", run["steps"]["series"])
        self.assertIn("flops_per_position", result.out)  # named as missing

    def test_a_comparison_asks_and_then_answers(self):
        arms = []
        for name, loss in (("base", 2.0), ("mine", 1.75)):
            path = self.folder / f"{name}.csv"
            path.write_text(f"Step,{name} - val/loss\n10,3\n20,{loss}\n")
            arms += ["--arm", f"{name}={path}", "--map", f"{name}:loss={name} - val/loss"]
        out = ["--out", self.folder / "out"]
        result = program.run("report", *arms, *out)
        self.assertEqual(result.code, 1, result)
        for key in ("base.csv", "seed", "flops_per_position", "positions_per_step", "bag_size", "validation"):
            self.assertIn(key, result.err)
        self.assertFalse((self.folder / "out").exists())
        given = ["seed=1", "flops_per_position=1e6", "positions_per_step=1000", "validation=books", "bag_size=1"]
        result = program.run("report", *arms, *out, *[word for text in given for word in ("--map", text)])
        self.assertEqual(result.code, 0, result)
        outcome = json.loads((self.folder / "out" / "report.json").read_text())["comparisons"][0]["equal_flops"]
        self.assertTrue(math.isclose(outcome["gain"]["mean"], 0.25), outcome)

    def test_a_wrong_key_is_refused(self):
        path = self.folder / "a.log"
        path.write_text("step 0: train loss 4.2, val loss 4.25\n")
        result = program.run("report", path, "--map", "sed=1", "--out", self.folder / "out")
        self.assertEqual(result.code, 2, result)
        for part in ("--map", "sed", "seed"):
            self.assertIn(part, result.err)


class Watch(Folder):
    def record(self, *records):
        with open(self.folder / "metrics.jsonl", "a", encoding="utf-8") as file:
            file.write("".join(json.dumps(one) + "\n" for one in records))

    def wait_for(self, is_so, seconds=60):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if is_so():
                return
            time.sleep(0.1)
        self.fail("the page was not rewritten")

    def last_loss(self):
        page = self.folder / "report.html"
        return data_of(page)["runs"][0]["validation"]["loss"][-1] if page.exists() else None

    def test_the_page_follows_the_run_to_its_end(self):
        self.record(HEADER, validation(0, 5))
        with program.Process([program.PROGRAM, "report", self.folder, "--watch"]) as process:
            self.wait_for(lambda: self.last_loss() == 5)
            self.record(validation(10, 4))
            self.wait_for(lambda: self.last_loss() == 4)
            self.record(validation(20, 3), {"kind": "summary", "step": 20})
            result = process.wait()
        self.assertEqual(result.code, 0, result)
        self.assertEqual(self.last_loss(), 3)

    def test_a_signal_ends_it(self):
        self.record(HEADER, validation(0, 5))
        with program.Process([program.PROGRAM, "report", self.folder, "--watch"]) as process:
            self.wait_for(lambda: self.last_loss() == 5)
            time.sleep(1)
            process.send(signal.SIGTERM)
            result = process.wait()
        self.assertEqual(result.code, 3, result)

    def test_of_a_run_that_is_done_it_is_the_page_once(self):
        self.record(HEADER, validation(20, 3), {"kind": "summary", "step": 20})
        result = program.run("report", self.folder, "--watch")
        self.assertEqual(result.code, 0, result)


if __name__ == "__main__":
    program.main()
