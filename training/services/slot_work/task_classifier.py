"""Task classification: windows of features, each called by what a person says of its stretch."""

from training.services.slot_work.task_described import describe
from training.services.slot_work.task_gathering import gather
from training.services.slot_work.task_options import clean_options
from training.services.slot_work.task_train import clean_parameters, figures, paired, score, train

__all__ = [
    "clean_options",
    "clean_parameters",
    "describe",
    "figures",
    "gather",
    "paired",
    "score",
    "train",
]
