"""superpose eval: tasks, bare requests and texts of a model trained here; records, tables, exit codes; nothing half-written."""

import gzip
import json
import math
import shutil

import program

ROWS = program.ROOT / "tests" / "golden" / "references" / "tasks"
QUICK = ["--train.steps", "10", "--checkpoint.every", "2", "--checkpoint.keep", "9", "--evaluation.windows", "4", "--evaluation.final_windows", "0"]


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


class Eval(program.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for seed in (1, 2):
            done = program.run(*cls.train_words(f"seed-{seed}", *QUICK, "--train.seed", str(seed)))
            assert done.code == 0, done
        cls.model, cls.other = cls.run_folder("seed-1"), cls.run_folder("seed-2")

    def eval(self, *words, code=0):
        result = program.run("eval", *words, "--threads", "1")
        self.assertEqual(result.code, code, result)
        return result

    def refused(self, *words, parts=()):
        """One line, and no file that was not there before."""
        before = sorted(self.folder.rglob("*"))
        self.assert_one_line(program.run("eval", *words, "--threads", "1"), *parts)
        self.assertEqual(sorted(self.folder.rglob("*")), before)

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return path

    def scores(self, *words):
        """{"boolq": {"acc": {"value": ...}}} of --json, one per model."""
        file = self.folder / "scores.json"
        file.unlink(missing_ok=True)
        self.eval(*words, "--json", file, "--overwrite")
        models = json.loads(file.read_text())["models"]
        return [{score["name"]: score["metrics"] for score in model["scores"]} for model in models]

    def test_tasks(self):
        records = self.folder / "items.jsonl"
        result = self.eval(self.model, "--tasks", "boolq,winogrande@2", "--data", ROWS, "--records", records)
        self.assertRegex(result.out, r"boolq +5 +acc ")
        rows = lines(records)
        self.assertEqual([row["task"] for row in rows], ["boolq"] * 5 + ["winogrande@2"] * 5)
        self.assertEqual([row["index"] for row in rows], [0, 1, 2, 3, 4] * 2)
        for row in rows:
            self.assertEqual((len(row["loglikelihood"]), len(row["is_greedy"])), (2, 2))
            self.assertEqual("acc_norm" in row, row["task"] == "boolq")
            best = row["loglikelihood"].index(max(row["loglikelihood"]))
            self.assertEqual(row["acc"], int(best == row["answer"]))
        (scores,) = self.scores(self.model, "--tasks", "boolq", "--data", ROWS)
        of_boolq = rows[:5]
        self.assertAlmostEqual(scores["boolq"]["acc"]["value"], sum(row["acc"] for row in of_boolq) / 5)
        right = [row["loglikelihood"][row["answer"]] for row in of_boolq]
        self.assertAlmostEqual(scores["boolq"]["log_likelihood"]["value"], sum(right) / 5)
        bits = -sum(right) / math.log(2) / sum(row["answer_bytes"] for row in of_boolq)
        self.assertAlmostEqual(scores["boolq"]["bits_per_byte"]["value"], bits)
        few = self.folder / "few.jsonl"
        self.eval(self.model, "--tasks", "boolq", "--data", ROWS, "--samples", "2", "--records", few)
        self.assertEqual(len(lines(few)), 2)

    def test_a_task_of_ones_own(self):
        """Next to its data, which is compressed."""
        task = self.write("own.toml", 'name = "own"\nkind = "cloze"\nfiles = ["own.jsonl"]\n'
                          'prompt = "{q}"\ncontinuation = " {a}"\nmetric = "perplexity"\n')  # fmt: skip
        with gzip.open(self.folder / "own.jsonl.gz", "wt") as file:
            file.write('{"q": "The model reads", "a": "tokens"}\n{"q": "Loss", "a": "falls"}\n')
        (scores,) = self.scores(self.model, "--tasks", task)
        own = scores["own"]
        self.assertAlmostEqual(own["perplexity"]["value"], math.exp(-own["log_likelihood"]["value"]))

    def test_requests(self):
        """The same pair by any way, in order, and the log-likelihood of a text by its parts."""
        pairs = [("The token bag", " of a model"), ("The token bag ", "of a model"), ("", "The token bag"),
                 ("The token bag", " of"), ("The token bag of", " a model"), ("", "The token bag of a model")]  # fmt: skip
        asked = self.write("pairs.jsonl", "".join(json.dumps({"context": c, "continuation": w}) + "\n" for c, w in pairs))
        out = self.folder / "pairs-out.jsonl"
        for model in (self.model, exported := self.exported()):
            self.eval(model, "--requests", asked, "--records", out, "--overwrite")
            rows = lines(out)
            self.assertEqual(len(rows), 6)
            self.assertEqual(set(rows[0]), {"loglikelihood", "is_greedy"})
            values = [row["loglikelihood"] for row in rows]
            self.assertAlmostEqual(values[0], values[1], places=4)
            self.assertAlmostEqual(values[0], values[3] + values[4], places=3)
            self.assertTrue(all(value < 0 for value in values))
        text = self.write("whole.txt", "The token bag of a model")
        whole = self.folder / "whole.jsonl"
        self.eval(exported, "--text", text, "--records", whole)
        (document,) = lines(whole)
        self.assertEqual((document["tokens"], document["bytes"], document["words"]), (24, 24, 6))
        self.assertAlmostEqual(document["loglikelihood"], values[5], places=3)

    def exported(self):
        """A Hugging Face folder without anything of the trainer's."""
        folder = self.folder / "exported"
        if not folder.exists():
            done = program.run("export", self.model, folder)
            self.assertEqual(done.code, 0, done)
        return folder

    def test_texts(self):
        documents = ["the token bag " * 20, "reads and writes", "its loss falls"]
        rows = self.write("texts.jsonl", "".join(json.dumps({"body": text}) + "\n" for text in documents))
        text = self.write("texts.txt", "\n--\n".join(documents))
        records = self.folder / "texts-out.jsonl"
        words = [self.model, "--text", rows, "--text", text, "--text-field", "body", "--separator", "\\n--\\n"]
        (scores,) = self.scores(*words, "--records", records)
        by_rows, by_text = scores[str(rows)], scores[str(text)]
        self.assertEqual(by_rows, by_text)
        found = lines(records)
        self.assertEqual(len(found), 6)
        nats = -sum(row["loglikelihood"] for row in found[:3])
        tokens = sum(row["tokens"] for row in found[:3])
        self.assertAlmostEqual(by_rows["loss"]["value"], nats / tokens)
        self.assertAlmostEqual(by_rows["perplexity"]["value"], math.exp(nats / tokens))
        self.assertAlmostEqual(by_rows["bits_per_byte"]["value"], nats / tokens / math.log(2))  # a byte is a token
        self.assertGreater(by_rows["loss"]["error"], 0)
        (corpus,) = (path for path in (self.folder / "cache").glob("corpus-*") if path.is_dir())
        (scores,) = self.scores(self.model, "--text", corpus)
        self.assertGreater(scores[str(corpus)]["loss"]["value"], 0)

    def test_models_side_by_side(self):
        words = ["--tasks", "piqa,sciq", "--data", ROWS]
        first, second = self.scores(self.model, self.other, *words)
        self.assertEqual((first, second), (*self.scores(self.model, *words), *self.scores(self.other, *words)))
        self.assertNotEqual(first, second)
        records = self.folder / "both.jsonl"
        result = self.eval(self.model, self.other, *words, "--records", records)
        self.assertIn(f"[2] {self.other}", result.out)
        self.assertEqual({row["model"] for row in lines(records)}, {str(self.model), str(self.other)})

    def test_folders_and_globs_of_texts(self):
        folder = self.folder / "texts"
        folder.mkdir()
        for name, text in (("a.txt", "the token bag"), ("b.txt", "reads and writes"), ("c.png", "\x89PNG\r\n\x1a\n")):
            (folder / name).write_bytes(text.encode("latin-1"))
        records = self.folder / "texts-of-a-folder.jsonl"
        for path in (folder, folder / "*.txt"):
            self.eval(self.model, "--text", path, "--records", records)
            rows = lines(records)
            self.assertEqual([(row["text"], row["bytes"]) for row in rows], [(str(path), 13), (str(path), 16)])
        self.refused(self.model, "--text", folder / "*.md", parts=["*.md"])
        self.refused(self.model, "--text", folder / "c.png", parts=["c.png", "PNG"])
        rows = self.write("other-field.jsonl", '{"body": "a"}\n')
        result = program.run("eval", self.model, "--text", rows)
        self.assert_one_line(result, "other-field.jsonl", "--text-field")
        self.assertNotIn("data.", result.err.replace(str(rows), ""))

    def test_written_files_are_named(self):
        asked = self.write("one.jsonl", '{"context": "a", "continuation": "b"}\n')
        records, scores = self.folder / "one-out.jsonl", self.folder / "one.json"
        result = self.eval(self.model, "--requests", asked, "--records", records, "--json", scores)
        self.assertEqual((result.out, result.err), ("", f"written: {records}\nwritten: {scores}\n"))

    def test_results_can_be_told_apart(self):
        """Two outputs are two files, and no model, task or text comes twice."""
        out, data = self.folder / "same.jsonl", ["--tasks", "boolq", "--data", ROWS]
        (self.folder / "link").symlink_to(".")
        for other in (out, self.folder / "link" / "same.jsonl", self.folder / "none" / ".." / "same.jsonl"):
            self.refused(self.model, *data, "--records", out, "--json", other, parts=["--records", "--json"])
        for option in ("--records", "--json"):
            self.refused(self.model, *data, option, "-", parts=[option, "got -"])
        asked = self.write("asked.jsonl", '{"context": "a", "continuation": "b"}\n')
        self.refused(self.model, "--requests", asked, "--records", asked, "--overwrite", parts=["--records", "--requests"])
        self.assertEqual(program.run("eval", self.model, self.model, *data).code, 2)
        self.refused(self.model, "--tasks", "boolq,boolq", "--data", ROWS, parts=["--tasks", "boolq"])
        self.refused(self.model, "--text", asked, "--text", asked, parts=["--text", asked])
        self.eval(self.model, "--tasks", "winogrande,winogrande@2", "--data", ROWS)

    def test_inside_superposition(self):
        first = program.checkpoints(self.model)[0]
        words = ["--tasks", "piqa", "--data", ROWS]
        has_warning = [self.eval(model, *words).err.startswith("warning: ") for model in (first, self.model)]
        self.assertEqual(has_warning, [True, False])

    def test_bad_input(self):
        out = self.folder / "never.jsonl"
        words = [self.model, "--records", out]
        data = ["--data", ROWS]
        self.refused(*words, parts=["--tasks"])
        self.refused(*words, "--tasks", "boolq", parts=["--data"])
        self.refused(*words, "--tasks", "bolq", *data, parts=["--tasks", "boolq"])
        self.refused(*words, "--tasks", "arc_challenge", *data, parts=["arc_challenge.jsonl", "allenai/ai2_arc"])
        self.refused(*words, "--tasks", "boolq", "--data", self.folder / "none", parts=["none"])
        self.refused(self.model, "--requests", out, parts=["--records"])
        for text in ("", "\n\n"):
            nothing = self.write("nothing.jsonl", text)
            self.refused(self.model, "--requests", nothing, "--records", out, parts=["nothing.jsonl"])
        self.refused(self.model, "--records", "/dev/stdout", "--overwrite", *data, "--tasks", "boolq", parts=["/dev"])
        self.refused(*words, "--requests", self.folder / "none.jsonl", parts=["none.jsonl"])
        self.refused(self.folder / "no-model", *data, "--tasks", "boolq", "--records", out, parts=["no-model", "Hugging Face"])
        self.refused(*words, "--text", self.folder / "none.txt", parts=["none.txt"])
        bad = self.folder / "bad"
        bad.mkdir()
        good = json.loads((ROWS / "boolq.jsonl").read_text().splitlines()[0])
        for row in ('{"passage": 1', json.dumps({**good, "label": 2}), json.dumps({**good, "passage": None}), "[]",
                    json.dumps({**good, "passage": 0}).replace('"passage": 0', '"passage": ' + "[" * 100000 + "]" * 100000)):  # fmt: skip
            (bad / "boolq.jsonl").write_text(json.dumps(good) + "\n" + row + "\n")
            self.refused(*words, "--tasks", "boolq", "--data", bad, parts=["boolq.jsonl:2: "])
        task = self.write("bad.toml", 'name = "bad"\nfiles = ["x"]\nprompt = "{q"\nchoices = ["a"]\nanswer = "0"\n')
        self.refused(*words, "--tasks", task, parts=["bad.toml:3: "])
        for row in ('{"context": "a"}', '{"context": " ", "continuation": "b"}', '{"context": "a", "continuation": ""}',
                    json.dumps({"context": "a", "continuation": "b" * 5000})):  # fmt: skip
            asked = self.write("bad-pairs.jsonl", '{"context": "a", "continuation": "b"}\n' + row + "\n")
            self.refused(*words, "--requests", asked, parts=["bad-pairs.jsonl:2: "])
        exported = self.folder / "bare"
        shutil.copytree(self.exported(), exported)
        (exported / "tokenizer.json").unlink()
        (exported / "tokenizer_config.json").unlink()
        self.refused(exported, *data, "--tasks", "boolq", parts=["--tokenizer"])
        self.eval(exported, *data, "--tasks", "boolq", "--tokenizer", "bytes")
        mine = self.write("mine.jsonl", "the user's own\n")
        self.refused(self.model, *data, "--tasks", "boolq", "--records", mine, parts=["mine.jsonl"])
        self.assertEqual(mine.read_text(), "the user's own\n")

    def test_weights_that_are_no_numbers(self):
        broken = self.folder / "broken"
        shutil.copytree(self.exported(), broken)
        weights = bytearray((broken / "model.safetensors").read_bytes())
        weights[-4:] = b"\xff\xff\xff\x7f"
        (broken / "model.safetensors").write_bytes(weights)
        self.refused(broken, "--tasks", "boolq", "--data", ROWS, "--records", self.folder / "nan.jsonl", parts=["finite"])


program.main()
