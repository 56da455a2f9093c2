"""The rules of the program's recipes: src/superposition/phases.h and its tests."""

import math

import pytest

from superpose.phases import Phase, PhaseConfig, Phases, make_slot_weights


def test_default_recipe_is_superposition_then_next_token_prediction():
    phases = Phases([{"share": 0.3, "bag_size": 6}], 1000)
    assert list(phases) == [Phase(0, 300, 6, 6, make_slot_weights("uniform", 6)), Phase(300, 700)]
    assert not phases[0].is_ntp and phases[1].is_ntp
    assert phases.switch_steps == [300] and phases.total_steps == 1000


def test_no_entry_is_next_token_prediction_throughout():
    assert list(Phases([], 7)) == [Phase(0, 7)]


def test_one_share_is_the_floor_of_the_product():
    for total in range(1, 400):
        for percent in range(0, 101, 5):
            first = Phases([PhaseConfig(share=percent / 100, bag_size=2)], total)[0]
            assert (first.num_steps if first.bag_size == 2 else 0) == total * percent // 100


def test_phases_cover_the_run_without_gap():
    configs = [
        PhaseConfig(steps=3, bag_size=8),
        PhaseConfig(share=0.21, bag_size=4),
        PhaseConfig(share=0.21, bag_size=2, target_size=3),
        PhaseConfig(steps=5, target_size=4),
    ]
    for total in range(20, 300, 7):
        following = 0
        for phase in Phases(configs, total):
            assert phase.first_step == following and phase.num_steps > 0
            assert len(phase.slot_weights) == phase.target_size
            following = phase.end_step
        assert following == total


def test_shares_that_add_up_to_one_leave_nothing():
    for total in range(3, 200):
        assert Phases([{"share": 1 / 3, "bag_size": 2}] * 3, total)[-1].bag_size == 2


def test_entries_of_length_zero_are_dropped():
    assert list(Phases([{"share": 0.0, "bag_size": 6}, {"steps": 0, "bag_size": 3}], 10)) == [Phase(0, 10)]


def test_target_size_defaults_to_bag_size():
    sizes = [{"bag_size": 4}, {"bag_size": 4, "target_size": 1}, {"bag_size": 1, "target_size": 4}]
    phases = Phases([{"steps": 1, **entry} for entry in sizes], 4)
    assert [phase.target_size for phase in phases] == [4, 1, 4, 1]
    assert [phase.is_ntp for phase in phases] == [False, False, False, True]


@pytest.mark.parametrize(
    ("configs", "message"),
    [
        ([{"bag_size": 2}], r"phases\[0\].share: give share or steps, got neither"),
        ([{"share": 0.1, "steps": 1}], r"phases\[0\].share: give share or steps, got both"),
        ([{"share": 0.1}, {"share": -0.1}], r"phases\[1\].share: must be in \[0, 1\], got -0.1"),
        ([{"share": 1.1}], r"phases\[0\].share: must be in"),
        ([{"share": math.nan}], r"phases\[0\].share: must be in"),
        ([{"steps": -1}], r"phases\[0\].steps: must be >= 0, got -1"),
        ([{"steps": 1, "bag_size": 0}], r"phases\[0\].bag_size: must be >= 1, got 0"),
        ([{"steps": 1, "bag_size": 2.5}], r"phases\[0\].bag_size: must be a whole number, got 2.5"),
        ([{"steps": 1, "target_size": 0}], r"phases\[0\].target_size: must be >= 1, got 0"),
        ([{"steps": 1, "bag_sizes": 2}], r"phases\[0\].bag_sizes: unknown key"),
        (
            [{"steps": 1, "bag_size": 2, "slot_weighting": "explicit", "slot_weights": [1.0]}],
            r"phases\[0\].slot_weights: must hold target_size = 2 numbers, got 1",
        ),
        ([{"steps": 1, "slot_weighting": "harmonic"}], r"phases\[0\].slot_weighting: must be one of"),
        ([{"steps": 60}, {"share": 0.5}], r"phases\[1\]: the phases up to here take 110 steps, more than train.steps = 100"),
    ],
)
def test_errors_name_entry_and_key(configs, message):
    with pytest.raises(ValueError, match=message):
        Phases(configs, 100)


def test_a_run_has_steps():
    with pytest.raises(ValueError, match="train.steps: must be >= 1, got 0"):
        Phases([], 0)


def test_phase_at_a_step():
    phases = Phases([{"steps": 2, "bag_size": 4}, {"steps": 3, "bag_size": 2}], 10)
    assert [phases.phase_index_at(step) for step in range(10)] == [0, 0, 1, 1, 1, 2, 2, 2, 2, 2]
    assert phases.phase_at(4).bag_size == 2
    for step in (-1, 10):
        with pytest.raises(ValueError, match=rf"phases: step must be in \[0, 10\), got {step}"):
            phases.phase_at(step)


def test_raw_tokens_before_a_step():
    phases = Phases([{"steps": 2, "bag_size": 4}, {"steps": 3, "bag_size": 2}], 10)
    expected = [0]
    for step in range(10):
        expected.append(expected[-1] + phases.phase_at(step).bag_size * 7)
    assert [phases.raw_tokens_before(step, 7) for step in range(11)] == expected


def test_what_the_loop_does_is_carried_along():
    own = {"sequence_length": 64, "batch_positions": 256, "bag_order": "shuffled", "handover": "layers"}
    superposed, rest = Phases([{"steps": 3, "bag_size": 4, **own}], 10)
    assert {key: getattr(superposed, key) for key in own} == own
    assert (rest.sequence_length, rest.batch_positions, rest.bag_order, rest.handover) == (None, None, "contiguous", "all")
    for key, value, message in (
        ("sequence_length", 0, "sequence_length: must be >= 1, got 0"),
        ("batch_positions", 1.5, "batch_positions: must be a whole number, got 1.5"),
        ("bag_order", "random", "bag_order: must be one of contiguous, shuffled, got random"),
        ("handover", "none", "handover: must be one of all, weights, layers, got none"),
    ):
        with pytest.raises(ValueError, match=f"phases.0..{message}"):
            Phases([{"steps": 3, key: value}], 10)


def test_slot_weights():
    assert make_slot_weights("uniform", 4) == (0.25,) * 4
    assert make_slot_weights("inverse", 3) == pytest.approx((6 / 11, 3 / 11, 2 / 11), rel=1e-15)
    exponential = make_slot_weights("exponential", 3)
    assert exponential[1] / exponential[0] == pytest.approx(math.exp(-1)) and sum(exponential) == pytest.approx(1)
    assert make_slot_weights("explicit", 2, [3, 1]) == (0.75, 0.25)
    for numbers, message in [
        ([0, 0], "positive sum"),
        ([1, -1], "finite and >= 0"),
        ([1, math.inf], "finite and >= 0"),
    ]:
        with pytest.raises(ValueError, match=message):
            make_slot_weights("explicit", 2, numbers)
    with pytest.raises(ValueError, match="must be empty unless"):
        make_slot_weights("uniform", 2, [1, 1])


def test_objectives():
    phases = Phases([{"steps": 2, "bag_size": 4, "objective": "set_sum"}], 4)
    assert [phase.objective for phase in phases] == ["set_sum", "multi_hot"]
    assert phases[0].slot_weights == (0.25,) * 4
    for entry, key, value in [
        ({"objective": "other"}, "objective", "other"),
        ({"objective": "set_sum", "bag_size": 2, "slot_weighting": "inverse"}, "slot_weighting", "inverse"),
        ({"objective": "set_sum", "slot_weighting": "explicit", "slot_weights": [1]}, "slot_weights", "1"),
    ]:
        with pytest.raises(ValueError, match=rf"phases\[0\]\.{key}: .*{value}"):
            Phases([{"steps": 1, **entry}], 4)
