"""Token files read in place: as a validation set, and as sources of a mixture."""

import json
import shutil

import program


class TokenSet(program.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        program.write_corpus(cls.folder / "set", documents=6, words=310)
        # In training, too: to be left out.
        (cls.folder / "corpus" / "copy.txt").write_text((cls.folder / "set" / "03.txt").read_text())
        cls.make_token_files()

    @classmethod
    def make_token_files(cls):
        """Documents of the set, and of training, as Megatron's .bin and .idx: shards of our own."""
        recipe = cls.folder / "set.toml"
        cache = cls.folder / "set-cache"
        sources = f'sources = ["{cls.folder / "corpus"}"]\ncache_dir = "{cache}"\n'
        recipe.write_text(f'[data]\n{sources}[[validation]]\nname = "own"\nsources = ["{cls.folder / "set"}"]\n')
        result = program.run("data", "prepare", recipe)
        assert result.code == 0, result
        (cls.tokens,) = cache.glob("corpus-*/validation-00000.bin")
        # The documents that are tokenized, the copy among them, and the corpus that leaves it out: one file.
        shards = list(cache.glob("corpus-*/train-00000.bin"))
        assert len(shards) == 2 and shards[0].samefile(shards[1]), shards
        cls.training = shards[0]

    def train_with(self, name, sources, *more):
        sets = f'[{{name = "own", sources = ["{sources}"]}}]'
        result = self.train(name, "--validation", sets, "--train.steps", "20", "--evaluation.every", "10", *more)
        return result, program.records(self.run_folder(name), "validation")

    def test_a_set_of_token_files_is_the_set_of_its_text(self):
        text, expected = self.train_with("text", self.folder / "set")
        tokens, found = self.train_with("tokens", self.tokens)
        for result in (text, tokens):
            self.assertIn("own: ", result.out)
            self.assert_names(result.out, "1 training documents")
        self.assertGreater(len(expected), 1)
        self.assertEqual([record["sets"] for record in found], [record["sets"] for record in expected], "bit for bit")
        self.assertIn("bits_per_byte", json.dumps(found))

    def test_copies_in_token_files_are_left_out(self):
        """The set's own tokens to train on, in addition to training's and text, each of which holds one copy."""
        mixture = (
            f'[{{name = "text", sources = ["{self.folder / "corpus"}"]}}, '
            f'{{name = "ids", sources = ["{self.tokens}", "{self.training}"]}}]'
        )
        words = ("--data.sources", "[]", "--mixture", mixture)
        result, _ = self.train_with("mixed", self.folder / "set", *words)
        documents = len(list((self.folder / "set").rglob("*.txt")))
        self.assertGreater(documents, 1)
        self.assert_names(result.out, f"{documents + 2} training documents")

    def test_a_mixture_of_token_files_is_scored_on_token_files(self):
        entries = []
        for name in ("a", "b"):
            folder = self.folder / name
            folder.mkdir()
            for ending in (".bin", ".idx"):
                shutil.copy(self.training.with_suffix(ending), folder)
            entries.append(f'{{name = "{name}", sources = ["{folder / self.training.name}"]}}')
        words = ("--data.sources", "[]", "--data.validation", f'["{self.tokens}"]')
        words += ("--mixture", f"[{', '.join(entries)}]", "--train.steps", "20")
        result = self.train("held-out-tokens", *words)
        self.assertRegex(result.out, r"held_out: \d+ windows from 6 documents")
        self.assertEqual(len(program.records(self.run_folder("held-out-tokens"), "validation")), 2)


program.main()
