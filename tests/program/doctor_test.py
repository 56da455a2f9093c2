"""`superpose doctor` on a recipe that works, and on recipes with one fault each, which it must name."""

import json
import random
import struct

import program

CHECKS = ["run folder", "ranks", "corpus", "tokenizer", "bags", "text", "schedule", "machine", "disk", "weights", "first loss",
          "bags of one", "gradient", "causality", "step", "checkpoint"]  # fmt: skip


class Doctor(program.ProgramTest):
    def examine(self, name, *more, code=None):
        """The results by name, and the process."""
        out = self.folder / f"{name}.json"
        result = program.run("doctor", *self.recipe_words(name, *more), "--json", out)
        self.assert_no_crash(result)
        report = json.loads(out.read_text())
        self.assertEqual([check["name"] for check in report["checks"]], CHECKS)
        self.assertEqual(report["passed"], result.code == 0, result)
        if code is not None:
            self.assertEqual(result.code, code, result)
        return {check["name"]: check for check in report["checks"]}, result

    def assert_fails(self, checks, failed, *parts):
        """Only this check fails; what needs it is not tried."""
        self.assertEqual([name for name in CHECKS if checks[name]["status"] == "failed"], [failed], checks)
        self.assert_names(checks[failed]["found"], *parts)
        self.assertTrue(checks[failed]["next_step"], checks)

    def train_tokenizer(self, vocab_size, source=None):
        folder = self.folder / f"tokenizer-{vocab_size}"
        words = ["tokenizer", "train", source or self.folder / "corpus", "--out", folder, "--vocab-size", str(vocab_size)]
        result = program.run(*words)
        self.assertEqual(result.code, 0, result)
        return folder

    def test_a_recipe_that_works(self):
        checks, result = self.examine("works", "--train.steps", "2000", code=0)
        statuses = {name: check["status"] for name, check in checks.items()}
        self.assertEqual(statuses.pop("ranks"), "not tried")
        self.assertEqual(statuses.pop("text"), "warning")  # so many steps read this corpus often
        self.assertEqual(set(statuses.values()), {"ok"}, result)
        self.assert_names(checks["text"]["next_step"], "2305.16264")
        self.assert_names(checks["bags"]["found"], "bags of 4")
        self.assert_names(checks["first loss"]["found"], "bags of 4", "next-token prediction", "ln V")
        self.assertFalse(self.run_folder("works").exists())
        self.assertEqual([path.name for path in (self.folder).iterdir() if "doctor" in path.name], [])

    def test_the_preset_of_the_demo_in_every_precision(self):
        no_shape = [word for key in ("hidden_size", "num_layers", "num_heads", "ffn_size") for word in (f"--model.{key}", "0")]
        for precision in ("f32", "bf16"):
            with self.subTest(precision):
                more = ["--model.preset", "demo", "--model.tie_embeddings", "preset", *no_shape, "--train.precision", precision]
                checks, result = self.examine(f"demo-{precision}", *more, code=0)
                for name in ("first loss", "bags of one", "gradient", "causality", "step", "checkpoint"):
                    self.assertEqual(checks[name]["status"], "ok", result)

    def test_other_phases_and_models(self):
        phases = "[{share = 0.2, bag_size = 4, objective = 'set_sum'}, {share = 0.2, bag_size = 1, target_size = 3}]"
        experts = ["--model.moe.num_experts", "4", "--model.moe.ffn_size", "32", "--model.qk_norm", "on", "--optim.balance.weight", "0.01"]
        for name, more in (("phases", ["--phases", phases]), ("experts", experts), ("documents", ["--data.document_aware", "true", "--data.reset_attention", "true"])):
            with self.subTest(name):
                self.examine(name, *more, code=0)

    def test_a_tokenizer_that_does_not_fit_the_corpus(self):
        """Token files with the ids of another tokenizer: all of them are below the vocabulary's size."""
        text = "".join(path.read_text() for path in sorted((self.folder / "corpus").iterdir()))
        ids = self.folder / "bytes.bin"
        ids.write_bytes(struct.pack(f"<{len(text)}H", *text.encode()))
        more = ["--data.sources", f'["{ids}"]', "--data.format", "raw-u16", "--data.tokenizer", self.train_tokenizer(300)]
        checks, _ = self.examine("another-tokenizer", *more, code=1)
        self.assert_fails(checks, "tokenizer", "300")
        self.assertIn("data.tokenizer", checks["tokenizer"]["next_step"])

    def test_a_tokenizer_of_another_language(self):
        folder = self.folder / "cyrillic"
        folder.mkdir()
        source = random.Random(1)
        letters = "абвгдежзийклмнопрстуфхцчшщъыьэюя"
        for number in range(20):
            (folder / f"{number}.txt").write_text(" ".join("".join(source.choices(letters, k=5)) for _ in range(300)))
        latin = self.folder / "latin"
        latin.mkdir()
        for number in range(20):
            (latin / f"{number}.txt").write_text(" ".join("".join(source.choices("abcdefghijklmnop", k=5)) for _ in range(300)))
        more = ["--data.sources", f'["{folder}"]', "--data.tokenizer", self.train_tokenizer(600, latin)]
        checks, _ = self.examine("another-language", *more, code=1)
        self.assert_fails(checks, "tokenizer", "600")
        self.assertIn("superpose tokenizer train", checks["tokenizer"]["next_step"])

    def test_a_text_that_is_too_small(self):
        small = self.folder / "small.txt"
        small.write_text("too little")
        checks, _ = self.examine("small", "--data.sources", f'["{small}"]', code=1)
        self.assertEqual(checks["corpus"]["status"], "failed")
        self.assertEqual([checks[name]["status"] for name in CHECKS[3:]], ["not tried"] * len(CHECKS[3:]))

    def test_a_run_folder_that_cannot_be_written(self):
        file = self.folder / "a-file"
        file.write_text("")
        checks, _ = self.examine("unwritable", "--run.dir", file / "run", code=1)
        self.assertEqual(checks["run folder"]["status"], "failed")
        self.assert_names(checks["run folder"]["found"], "run.dir", file)
        self.assertIn("run.dir", checks["run folder"]["next_step"])

    def test_a_run_folder_with_files_of_the_user(self):
        folder = self.run_folder("theirs")
        folder.mkdir(parents=True)
        (folder / "recipe.toml").write_text("mine")
        checks, _ = self.examine("theirs", code=1)
        self.assert_fails(checks, "run folder", folder, "recipe.toml")
        self.assertEqual((folder / "recipe.toml").read_text(), "mine")

    def test_weights_that_are_not_numbers(self):
        self.train("begun", "--train.steps", "2", "--phases", "[]")
        (model,) = program.checkpoints(self.run_folder("begun"))
        weights = model / "model.safetensors"
        data = bytearray(weights.read_bytes())
        data[-4:] = struct.pack("<f", float("nan"))
        weights.write_bytes(data)
        shape = [word for key in ("hidden_size", "num_layers", "num_heads", "ffn_size") for word in (f"--model.{key}", "0")]
        # The trainer's files would say that the weights were changed.
        for path in sorted((model / "trainer").iterdir()):
            path.unlink()
        (model / "trainer").rmdir()
        checks, _ = self.examine("nan", "--model.init_from", model, *shape, "--model.tie_embeddings", "preset", code=1)
        self.assert_fails(checks, "weights", model)
        self.assertIn("model.init_from", checks["weights"]["next_step"])
        self.assertEqual(checks["step"]["status"], "not tried")

    def test_initial_weights_that_were_spread_too_far(self):
        checks, _ = self.examine("spread", "--model.init_std", "2.0")
        self.assertEqual(checks["first loss"]["status"], "failed", checks)
        self.assertIn("model.init_std", checks["first loss"]["next_step"])

    def test_ranks(self):
        out = self.folder / "ranks.json"
        result = program.run("launch", "-n", "2", "--", "doctor", *self.recipe_words("ranks"), "--json", out)
        self.assertEqual(result.code, 0, result)
        checks = {check["name"]: check for check in json.loads(out.read_text())["checks"]}
        self.assertEqual(checks["ranks"]["status"], "ok")
        self.assert_names(checks["ranks"]["found"], "2 ranks")
        self.assertEqual(result.out.count("causality"), 1, result)

    def test_files_of_the_user_are_not_replaced(self):
        mine = self.folder / "mine.json"
        mine.write_text("mine")
        result = program.run("doctor", *self.recipe_words("mine"), "--json", mine)
        self.assert_one_line(result, mine.parent, mine.name)
        self.assertEqual((mine.read_text(), result.out), ("mine", ""))


program.main()
