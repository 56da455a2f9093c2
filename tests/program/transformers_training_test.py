"""Five superposed and five plain steps from a folder of transformers, against the same steps of transformers' own modules.

The reference is in f64: transformers' layers, and for bags, loss, clipping and AdamW the plain tensor code of
examples/reproduce.py. Losses, gradient norms and final weights must agree to f32 rounding.
"""

import os
import sys
import tomllib

import program

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_VERBOSITY"] = "error"
os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
sys.path.insert(0, str(program.ROOT / "examples"))
try:
    import random_models
    import reproduce
    import torch
    import transformers
except ImportError as error:
    program.skip(error)
transformers.utils.logging.disable_progress_bar()

LENGTH = 64  # train.sequence_length
END = 256  # end of document
STEPS = 10  # the first 5 superposed
POSITIONS = 512
RECIPE = (
    *("--train.steps", STEPS, "--train.batch_positions", POSITIONS, "--checkpoint.keep", 0, "--optim.warmup_steps", 3),
    *("--phases", "[{steps = 5, bag_size = 4}]", "--optim.learning_rate", 0.001, "--evaluation.every", 0),
)
# Of a step's loss: rounding of its terms, which random signs mostly cancel; drift of the weights, which updates of about one
# rate each make of it.
LOSS_ERROR = 2e-6
# Of a weight: an update is rate m / sqrt(v); an error of the gradient of this share of the largest in its tensor moves it.
GRADIENT_ERROR = 2e-5


class Modules(reproduce.Model):
    """A model of transformers with the bags and the loss of examples/reproduce.py."""

    def __init__(self, module):
        self.module = module
        self.weights = dict(module.named_parameters())

    def logits(self, inputs):
        rows = self.module.get_input_embeddings()(inputs)  # [B, L, a, D]; no bag of these rows is padded
        return self.module(inputs_embeds=rows.mean(2), use_cache=False).logits


class Reference(reproduce.Run):
    def __init__(self, module, recipe, corpus):
        self.recipe, self.finished = recipe, 0
        self.phases = reproduce.phases_of(recipe)
        self.order = reproduce.Order(reproduce.Corpus(corpus, "train"), recipe, self.phases)
        self.model = Modules(module)
        self.adamw = reproduce.AdamW(self.model.weights, recipe["optim"])


class TransformersTraining(program.ProgramTest):
    def test_steps_agree(self):
        for family in random_models.FAMILIES:
            with self.subTest(family):
                print(f"  {family}: {self.check(family)}")

    def check(self, family):
        folder = self.folder / f"random-{family}"
        module = random_models.save_random_model(family, folder, LENGTH, END).double()
        module.config._experts_implementation = "eager"  # the others have no f64
        cache = self.folder / f"cache-{family}"
        words = random_models.words_of_init_from(folder)
        self.train(family, *RECIPE, *words, "--data.cache_dir", cache)
        run = self.run_folder(family)
        (corpus,) = cache.glob("corpus-*[0-9a-f]")
        reference = Reference(module, tomllib.loads((run / "recipe.toml").read_text()), corpus)
        records = program.records(run, "step")
        self.assertEqual(len(records), STEPS)
        worst_loss, moved = 0.0, {name: torch.zeros_like(weight) for name, weight in module.named_parameters()}
        for record in records:
            step = reference.step()
            self.assertEqual(step["learning_rate"], record["learning_rate"])
            for key in ("loss", "gradient_norm"):
                error = abs(step[key] - record[key]) / abs(step[key])
                worst_loss = max(worst_loss, error)
                self.assertLessEqual(error, LOSS_ERROR * (1 if key == "loss" else 10), (record["step"], key))
            self.widen(moved, reference, step["learning_rate"])
        theirs = dict(module.named_parameters())
        ours = dict(transformers.AutoModelForCausalLM.from_pretrained(program.checkpoints(run)[-1]).named_parameters())
        self.assertEqual(ours.keys(), theirs.keys())
        worst = 0.0
        for name, weight in ours.items():
            bound = moved[name] + 2 * STEPS * 2.0**-24 * weight.abs()
            share = ((weight.double() - theirs[name]).abs() / bound.clamp(min=1e-30)).max().item()
            self.assertLessEqual(share, 1, name)
            worst = max(worst, share)
        return f"losses and norms within {worst_loss:.1e}, weights within {worst:.2f} of what rounding allows"

    def widen(self, moved, reference, rate):
        """Adds what an error of every gradient may move each weight by in one update (as in reproduce_test.py)."""
        optim, t = reference.recipe["optim"], reference.adamw.t
        for name, bound in moved.items():
            second = reference.adamw.second[name]
            root = second.sqrt() / (1 - optim["beta2"] ** t) ** 0.5 + optim["eps"]
            error = GRADIENT_ERROR * root.max()
            # Rows that were never read, experts without a position: gradients of zero, without an error.
            bound += 2.04 * rate * (error / root).clamp(max=1) * (second > 0)


if __name__ == "__main__":
    program.main()
