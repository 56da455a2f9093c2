"""Token superposition training (arXiv 2605.06546) for any PyTorch trainer."""

from superpose.check import CheckError, check
from superpose.data import BagCollator, pad_documents, window
from superpose.functional import bag_embedding, count_targets, fold, multi_hot_linear_cross_entropy
from superpose.modules import BagEmbedding, BagHead
from superpose.phases import Phase, PhaseConfig, Phases, make_slot_weights
from superpose.recorder import Recorder, load_run
from superpose.set_sum import count_positions, set_sum_linear_cross_entropy

__version__ = "0.1.0"

__all__ = [
    "BagCollator",
    "BagEmbedding",
    "BagHead",
    "CheckError",
    "Phase",
    "PhaseConfig",
    "Phases",
    "Recorder",
    "bag_embedding",
    "check",
    "count_positions",
    "count_targets",
    "fold",
    "load_run",
    "make_slot_weights",
    "multi_hot_linear_cross_entropy",
    "pad_documents",
    "set_sum_linear_cross_entropy",
    "window",
]
