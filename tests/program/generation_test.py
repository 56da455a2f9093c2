"""Text out of a model folder: the tokens of transformers' greedy generate(), and what a user meets on the way.

Random models of every family. Tokens are compared up to the first step at which the reference's two best logits differ
by less than 1e-4: there its own rounding decides.
"""

import json
import os
import shutil

import program

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_VERBOSITY"] = "error"
os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
try:
    import safetensors.torch
    import torch
    import transformers
except ImportError as error:
    program.skip(error)
transformers.utils.logging.disable_progress_bar()
if int(transformers.__version__.split(".")[0]) != 5:
    program.skip(f"transformers {transformers.__version__} is installed, 5 is wanted")

TOKENS = 200
NEAR_TIE = 1e-4
VOCABULARY = 300
SHAPE = dict(
    vocab_size=VOCABULARY, hidden_size=64, intermediate_size=96, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2,
    max_position_embeddings=512, initializer_range=0.15, bos_token_id=None, eos_token_id=None, pad_token_id=None,
)  # fmt: skip
FAMILIES = {
    "Llama": lambda: transformers.LlamaForCausalLM(transformers.LlamaConfig(**SHAPE)),
    "Llama, scaled rotation, tied": lambda: transformers.LlamaForCausalLM(transformers.LlamaConfig(
        **SHAPE, tie_word_embeddings=True,
        rope_parameters={"rope_type": "llama3", "rope_theta": 10000.0, "factor": 8.0, "low_freq_factor": 1.0,
                         "high_freq_factor": 4.0, "original_max_position_embeddings": 64})),
    "Qwen2": lambda: transformers.Qwen2ForCausalLM(transformers.Qwen2Config(**SHAPE)),
    "Qwen3": lambda: transformers.Qwen3ForCausalLM(transformers.Qwen3Config(**SHAPE, head_dim=32)),
    "SmolLM3": lambda: transformers.SmolLM3ForCausalLM(transformers.SmolLM3Config(
        **SHAPE, no_rope_layers=[1, 0, 1], no_rope_layer_interval=2)),
    "Qwen3Moe": lambda: transformers.Qwen3MoeForCausalLM(transformers.Qwen3MoeConfig(
        **SHAPE, head_dim=16, num_experts=8, num_experts_per_tok=2, moe_intermediate_size=48, mlp_only_layers=[1],
        norm_topk_prob=True)),
}  # fmt: skip


def random_prompts():
    source = torch.Generator().manual_seed(2)
    return [torch.randint(VOCABULARY, (length,), generator=source).tolist() for length in (1, 7, 33)]


class Generation(program.ProgramTest):
    def generate(self, *words, code=0):
        result = program.run("generate", *words)
        self.assertEqual(result.code, code, result)
        return result

    def lines(self, name, rows):
        path = self.folder / f"{name}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return path

    def answers(self, *words):
        return [json.loads(line) for line in self.generate(*words).out.splitlines()]

    def check_family(self, name, build):
        torch.manual_seed(1)
        model = build().eval()
        folder = self.folder / name
        model.save_pretrained(folder)
        prompts = random_prompts()
        answers = self.answers(folder, "--prompts", self.lines(name, [{"ids": ids} for ids in prompts]),
                               "--max-tokens", TOKENS, "--threads", "1")  # fmt: skip
        compared = 0
        for ids, answer in zip(prompts, answers, strict=True):
            self.assertEqual(
                {key: answer[key] for key in ("stop", "prompt_tokens", "tokens")},
                {"stop": "length", "prompt_tokens": len(ids), "tokens": TOKENS},
            )
            theirs = model.generate(torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.long),
                                    do_sample=False, max_new_tokens=TOKENS, min_new_tokens=TOKENS, output_logits=True,
                                    return_dict_in_generate=True)  # fmt: skip
            reference = theirs.sequences[0, len(ids) :].tolist()
            for step, logits in enumerate(theirs.logits):
                best, second = logits[0].double().topk(2).values.tolist()
                if best - second < NEAR_TIE:
                    break
                self.assertEqual(answer["ids"][step], reference[step], f"{name}, prompt of {len(ids)}, step {step}")
                compared += 1
            # Otherwise equal texts would say little.
            self.assertGreater(len(set(reference)), 10, name)
        self.assertGreater(compared, TOKENS, name)
        return compared

    def test_greedy_tokens_are_those_of_transformers(self):
        for name, build in FAMILIES.items():
            with self.subTest(name):
                compared = self.check_family(name, build)
                print(f"{name}: {compared} of {3 * TOKENS} tokens")

    def trained(self):
        """A run of two steps; its tokenizer is bytes."""
        folder = self.run_folder("trained")
        if not folder.exists():
            self.train("trained", "--train.steps", "2", "--phases", "[]", "--evaluation.every", "0", "--model.init_std", "0.3",
                       "--train.sequence_length", "64")  # fmt: skip
        return folder

    SAMPLED = ("--temperature", "1.2", "--top-p", "0.98", "--seed", "3", "--max-tokens", "40")

    def test_a_text_does_not_depend_on_the_batch_or_the_threads(self):
        rows = [{"prompt": text} for text in ("the token", "a", "bag of words and more", "its loss", "\u00e9")]
        prompts = self.lines("batch", rows)
        alone = self.answers(self.trained(), "--prompts", prompts, *self.SAMPLED, "--batch", "1", "--threads", "1")
        self.assertEqual(len(alone), len(rows))
        self.assertEqual(len({answer["text"] for answer in alone}), len(rows))
        for words in (("--batch", "5", "--threads", "1"), ("--batch", "2", "--threads", "3")):
            self.assertEqual(self.answers(self.trained(), "--prompts", prompts, *self.SAMPLED, *words), alone, words)
        other = self.answers(self.trained(), "--prompts", prompts, *self.SAMPLED[:-3], "4", *self.SAMPLED[-2:])
        self.assertNotEqual(other, alone)

    def test_text_is_whole_characters(self):
        (answer,) = self.answers(self.trained(), "--prompts", self.lines("utf8", [{"prompt": "the"}]), *self.SAMPLED)
        text = bytes(id for id in answer["ids"] if id < 256).decode("utf-8", "replace")
        self.assertIn("\ufffd", text)  # hardly trained: not all of it is UTF-8
        self.assertEqual(answer["text"], text)
        self.assertEqual(self.generate(self.trained(), "the", *self.SAMPLED).out, text + "\n")

    def test_standard_input_is_a_prompt(self):
        with open(self.lines("stdin", [{"prompt": "the"}])) as prompts:
            result = program.subprocess.run(
                [program.PROGRAM, "generate", self.trained(), "--prompts", "-", "--max-tokens", "5"],
                stdin=prompts, capture_output=True, text=True, timeout=program.TIME_LIMIT,
            )  # fmt: skip
        self.assertEqual(result.returncode, 0, result)
        (answer,) = map(json.loads, result.stdout.splitlines())
        plain = program.subprocess.run(
            [program.PROGRAM, "generate", self.trained(), "--max-tokens", "5"],
            input="the", capture_output=True, text=True, timeout=program.TIME_LIMIT,
        )  # fmt: skip
        self.assertEqual(plain.stdout, answer["text"] + "\n")

    def test_stop_strings_end_a_text(self):
        whole = self.generate(self.trained(), "the", *self.SAMPLED).out[:-1]
        # Stop strings are looked for in the bytes: not one with a U+FFFD.
        stop = next(whole[i : i + 2] for i in range(4, len(whole)) if whole[i : i + 2].isprintable() and whole[i : i + 2].isascii())
        cut = whole[: whole.index(stop)]
        result = self.generate(self.trained(), "the", *self.SAMPLED, "--stop", "not in there", "--stop", stop)
        self.assertEqual(result.out, cut + "\n")
        (answer,) = self.answers(self.trained(), "--prompts", self.lines("stop", [{"prompt": "the"}]), *self.SAMPLED, "--stop", stop)
        self.assertEqual((answer["stop"], answer["text"]), ("stop", cut))

    def test_stats(self):
        result = self.generate(self.trained(), "the token", "--max-tokens", "5", "--ignore-end", "--stats")
        self.assertRegex(result.err, r"\Aprompt: 9 tokens in .* tokens/s\ngeneration: 4 tokens in .* tokens/s\n\Z")

    def test_the_context_is_the_longest_text(self):
        words = (self.trained(), "--max-tokens", "100", "--ignore-end")
        (answer,) = self.answers(*words, "--prompts", self.lines("long", [{"prompt": "x" * 60}]))
        self.assertEqual((answer["stop"], answer["tokens"]), ("context", 4))
        self.assert_one_line(program.run("generate", *words, "x" * 65), "64", "65")

    def peak_bytes(self, folder):
        """Of a process that reads the model and computes next to nothing with it."""
        words = ("--prompts", self.lines("peak", [{"ids": [1, 2]}]), "--max-tokens", "1", "--threads", "1")
        with open(os.devnull, "w") as out:
            command = list(map(str, (program.PROGRAM, "generate", folder, *words)))
            pid = os.posix_spawn(command[0], command, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, out.fileno(), 1)])
            _, status, usage = os.wait4(pid, 0)
        self.assertEqual(os.waitstatus_to_exitcode(status), 0)
        return usage.ru_maxrss * 1024

    def test_memory_is_that_of_the_weights_and_one_tensor(self):
        peaks, sizes = [], []
        for name, layers in (("one-layer", 1), ("six-layers", 6)):
            config = transformers.LlamaConfig(**{**SHAPE, "hidden_size": 1024, "intermediate_size": 2816, "num_hidden_layers": layers})
            with torch.device("meta"):
                model = transformers.LlamaForCausalLM(config)
            model.to_empty(device="cpu")
            for weight in model.parameters():
                torch.nn.init.constant_(weight, 0.01)
            model.save_pretrained(self.folder / name)
            sizes.append((self.folder / name / "model.safetensors").stat().st_size)
            peaks.append(self.peak_bytes(self.folder / name))
        tensor = 1024 * 2816 * 4
        self.assertGreater(sizes[1] - sizes[0], 10 * tensor)
        self.assertLess(peaks[1] - peaks[0], sizes[1] - sizes[0] + tensor)

    def refuse(self, *words, parts=()):
        result = program.run("generate", *words)
        self.assert_one_line(result, *parts)
        self.assertEqual(result.out, "", result)

    def test_bad_values(self):
        for option, value in (
            ("--temperature", "-1"), ("--temperature", "nan"), ("--top-p", "0"), ("--top-p", "1.5"), ("--top-k", "-1"),
            ("--min-p", "2"), ("--repetition-penalty", "0"), ("--max-tokens", "0"), ("--batch", "0"), ("--stop", ""),
        ):  # fmt: skip
            more = () if option == "--temperature" else ("--temperature", "1")
            self.refuse(self.trained(), "the", option, value, *more, parts=(option,))
        self.refuse(self.trained(), "the", "--top-k", "5", parts=("--top-k", "temperature"))
        self.assertEqual(program.run("generate", self.trained(), "the", "--topk", "5").code, 2)

    def test_bad_prompts(self):
        for name, text in {
            "json": '{"prompt": "a"}\n{"prompt": \n', "key": '{"prompt": "a"}\n{"text": "a"}\n',
            "both": '{"prompt": "a"}\n{"prompt": "a", "ids": [1]}\n', "type": '{"prompt": "a"}\n{"prompt": 7}\n',
            "deep": '{"prompt": "a"}\n{"prompt": ' + "[" * 100000 + "]" * 100000 + "}", "long": '{"prompt": "a"}\n{"prompt": [' + "7, " * 5000 + "7]}",
            "id": '{"prompt": "a"}\n{"ids": [1, "x"]}\n', "empty": '{"prompt": "a"}\n{"prompt": ""}\n',
        }.items():  # fmt: skip
            path = self.folder / f"bad-{name}.jsonl"
            path.write_text(text)
            self.assertLess(len(program.run("generate", self.trained(), "--prompts", path).err), 400)
            self.refuse(self.trained(), "--prompts", path, parts=(f"{path}:2: ",))
        path.write_text('{"ids": [1]}\n{"ids": [999]}\n')
        self.refuse(self.trained(), "--prompts", path, parts=(f"{path}:2: ", "999"))
        self.refuse(self.trained(), "--prompts", self.folder / "none.jsonl", parts=("none.jsonl",))

    def test_blank_lines_are_no_prompts(self):
        path = self.folder / "blank.jsonl"
        path.write_text('\n{"prompt": "the"}\n \n{"prompt": "a"}\n\n')
        plain = self.lines("plain", [{"prompt": "the"}, {"prompt": "a"}])
        words = [self.trained(), "--max-tokens", "5", "--temperature", "1", "--prompts"]
        self.assertEqual(self.answers(*words, path), self.answers(*words, plain))
        path.write_text("\n")
        self.refuse(self.trained(), "--prompts", path, parts=(path,))

    def test_a_checkpoint_of_others_is_not_the_newest(self):
        run = self.folder / "with-foreign"
        shutil.copytree(self.trained(), run, symlinks=True)
        (run / "checkpoints" / "step-00009999").mkdir()
        self.refuse(run, "the", parts=(f"{run / 'checkpoints'}: ", "step-00009999"))
        self.generate(program.checkpoints(run)[0], "the", "--max-tokens", "1")

    def test_bad_models(self):
        folder = self.folder / "broken"
        model = transformers.LlamaForCausalLM(transformers.LlamaConfig(**SHAPE))
        model.save_pretrained(folder)
        self.refuse(folder, "the", parts=("no tokenizer.json",))
        tensors = safetensors.torch.load_file(folder / "model.safetensors")
        tensors["model.layers.1.mlp.up_proj.weight"][3, 4] = float("nan")
        safetensors.torch.save_file(tensors, folder / "model.safetensors", {"format": "pt"})
        ids = self.lines("ids", [{"ids": [1, 2]}])
        self.refuse(folder, "--prompts", ids, parts=("model.layers.1.mlp.up_proj.weight", "not finite"))
        # The tokenizer of the run has 257 ids.
        (checkpoint,) = program.checkpoints(self.trained())[-1:]
        small = self.folder / "small"
        transformers.LlamaForCausalLM(transformers.LlamaConfig(**{**SHAPE, "vocab_size": 256})).save_pretrained(small)
        (small / "tokenizer.json").write_text((checkpoint / "tokenizer.json").read_text())
        self.refuse(small, "the", parts=("tokenizer.json", "257", "256"))
        self.refuse(self.folder, "the", parts=(self.folder,))


program.main()
