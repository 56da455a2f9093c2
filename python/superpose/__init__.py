"""Token superposition training (arXiv 2605.06546) for any PyTorch trainer."""

from superpose.functional import bag_embedding, count_targets, fold, multi_hot_linear_cross_entropy

__version__ = "0.1.0"

__all__ = [
    "bag_embedding",
    "count_targets",
    "fold",
    "multi_hot_linear_cross_entropy",
]
