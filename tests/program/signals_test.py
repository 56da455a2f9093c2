"""Signals that end a run leave a checkpoint; readers of the output that go away end no run, and others quietly."""

import fcntl
import os
import pty
import signal
import subprocess
import termios

import program

STOP_SIGNALS = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2,
                signal.SIGXCPU]  # fmt: skip
WITHOUT_END = ["--train.steps", "1000000", "--checkpoint.every", "0", "--evaluation.every", "0", "--phases", "[]"]
SHORT = ["--train.steps", "12", "--phases", "[]", "--evaluation.every", "4"]


def ignoring(*signals):
    """For preexec_fn: what nohup does for SIGHUP, and a shell for SIGINT and SIGQUIT of its background jobs."""

    def ignore():
        for number in signals:
            signal.signal(number, signal.SIG_IGN)

    return ignore


def run_into_closed_pipe(*words, streams=("stdout",), **options):
    """The program with the reader of its output gone before the first byte; (code, what the other stream holds)."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **{stream: write_end for stream in streams}}
    try:
        done = subprocess.run(list(map(str, [program.PROGRAM, *words])), stdin=subprocess.DEVNULL,
                              timeout=program.TIME_LIMIT, **pipes, **options)  # fmt: skip
    finally:
        os.close(write_end)
    return done.returncode, (done.stdout or b"") + (done.stderr or b"")


class Signals(program.ProgramTest):
    def assert_stopped(self, result, name):
        """Exit code 3, and a checkpoint that is whole."""
        self.assertEqual(result.code, 3, result)
        self.assert_no_crash(result)
        (last,) = program.checkpoints(self.run_folder(name))[-1:]
        self.assertEqual(program.run("verify", last).code, 0)

    def stop(self, name, signals, words=None, **options):
        """Starts a run without end, waits for some steps, sends the signals, and returns the result."""
        words = words or self.train_words(name, *WITHOUT_END)
        with program.Process([program.PROGRAM, *words], **options) as process:
            program.wait_for_steps(process, self.run_folder(name), 3)
            for number in signals:
                process.send(number)
            return process.wait()

    # --- What ends a run

    def test_each_signal_leaves_a_checkpoint(self):
        for number in STOP_SIGNALS:
            with self.subTest(number.name):
                self.assert_stopped(self.stop(number.name, [number]), number.name)

    def test_several_signals_are_one(self):
        """A closed terminal sends SIGHUP from kernel and shell, batch systems SIGTERM behind a warning."""
        name = "several"
        sent = [signal.SIGHUP, signal.SIGHUP, signal.SIGUSR1, signal.SIGTERM, signal.SIGTERM]
        self.assert_stopped(self.stop(name, sent), name)

    def test_closed_terminal(self):
        for command in ("train", "launch"):
            with self.subTest(command):
                name = f"terminal-{command}"
                words = self.train_words(name, *WITHOUT_END)
                if command == "launch":
                    words = ["launch", "-n", "2", *words]
                master, slave = pty.openpty()

                def own_terminal():
                    os.setsid()
                    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)

                process = subprocess.Popen(list(map(str, [program.PROGRAM, *words])), stdin=slave, stdout=slave,
                                           stderr=slave, preexec_fn=own_terminal)  # fmt: skip
                self.addCleanup(process.kill)
                os.close(slave)
                running = type("Running", (), {"running": lambda _: process.poll() is None})()
                program.wait_for_steps(running, self.run_folder(name), 3)
                os.close(master)
                self.assertEqual(process.wait(program.TIME_LIMIT), 3)
                (last,) = program.checkpoints(self.run_folder(name))[-1:]
                self.assertEqual(program.run("verify", last).code, 0)

    def test_comparison(self):
        name = "compared"
        words = ["compare", *self.recipe_words(name, "--train.steps", "60", "--checkpoint.every", "0")]
        with program.Process([program.PROGRAM, *words]) as process:
            first = self.run_folder(name) / "baseline-seed-1"
            program.wait_for_steps(process, first, 3)
            process.send(signal.SIGHUP)
            result = process.wait()
        self.assertEqual(result.code, 3, result)
        self.assertTrue(program.checkpoints(first))
        self.assertEqual(len(list(self.run_folder(name).glob("*/metrics.jsonl"))), 1, "another run has begun")
        self.assertEqual(program.run(*words).code, 0)
        self.assertTrue((self.run_folder(name) / "report.html").exists())

    # --- What is ignored at the start stays ignored

    def assert_outlives(self, name, words, ignored, **options):
        with program.Process([program.PROGRAM, *words], **options) as process:
            program.wait_for_steps(process, self.run_folder(name), 3)
            before = len(program.records(self.run_folder(name), "step"))
            for number in ignored:
                process.send(number)
            # The loop would have ended at the next step or the one after.
            program.wait_for_steps(process, self.run_folder(name), before + 10)
            self.assertTrue(process.running(), "a signal that was ignored at the start ended the run")
            process.send(signal.SIGTERM)
            self.assert_stopped(process.wait(), name)

    def test_ignored_at_the_start(self):
        ignored = [signal.SIGHUP, signal.SIGINT, signal.SIGQUIT]
        words = self.train_words("ignored", *WITHOUT_END)
        self.assert_outlives("ignored", words, ignored, preexec_fn=ignoring(*ignored))

    def test_ignored_through_launch(self):
        ignored = [signal.SIGHUP, signal.SIGINT, signal.SIGQUIT]
        words = ["launch", "-n", "2", *self.train_words("launched", *WITHOUT_END)]
        self.assert_outlives("launched", words, ignored, preexec_fn=ignoring(*ignored))

    def test_launched_programs_find_signals_as_they_were(self):
        """Not with SIGPIPE ignored, as the launcher itself has it."""
        words = ["launch", "-n", "1", "--", "grep", "^SigIgn", "/proc/self/status"]
        for inherited, expected in ((None, 0), (ignoring(signal.SIGPIPE), 1)):
            result = program.run(*words, preexec_fn=inherited)
            ignored = int(result.out.split()[1], 16)
            self.assertEqual(ignored >> (signal.SIGPIPE - 1) & 1, expected, result)

    # --- Readers that go away

    def test_training_outlives_its_reader(self):
        for name, words, streams in (
            ("pipe", [], ["stdout"]),
            ("both", [], ["stdout", "stderr"]),
            ("ranks", ["launch", "-n", "2"], ["stdout", "stderr"]),
            ("all-ranks", ["launch", "--all-output", "-n", "2"], ["stdout", "stderr"]),
        ):
            with self.subTest(name):
                code, rest = run_into_closed_pipe(*words, *self.train_words(name, *SHORT), streams=streams)
                self.assertEqual((code, rest), (0, b""))
                self.assertEqual(program.records(self.run_folder(name), "step")[-1]["step"], 12)
                self.assertEqual(len(program.records(self.run_folder(name), "summary")), 1)

    def test_commands_that_write_files_outlive_their_reader(self):
        corpus = self.folder / "corpus"
        compared, prepared = self.recipe_words("compared-pipe", "--train.steps", "8"), self.recipe_words("prepared")
        made = self.folder / "tokenizer"
        for words, product in (
            (["compare", *compared], self.run_folder("compared-pipe") / "report.html"),
            (["report", self.run_folder("compared-pipe"), "--out", self.folder / "again"], self.folder / "again/report.html"),
            (["data", "prepare", *prepared, "--data.cache_dir", self.folder / "other"], self.folder / "other"),
            (["tokenizer", "train", corpus, "--out", made, "--vocab-size", "300"], made / "tokenizer.json"),
        ):  # fmt: skip
            with self.subTest(words[0]):
                self.assertEqual(run_into_closed_pipe(*words), (0, b""))
                self.assertTrue(product.exists())

    def test_commands_whose_output_is_the_result_end_quietly(self):
        words = self.recipe_words("inspected")
        self.assertEqual(program.run("data", "prepare", *words).code, 0)
        bench = ["--blocks", "1", "--block-seconds", "0", "--bags", "2"]
        ended = (-signal.SIGPIPE, b"")
        for command in (
            ["--help"], ["--version"], ["train", "--help"], ["train", "--print-recipe"],
            ["data", "inspect", *words], ["data", "mix", *words], ["bench", *words, *bench],
            ["tokenizer", "encode", "--tokenizer", "bytes"],
        ):  # fmt: skip
            for inherited in (None, ignoring(signal.SIGPIPE)):
                # What a process that ignores SIGPIPE starts ends no less quietly; help is CLI11's, too short to matter.
                if inherited and "--help" in command:
                    continue
                with self.subTest(command[:2], inherited=inherited is not None):
                    found = run_into_closed_pipe(*command, preexec_fn=inherited)
                    self.assertEqual(found, ended)

    def test_a_full_disk_is_no_reader_that_went_away(self):
        if not os.path.exists("/dev/full"):
            self.skipTest("there is no /dev/full")
        with open("/dev/full", "w") as full:
            for words, code in (
                (["train", "--print-recipe"], 1),
                (["--help"], 1),
                (["tokenizer", "encode", "--tokenizer", "bytes"], 1),
                (self.train_words("full", *SHORT), 0),  # the records went to the run folder
            ):
                with self.subTest(words[:2]):
                    done = subprocess.run(list(map(str, [program.PROGRAM, *words])), stdin=subprocess.DEVNULL,
                                          stdout=full, stderr=subprocess.PIPE, timeout=program.TIME_LIMIT)  # fmt: skip
                    self.assertEqual(done.returncode, code, done.stderr)
                    self.assertEqual(done.stderr.count(b"\n"), code)


program.main()
