"""A model that we trained, opened by transformers: the same logits, the same validation loss, the same text.

The held-out windows are cut here a second time, in NumPy, from the prepared shards (docs/formats/shards.md).
"""

import json
import math
import os
import sys

import program

if program.ARGUMENTS.packages:
    if not program.ARGUMENTS.packages.is_dir():
        program.skip(f"no packages in {program.ARGUMENTS.packages} (requirements-transformers4.txt)")
    sys.path.insert(0, str(program.ARGUMENTS.packages))
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_VERBOSITY"] = "error"
os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
try:
    import numpy
    import random_models
    import safetensors.torch
    import tokenizers
    import torch
    import transformers
except ImportError as error:
    program.skip(error)
transformers.utils.logging.disable_progress_bar()
if int(transformers.__version__.split(".")[0]) != program.ARGUMENTS.major:
    program.skip(f"transformers {transformers.__version__} is installed, {program.ARGUMENTS.major} is wanted")

LENGTH = 64  # train.sequence_length
WINDOWS = 16  # evaluation.windows
STEPS = 100
END = 256  # end of document
EPSILON = 2.0**-23

HOSTILE = (
    "tabs\t, two  spaces, \r\n, NUL \0, e\u0301 \u00e9 \ufb01, \U0001f469\u200d\U0001f467, \u4f60\u597d\u3000, "
    "\u0120\u010a, \ufeff, \u202e right to left \u202c, \uffff \U0010ffff <unk> </s> [PAD] <|endoftext  "
)

SHAPES = {
    "tied Llama": ["--model.tie_embeddings", "on"],
    "untied Llama with grouped heads": ["--model.tie_embeddings", "off", "--model.num_heads", "4",
                                        "--model.num_kv_heads", "2", "--model.rope_theta", "500000"],
    "Qwen3, tied": ["--model.qk_norm", "on"],
    "Qwen3, untied, wide heads": ["--model.qk_norm", "on", "--model.tie_embeddings", "off", "--model.head_dim", "32"],
    "Qwen2, grouped heads": ["--model.qkv_bias", "on", "--model.num_heads", "4", "--model.num_kv_heads", "2"],
    "SmolLM3": ["--model.no_rope_interval", "2"],
    "Qwen3Moe, a dense layer": ["--model.qk_norm", "on", "--model.moe.num_experts", "8", "--model.moe.ffn_size", "24",
                                "--model.moe.dense_layers", "[0]"],
}  # fmt: skip


def read_documents(folder, split):
    """Token ids of each document, by the layout of Megatron-LM."""
    documents = []
    for shard in split["shards"]:
        index = (folder / f"{shard['name']}.idx").read_bytes()
        assert index[:9] == b"MMIDIDX\0\0" and index[17] == 8, "u16 tokens"
        sequences, ends = (int.from_bytes(index[at : at + 8], "little") for at in (18, 26))
        lengths = numpy.frombuffer(index, "<i4", sequences, 34)
        offsets = numpy.frombuffer(index, "<i8", sequences, 34 + 4 * sequences)
        firsts = numpy.frombuffer(index, "<i8", ends, 34 + 12 * sequences)
        tokens = numpy.fromfile(folder / f"{shard['name']}.bin", "<u2")
        for first, last in zip(firsts[:-1], firsts[1:]):
            parts = [tokens[offsets[i] // 2 : offsets[i] // 2 + lengths[i]] for i in range(first, last)]
            documents.append(numpy.concatenate(parts))
    return documents


def held_out_windows(folder):
    """{half: [windows, LENGTH + 1]}: the documents of a half joined, cut with stride LENGTH, spread evenly."""
    sidecar = json.loads((folder / "corpus.json").read_text())
    documents = read_documents(folder, sidecar["validation"])
    assert len(documents) == sidecar["validation"]["documents"] == len(sidecar["validation_halves"])
    windows = {}
    for half in "AB":
        mine = [tokens for tokens, letter in zip(documents, sidecar["validation_halves"]) if letter == half]
        stream = numpy.concatenate(mine).astype(numpy.int64)
        available = (len(stream) - 1) // LENGTH
        taken = min(available, WINDOWS // 2)
        starts = [index * available // taken * LENGTH for index in range(taken)]
        windows[half] = numpy.stack([stream[start : start + LENGTH + 1] for start in starts])
    return windows


def nats(logits, windows):
    """Sum of the next-token losses, in f64."""
    targets = torch.as_tensor(windows[:, 1:])
    return torch.nn.functional.cross_entropy(logits.double().flatten(0, 1), targets.flatten(), reduction="sum").item()


class HuggingFace(program.ProgramTest):
    def our_logits(self, checkpoint, ids):
        ids_file, out = self.folder / "ids.safetensors", self.folder / "logits.safetensors"
        out.unlink(missing_ok=True)
        safetensors.torch.save_file({"ids": ids.contiguous()}, ids_file)
        result = program.run(checkpoint, ids_file, out, program=program.ARGUMENTS.dump_logits)
        self.assertEqual(result.code, 0, result)
        return safetensors.torch.load_file(out)["logits"]

    def open_model(self, checkpoint):
        model, info = transformers.AutoModelForCausalLM.from_pretrained(checkpoint, output_loading_info=True)
        for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"):
            self.assertFalse(info.get(kind), (kind, info[kind]))
        self.assertEqual(next(model.parameters()).dtype, torch.float32)
        return model.eval()

    def corpus(self, run_folder):
        """The prepared corpus that a run read."""
        fingerprint = program.records(run_folder, "header")[0]["fingerprints"]["data"]
        for folder in (self.folder / "cache").glob("corpus-*"):
            sidecar = json.loads((folder / "corpus.json").read_text())
            if sidecar["train"]["fingerprint"] == fingerprint and sidecar["validation"]["documents"]:
                return folder
        raise AssertionError(f"no corpus with fingerprint {fingerprint}")

    def check_shape(self, name, words):
        folder = self.run_folder(name)
        self.train(name, "--train.steps", STEPS, "--evaluation.every", "0", *words)
        (checkpoint,) = program.checkpoints(folder)[-1:]
        model = self.open_model(checkpoint)
        family = next((family for family in ("Qwen2", "Qwen3Moe", "Qwen3", "SmolLM3") if family in name), "Llama")
        self.assertEqual(type(model).__name__, f"{family}ForCausalLM")
        corpus = self.corpus(folder)
        windows = held_out_windows(corpus)
        all_windows = numpy.concatenate([windows["A"], windows["B"]])
        ids = torch.as_tensor(all_windows[:, :-1])
        with torch.no_grad():
            theirs = model(ids).logits
        ours = self.our_logits(checkpoint, ids)
        difference = (ours - theirs).abs().max().item()
        self.assertLessEqual(difference, 1e-4)

        record = program.records(folder, "validation")[-1]
        self.assertEqual(record["step"], STEPS)
        split = {"A": theirs[: len(windows["A"])], "B": theirs[len(windows["A"]) :]}
        sums = {half: nats(logits, windows[half]) for half, logits in split.items()}
        tokens = {half: windows[half].shape[0] * LENGTH for half in windows}
        num_bytes = int((all_windows[:, 1:] != END).sum())
        # One token's loss moves by at most twice the largest difference of its logits; the sum of n losses in f32
        # rounds like a random walk.
        tolerance = 2 * difference + EPSILON * record["loss"] * math.sqrt(all_windows.size)
        self.assertAlmostEqual(record["loss"], sum(sums.values()) / sum(tokens.values()), delta=tolerance)
        self.assertAlmostEqual(record["loss_half_a"], sums["A"] / tokens["A"], delta=tolerance)
        self.assertAlmostEqual(record["loss_half_b"], sums["B"] / tokens["B"], delta=tolerance)
        bits = sum(sums.values()) / math.log(2) / num_bytes
        self.assertAlmostEqual(record["bits_per_byte"], bits, delta=2 * tolerance)
        # It has learned, so equal logits are not those of noise.
        self.assertLess(record["loss"], math.log(257) - 1)
        self.assertGreater(theirs.std().item(), 1)
        return f"largest difference of logits {difference:.1e}, validation loss {record['loss']:.4f}"

    def test_trained_models(self):
        print(f"\ntransformers {transformers.__version__}")
        for name, words in SHAPES.items():
            with self.subTest(name):
                print(f"  {name}: {self.check_shape(name, words)}")

    def test_begins_with_the_weights_of_a_folder(self):
        for family in random_models.FAMILIES:
            with self.subTest(family):
                folder = self.folder / f"random-{family}"
                model = random_models.save_random_model(family, folder, LENGTH, END)
                name = f"from-{family}"
                words = random_models.words_of_init_from(folder)
                result = self.train(name, "--train.steps", "2", "--phases", "[]", *words)
                self.assertIn("weights of", result.out)
                header = program.records(self.run_folder(name), "header")[0]
                self.assertEqual(header["parents"][0]["kind"], "weights")
                windows = held_out_windows(self.corpus(self.run_folder(name)))
                all_windows = numpy.concatenate([windows["A"], windows["B"]])
                ids = torch.as_tensor(all_windows[:, :-1])
                with torch.no_grad():
                    theirs = nats(model(ids).logits, all_windows) / (all_windows.shape[0] * LENGTH)
                first = program.records(self.run_folder(name), "validation")[0]
                self.assertEqual(first["step"], 0)
                self.assertAlmostEqual(first["loss"], theirs, delta=1e-4)

    def test_export(self):
        self.train("exported", "--train.steps", STEPS, "--evaluation.every", "0")
        (checkpoint,) = program.checkpoints(self.run_folder("exported"))[-1:]
        before = self.open_model(checkpoint)
        ids = torch.arange(LENGTH).remainder(250)[None]
        with torch.no_grad():
            logits = before(ids).logits
        for dtype, epsilon in (("f32", 0), ("bf16", 2.0**-7), ("f16", 2.0**-10)):
            out = self.folder / f"model-{dtype}"
            result = program.run("export", self.run_folder("exported"), out, "--dtype", dtype)
            self.assertEqual(result.code, 0, result)
            self.assertFalse((out / "trainer").exists())
            card = (out / "README.md").read_text()
            self.assertIn("raw tokens", card)
            self.assertRegex(card, r"\| Phases \| \d+ steps .*bags of \d+.* \d+ steps .*\|")
            self.assertIn("| Final loss | ", card)
            model = transformers.AutoModelForCausalLM.from_pretrained(out).float().eval()
            self.assertEqual(transformers.AutoTokenizer.from_pretrained(out)("a<|endoftext|>")["input_ids"], [97, END])
            with torch.no_grad():
                error = (model(ids).logits - logits).square().mean().sqrt() / logits.square().mean().sqrt()
            self.assertLessEqual(error.item(), 64 * epsilon + 1e-6)
        again = program.run("export", out, self.folder / "model-again")  # of an exported folder, as it is stored
        self.assertEqual(again.code, 0, again)
        self.assertIn("float16", again.out)
        (self.folder / "taken").mkdir()
        (self.folder / "taken" / "config.json").write_text("mine")
        refused = program.run("export", out, self.folder / "taken")
        self.assertEqual(refused.code, 1, refused)
        self.assertEqual((self.folder / "taken" / "config.json").read_text(), "mine")

    def test_export_inside_superposition_warns(self):
        self.train("superposed", "--train.steps", "4", "--phases", "[{share = 1.0, bag_size = 2}]", "--evaluation.every", "0")
        result = program.run("export", self.run_folder("superposed"), self.folder / "superposed-model")
        self.assertEqual(result.code, 0, result)
        self.assertIn("warning", result.out)
        self.assertIn("superposition", result.out)

    def test_tokenizer(self):
        self.train("tokenizer", "--train.steps", "2", "--phases", "[]")
        (checkpoint,) = program.checkpoints(self.run_folder("tokenizer"))[-1:]
        tokenizer = transformers.AutoTokenizer.from_pretrained(checkpoint)
        ids = tokenizer(HOSTILE)["input_ids"]
        self.assertEqual(ids, list(HOSTILE.encode("utf-8")))
        self.assertEqual(tokenizer.decode(ids), HOSTILE)
        self.assertEqual(tokenizer("a<|endoftext|>b")["input_ids"], [97, END, 98])
        model = self.open_model(self.run_folder("tokenizer") / "checkpoints" / "latest")
        self.assertEqual(model.config.eos_token_id, tokenizer.eos_token_id)

    def begin_tokenizer(self):
        """The bytes, with a token that is put in front of every text in use, and one to pad with."""
        folder = self.folder / "begin-tokenizer"
        folder.mkdir()
        tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
        tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        tokenizer.decoder = tokenizers.decoders.ByteLevel()
        alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
        names = ["<|begin|>", "<|end|>", "<|pad|>"]
        trainer = tokenizers.trainers.BpeTrainer(vocab_size=259, initial_alphabet=alphabet, special_tokens=names, show_progress=False)
        tokenizer.train_from_iterator(["a b"], trainer)
        tokenizer.post_processor = tokenizers.processors.TemplateProcessing(single="<|begin|> $A", special_tokens=[("<|begin|>", 0)])
        tokenizer.save(str(folder / "tokenizer.json"))
        config = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|end|>", "model_max_length": 99999}
        (folder / "tokenizer_config.json").write_text(json.dumps(config))
        # What older folders name here alone.
        (folder / "special_tokens_map.json").write_text('{"bos_token": "<|begin|>", "pad_token": {"content": "<|pad|>"}}')
        return folder

    def test_special_tokens(self):
        words = ("--data.tokenizer", self.begin_tokenizer(), "--model.vocab_size", "0")
        result = self.train("special", "--train.steps", STEPS, "--evaluation.every", "0", *words)
        self.assertRegex(result.out, r"warning .*<\|begin\|>.*\b0\b")
        warnings = [record["text"] for record in program.records(self.run_folder("special"), "event")]
        self.assertTrue(any("<|begin|>" in message for message in warnings), warnings)
        (checkpoint,) = program.checkpoints(self.run_folder("special"))[-1:]
        tokenizer = transformers.AutoTokenizer.from_pretrained(checkpoint)
        ids = (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id)
        self.assertEqual(ids, (0, 1, 2))
        self.assertEqual(tokenizer.model_max_length, LENGTH)
        model = self.open_model(checkpoint)
        self.assertEqual(model.config.max_position_embeddings, LENGTH)
        for config in (model.config, model.generation_config):
            self.assertEqual((config.bos_token_id, config.eos_token_id, config.pad_token_id), ids)
        batch = tokenizer(["the token", "a"], return_tensors="pt", padding=True, add_special_tokens=False)
        self.assertEqual(batch["input_ids"].shape, (2, 9))
        self.assertIn(tokenizer.pad_token_id, batch["input_ids"][1].tolist())

    def test_generation_stops_at_the_end_of_a_document(self):
        self.train("stops", "--train.steps", "2", "--phases", "[]", "--evaluation.every", "0")
        (checkpoint,) = program.checkpoints(self.run_folder("stops"))[-1:]
        tokenizer = transformers.AutoTokenizer.from_pretrained(checkpoint)
        model = self.open_model(checkpoint)
        inputs = tokenizer("the token", return_tensors="pt")
        favoured = []

        class Favour(transformers.LogitsProcessor):
            """Three letters, then the end, then letters again."""

            def __call__(self, input_ids, scores):
                favoured.append(END if len(favoured) == 3 else 97)
                scores[:, favoured[-1]] = scores.max() + 1
                return scores

        out = model.generate(**inputs, do_sample=False, max_new_tokens=20, logits_processor=[Favour()])
        self.assertEqual(out[0, inputs["input_ids"].shape[1] :].tolist(), [97, 97, 97, END])


program.main()
