"""examples/reproduce.py, written from docs/reproduce.md alone, against the program: weights, losses, order of the data."""

import json
import shutil
import sys
import tomllib

import program

sys.path.insert(0, str(program.ROOT / "examples"))
try:
    import reproduce
    import torch
    from safetensors.torch import load_file
except ImportError as error:
    program.skip(error)

STEPS = 10  # the first 5 superposed
POSITIONS = 1024
# Rounding of a sum over the positions of a step, whose terms are rounded independently, as a share of it (likely_sum_tolerance
# in tests/support/tolerances.h); and of an element of a gradient, as a share of its tensor's largest.
SUM_ERROR = 6 * POSITIONS**0.5 * 2.0**-24
GRADIENT_ERROR = SUM_ERROR / 6

COMMON = (
    *("--train.steps", STEPS, "--phases[0].share", "auto", "--phases[0].steps", 5, "--train.batch_positions", POSITIONS),
    *("--optim.warmup_steps", 3, "--checkpoint.keep", 0),
)
VARIANTS = {
    # Blocks of unequal length, lanes that begin within them, two epochs.
    "plain": ("--data.lanes", 7, "--data.block_tokens", 300, "--model.num_heads", 4, "--model.num_kv_heads", 2),
    # Pieces that end with documents, blocks and epochs, padded to bags of three; slots that have no target.
    "document_aware": (
        *("--data.document_aware", "true", "--data.document_separator", " bag ", "--data.lanes", 20),
        *("--phases[0].bag_size", 3, "--phases[0].target_size", 5, "--phases[0].slot_weighting", "inverse"),
        *("--model.tie_embeddings", "off", "--model.qk_norm", "on", "--train.seed", 7),
        *("--optim.schedule", "cosine", "--optim.final_ratio", 0.1, "--optim.clip_norm", 0, "--optim.z_loss", 0.01),
    ),
    # Cheaper superposed steps, as in patch training, shorter rows, bags that are no stretch of text, another optimizer.
    "patch": (
        *("--phases[0].sequence_length", 16, "--phases[0].batch_positions", 512, "--phases[0].bag_order", "shuffled"),
        *("--phases[0].handover", "weights", "--data.lanes", 7, "--data.block_tokens", 300),
    ),
    "layers": ("--phases[0].sequence_length", 8, "--phases[0].handover", "layers", "--model.tie_embeddings", "off"),
}
# Where updates are long again after the switch, and with them what a rounding does to later gradients.
WEIGHT_FACTORS = {"patch": 4, "layers": 8}


class Reproduce(program.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        shutil.rmtree(cls.folder / "corpus")
        program.write_corpus(cls.folder / "corpus", words=60)  # so little that an epoch ends within ten steps

    def trained(self, name, *more):
        """A run of the program: its folder, its recipe, the corpus that it read."""
        cache = self.folder / f"cache-{name}"
        result = self.train(name, *COMMON, *VARIANTS[name.split("-")[0]], *more, "--data.cache_dir", cache)
        self.assertIn("superposed", result.out + result.err, result)
        (corpus,) = cache.glob("corpus-*[0-9a-f]")
        run = self.run_folder(name)
        return run, tomllib.loads((run / "recipe.toml").read_text()), corpus

    def weights(self, run):
        return load_file(program.checkpoints(run)[-1] / "model.safetensors")

    def assert_close(self, expected, got, what, factor=1):
        self.assertLessEqual(abs(expected - got), factor * SUM_ERROR * abs(expected), (what, expected, got))

    def test_initial_weights_are_equal_bit_for_bit(self):
        for name in VARIANTS:
            # One step at a rate that is nothing next to any weight.
            rest = ("--train.steps", 1, "--phases[0].steps", 1, "--optim.learning_rate", 1e-30)
            run, recipe, corpus = self.trained(f"{name}-initial", *rest)
            theirs = self.weights(run)
            ours = reproduce.Run(recipe, corpus).model.weights
            self.assertEqual(theirs.keys(), ours.keys())
            for weight, value in theirs.items():
                self.assertTrue(torch.equal(value, ours[weight].detach()), (name, weight))

    def test_superposed_and_plain_steps_agree_to_rounding(self):
        for name in VARIANTS:
            with self.subTest(name):
                self.check_steps(name)

    def check_steps(self, name):
        run, recipe, corpus = self.trained(name)
        ours = reproduce.Run(recipe, corpus)
        steps = program.records(run, "step")
        self.assertEqual(len(steps), STEPS)
        self.assertGreater(steps[-1]["epoch"], 1, "an epoch must end within the run")
        bounds = {weight: torch.zeros_like(value) for weight, value in ours.model.weights.items()}
        for record in steps:
            step = ours.step()
            self.assertEqual(step["learning_rate"], record["learning_rate"])
            self.assert_close(record["loss"], step["loss"], f"{name}, loss of step {step['step']}")
            # Weights drawn again with the old optimizer state: a rounding of 1e-7 of step 6 moves the norm of step 7 by 1.4e-5.
            factor = 8 if name == "layers" and step["step"] > 6 else 1
            self.assert_close(record["gradient_norm"], step["gradient_norm"], f"{name}, norm of step {step['step']}", factor)
            self.widen(bounds, ours, step["learning_rate"])
        final = program.records(run, "validation")[-1]
        self.assert_close(final["loss"], ours.validation_loss(), f"{name}, validation")
        for weight, value in self.weights(run).items():
            difference = (value - ours.model.weights[weight].detach()).abs()
            # Roundings of the weight itself: decay and update of each step.
            bound = bounds[weight] + 2 * STEPS * 2.0**-24 * value.abs()
            worst = (difference / bound.clamp(min=1e-30)).max().item()
            # The bound leaves out that weights which differ change later gradients.
            self.assertLessEqual(worst, WEIGHT_FACTORS.get(name, 1), f"{name}, {weight}")

    def widen(self, bounds, run, rate):
        """Adds what an error of the gradient may change in one update of AdamW.

        With root = sqrt(v) + eps (both corrected), an update is rate m / root. An error d of every gradient changes m and
        sqrt(v), which are weighted means of gradients, by d at most, so the update by rate d (1 + |m| / root) / root; |m| is
        at most 1.02 sqrt(v) over ten steps (Cauchy-Schwarz). No update is longer than 1.02 rate, so two differ by 2.04.
        """
        optim, t = run.recipe["optim"], run.adamw.t
        for weight, bound in bounds.items():
            second = run.adamw.second[weight]
            root = second.sqrt() / (1 - optim["beta2"] ** t) ** 0.5 + optim["eps"]
            error = GRADIENT_ERROR * root.max()
            # Rows of the embedding that were never read have gradients of zero, without an error.
            bound += 2.04 * rate * (error / root).clamp(max=1) * (second > 0)

    def test_the_example_runs_as_its_text_says(self):
        run, _, corpus = self.trained("plain-example")
        script = program.ROOT / "examples" / "reproduce.py"
        words = [script, "--recipe", run / "recipe.toml", "--corpus", corpus, "--steps", 1, "--final", run / "after-1.safetensors"]
        result = program.run(*words, program=sys.executable)
        self.assertEqual(result.code, 0, result)
        (step,) = map(json.loads, result.out.splitlines())
        self.assert_close(program.records(run, "step")[0]["loss"], step["loss"], "loss of the first step")
        self.assertEqual(load_file(run / "after-1.safetensors").keys(), self.weights(run).keys())


if __name__ == "__main__":
    program.main()
