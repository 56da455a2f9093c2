"""`superpose tokenizer train`: what it writes opens in tokenizers and transformers; what it refuses."""

import gzip
import json
import pathlib
import re
import shutil
import signal
import subprocess
import time
import unittest

import program

try:
    import tokenizers
    from tokenizers import decoders, models, pre_tokenizers, trainers
except ImportError as error:
    program.skip(error)

DOCUMENT = program.ROOT / "docs" / "formats" / "tokenizer-training.md"


def texts_of(folder):
    return [path.read_text() for path in sorted(folder.iterdir())]


def peer(documents, vocab_size, specials):
    """The same training by Hugging Face's trainer."""
    tokenizer = tokenizers.Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=vocab_size, min_frequency=2, special_tokens=specials,
                                  initial_alphabet=alphabet, show_progress=False)  # fmt: skip
    tokenizer.train_from_iterator(documents, trainer)
    return tokenizer


class TokenizerTrain(program.ProgramTest):
    @classmethod
    def corpus(cls):
        return cls.folder / "corpus"

    def train_tokenizer(self, name, *words, code=0):
        result = program.run("tokenizer", "train", "--out", self.folder / name, *words)
        self.assertEqual((result.code, result.err), (code, ""), result)
        return result, self.folder / name

    def assert_equal_models(self, folder, expected):
        model = json.loads((folder / "tokenizer.json").read_text())["model"]
        theirs = json.loads(expected.to_str())["model"]
        self.assertEqual(model["vocab"], theirs["vocab"])
        self.assertEqual(model["merges"], theirs["merges"])

    def test_folder_of_texts(self):
        result, folder = self.train_tokenizer("texts", "--vocab-size", "290", self.corpus())
        self.assert_equal_models(folder, peer(texts_of(self.corpus()), 290, ["<|endoftext|>"]))
        self.assertRegex(result.out, r"290 tokens, 33 merges .*40 documents, [0-9.]+ KiB, 33 distinct words")
        self.assertRegex(result.out, re.escape(f'data.tokenizer = "{folder}"') + r" .*<\|endoftext\|>")
        self.assertEqual(sorted(path.name for path in folder.iterdir()), [".superpose.json", "tokenizer.json", "tokenizer_config.json"])
        fast = __import__("transformers").AutoTokenizer.from_pretrained(str(folder))
        self.assertEqual((fast.eos_token, fast.eos_token_id, len(fast)), ("<|endoftext|>", 0, 290))
        text = "the loss of a token <|endoftext|> \u00e9\n"
        self.assertEqual(fast.decode(fast.encode(text)), text)

    def test_kinds_of_files_give_the_same(self):
        texts = texts_of(self.corpus())
        rows = "".join(json.dumps({"meta": {"body": text}}) + "\n" for text in texts)
        (self.folder / "rows.jsonl").write_text(rows)
        with gzip.open(self.folder / "rows.jsonl.gz", "wt") as file:
            file.write(rows)
        (self.folder / "joined.txt").write_text("\n\n".join(texts))
        (self.folder / "windows.txt").write_bytes("\r\n\r\n".join(texts).encode("utf-8-sig"))
        (self.folder / "packed.jsonl.zstd").write_bytes((self.folder / "rows.jsonl.gz").read_bytes())
        shutil.copytree(self.corpus(), self.folder / "with-logo")
        (self.folder / "with-logo" / "logo.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(50))
        _, first = self.train_tokenizer("kind-folder", "--vocab-size", "300", "--threads", "1", self.corpus())
        expected = (first / "tokenizer.json").read_bytes()
        for number, words in enumerate((
            ["--text-field", "meta.body", self.folder / "rows.jsonl"],
            ["--text-field", "meta.body", self.folder / "rows.jsonl.gz", "--threads", "2"],
            ["--separator", r"\n\n", self.folder / "joined.txt"],
            ["--separator", r"\n\n", self.folder / "windows.txt"],
            ["--text-field", "meta.body", self.folder / "packed.jsonl.zstd"],
            [self.folder / "with-logo"],
            [f"{self.corpus()}/*.txt"],
        )):  # fmt: skip
            with self.subTest(words):
                _, folder = self.train_tokenizer(f"kind-{number}", "--vocab-size", "300", *words)
                self.assertEqual((folder / "tokenizer.json").read_bytes(), expected)

    def test_what_is_no_text(self):
        for name, content, *words in (
            ("ls", pathlib.Path("/bin/ls").read_bytes(), "an ELF file"),
            ("a.jsonl.zstd", b"BZh91AY&SY" + bytes(20), "bzip2 data", "unpack it"),
            ("a.txt", "a text\n".encode("utf-16") * 20, "UTF-16 text", "iconv"),
        ):
            (self.folder / name).write_bytes(content)
            command = ["tokenizer", "train", "--out", self.folder / "nothing", "--vocab-size", "300", self.folder / name]
            self.assert_one_line(program.run(*command), str(self.folder / name), *words)
            self.assertFalse((self.folder / "nothing").exists())

    def test_large_files_without_the_separator_are_named(self):
        (self.folder / "large.txt").write_text("one two " * 150_000)
        words = ["--vocab-size", "270", "--separator", r"\n\n", self.folder / "large.txt"]
        result, _ = self.train_tokenizer("large", *words)
        self.assertRegex(result.out, "warning: --separator: .*large.txt")

    def test_parquet(self):
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError as error:
            self.skipTest(str(error))
        path = self.folder / "rows.parquet"
        pyarrow.parquet.write_table(pyarrow.table({"body": texts_of(self.corpus())}), path)
        words = ["--vocab-size", "300", "--out", self.folder / "parquet", "--text-field", "body", path]
        result = program.run("tokenizer", "train", *words)
        if "Parquet" in result.err:
            self.skipTest(result.err)
        self.assertEqual((result.code, result.err), (0, ""), result)
        self.assert_equal_models(self.folder / "parquet", peer(texts_of(self.corpus()), 300, ["<|endoftext|>"]))

    def test_special_tokens(self):
        specials = ["[PAD]", "[a, b]", "the"]
        words = [word for token in specials for word in ("--special", token)]
        result, folder = self.train_tokenizer("special", "--vocab-size", "300", *words, self.corpus())
        self.assert_equal_models(folder, peer(texts_of(self.corpus()), 300, specials))
        self.assertRegex(result.out, r"data\.tokenizer = .*\[PAD\]")
        self.assertEqual(json.loads((folder / "tokenizer_config.json").read_text())["eos_token"], "[PAD]")

    def test_no_special_token(self):
        result, folder = self.train_tokenizer("none", "--vocab-size", "280", "--no-special", self.corpus())
        self.assert_equal_models(folder, peer(texts_of(self.corpus()), 280, []))
        self.assertIn("data.end_of_document", result.out)
        self.assertEqual(json.loads((folder / "tokenizer.json").read_text())["added_tokens"], [])
        self.assertNotIn("eos_token", json.loads((folder / "tokenizer_config.json").read_text()))
        words = ("--data.tokenizer", folder, "--model.vocab_size", "0", "--train.steps", "2", "--phases", "[]")
        self.assert_one_line(program.run(*self.train_words("no-end", *words)), "data.end_of_document")
        self.train("line-end", *words, "--data.end_of_document", "\n")
        (checkpoint,) = program.checkpoints(self.run_folder("line-end"))
        end = json.loads((checkpoint / "config.json").read_text())["eos_token_id"]
        self.assertEqual(json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]["\u010a"], end)
        both = ["tokenizer", "train", "--out", "x", "--vocab-size", "300", "--no-special", "--special", "a", self.corpus()]
        self.assertEqual(program.run(*both).code, 2)

    def test_too_little_text(self):
        result, folder = self.train_tokenizer("little", "--vocab-size", "5000", self.corpus())
        got = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json")).get_vocab_size()
        self.assertLess(got, 5000)
        self.assertIn(f"{got} tokens, ", result.out)
        self.assert_names(result.out, "5000", "2 times")

    def test_max_bytes(self):
        text = texts_of(self.corpus())[0] + "\u00e9\u00e9\u00e9"
        (self.folder / "one.txt").write_text(text)
        size = len(text.encode()) - 3  # in the middle of a character
        _, folder = self.train_tokenizer("cut", "--vocab-size", "280", "--max-bytes", size, self.folder / "one.txt")
        cut = text.encode()[:size].decode("utf-8", "ignore")
        self.assert_equal_models(folder, peer([cut], 280, ["<|endoftext|>"]))

    def test_bad_records(self):
        path = self.folder / "bad.jsonl"
        path.write_text('{"text": "one two one two"}\n{"other": 1}\nno json\n')
        words = ["tokenizer", "train", "--out", self.folder / "bad", "--vocab-size", "300", path]
        self.assert_one_line(program.run(*words), "bad.jsonl:2:", "text")
        self.assertFalse((self.folder / "bad").exists())
        result = program.run(*words, "--skip-bad-records")
        self.assertEqual(result.code, 0, result)
        self.assertIn("left out: 2 bad records\n", result.out)

    def test_refusals(self):
        corpus = self.corpus()
        for words, *parts in (
            (["--out", self.folder / "x", "--vocab-size", "256", corpus], "--vocab-size", "[257,", "256"),
            (["--out", self.folder / "x", "--vocab-size", "300", self.folder / "no"], self.folder / "no", "no such file"),
            (["--out", "/proc/x/y", "--vocab-size", "300", corpus], "/proc/x/y", "create"),
            (["--out", self.folder / "x", "--vocab-size", "300", "--separator", r"\q", corpus], "--separator"),
            (["--out", self.folder / "x", "--vocab-size", "300", "--max-bytes", "-1", corpus], "--max-bytes"),
            (["--out", self.folder / "x", "--vocab-size", "300", "--special", "", corpus], "--special", "empty"),
        ):  # fmt: skip
            with self.subTest(words):
                self.assert_one_line(program.run("tokenizer", "train", *words), *parts)
        self.assertFalse((self.folder / "x").exists())
        for words in ([], ["--out", "x", "--vocab-size", "300"], ["--out", "x", corpus], ["--pattern", "no"]):
            with self.subTest(words):
                self.assertEqual(program.run("tokenizer", "train", *words).code, 2)

    def test_a_signal_leaves_nothing(self):
        big = self.folder / "big.txt"
        big.write_text("\n".join(texts_of(self.corpus())) * 400)
        out = self.folder / "stopped"
        words = ["tokenizer", "train", "--out", out, "--vocab-size", "300", big]
        with program.Process([program.PROGRAM, *words]) as process:
            limit = time.monotonic() + program.TIME_LIMIT
            while process.running() and not list(self.folder.glob("stopped.tmp-*")) and time.monotonic() < limit:
                time.sleep(0.001)
            process.send(signal.SIGTERM)
            result = process.wait()
        if result.code == 0:
            self.skipTest("it was done before the signal came")
        self.assert_one_line(result, "signal")
        self.assertEqual(list(self.folder.glob("stopped*")), [])

    def test_example_of_the_document(self):
        """The commands of the document's first shell block, as they stand there, give what it says."""
        block = re.search(r"```sh\n(.*?)```", DOCUMENT.read_text(), re.S).group(1)
        script = block.replace("superpose ", f"{program.PROGRAM} ")
        folder = self.folder / "example"
        folder.mkdir()
        done = subprocess.run(["bash", "-euc", script], cwd=folder, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done)
        shown = re.search(r"```text\n(.*?)```", DOCUMENT.read_text(), re.S).group(1)
        self.assertEqual(re.sub(r" in \d.*", "", done.stdout), re.sub(r" in \d.*", "", shown))
        merges = json.loads((folder / "my-tokenizer" / "tokenizer.json").read_text())["model"]["merges"]
        self.assertEqual(merges, [["l", "o"], ["lo", "w"], ["\u0120", "low"], ["e", "r"]])


if __name__ == "__main__":
    program.main()
