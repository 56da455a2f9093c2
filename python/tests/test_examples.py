"""The examples: the plain loop, and Hugging Face's Trainer on tiny random Llama, Qwen3 and Qwen3-MoE."""

import json
import pathlib
import re
import shutil
import sys

import pytest
import torch
from torch.nn import functional

import superpose

EXAMPLES = pathlib.Path(__file__).parents[1] / "examples"
sys.path.insert(0, str(EXAMPLES))
V, L, S, ROWS = 97, 12, 3, 2


def test_the_table_of_examples_has_their_lines():
    table = (EXAMPLES / "README.md").read_text()
    for path in EXAMPLES.glob("*.py"):
        count = len(path.read_text().splitlines())
        assert re.search(rf"\| \[`{path.name}`\]\({path.name}\) \| {count} \|", table), f"{path.name} has {count} lines"


def test_plain_loop(tmp_path):
    import plain_loop

    text = tmp_path / "text.txt"
    text.write_text("the token bag of a model reads and then writes its loss " * 200)
    plain_loop.main(["--out", str(tmp_path / "run"), "--text", str(text), "--steps", "12", "--rows", "4"])
    records = superpose.recorder.read_records(tmp_path / "run")
    steps = [record for record in records if record["kind"] == "step"]
    assert [record["bag_size"] for record in steps] == [4] * 3 + [1] * 9
    assert records[-1]["kind"] == "summary" and records[-1]["raw_tokens"] == 4 * 64 * (3 * 4 + 9)
    assert steps[-1]["loss"] < steps[3]["loss"] - 0.5


def test_windows_of_the_plain_loop_follow_one_another():
    import plain_loop

    phases = superpose.Phases([{"steps": 2, "bag_size": 3}], 4)
    made = list(plain_loop.batches(torch.arange(2 * 40), 2, 4, phases))
    assert [inputs[0].flatten()[0].item() for inputs, _ in made] == [0, 12, 24, 28]
    assert made[2][0][1].flatten().tolist() == [40 + 24, 40 + 25, 40 + 26, 40 + 27], "row 1 reads its own part"


def test_plain_loop_passes_its_check():
    import plain_loop

    report = superpose.check(**plain_loop.check_arguments())
    assert sum(result.status == "passed" for result in report) == 11, str(report)


# Hugging Face's Trainer.

transformers = pytest.importorskip("transformers", minversion="5.0")
pytest.importorskip("accelerate")
hf = pytest.importorskip("hugging_face_trainer")

SIZES = dict(
    vocab_size=V,
    hidden_size=32,
    intermediate_size=48,
    num_hidden_layers=2,
    num_attention_heads=2,
    num_key_value_heads=1,
    head_dim=16,
    max_position_embeddings=64,
    initializer_range=0.1,
    pad_token_id=None,
    bos_token_id=None,
    eos_token_id=None,
)
EXPERTS = dict(num_experts=4, num_experts_per_tok=2, moe_intermediate_size=16, output_router_logits=True)
MODELS = {
    "Llama": lambda: transformers.LlamaForCausalLM(transformers.LlamaConfig(**SIZES)),
    "Qwen3": lambda: transformers.Qwen3ForCausalLM(transformers.Qwen3Config(**SIZES, tie_word_embeddings=True)),
    "Qwen3-MoE": lambda: transformers.Qwen3MoeForCausalLM(
        transformers.Qwen3MoeConfig(**SIZES, **EXPERTS, router_aux_loss_coef=0.5)
    ),
}
TEXT = torch.randint(0, V, (2000,), generator=torch.Generator().manual_seed(3))


def model_of(name):
    torch.manual_seed(0)
    return MODELS[name]()


def trainer_of(model, folder, *, steps=6, share=0.5, rows=ROWS, accumulation=1, eval_rows=None, **more):
    phases = superpose.Phases([{"share": share, "bag_size": S}], steps)
    arguments = transformers.TrainingArguments(
        str(folder),
        max_steps=steps,
        per_device_train_batch_size=rows,
        gradient_accumulation_steps=accumulation,
        train_sampling_strategy="sequential",
        remove_unused_columns=False,
        prediction_loss_only=True,
        learning_rate=1e-2,
        lr_scheduler_type="constant",
        logging_steps=1,
        report_to="none",
        use_cpu=True,
        disable_tqdm=True,
        **{"save_strategy": "no", **more},
    )
    rows_of = hf.RawRows(TEXT, phases, L, rows * accumulation)
    return hf.SuperposedTrainer(model, arguments, phases=phases, train_dataset=rows_of, eval_dataset=eval_rows)


def losses_of(trainer):
    return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]


def padded_rows(width):
    """Two raw rows, the second with padding at its end."""
    ids, mask = TEXT[: 2 * width].view(2, width).clone(), torch.ones(2, width, dtype=torch.long)
    mask[1, width // 2 :] = 0
    ids[mask == 0] = 0
    return [{"input_ids": row, "attention_mask": attended} for row, attended in zip(ids, mask)]


def test_padding_in_front():
    """A bag of padding alone is not attended to, predicts nothing, and is not counted as a position."""
    mask = torch.tensor([0] * 7 + [1] * 8)
    row = {"input_ids": torch.arange(15), "attention_mask": mask, "phase": superpose.Phase(0, 1, S, S, (1 / S,) * S)}
    batch = hf.collate([row])
    assert batch["attention_mask"].tolist() == [[0, 0, 1, 1]]
    assert batch["position_ids"].tolist() == [[0, 0, 0, 1]]
    assert batch["bags"].tolist() == [[[0, -1, -1], [0, -1, -1], [-1, 7, 8], [9, 10, 11]]]
    assert batch["labels"].tolist() == [[[-100] * 3, [-100] * 3, [9, 10, 11], [12, 13, 14]]]


@pytest.mark.parametrize("name", MODELS)
def test_bags_of_one_give_the_loss_of_transformers(name, tmp_path):
    model, examples = model_of(name).eval(), padded_rows(L + 1)
    trainer = trainer_of(model, tmp_path)
    with torch.no_grad():
        ours = trainer.compute_loss(model, hf.collate(examples))
        ids, mask = (torch.stack([example[key] for example in examples]) for key in ("input_ids", "attention_mask"))
        labels = ids.masked_fill(mask == 0, -100)[:, 1:].contiguous()
        theirs = model(input_ids=ids[:, :-1], attention_mask=mask[:, :-1], shift_labels=labels, labels=labels)
    torch.testing.assert_close(ours, theirs.loss, rtol=1e-5, atol=0)
    if "MoE" in name:
        assert theirs.aux_loss > 0.1, "its share of the loss must be visible here"


@pytest.mark.parametrize("name", MODELS)
def test_bags_give_the_mean_of_cross_entropies(name, tmp_path):
    model = model_of(name)
    trainer = trainer_of(model, tmp_path)
    examples = [{**example, "phase": superpose.Phase(0, 1, S, S, (1 / S,) * S)} for example in padded_rows(S * L + S)]
    batch = hf.collate(examples)
    assert batch["bags"].shape == batch["labels"].shape == (2, L, S)
    assert batch["attention_mask"].sum(1).tolist() == [L, -(-(S * L + S) // 2 // S)]
    assert batch["position_ids"].max() == L - 1, "positions count bags"
    counts = superpose.count_targets(batch["labels"])
    trainer.current_gradient_accumulation_steps = 1
    model.train()
    ours = trainer.compute_loss(model, batch, num_items_in_batch=counts)
    ours.backward()
    gradients = {key: p.grad.clone() for key, p in model.named_parameters()}
    model.zero_grad()
    # The same from the model's own logits, of embeddings that are averaged by hand.
    raw = torch.stack([e["input_ids"] for e in examples])[:, : S * L].view(2, L, S)
    mask = torch.stack([e["attention_mask"] for e in examples])[:, : S * L].view(2, L, S)
    embeddings = (model.get_input_embeddings()(raw) * mask[..., None]).sum(2) / mask.sum(2).clamp_min(1)[..., None]
    first = torch.where(mask.any(-1, keepdim=True), 0.0, 1.0) * model.get_input_embeddings()(raw[..., 0])
    out = model(inputs_embeds=embeddings + first, attention_mask=mask.any(-1).long(), use_cache=False)
    logits = out.logits.flatten(0, 1)
    theirs = sum(functional.cross_entropy(logits, t.flatten()) for t in batch["labels"].unbind(-1)) / S
    if "MoE" in name:
        theirs = theirs + model.config.router_aux_loss_coef * out.aux_loss
    theirs.backward()
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=0)
    for key, p in model.named_parameters():
        torch.testing.assert_close(gradients[key], p.grad, rtol=1e-3, atol=1e-6, msg=key)


@pytest.mark.parametrize("name", MODELS)
def test_resume_before_at_and_after_the_switch(name, tmp_path):
    whole = trainer_of(model_of(name), tmp_path / "whole", save_strategy="steps", save_steps=2)
    whole.train()
    assert sorted(path.name for path in (tmp_path / "whole").glob("checkpoint-*")) == [
        "checkpoint-2", "checkpoint-3", "checkpoint-4", "checkpoint-6",
    ]  # fmt: skip
    for step in (2, 3, 4) if name == "Llama" else (2,):
        checkpoint = tmp_path / "whole" / f"checkpoint-{step}"
        resumed = trainer_of(type(whole.model).from_pretrained(checkpoint), tmp_path / f"from-{step}")
        resumed.train(resume_from_checkpoint=str(checkpoint))
        assert losses_of(resumed) == losses_of(whole)
        for key, weight in whole.model.named_parameters():
            assert torch.equal(weight, resumed.model.get_parameter(key)), (step, key)


def test_micro_batches_are_normalised_over_the_step(tmp_path):
    """Also where their numbers of valid targets differ, and differ between slots."""

    class SomeIgnored(hf.RawRows):
        def __getitem__(self, row):
            item = super().__getitem__(row)
            width = len(item["input_ids"])
            mask = torch.arange(width) < width - 7 * (row % 3)
            return {**item, "attention_mask": mask.long()}

    runs = []
    for rows, accumulation in ((4, 1), (1, 4)):
        trainer = trainer_of(model_of("Llama"), tmp_path / f"{rows}", rows=rows, accumulation=accumulation)
        trainer.train_dataset = SomeIgnored(TEXT, trainer.train_dataset.phases, L, 4)
        trainer.train()
        runs.append(losses_of(trainer))
    assert runs[0] == pytest.approx(runs[1], rel=1e-4)


def test_evaluation_is_next_token_loss_in_both_phases(tmp_path):
    rows = [{"input_ids": row} for row in TEXT[: 4 * (L + 1)].view(4, L + 1)]
    model = model_of("Llama")
    trainer = trainer_of(model, tmp_path, eval_rows=rows, eval_strategy="steps", eval_steps=1, steps=2)
    with torch.no_grad():
        ids = torch.stack([row["input_ids"] for row in rows])
        labels = ids[:, 1:]
        expected = functional.cross_entropy(model.eval()(input_ids=ids[:, :-1]).logits.flatten(0, 1), labels.flatten())
    assert trainer.evaluate()["eval_loss"] == pytest.approx(expected.item(), rel=1e-5)
    trainer.train()
    assert sum("eval_loss" in entry for entry in trainer.state.log_history) == 2


def test_the_trainer_passes_all_checks(tmp_path):
    model = model_of("Llama")
    trainer = trainer_of(model, tmp_path)
    trainer.create_optimizer()

    def batch(s):
        phases = superpose.Phases([{"share": 1.0, "bag_size": s}], 1)
        made = hf.collate([hf.RawRows(TEXT, phases, L, 4)[row] for row in range(4)])
        return made["bags"], made["labels"]

    def as_inputs(bags, labels):
        length = torch.arange(bags.shape[1]).expand(bags.shape[:2])
        weights = torch.ones(labels.shape[-1])
        return dict(bags=bags, labels=labels, slot_weights=weights, position_ids=length, attention_mask=1 + 0 * length)

    def loss(embeddings, labels):
        hidden = model.model(inputs_embeds=embeddings).last_hidden_state
        return superpose.multi_hot_linear_cross_entropy(
            hidden.flatten(0, 1), model.lm_head.weight, labels.flatten(0, 1)
        )[0]

    def accumulate(parts):
        batches, counts = trainer.get_batch_samples(
            iter([as_inputs(*p) for p in parts]), len(parts), torch.device("cpu")
        )
        trainer.current_gradient_accumulation_steps = len(parts)
        return sum(trainer.training_step(model, inputs, counts) for inputs in batches)

    def evaluate(ids, labels):
        raw = torch.cat([ids, labels[:, -1:]], 1)
        return trainer.evaluate([{"input_ids": row} for row in raw])["eval_loss"]

    report = superpose.check(
        lambda bags: superpose.bag_embedding(model.get_input_embeddings().weight, bags),
        loss,
        batch,
        vocab_size=V,
        bag_size=S,
        parameters=model.parameters(),
        plain_loss_fn=lambda ids, labels: functional.cross_entropy(model(ids).logits.flatten(0, 1), labels.flatten()),
        accumulate_fn=accumulate,
        evaluate_fn=evaluate,
        optimizer=trainer.optimizer,
        switch_fn=lambda: trainer.optimizer,
    )
    assert [result.status for result in report] == ["passed"] * 14, str(report)


def test_the_command_line_of_the_example(tmp_path):
    text = tmp_path / "text.txt"
    text.write_text("the token bag of a model reads and then writes its loss " * 100)
    words = ["--out", str(tmp_path / "run"), "--text", str(text), "--rows", "2", "--positions", "16"]
    hf.main([*words, "--steps", "8"])
    before = (tmp_path / "run" / "checkpoint-8" / "model.safetensors").read_bytes()
    assert (tmp_path / "run" / "checkpoint-2").is_dir(), "at the switch"
    for step in (4, 6, 8):
        shutil.rmtree(tmp_path / "run" / f"checkpoint-{step}")
    hf.main([*words, "--steps", "8"])  # resumes
    state = json.loads((tmp_path / "run" / "checkpoint-8" / "trainer_state.json").read_text())
    assert state["global_step"] == 8
    assert (tmp_path / "run" / "checkpoint-8" / "model.safetensors").read_bytes() == before
