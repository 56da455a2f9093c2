"""The modules around weights that a model has: plain and tied."""

import pytest
import torch
from reference import gradients, integers, leaf, random, slots_loss
from torch import nn

from superpose.functional import bag_embedding
from superpose.modules import BagEmbedding, BagHead


def embedding(**options):
    return nn.Embedding(11, 4, dtype=torch.float64, **options)


def test_embedding_of_bags_and_of_tokens():
    module = BagEmbedding(embedding())
    ids = integers(11, (2, 3, 4), 1)
    assert torch.equal(module(ids), bag_embedding(module.embedding.weight, ids))
    assert torch.equal(module(ids[..., 0]), module.embedding(ids[..., 0]))
    assert [name for name, _ in module.named_parameters()] == ["embedding.weight"]
    with pytest.raises(ValueError, match=r"expected ids \[B, L\] or \[B, L, a\], got \[2\]"):
        module(ids[0, 0, :2])


def test_padding_of_the_embedding_does_not_count():
    module = BagEmbedding(embedding(padding_idx=10))
    weight = module.embedding.weight
    assert torch.equal(module(torch.tensor([[[3, 10, 5]]])), bag_embedding(weight, torch.tensor([[[3, 5]]])))


@pytest.mark.parametrize("options", [{"max_norm": 1.0}, {"sparse": True}, {"scale_grad_by_freq": True}])
def test_embeddings_that_change_weights_are_refused(options):
    with pytest.raises(ValueError, match=f"expected an embedding without {list(options)[0]}"):
        BagEmbedding(embedding(**options))


@pytest.mark.parametrize("kind", ["linear", "embedding", "parameter"])
def test_head(kind):
    linear = nn.Linear(4, 11, bias=False, dtype=torch.float64)
    tied = embedding()
    head = {"linear": linear, "embedding": tied, "parameter": linear.weight}[kind]
    weight = tied.weight if kind == "embedding" else linear.weight
    module = BagHead(head, z_loss=0.1, logit_soft_cap=2.0, num_valid_rows=9)
    assert [id(p) for p in module.parameters()] == [id(weight)]
    hidden, targets = random((2, 3, 4), 1), integers(9, (2, 3, 2), 2)
    loss = module(leaf(hidden), targets, [0.7, 0.3])
    loss.backward()
    expected, (grad,) = gradients(
        lambda w: slots_loss(
            hidden.flatten(0, 1), w, targets.flatten(0, 1), [0.7, 0.3], z_loss=0.1, logit_soft_cap=2.0, num_valid_rows=9
        ),
        weight,
    )
    assert abs(loss.item() - expected.item()) < 1e-13
    assert torch.allclose(weight.grad, grad, rtol=1e-11, atol=1e-15)
    logits = module.logits(hidden)
    assert torch.isneginf(logits[..., 9:]).all() and (logits[..., :9].abs() < 2).all()


def test_tied_weight_gets_both_gradients():
    shared = embedding()
    read, head = BagEmbedding(shared), BagHead(shared)
    ids, targets = integers(11, (2, 3, 4), 1), integers(11, (2, 3, 4), 2)
    head(read(ids), targets).backward()
    flat = targets.flatten(0, 1)
    _, (grad,) = gradients(lambda w: slots_loss(w[ids].mean(2).flatten(0, 1), w, flat), shared.weight)
    assert torch.allclose(shared.weight.grad, grad, rtol=1e-11, atol=1e-15)


def test_heads_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="expected a head without bias"):
        BagHead(nn.Linear(4, 11))
    with pytest.raises(ValueError, match="expected an nn.Linear, nn.Embedding or nn.Parameter"):
        BagHead(torch.zeros(11, 4))
    with pytest.raises(ValueError, match="of the same positions"):
        BagHead(embedding())(random((2, 3, 4), 1), integers(9, (6, 2), 2))
