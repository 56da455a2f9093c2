"""DDP and fully_shard on Gloo with two processes: the gradients of one process that has all the rows."""

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from reference import integers, random
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard

from superpose.functional import count_targets, fold
from superpose.modules import BagEmbedding, BagHead

pytestmark = pytest.mark.skipif(
    not dist.is_available() or not dist.is_gloo_available(), reason="this torch has no Gloo"
)

# fully_shard of torch 2.6 runs on accelerators only.
VERSION = tuple(int(part) for part in torch.__version__.split(".")[:2])
WRAPS = ["ddp", "fully_shard"] if VERSION >= (2, 7) else ["ddp"]
RANKS, VOCABULARY, WIDTH, BAG_SIZE, LENGTH = 2, 23, 8, 4, 5


class Tiny(nn.Module):
    def __init__(self):
        super().__init__()
        self.tokens = BagEmbedding(nn.Embedding(VOCABULARY, WIDTH))
        self.layer = nn.Linear(WIDTH, WIDTH)
        self.head = BagHead(nn.Linear(WIDTH, VOCABULARY, bias=False))
        for i, parameter in enumerate(self.parameters()):
            parameter.data = random(parameter.shape, i, torch.float32)

    def forward(self, inputs, targets, counts):
        return self.head(torch.tanh(self.layer(self.tokens(inputs))), targets, counts=counts)


def batch():
    """Rank 0 has fewer targets than rank 1, so a mean of means would be wrong."""
    raw = integers(VOCABULARY, (2 * RANKS, LENGTH * BAG_SIZE + BAG_SIZE), 1)
    inputs, targets = fold(raw, BAG_SIZE)
    targets = targets.clone()
    targets[0, :3] = -100
    targets[1, 2, 1] = -100
    return inputs, targets


def expected_gradients():
    model = Tiny()
    model(*batch(), None).backward()
    return [parameter.grad for parameter in model.parameters()]


def wrapped(wrap):
    model = Tiny()
    if wrap == "ddp":
        return nn.parallel.DistributedDataParallel(model)
    mesh = init_device_mesh("cpu", (RANKS,))
    for module in (model.tokens, model.head, model):
        fully_shard(module, mesh=mesh)
    return model


def gradients_of_this_rank(rank, wrap):
    model = wrapped(wrap)
    inputs, targets = (rows.chunk(RANKS)[rank] for rows in batch())
    counts = count_targets(targets)
    dist.all_reduce(counts)
    # Gradients are averaged over ranks; the parts of the step's loss add up.
    (RANKS * model(inputs, targets, counts)).backward()
    grads = [parameter.grad for parameter in model.parameters()]
    if wrap == "ddp":
        return grads
    assert all(hasattr(grad, "placements") for grad in grads)
    return [grad.full_tensor() for grad in grads]


def work(rank, directory):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{directory}/store", rank=rank, world_size=RANKS)
    try:
        for wrap in WRAPS:
            torch.save(gradients_of_this_rank(rank, wrap), f"{directory}/{wrap}-{rank}.pt")
    finally:
        dist.destroy_process_group()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    directory = tmp_path_factory.mktemp("ranks")
    mp.spawn(work, (str(directory),), nprocs=RANKS)
    return directory


@pytest.mark.parametrize("wrap", WRAPS)
def test_gradients_are_those_of_one_process(folder, wrap):
    for rank in range(RANKS):
        grads = torch.load(folder / f"{wrap}-{rank}.pt")
        for got, expected in zip(grads, expected_gradients(), strict=True):
            # f32, sums of up to 80 terms in another order.
            assert (got - expected).abs().max() < 80 * torch.finfo(torch.float32).eps * expected.abs().max()


def test_a_sharded_weight_is_refused_with_advice():
    class Sharded(nn.Parameter):
        placements = ()

    module = BagEmbedding(nn.Embedding(VOCABULARY, WIDTH))
    module.embedding.weight = Sharded(module.embedding.weight.data)
    with pytest.raises(ValueError, match="apply fully_shard to the BagEmbedding itself"):
        module(batch()[0])
