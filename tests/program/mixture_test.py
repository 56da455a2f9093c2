"""Several corpora by weights: the example of docs/formats/mixture.md as it stands there, shown, prepared and trained on."""

import json
import math
import os
import re
import shutil

import program

DOCUMENT = program.ROOT / "docs" / "formats" / "mixture.md"
MODEL = '[model]\nhidden_size = 32\nnum_layers = 2\nnum_heads = 2\nffn_size = 64\n\n[run]\ndir = "run"\n\n'


class Mixture(program.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for name, documents in (("books", 12), ("web", 30), ("held-out", 2)):
            program.write_corpus(cls.folder / name, documents, words=200 + len(name))
        example = re.search(r"```toml\n(.*?)```", DOCUMENT.read_text(), re.DOTALL).group(1)
        cls.recipe = cls.folder / "recipe.toml"
        cls.recipe.write_text(MODEL + example)

    def in_folder(self, *words, code=0, cache="cache"):
        """The program where the example's relative paths lead."""
        result = program.run(*words, *("--data.cache_dir", cache, "--train.threads", "1"), cwd=self.folder)
        self.assertEqual(result.code, code, result)
        return result

    def table(self, text, phase):
        """{source: columns} of one phase."""
        part = text.split(f"phase {phase}: ")[1].split("phase ")[0]
        rows = [line.split() for line in part.splitlines()[2:] if line.startswith("  ")]
        return {row[0]: row[1:] for row in rows}

    def test_mix_shows_each_phase_and_trains_nothing(self):
        result = self.in_folder("data", "mix", self.recipe, "--run.dir", "untouched")
        first, second = self.table(result.out, 1), self.table(result.out, 2)
        self.assertEqual([first[name][1] for name in ("books", "web")], ["0.5000", "0.5000"], result)
        self.assertEqual([second[name][1] for name in ("books", "web")], ["0.7000", "0.3000"], result)
        # 60 steps of 8 rows, half of them each; then 140 steps.
        self.assertEqual([first[name][2] for name in ("books", "web")], ["240", "240"], result)
        self.assertEqual(int(second["books"][2]) + int(second["web"][2]), 140 * 8, result)
        self.assertAlmostEqual(int(second["books"][2]), 0.7 * 140 * 8, delta=1.5)
        self.assertRegex(result.out, r"books: .*step \d+")
        self.assertFalse((self.folder / "untouched").exists())

    def test_a_limit_is_announced(self):
        result = self.in_folder("data", "mix", self.recipe, "--mixture[0].max_epochs", "0.5")
        self.assertRegex(result.out, r"books: used up .*step \d+")
        end = int(re.search(r"used up after step (\d+)", result.out).group(1))
        plan = self.in_folder("train", self.recipe, "--dry-run", "--mixture[0].max_epochs", "0.5")
        self.assertRegex(plan.out, rf"used up .*step {end}\b")
        self.assert_names(plan.out, "r = 0.30", "s = 4")

    def test_data_prepare_and_verify_know_all_sources(self):
        prepared = self.in_folder("data", "prepare", self.recipe)
        self.assertRegex(prepared.out, r"books, (already )?prepared: ")
        self.assertRegex(prepared.out, r"web, (already )?prepared: ")
        self.assertEqual(self.in_folder("data", "verify", self.recipe).out.count("shards as recorded"), 2)

    def test_data_verify_prepares_nothing(self):
        missing = self.in_folder("data", "verify", self.recipe, code=1, cache="none")
        self.assertIn("books, not prepared", missing.out)
        self.assertFalse((self.folder / "none").exists())
        self.in_folder("data", "prepare", self.recipe, cache="own")
        file = next((self.folder / "books").iterdir())
        text, times = file.read_bytes(), (file.stat().st_atime_ns, file.stat().st_mtime_ns)
        file.write_bytes(b"another text")
        changed = self.in_folder("data", "verify", self.recipe, code=1, cache="own")
        self.assert_names(changed.out, "changed", file)
        file.unlink()
        gone = self.in_folder("data", "verify", self.recipe, code=1, cache="own")
        self.assert_names(gone.out, "no longer", file)
        file.write_bytes(text)
        os.utime(file, ns=times)
        self.in_folder("data", "verify", self.recipe, cache="own")

    def test_example_trains_and_goes_on_and_names_a_changed_file(self):
        run = self.folder / "run"
        shutil.rmtree(run, ignore_errors=True)
        words = ("train", self.recipe, "--train.steps", "12", "--checkpoint.every", "5", "--log.every", "1")
        result = self.in_folder(*words)
        self.assertIn("source     books: ", result.out)
        epochs = [record["source_epochs"] for record in program.records(run, "step")]
        self.assertEqual([sorted(each) for each in epochs], [["books", "web"]] * 12)
        self.assertEqual(program.records(run, "summary")[0]["source_epochs"], epochs[-1])
        # Back to step 10, whose rows must be those of the first time.
        last = program.checkpoints(run)[-1]
        state = json.loads((last / "trainer" / "state.json").read_text())
        self.assertEqual([source["name"] for source in state["data"]["sources"]], ["books", "web"])
        self.assertEqual(state["data"]["consumed"][0]["slots"], [32768, 32768])
        shutil.rmtree(last)
        self.in_folder(*words)
        again = json.loads((last / "trainer" / "state.json").read_text())
        self.assertEqual(again["data"], state["data"])

        changed = self.folder / "web" / "07.txt"
        before = changed.read_text()
        shutil.rmtree(last)
        changed.write_text(before + " more")
        try:
            self.assert_one_line(self.in_folder(*words, code=1), "the corpus", "changed web/07.txt")
        finally:
            changed.write_text(before)

    def test_two_ranks_read_the_same_rows(self):
        runs = {}
        for name, launch in (("one-rank", ()), ("two-ranks", ("launch", "-n", "2"))):
            run = self.folder / name
            words = ("train", self.recipe, "--run.dir", run, "--train.steps", "20", "--log.every", "1")
            result = self.in_folder(*launch, *words, "--optim.learning_rate", "0.001")
            self.assertIn(f"{1 + bool(launch)} rank", result.out)
            (last,) = program.checkpoints(run)[-1:]
            runs[name] = json.loads((last / "trainer" / "state.json").read_text())["data"], program.records(run, "step")
        (data, steps), (other_data, other_steps) = runs.values()
        self.assertEqual(data, other_data, "the same tokens in the same order")
        self.assertEqual(len(data["consumed"]), 2, "both phases")
        for one, two in zip(steps, other_steps, strict=True):
            self.assertEqual(one["source_epochs"], two["source_epochs"])
            self.assertTrue(math.isclose(one["loss"], two["loss"], abs_tol=program.loss_tolerance(one["loss"])), (one, two))

    def test_errors_are_one_line(self):
        for words, *parts in (
            (("--phases[0].weights", "{wbe = 1}"), "[[mixture]]", "books", "web", "wbe"),
            (("--phases[0].weights", "{web = 0}"), "phases[0].weights", "> 0"),
            (("--phases[0].weights", "{web = -1}"), "recipe.toml:30", "phases[0].weights", "web", ">= 0", "-1"),
            (("--mixture[1].name", "books"), '"books"', "twice"),
            (("--mixture[1].weight", "-1"), "--mixture[1].weight", ">= 0", "-1"),
            (("--mixture[1].weight", "auto"), "every source", "none"),
            (("--mixture[1].sources", '["nowhere"]'), "mixture web", "sources", "nowhere"),
            (("--data.sources", '["books"]'), "data.sources", "empty"),
        ):
            with self.subTest(parts):
                code = 2 if parts[0].startswith("--") else 1
                self.assert_one_line(self.in_folder("data", "mix", self.recipe, *words, code=code), *parts)


if __name__ == "__main__":
    program.main()
