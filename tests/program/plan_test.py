"""`superpose plan`: the values that it chooses, what it quotes, and a recipe that trains."""

import json
import tomllib

import program


class Plan(program.ProgramTest):
    def plan(self, *words, code=0):
        out = self.folder / "plan.json"
        result = program.run("plan", *words, "--json", out)
        self.assertEqual(result.code, code, result)
        return json.loads(out.read_text()), result

    @classmethod
    def text_words(cls):
        return ["--data.sources", f'["{cls.folder / "corpus"}"]', "--data.cache_dir", cls.folder / "cache", "--data.validation_share", "0.05"]

    def reasons(self, plan):
        return {choice["key"]: choice for choice in plan["choices"]}

    def test_the_papers_size(self):
        """At the compute of the paper's run of 270M and 20,000 steps: its settings and its gain."""
        flops = 20_000 * 2**21
        shape, _ = self.plan("paper-270m", "--flops", "1e18")
        plan, result = self.plan("paper-270m", "--flops", str(flops * shape["flops_per_position"] * 1.000001))
        self.assertEqual((plan["steps"], plan["batch_positions"]), (20_000, 2**21))
        self.assertEqual((plan["bag_size"], plan["target_size"], plan["learning_rate"]), (6, 6, 0.002))
        self.assertAlmostEqual(plan["share"], 0.3)
        self.assertAlmostEqual(plan["raw_tokens"] / plan["baseline_tokens"], 1 + 0.3 * 5, 4)
        self.assertEqual(plan["recovery"], plan["recovery"] | {"verdict": "enough", "steps": 14_000, "positions": 14_000 * 2**21})
        paper, ours = plan["reported"]
        self.assertEqual((paper["name"], paper["gain"], paper["ours"]), ("paper 270M, 20,000 steps", 0.07, False))
        self.assertIn("2605.06546", paper["source"])
        self.assertTrue(ours["ours"] and "docs/experiments" in ours["source"])
        for choice in plan["choices"]:
            self.assertTrue(choice["rule"] and choice["source"], choice)
        self.assertFalse(plan["learning_rate_transfers"])
        self.assertTrue(any("transfer" in warning for warning in plan["warnings"]), result)

    def test_the_demos_size(self):
        """0.27M parameters: ahead at 8,000 steps, and without superposition at 2,000, where it was behind."""
        shape = ["--model.hidden_size", "64", "--model.num_layers", "4", "--model.num_heads", "2", "--model.ffn_size", "176",
                 "--model.tie_embeddings", "on", "--model.qk_norm", "on", "--model.vocab_size", "1024"]  # fmt: skip
        recipe = self.folder / "shape.toml"
        recipe.write_text("[train]\nbatch_positions = 1024\nsequence_length = 256\n[optim]\nlearning_rate = 0.002\n")
        one, _ = self.plan(recipe, *shape, "--tokens", "100000000")
        for steps, bags, gain in ((8_000, 4, 0.1492), (2_000, 1, -0.1518)):
            with self.subTest(steps):
                flops = (steps + 0.5) * 1024 * one["flops_per_position"]
                plan, result = self.plan(recipe, *shape, "--flops", str(flops))
                self.assertEqual((plan["steps"], plan["bag_size"]), (steps, bags), result)
                self.assertEqual(plan["reported"][1]["gain"], gain)
                self.assertEqual(any("1,600" in warning for warning in plan["warnings"]), bags == 1, result)

    def test_little_text(self):
        """Bags read more text: first a smaller share, then single tokens in and several targets out."""
        shape, _ = self.plan("paper-270m", "--flops", "1e18")
        positions = 20_000 * 2**21
        flops = str(positions * shape["flops_per_position"] * 1.000001)
        # Of the baseline; superposition reads 1 + r (s - 1) times as often, and four times is the limit.
        for epochs, expected in ((1.5, (6, 6, 0.3)), (2.0, (6, 6, 0.1)), (3.0, (1, 6, 0.3))):
            with self.subTest(epochs):
                plan, result = self.plan("paper-270m", "--flops", flops, "--tokens", str(round(positions / epochs)))
                self.assertEqual((plan["bag_size"], plan["target_size"], round(plan["share"], 4)), expected, result)
                self.assertLessEqual(plan["epochs"], 4)
        self.assertIn("output-only", self.reasons(plan)["phases[0].bag_size"]["rule"])

    def test_tokens_alone_are_read_once(self):
        plan, _ = self.plan("tiny", "--tokens", "300000000")
        self.assertLessEqual(plan["epochs"], 1)
        self.assertGreater(plan["epochs"], 0.95)

    def test_what_is_given_stays(self):
        plan, _ = self.plan("tiny", "--flops", "1e15", "--optim.learning_rate", "0.0123", "--train.batch_positions", "8192",
                            "--phases", "[{share = 0.25, bag_size = 3}]")  # fmt: skip
        self.assertEqual((plan["learning_rate"], plan["batch_positions"], plan["bag_size"]), (0.0123, 8192, 3))
        self.assertAlmostEqual(plan["share"], 0.25, 3)
        self.assertEqual(self.reasons(plan)["optim.learning_rate"]["rule"], "as given")

    def test_a_recipe_that_runs(self):
        file = self.folder / "planned.toml"
        plan, _ = self.plan("demo", "--flops", "1e13", *self.text_words(), "--recipe", file)
        recipe = tomllib.loads(file.read_text())
        self.assertEqual((recipe["train"]["steps"], recipe["model"]["preset"]), (plan["steps"], "demo"))
        for words in (["train", file, "--dry-run"], ["plan", file, "--flops", "1e12"]):
            result = program.run(*words, cwd=self.folder)
            self.assertEqual(result.code, 0, result)
        # Its own file is replaced; one that was edited is the user's.
        self.plan("demo", "--flops", "2e13", *self.text_words(), "--recipe", file)
        file.write_text(file.read_text() + "# mine\n")
        words = ("plan", "demo", "--flops", "1e13", *self.text_words(), "--recipe", file)
        self.assert_one_line(program.run(*words), file.parent, file.name)
        self.assertTrue(file.read_text().endswith("# mine\n"))

    def test_hours_are_measured(self):
        plan, _ = self.plan("demo", "--hours", "0.05", "--train.threads", "1")
        self.assertGreater(plan["positions_per_second"], 0)
        seconds = plan["baseline_tokens"] / plan["positions_per_second"]
        self.assertLessEqual(seconds, 180.01)
        self.assertGreater(seconds, 170)

    def test_the_shape_of_a_folder(self):
        self.train("shaped", "--train.steps", "2", "--phases", "[]")
        (model,) = program.checkpoints(self.run_folder("shaped"))
        file = self.folder / "planned-shape.toml"
        self.plan(model, "--flops", "1e12", *self.text_words(), "--recipe", file)
        recipe = tomllib.loads(file.read_text())
        self.assertEqual((recipe["model"]["hidden_size"], recipe["model"]["init_from"]), (32, ""))
        result = program.run("train", file, "--dry-run", cwd=self.folder)
        self.assertEqual(result.code, 0, result)

    def test_what_is_refused(self):
        for words, *parts in (
            (["nothing", "--flops", "1e12"], "nothing", "paper-3b"),
            (["demo", "--flops", "1e12", "--train.steps", "5"], "--train.steps"),
            (["demo", "--flops", "1e12", "--recipe", self.folder / "x.toml"], "--recipe", "--data.sources"),
            (["demo", "--flops", "2"], "budget"),
        ):
            with self.subTest(words):
                self.assert_one_line(program.run("plan", *words), *parts)
        for words in (["demo"], ["demo", "--flops", "1e12", "--hours", "1"], ["demo", "--tokens", "0"], ["--flops", "1e12"]):
            with self.subTest(words):
                result = program.run("plan", *words)
                self.assertEqual((result.code, result.out, result.err.count("\n")), (2, "", 1), result)


program.main()
