"""`superpose bench`: what it prints and writes, its line protocol, and its first losses against transformers."""

import json
import re
import subprocess

import program

MODEL = ["--model.hidden_size", "32", "--model.num_layers", "2", "--model.num_heads", "4", "--model.num_kv_heads", "2"]
MODEL += ["--train.sequence_length", "16", "--train.batch_positions", "64", "--optim.learning_rate", "0.001"]


class Bench(program.ProgramTest):
    def words(self, *more):
        # No corpus: bench reads none.
        return ["bench", program.RECIPE, "--data.python_distributions", "[]", "--train.threads", "1", *MODEL, *more]

    def bench(self, *more):
        result = program.run(*self.words("--blocks", "2", "--block-seconds", "0", *more))
        self.assertEqual((result.code, result.err), (0, ""), result)
        return result

    def test_numbers(self):
        file = self.folder / "bench.json"
        result = self.bench("--bags", "2,8", "--json", file)
        for pattern in (r"^model +d 32, 2 layers, 4 heads \(2 kv\)", r"^ceiling +\d+ GFLOP/s", r"^first step +done \d",
                        r"^peak memory +[\d.]+ MiB", r"^ +1 +\d+", r"^ +8 +\d+ .* % +[\d.]+ \([\d.]+ \.\. [\d.]+\)$",
                        r"^  attention +[\d.]+ +[\d.]+ +- +[\d.]+ %", r"^  other "):  # fmt: skip
            self.assertRegex(result.out, re.compile(pattern, re.M))
        measured = json.loads(file.read_text())
        self.assertEqual([case["case"] for case in measured["cases"]], ["1", "2", "8"])
        for case in measured["cases"]:
            self.assertEqual(len(case["block_step_seconds"]), 2)
            fields = ("forward_seconds", "backward_seconds", "weight_gradient_seconds")
            parts = sum(part[field] for part in case["parts"] for field in fields)
            self.assertAlmostEqual(parts, case["recorded_step_seconds"])
            self.assertGreater(case["share_of_ceiling"], 0)
        self.assertEqual(measured["cases"][0]["ratio_to_ntp"], {"median": 1.0, "lowest": 1.0, "highest": 1.0})

    def test_bags_of_the_recipe(self):
        self.assertRegex(self.bench().out, re.compile(r"^ +4 +\d+", re.M))

    def test_bf16(self):
        self.assertIn("compute      bf16 on cpu", self.bench("--train.precision", "bf16").out)

    def test_turns(self):
        command = [program.PROGRAM, *self.words("--turns", "--bags", "4")]
        asked = "status\nstep 1 2\nreset\nstep 1 1\nstatus\n"
        ended = subprocess.run(list(map(str, command)), input=asked, capture_output=True, text=True, timeout=60)
        self.assertEqual((ended.returncode, ended.stderr), (0, ""))
        ready, before, block, _, again, after = map(json.loads, ended.stdout.splitlines())
        self.assertEqual([case["bag_size"] for case in ready["cases"]], [1, 4])
        self.assertIsNone(before["first_step_seconds"])
        self.assertEqual((block["case"], block["steps"], len(block["losses"])), (1, 2, 2))
        self.assertEqual(block["losses"][0], again["losses"][0])
        self.assertGreater(after["first_step_seconds"], 0)
        self.assertGreater(after["peak_memory_bytes"], 2**20)

    def test_first_losses_are_those_of_transformers(self):
        import torch
        from safetensors.torch import load_file
        from transformers import AutoModelForCausalLM

        folder, file = self.folder / "export", self.folder / "exported.json"
        self.bench("--bags", "4", "--export", folder, "--json", file)
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        batches = load_file(folder / "batches.safetensors")
        for index, case in enumerate(json.loads(file.read_text())["cases"]):
            inputs, targets = batches[f"inputs.{index}"], batches[f"targets.{index}"]
            with torch.no_grad():
                latents = model.get_input_embeddings()(inputs).mean(2)
                logs = model(inputs_embeds=latents).logits.double().log_softmax(-1)
            self.assertAlmostEqual(-logs.gather(2, targets).mean().item(), case["first_losses"][0], places=5)

    def test_refusals(self):
        (self.folder / "file").write_text("not a folder")
        for more, parts in (
            (["--bags", "4,0"], ["--bags", ">= 1", "0"]),
            (["--blocks", "0"], ["--blocks", ">= 1", "0"]),
            (["--json", self.folder / "out" / "config.json", "--export", self.folder / "out"], ["--json", "--export"]),
            (["--model.max_positions", "8"], ["max_positions", "8", "16"]),
            (["--json", self.folder / "file" / "x.json", "--blocks", "1", "--block-seconds", "0"], ["file"]),
        ):
            with self.subTest(more):
                self.assert_one_line(program.run(*self.words(*more)), *parts)
        self.assert_one_line(program.run("bench", self.folder / "missing.toml"), "missing.toml")
        command = [program.PROGRAM, *self.words("--turns")]
        ended = subprocess.run(list(map(str, command)), input="go\n", capture_output=True, text=True, timeout=60)
        self.assertEqual(ended.returncode, 1)
        self.assertRegex(ended.stderr, r'^superpose: [^\n]*--turns[^\n]*"go"\n$')


program.main()
