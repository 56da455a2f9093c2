"""A disk that fills up under a run: a clear error, nothing lost that was there, and it continues once there is room.

Runs in a mount namespace of its own, where it may mount a small tmpfs: as root, or where users may make namespaces.
"""

import contextlib
import gzip
import json
import os
import shutil
import subprocess
import sys

import program

if "SUPERPOSE_TEST_NAMESPACE" not in os.environ:
    NAMESPACE = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--mount"]
    if shutil.which("unshare") is None:
        program.skip("no unshare program")
    TRIAL = 'mount -t tmpfs -o size=64k tmpfs "$0"'
    if subprocess.run([*NAMESPACE, "sh", "-c", TRIAL, "/mnt"], stderr=subprocess.DEVNULL).returncode != 0:
        program.skip("this user may not mount a tmpfs")
    os.environ["SUPERPOSE_TEST_NAMESPACE"] = "1"
    os.execvp(NAMESPACE[0], [*NAMESPACE, sys.executable, *sys.argv])


def mount(options, folder):
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=True)


def fill(path):
    """Takes all that is left of a disk."""
    with contextlib.suppress(OSError), open(path, "wb", buffering=0) as file:
        while True:
            file.write(b"\0" * 4096)


class DiskFull(program.ProgramTest):
    def small_disk(self, name, size):
        """The run folder's parent, as a disk of `size`."""
        disk = self.folder / name
        disk.mkdir()
        mount(f"size={size}", disk)
        self.addCleanup(subprocess.run, ["umount", str(disk)], check=True)
        return disk

    def assert_goes_on(self, disk, words):
        mount("remount,size=16m", disk)
        result = program.run(*words)
        self.assertEqual(result.code, 0, result)
        steps = [record["step"] for record in program.records(disk / "run", "step")]
        self.assertEqual(steps, list(range(1, len(steps) + 1)), "each step once")
        self.assertEqual(len(program.records(disk / "run", "summary")), 1)
        return result

    def test_checkpoint_does_not_fit(self):
        disk = self.small_disk("small", "1m")
        words = self.train_words("unused", "--run.dir", disk / "run", "--checkpoint.every", "5")
        words += ["--checkpoint.keep", "0"]
        result = program.run(*words)
        self.assert_one_line(result, "not saved", "disk space", "earlier checkpoints")
        self.assertRegex(result.out, r"warning .*disk: .*checkpoints", "said before the first step")

        self.assert_names(program.records(disk / "run", "event")[-1]["text"], "not saved")

        kept = program.checkpoints(disk / "run")
        self.assertGreaterEqual(len(kept), 1, result)
        for checkpoint in kept:
            self.assertEqual(program.run("verify", checkpoint).code, 0)
        left = sorted(path for path in (disk / "run" / "checkpoints").iterdir() if path.name != "latest")
        self.assertEqual(left, kept, "nothing half-written is left")
        last = int(kept[-1].name.removeprefix("step-"))
        steps = [record["step"] for record in program.records(disk / "run", "step")]
        self.assertGreaterEqual(len(steps), last)
        self.assertEqual(steps, list(range(1, len(steps) + 1)))

        before = {path: path.read_bytes() for path in kept[-1].rglob("*") if path.is_file()}
        self.assert_goes_on(disk, words)
        self.assertEqual({path: path.read_bytes() for path in before}, before)

    def test_not_even_one_checkpoint_fits(self):
        disk = self.small_disk("tiny", "16k")
        words = self.train_words("unused", "--run.dir", disk / "run", "--checkpoint.every", "0")
        for more in ([], ["--dry-run"]):
            self.assert_one_line(program.run(*words, *more), "disk: ", "16.0 KiB")
        self.assertFalse((disk / "run" / "metrics.jsonl").exists(), "not begun")
        self.assert_goes_on(disk, words)

    def test_records_do_not_fit(self):
        disk = self.small_disk("filled", "8m")
        words = self.train_words("unused", "--run.dir", disk / "run", "--checkpoint.every", "200", "--train.steps", "2000")
        with program.Process([program.PROGRAM, *words]) as process:
            program.wait_for_steps(process, disk / "run", 205)
            fill(disk / "ballast")
            self.assert_one_line(process.wait(), disk / "run", "disk full")
        (disk / "ballast").unlink()
        self.assert_goes_on(disk, words)

    def test_record_does_not_fit_and_a_checkpoint_does(self):
        """Checkpoints lie on a disk of their own: the steps up to the record that does not fit are kept.

        The disk fills up some 20 to 40 steps in, before the first regular checkpoint, the switch's at step 120.
        """
        disk = self.small_disk("records", "28k")
        (disk / "run" / "checkpoints").mkdir(parents=True)
        mount("size=16m", disk / "run" / "checkpoints")
        self.addCleanup(subprocess.run, ["umount", str(disk / "run" / "checkpoints")], check=True)
        words = self.train_words("unused", "--run.dir", disk / "run", "--checkpoint.every", "0", "--train.steps", "400")
        result = program.run(*words, "--log.tensorboard", "false")
        self.assert_one_line(result, disk / "run" / "metrics.jsonl", "disk full", "; saved ")
        (kept,) = program.checkpoints(disk / "run")
        self.assertLess(int(kept.name.removeprefix("step-")), 100, "filled up before the switch")
        self.assertIn(str(kept), result.err)
        self.assertEqual(program.run("verify", disk / "run").code, 0)
        mount("remount,size=16m", disk)
        result = program.run(*words, "--log.tensorboard", "false")
        self.assertEqual(result.code, 0, result)
        self.assertIn(f"resumes from {kept}", result.out)

    def test_report_does_not_fit(self):
        """None of its files is left; nor of one into a folder that holds something else."""
        run = self.run_folder("reported")
        done = program.run(*self.train_words("reported", "--train.steps", "2", "--phases", "[]"))
        self.assertEqual(done.code, 0, done)
        disk = self.small_disk("report", "1m")  # the page alone is larger
        (disk / "mine").mkdir()
        (disk / "mine" / "notes.txt").write_text("mine")
        for name, left in (("new", None), ("mine", ["notes.txt"])):
            self.assert_one_line(program.run("report", run, "--out", disk / name), disk)
            self.assertEqual(sorted(os.listdir(disk / name)) if (disk / name).exists() else None, left)

    def test_corpus_does_not_fit(self):
        disk = self.small_disk("corpus-disk", "64k")
        words = self.train_words("no-room", "--data.cache_dir", disk)
        self.assert_one_line(program.run(*words), disk, "free")
        self.assertEqual(list(disk.glob("corpus-*")), [], "no half of a corpus")
        mount("remount,size=16m", disk)
        self.assertEqual(program.run(*words).code, 0)

    def test_disk_fills_up_while_preparing(self):
        """Compressed text: nobody knows beforehand how much it is."""
        disk = self.small_disk("filling-disk", "1m")
        source = self.folder / "much.jsonl.gz"
        rows = (json.dumps({"text": f"document {i} " + "abcdefgh" * 2000}) for i in range(300))
        source.write_bytes(gzip.compress("\n".join(rows).encode()))
        recipe = self.folder / "filling.toml"
        recipe.write_text(f'[data]\nsources = ["{source}"]\ncache_dir = "{disk}"\nvalidation_share = 0.05\n')
        result = program.run("data", "prepare", recipe)
        self.assert_one_line(result, disk, "No space left on device")
        mount("remount,size=64m", disk)
        self.assertEqual(program.run("data", "prepare", recipe).code, 0)
        self.assertEqual(program.run("data", "verify", recipe).code, 0)
        self.assertEqual([path.suffix for path in disk.iterdir()], [""], "one whole corpus and nothing else")


program.main()
