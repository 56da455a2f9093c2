"""What the tests of the whole program share: the program as a process, a corpus, a run of seconds."""

import argparse
import contextlib
import json
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

SKIPPED = 77
ROOT = pathlib.Path(__file__).resolve().parents[2]
RECIPE = ROOT / "recipes" / "tiny.toml"
# Ends a process that hangs; nothing here comes near it.
TIME_LIMIT = 120


def _arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True, type=pathlib.Path)
    parser.add_argument("--dump-logits", type=pathlib.Path)
    parser.add_argument("--build-folder", type=pathlib.Path)
    parser.add_argument("--cmake", default="cmake")
    parser.add_argument("--major", type=int, default=5, help="generation of transformers")
    parser.add_argument("--packages", type=pathlib.Path, help="folder of packages that go before the installed ones")
    return parser.parse_args()


ARGUMENTS = _arguments()
PROGRAM = ARGUMENTS.program.resolve()


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(SKIPPED)


def main():
    unittest.main(argv=[sys.argv[0]], verbosity=2)


def write_corpus(folder, documents=40, words=300):
    """Documents of words of a small vocabulary; the same on every call."""
    source = random.Random(1)
    vocabulary = "the token bag of a model reads and then writes its loss falls while steps go on".split()
    folder.mkdir(parents=True)
    for number in range(documents):
        (folder / f"{number:02}.txt").write_text(" ".join(source.choice(vocabulary) for _ in range(words)))


class Result:
    """A process that has ended."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    def __str__(self):
        return f"exit code {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


class Process:
    """The program, started; its output goes to files, so that it never blocks."""

    def __init__(self, command, **options):
        self._out, self._err = tempfile.TemporaryFile("w+"), tempfile.TemporaryFile("w+")
        self._process = subprocess.Popen(
            list(map(str, command)), stdin=subprocess.DEVNULL, stdout=self._out, stderr=self._err, **options
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._out.close()
        self._err.close()

    @property
    def pid(self):
        return self._process.pid

    def running(self):
        return self._process.poll() is None

    def send(self, number):
        self._process.send_signal(number)

    def children(self):
        """Process ids in the order in which they were started."""
        text = pathlib.Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
        return [int(word) for word in text.split()]

    def wait(self, seconds=TIME_LIMIT):
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise AssertionError(f"did not end within {seconds} s\n{self.result(None)}") from None
        return self.result(code)

    def result(self, code):
        texts = []
        for file in (self._out, self._err):
            file.seek(0)
            texts.append(file.read())
        return Result(code, *texts)


def run(*words, program=PROGRAM, **options):
    """The program, to its end."""
    with Process([program, *words], **options) as process:
        return process.wait()


def records(run_folder, kind=None):
    """Records of a run's metrics.jsonl; every line of it must be whole."""
    text = (run_folder / "metrics.jsonl").read_text()
    assert text.endswith("\n"), f"the last line is cut off: {text[-80:]!r}"
    found = [json.loads(line) for line in text.splitlines()]
    return [record for record in found if kind in (None, record["kind"])]


def stands_in(text, part):
    """Whether `part` stands in `text`, and not as a piece of a longer word or number."""
    before = "(?<![0-9A-Za-z_])" if re.match("[0-9A-Za-z_]", part) else ""
    after = "(?![0-9A-Za-z_])" if re.search("[0-9A-Za-z_]$", part) else ""
    return re.search(before + re.escape(part) + after, text) is not None


def loss_tolerance(loss, positions=512):
    """The positions of a step summed in another order, over some steps of drift."""
    return 2.0**-23 * positions * loss


def checkpoints(run_folder):
    """Folders of finished saves, oldest first."""
    return sorted((run_folder / "checkpoints").glob("step-" + "[0-9]" * 8))


def wait_for_steps(process, run_folder, steps):
    """Until the run has recorded that many steps, or has ended."""
    limit = time.monotonic() + TIME_LIMIT
    while process.running() and time.monotonic() < limit:
        with contextlib.suppress(FileNotFoundError):
            if (run_folder / "metrics.jsonl").read_text().count('"gradient_norm"') >= steps:
                return
        time.sleep(0.005)


class ProgramTest(unittest.TestCase):
    """A folder with a corpus, removed at the end; runs of recipes/tiny.toml over that corpus."""

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="superpose-test-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        write_corpus(cls.folder / "corpus")

    @classmethod
    def run_folder(cls, name):
        return cls.folder / "runs" / name

    @classmethod
    def recipe_words(cls, name, *more):
        """The tiny recipe on this test's corpus. One thread: other work on the machine does not stall it."""
        return [
            RECIPE,
            *("--data.python_distributions", "[]"),
            *("--data.include", "[]"),
            *("--data.sources", f'["{cls.folder / "corpus"}"]'),
            *("--data.validation_share", "0.05"),
            *("--data.cache_dir", cls.folder / "cache"),
            *("--run.dir", cls.run_folder(name)),
            *("--train.threads", "1"),
            *("--log.every", "1"),
            *more,
        ]

    @classmethod
    def train_words(cls, name, *more):
        return ["train", *cls.recipe_words(name, *more)]

    def train(self, name, *more, code=0):
        result = run(*self.train_words(name, *more))
        self.assertEqual(result.code, code, result)
        return result

    def assert_no_crash(self, result):
        """Whatever went wrong, it ended by itself and kept its insides to itself."""
        self.assertIn(result.code, (0, 1, 2, 3), result)
        for word in ("terminate called", "Exception raised from", "frame #", "Traceback", "core dumped", "c10::"):
            self.assertNotIn(word, result.err, result)

    def assert_names(self, text, *parts):
        """It names all of `parts`: the option, the value, the file, the choices. How the sentence puts them is its own affair."""
        for part in map(str, parts):
            self.assertTrue(stands_in(text, part), f"does not name {part!r}:\n{text}")

    def assert_one_line(self, result, *parts):
        """One line of error that names `parts`. Exit code 2 where it blames an option, else 1."""
        self.assert_no_crash(result)
        self.assertEqual(result.err.count("\n"), 1, result)
        self.assertTrue(result.err.startswith("superpose: "), result)
        self.assertEqual(result.code, 2 if result.err.startswith("superpose: --") else 1, result)
        self.assert_names(result.err, *parts)

