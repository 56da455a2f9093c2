"""Raw windows: a times longer, never more of them; documents apart."""

import pytest
import torch

from superpose.data import BagCollator, pad_documents, window
from superpose.phases import Phases

PHASES = Phases([{"share": 0.5, "bag_size": 3}], 10)


def test_windows_of_a_lane_follow_each_other_through_the_switch():
    """Every raw token is read as input once, in order; the first target of a row is the first input of the next."""
    tokens, length, read, last = torch.arange(1000), 4, [], None
    for step in range(10):
        phase = PHASES.phase_at(step)
        raw = window(tokens, PHASES.raw_tokens_before(step, length), length, phase)
        batch = BagCollator(length, phase)([raw])
        assert batch["inputs"].shape == (1, length, phase.bag_size)
        assert batch["targets"].shape == (1, length, phase.target_size)
        if last is not None:
            assert last == batch["inputs"][0, 0, 0]
        last = batch["targets"][0, -1, 0]
        read += batch["inputs"].flatten().tolist()
    assert read == list(range(5 * 4 * 3 + 5 * 4))


def test_window_takes_lists_tensors_and_arrays():
    phase = PHASES[0]
    expected = list(range(2, 2 + 2 * 3 + 3))
    numpy = pytest.importorskip("numpy")
    for tokens in (list(range(20)), torch.arange(20, dtype=torch.int32), numpy.arange(20, dtype="uint16")):
        got = window(tokens, 2, 2, phase)
        assert got.dtype == torch.int64 and got.tolist() == expected


@pytest.mark.parametrize(("start", "length"), [(-1, 2), (12, 2), (0, 6)])
def test_window_lies_within_the_tokens(start, length):
    with pytest.raises(ValueError, match=r"window: must lie within \[0, 20\)"):
        window(list(range(20)), start, length, PHASES[0])


def test_collator_refuses_more_rows_instead_of_longer_ones():
    collate = BagCollator(4, PHASES[0])
    rows = [list(range(5))] * 6  # three times the rows of two
    with pytest.raises(ValueError, match=r"a raw row must hold a L \+ b = 3 \* 4 \+ 3 = 15 ids, got \[5\]"):
        collate(rows)
    assert collate([{"input_ids": list(range(15))}] * 2)["inputs"].shape == (2, 4, 3)


def test_documents_stay_apart():
    ids, documents = pad_documents([[1, 2, 3, 4], [5], torch.tensor([6, 7])], 3)
    assert ids.tolist() == [1, 2, 3, 4, -1, -1, 5, -1, -1, 6, 7, -1]
    assert documents.tolist() == [0, 0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 2]
    batch = BagCollator(3, PHASES[0])([{"input_ids": ids, "documents": documents}])
    assert batch["inputs"].tolist() == [[[1, 2, 3], [4, -1, -1], [5, -1, -1]]]
    assert batch["targets"].tolist() == [[[4, -100, -100], [-100] * 3, [-100] * 3]]
    with pytest.raises(ValueError, match="a document must hold a token, got none in document 1"):
        pad_documents([[1], []], 2)


def test_workers_of_a_loader():
    rows = [torch.arange(15) + i for i in range(4)]
    loader = torch.utils.data.DataLoader(rows, batch_size=2, collate_fn=BagCollator(4, PHASES[0]), num_workers=1)
    batches = list(loader)
    assert len(batches) == 2 and batches[1]["inputs"][0, 0].tolist() == [2, 3, 4]
