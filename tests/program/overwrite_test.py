"""Every command that writes: the user's files stay, whatever their names, unless --overwrite says otherwise; and the
same command twice needs no flag."""

import pathlib
import shutil

import program

MARKER = ".superpose.json"
MINE = "# the user's own\n"
REPORT = ["report.json", "results.csv", "curves.csv", "report.html"]
COMPARED = ["--train.steps", "4", "--evaluation.windows", "4", "--compare.seeds", "[1]"]
QUICK = ["--train.steps", "2", "--phases", "[]", "--evaluation.windows", "4"]


def tree(folder):
    """Every file, link and folder below `folder`, with what it holds."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink():
            found[path] = ("link", path.readlink())
        else:
            found[path] = ("file", path.read_bytes()) if path.is_file() else ("folder",)
    return found


class Overwrite(program.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for seed in (1, 2):
            done = program.run(*cls.train_words(f"arm-{seed}", *QUICK, "--train.seed", str(seed)))
            assert done.code == 0, done

    def assert_refused(self, words, folder, *parts, **options):
        """One line, and nothing below `folder` is written, changed or removed."""
        before = tree(folder)
        self.assert_one_line(program.run(*words, **options), *parts)
        self.assertEqual(tree(folder), before)

    def walk(self, words, folder, names):
        """`words` writes `names` into `folder`, from wherever it is called."""
        words = list(map(str, words))
        with self.subTest(words[0:2]):
            for name in [*names, MARKER]:
                with self.subTest(name):
                    shutil.rmtree(folder, ignore_errors=True)
                    folder.mkdir(parents=True)
                    (folder / name).write_text(MINE)
                    self.assert_refused(words, folder, name)
            # A link is the user's file, a folder is never replaced.
            name = names[-1]
            shutil.rmtree(folder)
            folder.mkdir()
            target = self.folder / "target"
            target.write_text(MINE)
            (folder / name).symlink_to(target)
            self.assert_refused(words, folder, name)
            (folder / name).unlink()
            (folder / name).mkdir()
            self.assert_refused(words, folder, name)
            self.assert_refused([*words, "--overwrite"], folder, name)
            (folder / name).rmdir()
            # With all of them in the way, next to a file that is nobody's business.
            for name in [*names, MARKER]:
                (folder / name).write_text(MINE)
            (folder / "notes.txt").write_text(MINE)
            self.assert_refused(words, folder)
            for more in (["--overwrite"], [], []):
                result = program.run(*words, *more)
                self.assertEqual(result.code, 0, result)
            for name in [*names, MARKER]:
                self.assertNotEqual((folder / name).read_bytes(), MINE.encode(), name)
            self.assertEqual((folder / "notes.txt").read_text(), MINE)
            # What was edited is the user's from then on. The end of a file of records is the run's.
            for name in names:
                if name == "metrics.jsonl":
                    continue
                with (folder / name).open("a") as file:
                    file.write(MINE)
                self.assert_refused(words, folder, name)
                result = program.run(*words, "--overwrite")
                self.assertEqual(result.code, 0, result)
            self.assertEqual(target.read_text(), MINE)

    def test_train(self):
        self.walk(self.train_words("train", *QUICK), self.run_folder("train"), ["recipe.toml", "metrics.jsonl"])

    def test_compare(self):
        words = ["compare", *self.recipe_words("compare", *COMPARED)]
        self.walk(words, self.run_folder("compare"), ["experiment.json", *REPORT])

    def test_report(self):
        arms = [f"--arm=arm{seed}={self.run_folder(f'arm-{seed}')}" for seed in (1, 2)]
        folder = self.folder / "report"
        self.walk(["report", *arms, "--out", folder], folder, REPORT)

    def test_report_without_out(self):
        """Into the current folder, or that of the comparison."""
        here = self.folder / "here"
        here.mkdir()
        (here / "results.csv").write_text(MINE)
        arms = [f"--arm=arm{seed}={self.run_folder(f'arm-{seed}')}" for seed in (1, 2)]
        self.assert_refused(["report", *arms], here, "results.csv", cwd=here)
        run = self.run_folder("arm-1")
        (run / "report.html").write_text(MINE)
        self.assert_refused(["report", *arms, "--out", run], run, "report.html")
        (run / "report.html").unlink()
        compared = self.run_folder("compared")
        words = ["compare", *self.recipe_words("compared", *COMPARED)]
        self.assertEqual(program.run(*words).code, 0)
        self.assertEqual(program.run("report", compared).code, 0)
        # As the versions before markers left it: its files are known by what they hold.
        (compared / MARKER).unlink()
        for again in (words, ["report", compared]):
            result = program.run(*again)
            self.assertEqual(result.code, 0, result)
        (compared / MARKER).unlink()
        (compared / "results.csv").write_text(MINE)
        for again in (words, ["report", compared]):
            self.assert_refused(again, compared, "results.csv")

    def test_a_run_and_a_comparison_have_folders_of_their_own(self):
        run = self.run_folder("arm-1")
        self.assert_refused(["compare", *self.recipe_words("arm-1", *COMPARED)], run, "run.dir", f"{run}-compared")
        compared = self.run_folder("compared-alone")
        self.assertEqual(program.run("compare", *self.recipe_words("compared-alone", *COMPARED)).code, 0)
        self.assert_refused(self.train_words("compared-alone", *QUICK), compared, "run.dir", compared)

    def test_runs_of_a_comparison(self):
        words = ["compare", *self.recipe_words("runs", *COMPARED)]
        folder = self.run_folder("runs")
        mine = folder / "tst-seed-1" / "recipe.toml"
        mine.parent.mkdir(parents=True)
        mine.write_text(MINE)
        self.assert_refused(words, folder, mine.parent, "recipe.toml")
        for more in (["--overwrite"], []):
            result = program.run(*words, *more)
            self.assertEqual(result.code, 0, result)
        # Finished runs need their checkpoints no more.
        for run in folder.glob("*-seed-1"):
            shutil.rmtree(run / "checkpoints")
        self.assertEqual(program.run(*words).code, 0)

    def test_tokenizer_train(self):
        folder = self.folder / "tokenizer"
        words = ["tokenizer", "train", "--vocab-size", "300", "--threads", "1", "--out", folder, self.folder / "corpus"]
        self.walk(words, folder, ["tokenizer.json", "tokenizer_config.json"])

    def test_bench(self):
        folder = self.folder / "bench"
        model = ["--model.hidden_size", "32", "--model.num_layers", "1", "--model.num_heads", "4",
                 "--model.num_kv_heads", "2", "--train.sequence_length", "16"]  # fmt: skip
        words = ["bench", program.RECIPE, "--data.python_distributions", "[]", "--train.threads", "1", *model,
                 "--train.batch_positions", "64", "--blocks", "1", "--block-seconds", "0"]  # fmt: skip
        self.walk([*words, "--json", folder / "bench.json"], folder, ["bench.json"])
        files = ["batches.safetensors", "bench.json", "config.json", "model.safetensors"]
        self.walk([*words, "--export", folder], folder, files)

    def test_eval(self):
        folder = self.folder / "eval"
        words = ["eval", self.run_folder("arm-1"), "--text", self.folder / "corpus" / "00.txt", "--threads", "1",
                 "--records", folder / "items.jsonl", "--json", folder / "scores.json"]  # fmt: skip
        self.walk(words, folder, ["items.jsonl", "scores.json"])

    def test_selftest(self):
        """Refused at once; a whole self-test takes a minute and writes by the same way as bench --json."""
        here = self.folder / "selftest"
        here.mkdir()
        (here / "superpose-selftest.json").write_text(MINE)
        self.assert_refused(["selftest"], here, "superpose-selftest.json", cwd=here)
        self.assert_refused(["selftest", "--out", here], self.folder, "selftest")
        self.assert_refused(["selftest", "--out", "/dev/null"], here, "/dev/null")

    def test_data_prepare(self):
        """Its folders are named by a hash: it replaces nothing, and --overwrite is no option of it."""
        recipe = self.folder / "corpus.toml"
        cache = self.folder / "own-cache"
        recipe.write_text(f'[data]\nsources = ["{self.folder / "corpus"}"]\nvalidation_share = 0.05\n'
                          f'cache_dir = "{cache}"\n')  # fmt: skip
        words = ["data", "prepare", recipe]
        cache.mkdir()
        for name in ("notes.txt", "notes.old-999999999", "corpus-notes", "corpus-notes.partial", MARKER):
            (cache / name).write_text(MINE)
        before = tree(cache)
        for _ in range(2):
            self.assertEqual(program.run(*words).code, 0)
        after = tree(cache)
        self.assertEqual({path: after[path] for path in before}, before)
        (corpus,) = (path for path in cache.glob("corpus-*") if path.is_dir())
        shutil.rmtree(corpus)
        for name in (corpus.name, corpus.name + ".partial", corpus.name + ".lock"):
            (cache / name).write_text(MINE)
            self.assert_refused(words, cache, name)
            (cache / name).unlink()
        for name in (corpus.name, corpus.name + ".partial"):
            (cache / name).mkdir()
            (cache / name / "notes.txt").write_text(MINE)
            self.assert_refused(words, cache, name)
            shutil.rmtree(cache / name)

    def test_the_current_folder_as_run_folder(self):
        """The recipe that is read lies there, with comments, and is not lost to the resolved one."""
        here = self.folder / "project"
        here.mkdir()
        (here / "metrics.txt").write_text(MINE)
        recipe = here / "recipe.toml"
        recipe.write_text(f'# mine\n[run]\ndir = "."\n[model]\nhidden_size = 32\nnum_layers = 1\n[data]\n'
                          f'sources = ["{self.folder / "corpus"}"]\ncache_dir = "{here / "cache"}"\n')  # fmt: skip
        words = ["train", "recipe.toml", "--train.steps", "2", "--train.threads", "1", "--phases", "[]"]
        self.assert_refused(words, here, "recipe.toml", "run.dir", cwd=here)
        self.assert_refused([*words, "--overwrite"], here, "recipe.toml", "run.dir", cwd=here)
        self.assert_refused([*words, "--dry-run"], here, "recipe.toml", cwd=here)
        self.assertEqual(pathlib.Path(recipe).read_text().splitlines()[0], "# mine")

    def test_records_without_checkpoints(self):
        self.train("lost", *QUICK)
        folder = self.run_folder("lost")
        shutil.rmtree(folder / "checkpoints")
        words = self.train_words("lost", *QUICK)
        self.assert_refused(words, folder, "run.dir", "--overwrite")
        self.assert_refused([*words, "--optim.learning_rate", "0.5"], folder, "run.dir", "--overwrite")
        self.train("lost", *QUICK, "--overwrite")
        self.train("lost", *QUICK)

    def test_ranks(self):
        folder = self.run_folder("ranks")
        folder.mkdir(parents=True)
        (folder / "recipe.toml").write_text(MINE)
        before = tree(folder)
        result = program.run("launch", "-n", "2", "--", *self.train_words("ranks", *QUICK))
        self.assertEqual((result.code, tree(folder)), (1, before), result)
        self.assertIn("recipe.toml", result.err)


program.main()
