"""Training that is killed while it prepares its corpus: it continues, with the same shards and the same losses."""

import contextlib
import gzip
import json
import random
import re
import signal
import time

import program

CONTINUES = "interrupted preparation"
# Beyond two points of 128 MiB at which a preparation can be resumed.
FILES, DOCUMENTS, WORDS = 15, 5000, 700


class PrepareKill(program.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # One token per word: few bytes to write.
        cls.tokenizer = cls.folder / "tokenizer"
        words = ["--out", cls.tokenizer, "--vocab-size", "400", cls.folder / "corpus"]
        result = program.run("tokenizer", "train", *words)
        assert result.code == 0, result
        cls.write_large(cls.folder / "large")

    @classmethod
    def write_large(cls, folder):
        """300 MB of JSON lines, plain and gzip, of documents that differ."""
        folder.mkdir()
        source = random.Random(2)
        words = " ".join((cls.folder / "corpus" / "00.txt").read_text().split()).split()
        bodies = [" ".join(source.choices(words, k=WORDS)) for _ in range(200)]
        for number in range(FILES):
            rows = (f'{{"text": "{number} {i} {source.choice(bodies)}"}}\n' for i in range(DOCUMENTS))
            text = "".join(rows).encode()
            if number % 2 == 0:
                (folder / f"{number:02}.jsonl").write_bytes(text)
            else:
                (folder / f"{number:02}.jsonl.gz").write_bytes(gzip.compress(text, 1))

    def words(self, name):
        return self.train_words(
            name,
            *("--data.sources", f'["{self.folder / "large"}"]'),
            *("--data.tokenizer", self.tokenizer),
            *("--data.shard_tokens", "5000000"),
            *("--data.cache_dir", self.folder / f"cache-{name}"),
            *("--train.steps", "20"),
        )

    def kill_when(self, name, reached):
        """Starts training, kills it once `reached` says so of the unfinished folder; what it printed."""
        with program.Process([program.PROGRAM, *self.words(name)]) as process:
            limit = time.monotonic() + program.TIME_LIMIT
            while not any(map(reached, (self.folder / f"cache-{name}").glob("corpus-*.partial"))):
                self.assertTrue(process.running(), "it ended before the point to kill it at")
                self.assertLess(time.monotonic(), limit)
                time.sleep(0.002)
            process.send(signal.SIGKILL)
            result = process.wait()
        self.assertEqual(result.code, -signal.SIGKILL, result)
        self.assertFalse((self.run_folder(name) / "metrics.jsonl").exists(), "no step was made")
        return result.out

    @staticmethod
    def journal(partial):
        """Tokens that the journal knows of; 0 without one."""
        with contextlib.suppress(FileNotFoundError):
            return json.loads((partial / "journal.json").read_text())["train"]["tokens"]
        return 0

    def test_killed_again_and_again(self):
        whole = program.run(*self.words("whole"))
        self.assertEqual(whole.code, 0, whole)
        self.assertNotIn(CONTINUES, whole.out)

        # With tokens on the disk but no journal: nothing to resume from.
        out = self.kill_when("killed", lambda partial: any(partial.glob("train-00000.idx")))
        self.assertNotIn(CONTINUES, out)
        # At the first journal, some way behind it, and at the second one.
        self.assertNotIn(CONTINUES, self.kill_when("killed", self.journal))
        (partial,) = (self.folder / "cache-killed").glob("corpus-*.partial")
        first = self.journal(partial)
        shards = len(list(partial.glob("train-*.idx")))
        out = self.kill_when("killed", lambda folder: len(list(folder.glob("train-*.idx"))) > shards + 1)
        self.assertRegex(out, f"{CONTINUES}.*{re.escape(str(partial))}")
        self.assertEqual(self.journal(partial), first)
        self.assertIn(CONTINUES, self.kill_when("killed", lambda folder: self.journal(folder) > first))
        last = program.run(*self.words("killed"))
        self.assertEqual(last.code, 0, last)
        self.assertIn(CONTINUES, last.out)

        folders = [next((self.folder / f"cache-{name}").iterdir()) for name in ("whole", "killed")]
        files = [{path.name: path.read_bytes() for path in folder.iterdir()} for folder in folders]
        self.assertEqual(sorted(files[0]), sorted(files[1]))
        self.assertGreater(len(files[0]), 20, "several shards")
        for name, content in files[0].items():
            self.assertTrue(content == files[1][name], name)
        losses = [
            [record["loss"] for record in program.records(self.run_folder(name), "step")] for name in ("whole", "killed")
        ]
        self.assertEqual(len(losses[0]), 20)
        self.assertEqual(losses[0], losses[1])


program.main()
