"""What a user sees: exit codes, help, the printed recipe, and one clear line for whatever is wrong."""

import concurrent.futures
import contextlib
import os
import pathlib
import re
import shutil
import tempfile
import tomllib

import program

COMMANDS = ["train", "compare", "bench", "plan", "doctor", "selftest", "report", "launch", "verify", "export", "eval", "generate", "data", "data prepare", "data inspect",
            "data verify", "data mix", "tokenizer", "tokenizer encode", "tokenizer decode", "tokenizer train"]  # fmt: skip
HELP_COLUMNS = 100
FROZEN_KEYS = pathlib.Path(__file__).with_name("recipe_keys.txt")


def printed_keys(text):
    """Keys of --print-recipe in order, "section.key", with " (operational)" where it says so."""
    keys, section = [], ""
    for line in text.splitlines():
        line = line.removeprefix("# ")
        if header := re.fullmatch(r"\[+([a-z0-9_.]+)\]+", line):
            section = header.group(1)
        elif key := re.match(r"([a-z0-9_]+) = .*?  *# (\(operational\))?", line):
            keys.append(f"{section}.{key.group(1)}".removeprefix(".") + (f" {key.group(2)}" if key.group(2) else ""))
    return keys


def commands_below(words=()):
    """Every command that the help texts list, with its own help: {"data prepare": text}."""
    result = program.run(*words, "--help")
    assert (result.code, result.err) == (0, ""), result
    found = {" ".join(words): result.out}
    _, _, listed = result.out.partition("Commands:\n")
    for name in re.findall(r"^  ([a-z]+) ", listed, re.M):
        found.update(commands_below((*words, name)))
    return found


def help_entries(text):
    """The entries of a help text's options and positionals: ["--out TEXT REQUIRED  New folder ...", ...]."""
    entries = []
    for line in text.splitlines():
        if re.match(r"  \S", line):
            entries.append(line.strip())
        elif re.match(r" {20,}\S", line) and entries:
            entries[-1] += " " + line.strip()
    return [entry for entry in entries if entry.startswith("-")]


def parsed_keys(table, prefix=""):
    """The same keys as a TOML parser sees them; an empty list of tables, or table, stands for itself."""
    for name, value in table.items():
        tables = [value] if isinstance(value, dict) else value
        if isinstance(tables, list) and tables and isinstance(tables[0], dict) and tables[0]:
            yield from parsed_keys(tables[0], f"{prefix}{name}.")
        else:
            yield prefix + name


class Surface(program.ProgramTest):
    def write(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return path

    @contextlib.contextmanager
    def refusals(self):
        """Collects calls that must be refused by one line that holds `parts`; at the end runs them, two at a time."""
        cases = []

        def refused(words, *parts):
            """`superpose train` on this test's corpus with more options."""
            cases.append((words, self.train_words("refused", "--dry-run", *words), parts))

        def refused_recipe(text, *parts):
            """`superpose train bad.toml`."""
            folder = pathlib.Path(tempfile.mkdtemp(dir=self.folder))
            (folder / "bad.toml").write_text(text)
            cases.append(([text], ["train", folder / "bad.toml", "--dry-run"], parts))

        yield refused, refused_recipe
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            results = list(pool.map(lambda case: program.run(*case[1]), cases))
        for (name, _, parts), result in zip(cases, results):
            with self.subTest(" ".join(map(str, name))):
                self.assert_one_line(result, *parts)

    # --- Exit codes, help, version

    def test_version(self):
        result = program.run("--version")
        self.assertEqual(result.code, 0, result)
        cmake = (program.ROOT / "CMakeLists.txt").read_text()
        version = re.search(r"project\(\s*superpose.*?VERSION\s+([0-9.]+)", cmake, re.S | re.I).group(1)
        pinned = re.search(r"^torch==([0-9.]+)", (program.ROOT / "requirements.txt").read_text(), re.M).group(1)
        for pattern in (
            rf"superpose {re.escape(version)}$",
            rf"libtorch {re.escape(pinned)}",
            r"CPU \S+",
            r"threads [1-9]\d*$",
            r"  bag_embedding: (default|avx2|avx512)$",
            r"  multi_hot_linear_cross_entropy: (default|avx2|avx512)$",
        ):
            self.assertRegex(result.out, re.compile("^" + pattern, re.M))

    def test_help(self):
        texts = commands_below()
        self.assertEqual(set(texts), {"", *COMMANDS})
        for command, text in texts.items():
            with self.subTest(command):
                self.assertIn(f"Usage: superpose {command}".strip(), text)
                self.assertLessEqual(max(map(len, text.splitlines())), HELP_COLUMNS)
                # An option that takes a value has its type in capitals.
                for entry in help_entries(text):
                    name, takes_value = re.match(r"(\S+)( [A-Z])?", entry).groups()
                    is_flag = not takes_value or re.match(r"\S+  ", entry)
                    says = "REQUIRED" in entry or len(re.findall(r"\(default: [^)]+\)", entry)) == 1
                    self.assertEqual(says, not is_flag, entry)
                    self.assertTrue(name.startswith("-"))

    def test_models_are_listed(self):
        recipe = self.write("preset.toml", "[model]\npreset = 'none'\n")
        refused = program.run("train", recipe).err
        names = re.search(r"must be one of (.*), got", refused).group(1).split(", ")
        self.assertIn("paper-3b", names)
        for words in (["train", "--help"], ["compare", "--help"], ["bench", "--help"], ["plan", "--help"], ["train", "--print-recipe"]):
            text = program.run(*words).out
            for name in names:
                with self.subTest(name, words=words):
                    row = re.search(rf"^[# ]*{name} +(\S+) +(\d+) +(\d+) ", text, re.M)
                    self.assertIsNotNone(row, text)
        # SmolLM3-3B's shape, with Llama 3's vocabulary and an untied head.
        self.assertRegex(text, r"paper-3b +3\.\d+B +36 +2048 +16 +4 +11008 +128256 +untied\n")

    def test_usage_errors(self):
        for words in (
            ["frobnicate"], ["train", "--frobnicate"], ["train"], ["train", "x", "--ranks", "2"], ["train", "x", "--dry-run", "--ranks", "0"], ["compare"], ["bench"], ["report"], ["data"],
            ["data", "prepare"], ["verify"], ["launch"], ["launch", "-n", "2"],
            ["launch", "-n", "two", "train", "x"], ["launch", "-n", "2", "--"], ["launch", "--"], ["--version", "x"],
            ["launch", "-n", "0", "true"], ["launch", "-n", "1", "--frobnicate", "true"], ["report", "a", "--arm", "b=c"], ["report", "--arm", "b"], ["tokenizer"],
            ["bench", "x", "--blocks", "0"], ["bench", "x", "--bags", "0"], ["bench", "x", "--block-seconds", "-1"],
            ["tokenizer", "train", "x", "--out", "y", "--vocab-size", "0"], ["tokenizer", "encode"],
            ["tokenizer", "train", "x", "--out", "y", "--vocab-size", "9", "--max-bytes", "-1"],
            ["tokenizer", "train", "x", "--out", "y", "--vocab-size", "9", "--threads", "-1"],
            ["verify", "x", "--train.steps", "5"], ["selftest", "--train.steps", "5"], ["report", "x", "--log.every", "1"],
            ["data", "inspect", "x.bin", "--train.steps", "5"], ["data", "verify", ".", "--train.steps", "5"],
        ):  # fmt: skip
            with self.subTest(words):
                result = program.run(*words)
                self.assertEqual((result.code, result.out), (2, ""), result)
                self.assert_no_crash(result)
                self.assertTrue(result.err.startswith("superpose: "), result)
                self.assertEqual(result.err.count("\n"), 1, result)
        self.assertEqual(program.run().code, 2)

    def test_numbers(self):
        """Every option of every command that takes a number refuses what is none, in one line of plain words."""
        cases = []
        for command, text in commands_below().items():
            for entry in help_entries(text):
                match = re.match(r"(?:-n,)?(--\S+) (INT|UINT|FLOAT|N)\b", entry)
                if not match:
                    continue
                option, values = match.group(1), ["", "1x"]  # "": without a value
                values += [] if match.group(2) == "FLOAT" else ["-1", "1.5", "18446744073709551616"]
                values += ["1025"] if option == "--threads" else []
                cases += [(command, option, value) for value in values]
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            results = list(pool.map(lambda case: program.run(*case[0].split(), *filter(None, case[1:])), cases))
        for (command, option, value), result in zip(cases, results):
            with self.subTest(command, option=option, value=value):
                self.assertEqual((result.code, result.out), (2, ""), result)
                self.assertEqual(result.err.count("\n"), 1, result)
                self.assertTrue(result.err.startswith(f"superpose: {option}: "), result)
                self.assertNotRegex(result.err, "INT|FLOAT")
        self.assertLessEqual({("generate", "--seed"), ("generate", "--top-k"), ("eval", "--samples"), ("eval", "--threads"), ("generate", "--threads"),
                              ("tokenizer train", "--threads"), ("launch", "--ranks")}, {case[:2] for case in cases})  # fmt: skip

    def test_empty_paths_are_not_the_current_folder(self):
        here = self.folder / "here"
        here.mkdir()
        for words in (["export", "m", ""], ["export", "", "x"], ["tokenizer", "train", "x", "--out", "", "--vocab-size", "300"], ["selftest", "--out", ""],
                      ["bench", "x", "--json", ""], ["plan", "demo", "--flops", "1", "--recipe", ""], ["doctor", "x", "--json", ""], ["bench", "x", "--export", ""], ["report", "x", "--out", ""], ["eval", "m", "--records", ""],
                      ["eval", "m", "--json", ""], ["eval", "m", "--text", "x", "--requests", ""], ["generate", "m", "--prompts", ""],
                      ["train", "x", "--from", ""], ["verify", ""], ["tokenizer", "encode", "--tokenizer", ""]):  # fmt: skip
            with self.subTest(words):
                result = program.run(*words, cwd=here)
                self.assertEqual((result.code, result.out), (2, ""), result)
                self.assertEqual(result.err.count("\n"), 1, result)
                self.assert_names(result.err, "empty")
        self.assert_one_line(program.run(*self.train_words("nameless", "--run.dir", "")), "run.dir")
        self.assertEqual(list(here.iterdir()), [])

    def test_help_shows_which_options_take_several_values(self):
        text = program.run("eval", "--help").out
        self.assertIn("models TEXT ...", text)
        self.assertNotIn("--text TEXT ...", text)
        self.assertIn("--bags INT ...", program.run("bench", "--help").out)

    def test_what_is_required_is_named(self):
        for words, *parts in (
            (["launch", "train", "x"], "-n N"),
            (["tokenizer", "train", "x", "--out", "y"], "--vocab-size"),
            (["data"], "prepare, inspect, verify, mix"),
            (["tokenizer"], "encode, decode, train"),
            (["launch", "-n", "2", "trian", "x.toml"], "trian", "train"),
            (["launch", "-n", "2", "frobnicate"], "frobnicate"),
        ):
            with self.subTest(words):
                result = program.run(*words)
                self.assertEqual((result.code, result.out), (2, ""), result)
                self.assertEqual(result.err.count("\n"), 1, result)
                self.assert_names(result.err, *parts)

    def test_folders_of_something_else(self):
        nowhere, text = self.folder / "nowhere", self.folder / "some-text"
        text.mkdir()
        (text / "a.txt").write_text("a")
        self.assert_one_line(program.run("report", nowhere), nowhere, "no such folder")
        for command in ("inspect", "verify"):
            with self.subTest(command):
                self.assert_one_line(program.run("data", command, text), text, "corpus.json")

    def test_every_command_refuses_what_it_does_not_know(self):
        for command in COMMANDS:
            with self.subTest(command):
                result = program.run(*command.split(), "--frobnicate")
                self.assertEqual((result.code, result.out), (2, ""), result)
                self.assertEqual(result.err.count("\n"), 1, result)
                self.assertIn("--frobnicate", result.err)

    def test_suggestions(self):
        """What people type from habit, and what it is called here."""
        for words, meant in (
            (["train", "x.toml", "--steps", "5"], "--train.steps"),
            (["train", "x.toml", "--max-steps=5"], "--train.steps"),
            (["train", "x.toml", "--lr", "1e-3"], "--optim.learning_rate"),
            (["train", "x.toml", "--batch-size", "5"], "--train.batch_positions"),
            (["train", "x.toml", "--d_model", "5"], "--model.hidden_size"),
            (["train", "x.toml", "--bag-size", "5"], "--phases[0].bag_size"),
            (["train", "x.toml", "--gpu"], "--train.device"),
            (["train", "x.toml", "--dry_run"], "--dry-run"),
            (["train", "x.toml", "--form", "y"], "--from"),
            (["compare", "x.toml", "--seq_len", "5"], "--train.sequence_length"),
            (["data", "prepare", "x.toml", "--tokenizer_path", "y"], "--data.tokenizer"),
            (["tokenizer", "train", "x", "--output", "y"], "--out"),
            (["launch", "--nproc_per_node", "2", "train", "x"], "--ranks"),
            (["--steps", "5", "train", "x.toml"], "--train.steps"),
            (["trian", "x.toml"], "superpose train"),
            (["fit", "x.toml"], "superpose train"),
            (["x.toml"], "superpose train x.toml"),
            (["prepare", "x.toml"], "superpose data prepare"),
            (["data", "prepar", "x.toml"], "superpose data prepare"),
            (["tokenize"], "superpose tokenizer encode"),
            (["tokenizer", "trian", "x"], "superpose tokenizer train"),
            (["selftest", "--device", "gpu"], "cuda"),
        ):
            with self.subTest(words):
                result = program.run(*words)
                self.assertEqual((result.code, result.out), (2, ""), result)
                self.assertEqual(result.err.count("\n"), 1, result)
                self.assert_names(result.err, meant)
        with self.refusals() as (refused, refused_recipe):
            for key, meant in (
                ("train.lr", "optim.learning_rate"),
                ("train.dtype", "train.precision"),
                ("model.d_model", "model.hidden_size"),
                ("model.n_layer", "model.num_layers"),
                ("train.block_size", "train.sequence_length"),
                ("train.max_steps", "train.steps"),
                ("optim.weight-decay", "optim.weight_decay"),
            ):
                section, name = key.split(".")
                refused([f"--{key}", "1"], key, f"did you mean {meant}?")
                refused_recipe(f"[{section}]\n{name} = 1\n", f"bad.toml:2: {key}", f"did you mean {meant}?")
            refused(["--train.device", "gpu"], 'did you mean "cuda"?')
            refused(["--train.precision", "float32"], 'did you mean "f32"?')
            refused(["--train.precision", "bfloat16"], 'did you mean "bf16"?')
            refused_recipe("[trainer]\nsteps = 1\n", "bad.toml:1: trainer", "did you mean train?")

    # --- Instruction sets

    def test_isa(self):
        def in_force(*words, **variables):
            result = program.run("--version", *words, env={**os.environ, **variables})
            self.assertEqual((result.code, result.err), (0, ""), result)
            return re.search(r"^kernels (.*)$", result.out, re.M).group(1), set(re.findall(r"^  \S+: (.*)$", result.out, re.M))

        best, kernels = in_force()
        self.assertEqual(kernels, {best})
        self.assertEqual(in_force("--isa", "default"), ("default (forced)", {"default"}))
        self.assertEqual(in_force(SUPERPOSE_ISA="default"), ("default (forced)", {"default"}))
        self.assertEqual(in_force("--isa", "auto", SUPERPOSE_ISA="default"), (best, kernels))
        unknown = program.run("--version", "--isa", "avx10")
        self.assertEqual((unknown.code, unknown.out), (2, ""), unknown)
        self.assertIn("avx512", unknown.err)
        self.assert_one_line(program.run("--version", env={**os.environ, "SUPERPOSE_ISA": "avx10"}), "SUPERPOSE_ISA", "avx10")
        for level in ("default", "avx2", "avx512"):
            result = program.run("--version", "--isa", level)
            if result.code != 0:  # this CPU does not have it
                self.assert_one_line(result, level)

    def test_forced_isa_is_recorded(self):
        short = ["--train.steps", "4", "--phases", "[]"]
        result = self.train("forced", *short, "--train.steps", "2", "--isa", "default")
        self.assertIn("default (forced)", result.out)
        (header,) = program.records(self.run_folder("forced"), "header")
        self.assertEqual(header["isa"], "default (forced)")
        best = re.search(r"^kernels (\S+)$", program.run("--version").out, re.M).group(1)
        if best == "default":
            self.skipTest("this CPU has one instruction set")
        # A resume with others is said not to be bit-exact.
        result = program.run(*self.train_words("forced", *short, "--train.steps", "2"))
        self.assertRegex(result.out, "warning .*kernels")

    def test_launched_command_may_follow_two_dashes(self):
        for words in (["-n", "1", "--"], ["--ranks", "1", "--"], ["-n1", "--"], ["-n", "1"]):
            with self.subTest(words):
                result = program.run("launch", *words, "sh", "-c", 'echo "$0 $1"; exit 5', "--", "--said")
                self.assertEqual((result.code, result.out), (5, "-- --said\n"), result)

    # --- The printed recipe

    def test_printed_recipe_is_a_recipe(self):
        printed = program.run("train", "--print-recipe")
        self.assertEqual((printed.code, printed.err), (0, ""), printed)
        recipe = tomllib.loads(printed.out)
        keys = [key.removesuffix(" (operational)") for key in printed_keys(printed.out)]
        shown_as_comment = [key for key in keys if key.startswith(("compare.arms.", "compare.noise.", "evaluation.tasks.", "mixture."))]
        self.assertEqual([key for key in keys if key not in shown_as_comment],
                         list(parsed_keys(recipe)))  # fmt: skip
        file = self.write("printed.toml", printed.out)
        words = ["--model.preset", "demo", "--data.sources", f'["{self.folder / "corpus"}"]', "--data.validation_share"]
        words += ["0.05", "--data.cache_dir", self.folder / "cache", "--run.dir", self.run_folder("printed")]
        result = program.run("train", file, "--dry-run", *words)
        self.assertEqual((result.code, result.err), (0, ""), result)
        self.assertRegex(result.out, r"steps +8,000\n")
        self.assertFalse(self.run_folder("printed").exists())

    def test_dry_run_tells_time_and_what_cannot_work(self):
        result = self.train("dry", "--dry-run", "--optim.warmup_steps", "1000")
        self.assertRegex(result.out, r"\ncost .*FLOP.* about \d.* steps")
        self.assertRegex(result.out, r"\nwarning +optim\.warmup_steps: .*1,?000")
        self.assertFalse(self.run_folder("dry").exists())
        huge = "--model.hidden_size 32768 --model.num_layers 2000 --model.num_heads 256 --model.ffn_size 131072"
        for command in ("train", "compare"):
            result = program.run(command, *self.recipe_words("huge", "--dry-run", *huge.split()))
            self.assert_one_line(result, "memory: ", "disk: ")
            self.assertRegex(result.out, r"\nerror +memory: ")
            self.assertFalse(self.run_folder("huge").exists())

    def test_dry_run_plans_for_ranks_that_do_not_run(self):
        # 8 rows of a step: 2 of each rank.
        result = self.train("four", "--dry-run", "--ranks", "4", "--train.threads", "1")
        self.assertIn("4 ranks", result.out)
        self.assertFalse(self.run_folder("four").exists())
        launched = program.run("launch", "-n", "2", *self.train_words("two", "--dry-run", "--train.threads", "1"))
        planned = self.train("two", "--dry-run", "--ranks", "2", "--train.threads", "1")
        lines = [[line for line in text.splitlines() if not line.startswith(("cost ", "disk "))] for text in (launched.out, planned.out)]
        self.assertEqual(*lines)
        self.assertEqual(program.run(*self.train_words("more", "--dry-run", "--ranks", "9999")).code, 1, "more ranks than rows")

    def test_recipe_keys_are_the_frozen_ones(self):
        found = printed_keys(program.run("train", "--print-recipe").out)
        frozen = [line for line in FROZEN_KEYS.read_text().splitlines() if line and not line.startswith("#")]
        self.assertGreater(len(found), 50)
        self.assertEqual(
            found,
            frozen,
            "\nThe recipe's keys have changed: recipes in use may break. If that is meant, say so in CHANGELOG.md and "
            f"write this list into {FROZEN_KEYS}:\n" + "\n".join(found),
        )

    # --- Recipes that are wrong

    def test_recipe_files(self):
        with self.refusals() as (_, refused_recipe):
            refused_recipe("[train]\nsteps = 5\nstepz = 6\n", "bad.toml:3: train.stepz: unknown key", "train.steps?")
            refused_recipe("[trian]\nsteps = 5\n", "bad.toml:1: trian: unknown", "train?")
            refused_recipe("\n[train]\nsteps = 'many'\n", "bad.toml:3: train.steps: expected an integer")
            refused_recipe("[train]\nsteps = 1.5\n", "bad.toml:2: train.steps: expected an integer")
            refused_recipe("[optim]\n\nlearning_rate = -1\n", "bad.toml:3: optim.learning_rate: must be > 0", "got -1")
            refused_recipe("[train]\nsteps = 99999999999999999999\n", "bad.toml:2")
            refused_recipe("[train\nsteps = 1\n", "bad.toml:1: not valid TOML")
            refused_recipe("[train]\nsteps = 1\nsteps = 2\n", "bad.toml:3")
            phases = "[[phases]]\nshare = 0.5\n[[phases]]\nshare = 0.1\nbag_size = 0\n"
            refused_recipe(phases, "bad.toml:5: phases[1].bag_size", "got 0")
            refused_recipe("phases = 3\n", "bad.toml:1: phases")
            refused_recipe("\0\xff", "bad.toml:1")

    def test_command_line_keys(self):
        with self.refusals() as (refused, _):
            refused(["--train.stepz", "5"], "--train.stepz: unknown key", "train.steps?")
            refused(["--train.steps", "many"], "--train.steps: expected an integer")
            refused(["--train.steps=0"], "--train.steps: must be >= 1, got 0")
            refused(["--optim.learning_rate", "nan"], "--optim.learning_rate: ", "got a number: nan")
            refused(["--optim.learning_rate", "inf"], "--optim.learning_rate")
            refused(["--train.steps"], "--train.steps: needs a value")
            refused(["--train.batch_positions", "100"], "--train.batch_positions: must be a multiple", "(64), got 100")
            refused(["--model.vocab_size", "100"], "model.vocab_size: must be >=", "got 100")
            refused(["--model.preset", "gigantic"], "--model.preset: must be one of", "paper-3b", "got gigantic")
            refused(["--model.hidden_size", "33"], "got 2 heads and 33")
            refused(["--model.tie_embeddings", "maybe"], "--model.tie_embeddings: must be one of", "maybe")
            refused(["--phases", "[{share = 1.5, bag_size = 2}]"], "--phases", "share: must be in [0, 1], got 1.5")
            refused(["--phases", "[{share = 0.7, bag_size = 2}, {share = 0.7, bag_size = 3}]"], "phases")
            refused(["--phases", "nonsense"], "--phases: expected a list of tables")
            long = ["--train.sequence_length", "4096", "--train.batch_positions", "4096"]
            refused(long, "max_positions (2048), got 4096")
            refused(["--checkpoint.keep", "-1"], "--checkpoint.keep", "got -1")

    def test_cuda_where_there_is_none(self):
        if os.path.exists("/dev/nvidiactl"):
            self.skipTest("this machine has a CUDA device")
        words = self.train_words("cuda", "--dry-run", "--train.device", "cuda")
        self.assert_one_line(program.run(*words), "train.device", "cuda")

    # --- Corpora that are wrong

    def test_corpora(self):
        with self.refusals() as (refused, _):
            def sources(*paths):
                return ["--data.sources", "[" + ", ".join(f'"{path}"' for path in paths) + "]"]

            empty, no_text = self.folder / "empty", self.folder / "no-text"
            empty.mkdir()
            no_text.mkdir()
            (no_text / "a.txt").touch()
            refused(sources(self.folder / "nowhere"), "data.sources: no such file or folder", self.folder / "nowhere")
            refused(sources(self.folder / "*.nothing"), self.folder / "*.nothing")
            refused(sources(), "data.sources")
            refused(sources(empty), "data.sources: no file in", empty)
            refused(sources(no_text), "corpus is empty")
            refused(["--data.python_distributions", '["no-such-thing"]'], "no-such-thing is not installed")
            # 40 bytes cannot fill a window of 64 tokens and the next; 900 not one of 32 bags of 32 and their targets.
            document, held_out = self.write("short.txt", "a " * 450), self.write("held-out.txt", "b " * 20)
            short = [*sources(document), "--data.validation", f'["{held_out}"]']
            refused([*short, "--phases", "[]"], "validation set held_out: its documents must fill a window of 65 tokens", "41 tokens")
            narrow = ["--train.sequence_length", "32", "--train.batch_positions", "64"]
            refused([*short, *narrow, "--phases", "[{share = 0.5, bag_size = 32}]"], "1056", "901")

    def test_files_that_cannot_be_read(self):
        missing = self.folder / "missing.toml"
        self.assert_one_line(program.run("train", missing), missing)
        self.assert_one_line(program.run("train", self.folder), self.folder, "folder")
        secret = self.write("secret.toml", "")
        secret.chmod(0)
        options = {}
        if os.geteuid() == 0:  # root may read anything: somebody else tries
            self.folder.chmod(0o755)
            options = {"user": 65534, "group": 65534, "extra_groups": []}
            try:
                probe = program.run("--version", **options)
            except OSError as error:
                self.skipTest(f"no other user can start the program: {error}")
            if probe.code != 0:
                self.skipTest("no other user can start the program")
        self.assert_one_line(program.run("train", secret, **options), secret, "Permission denied")
        if options:
            folder, cache = self.folder / "theirs", self.folder / "their-cache"
            cache.mkdir()
            cache.chmod(0o777)
            shutil.copytree(self.folder / "corpus", folder)
            (folder / "07.txt").chmod(0)
            words = self.train_words("theirs", "--dry-run", "--data.sources", f'["{folder}"]')
            words += ["--data.cache_dir", cache]
            self.assert_one_line(program.run(*words, **options), folder / "07.txt", "Permission denied")

    def test_a_small_vocabulary_is_refused_before_preparing(self):
        for command in ("prepare", "mix"):
            words = self.recipe_words("early", "--model.vocab_size", "256", "--data.cache_dir", self.folder / "early")
            self.assert_one_line(program.run("data", command, *words), "model.vocab_size", "320", "256")
            self.assertFalse((self.folder / "early").exists())

    def test_inspect(self):
        tokens = self.folder / "some.bin"
        tokens.write_bytes(b"a\0b\0\0\1c\0")  # u16
        named, recipe = self.folder / "some.tokens", self.folder / "recipe"
        named.write_bytes(tokens.read_bytes())
        recipe.write_text("[data]\n")
        raw = ["--format", "raw-u16"]
        alone = program.run("data", "inspect", tokens, *raw)
        self.assertEqual(alone.code, 0, alone)
        self.assertIn("some.bin: 1 documents, 4 tokens\n", alone.out)
        by_bytes = program.run("data", "inspect", named, *raw, "--tokenizer", "bytes")
        self.assertIn("some.tokens: 2 documents, 3 B ", by_bytes.out)
        self.assert_names(by_bytes.out, "4 tokens", "1.333")
        self.assertEqual(program.run("data", "inspect", tokens, *raw, "--documents", "0").code, 0)
        words = self.recipe_words("inspected")
        for arguments, *parts in (
            ([tokens, *raw, "--from", "1"], "--from", "below 1"),
            ([*words, "--from", "99"], "--from", "document", "99"),
            ([*words, "--tokenizer", "bytes"], "--tokenizer", "--format", "token files"),
            ([*words, *raw], "--tokenizer", "--format", "token files"),
            ([named], ".toml", "prepared folder", "token file"),
            ([recipe], ".toml", "prepared folder", "token file"),
        ):  # fmt: skip
            with self.subTest(arguments):
                self.assert_one_line(program.run("data", "inspect", *arguments), *parts)
        for number in ("-3", "x"):
            result = program.run("data", "inspect", tokens, "--from", number)
            self.assertEqual(result.code, 2, result)
            self.assertLess(len(result.err), 150, result)

    def test_names_are_refused_in_plain_words(self):
        result = program.run("tokenizer", "train", "x", "--out", "y", "--vocab-size", "300", "--pattern", "foo")
        self.assertEqual(result.code, 2, result)
        self.assert_names(result.err, "--pattern", "gpt2", "llama3", "qwen2", "foo")
        result = program.run("selftest", "--device", "tpu")
        self.assertEqual(result.code, 2, result)
        self.assert_names(result.err, "--device", "auto", "cpu", "cuda", "tpu")
        self.assertNotIn("->", program.run("tokenizer", "train", "--help").out)
        self.assertIn("ids per line", program.run("tokenizer", "decode", "--help").out)

    # --- Checkpoints that are wrong, and resumes that are refused

    def test_checkpoints(self):
        self.train("checkpoints", "--train.steps", "4", "--phases", "[]")
        (good,) = program.checkpoints(self.run_folder("checkpoints"))[-1:]
        self.assertEqual(program.run("verify", good).code, 0)
        broken = self.folder / "broken"

        def altered(change):
            shutil.rmtree(broken, ignore_errors=True)
            shutil.copytree(good, broken / good.name)
            change(broken / good.name)
            return broken / good.name

        def flip(name, at=-1):
            def change(folder):
                data = bytearray((folder / name).read_bytes())
                data[at] ^= 1
                (folder / name).write_bytes(data)

            return change

        def cut(name):
            return lambda folder: os.truncate(folder / name, (folder / name).stat().st_size - 1)

        for change, name in (
            (flip("model.safetensors"), "model.safetensors"),
            (flip("trainer/optimizer.safetensors", 5000), "trainer/optimizer.safetensors"),
            (flip("trainer/state.json", 20), "trainer/state.json"),
            (flip("trainer/manifest.json", 30), "trainer/manifest.json"),
            (cut("tokenizer.json"), "tokenizer.json"),
            (lambda folder: (folder / "config.json").unlink(), "config.json"),
        ):
            with self.subTest(name):
                folder = altered(change)
                self.assert_one_line(program.run("verify", folder), folder, name)
                words = self.train_words("branch", "--from", folder, "--train.steps", "8", "--phases", "[]")
                self.assert_one_line(program.run(*words), folder, name)
                self.assertFalse(program.checkpoints(self.run_folder("branch")))
        self.assert_one_line(program.run("verify", self.folder / "nowhere"), "nowhere", "no such folder")
        words = self.train_words("branch", "--dry-run", "--from", self.folder / "nowhere")
        self.assert_one_line(program.run(*words), "no such folder")

    def test_resume_with_other_keys(self):
        self.train("resumed", "--train.steps", "4", "--phases", "[]")
        words = self.train_words("resumed", "--train.steps", "6", "--phases", "[]", "--optim.beta2", "0.5")
        result = program.run(*words)
        self.assertEqual(result.code, 1, result)
        self.assertEqual(result.err.splitlines()[1:3], ["  optim.beta2 (checkpoint 0.95, recipe 0.5)", "  train.steps (checkpoint 4, recipe 6)"])
        operational = ["--train.threads", "2", "--train.micro_batch", "3", "--checkpoint.keep", "1", "--log.every", "3"]
        result = program.run(*self.train_words("resumed", "--train.steps", "4", "--phases", "[]", *operational))
        self.assertEqual(result.code, 0, result)
        self.assertIn("Nothing left", result.out)


program.main()
