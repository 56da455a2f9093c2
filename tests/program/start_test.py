"""How a run starts: at a checkpoint named by its run, as a branch or a new stage, or not at all."""

import json
import math
import signal

import program

STEPS = 40


class Start(program.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        program.write_corpus(cls.folder / "news", documents=60, words=200)
        for file in (cls.folder / "news").iterdir():
            file.write_text(file.read_text().replace("the ", "THE ") + file.name)
        cls.parent = cls.run_folder("parent")
        result = program.run(*cls.train_words("parent", "--train.steps", "20"))
        assert result.code == 0, result

    def stage_words(self, name, *more):
        """A stage on the other text, with bags in its first steps."""
        words = ["--data.sources", f'["{self.folder / "news"}"]', "--train.steps", STEPS, "--checkpoint.every", "7"]
        words += ["--optim.learning_rate", "0.001", "--phases", "[{share = 0.25, bag_size = 4}]"]
        return self.train_words(name, *words, *more)

    def last_checkpoint(self, name):
        return program.checkpoints(self.run_folder(name))[-1]

    def state(self, name):
        return json.loads((self.last_checkpoint(name) / "trainer" / "state.json").read_text())

    def assert_steps(self, name, steps):
        self.assertEqual([record["step"] for record in program.records(self.run_folder(name), "step")], list(steps))

    def test_run_folder_is_its_newest_checkpoint(self):
        newest = program.checkpoints(self.parent)[-1]
        for path in (self.parent, self.parent / "checkpoints", self.parent / "checkpoints" / "latest", newest):
            result = program.run("verify", path)
            self.assertEqual(result.code, 0, result)
            self.assertIn(str(newest), result.out)
        self.train("branch", "--train.steps", "22", "--from", self.parent / "checkpoints" / "latest")
        self.assert_steps("branch", [21, 22])
        (parent,) = program.records(self.run_folder("branch"), "header")[-1]["parents"]
        self.assertEqual((parent["kind"], parent["folder"], parent["step"]), ("branch", str(newest), 20))

    def test_foreign_folders_are_called_what_they_are(self):
        model = self.folder / "model"
        model.mkdir()
        for name in ("config.json", "model.safetensors", "tokenizer.json"):
            (model / name).write_bytes((program.checkpoints(self.parent)[-1] / name).read_bytes())
        (prepared,) = [file.parent for file in (self.folder / "cache").glob("*/corpus.json")][:1]
        cases = {
            model: "Hugging Face",
            self.folder / "corpus": "without a checkpoint",
            self.folder / "nowhere": "no such folder",
            prepared: "prepared corpus",
            program.RECIPE: "a file",
        }
        for path, what in cases.items():
            for words in (["verify", path], self.train_words("foreign", "--from", path)):
                result = program.run(*words)
                self.assert_one_line(result, path, what)
                self.assertNotIn("was not finished", result.err)
        self.assertFalse(program.checkpoints(self.run_folder("foreign")))

    def test_plan_says_stage_or_branch(self):
        result = program.run(*self.stage_words("planned", "--from", self.parent, "--dry-run"))
        self.assertEqual(result.code, 0, result)
        self.assertRegex(result.out, r"start +new stage .*step-00000020: .* 0\n")
        self.assertIn(f"steps      {STEPS}\n", result.out)
        result = program.run(*self.stage_words("planned", "--from", self.parent, "--dry-run",
                                               "--train.continue_schedule", "true"))  # fmt: skip
        self.assertRegex(result.out, r"start +new stage .* 20\n")
        result = program.run(*self.train_words("planned", "--from", self.parent, "--dry-run"))
        self.assertRegex(result.out, r"start +branches from ")
        self.assertFalse(self.run_folder("planned").exists())

    def test_stage_killed_and_resumed_has_the_same_bits(self):
        result = program.run(*self.stage_words("whole", "--from", self.parent))
        self.assertEqual(result.code, 0, result)
        self.assert_steps("whole", range(1, STEPS + 1))
        words = self.stage_words("killed", "--from", self.parent)
        for step, number in ((9, signal.SIGKILL), (16, signal.SIGTERM), (25, signal.SIGKILL)):
            with program.Process([program.PROGRAM, *words]) as process:
                program.wait_for_steps(process, self.run_folder("killed"), step)
                process.send(number)
                result = process.wait()
            self.assertIn(result.code, (-signal.SIGKILL, 3), result)
            words = self.stage_words("killed")  # what it began from is in its checkpoints
        self.assertEqual(program.run(*words).code, 0)
        self.assert_steps("killed", range(1, STEPS + 1))
        for file in ("model.safetensors", "trainer/optimizer.safetensors"):
            whole, killed = (self.last_checkpoint(name) / file for name in ("whole", "killed"))
            self.assertEqual(whole.read_bytes(), killed.read_bytes(), file)
        whole, killed = self.state("whole"), self.state("killed")
        self.assertEqual(whole["data"], killed["data"])
        self.assertEqual(whole["parents"], killed["parents"])
        self.assertEqual(whole["optimizer_updates"], 20 + STEPS)

    def test_ranks_begin_the_same_stage(self):
        for name, launch in (("one", []), ("two", ["launch", "-n", "2"])):
            result = program.run(*launch, *self.stage_words(name, "--from", self.parent))
            self.assertEqual(result.code, 0, result)
        one, two = self.state("one"), self.state("two")
        self.assertEqual(one["data"], two["data"])
        self.assertEqual(one["parents"], two["parents"])
        losses = [[record["loss"] for record in program.records(self.run_folder(name), "step")] for name in ("one", "two")]
        for a, b in zip(*losses, strict=True):
            self.assertTrue(math.isclose(a, b, abs_tol=program.loss_tolerance(a)), (a, b))

    def test_stage_needs_the_same_vocabulary(self):
        tokenizer = self.folder / "tokenizer"
        result = program.run("tokenizer", "train", "--out", tokenizer, "--vocab-size", "280", self.folder / "corpus")
        self.assertEqual(result.code, 0, result)
        result = program.run(*self.stage_words("ids", "--from", self.parent, "--data.tokenizer", tokenizer))
        self.assert_one_line(result, "data.tokenizer", "model.vocab", "tokenizer.json")

    def test_changed_keys_are_listed_a_line_each(self):
        self.train("changed", "--train.steps", "4")
        result = self.train("changed", "--train.steps", "9", "--phases", "[{share = 0.3, bag_size = 2}]", code=1)
        lines = result.err.splitlines()
        self.assertTrue(lines[0].startswith("superpose: resume "), result)
        self.assertEqual(lines[1:3], ["  phases[0].bag_size (checkpoint 4, recipe 2)",
                                      "  train.steps (checkpoint 4, recipe 9)"])  # fmt: skip
        self.assertEqual(len(lines), 4, result)
        self.assertIn(f"--from {self.last_checkpoint('changed')}", lines[3])

    def test_numbers_that_are_none_are_refused(self):
        for key in ("optim.clip_norm", "optim.eps", "model.init_std", "phases[0].share", "compare.budgets"):
            for value in ("nan", "inf", "-inf"):
                text = f"[{value}]" if key == "compare.budgets" else value
                self.assert_one_line(program.run(*self.train_words("numbers", f"--{key}={text}")), key, value)


program.main()
