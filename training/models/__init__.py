"""What is made from decisions."""

from training.models.dataset import (
    Dataset,
    DatasetEntry,
    GroupSplit,
    OfSitesQuerySet,
    TabularSample,
)
from training.models.export import ExportRun
from training.models.feature import FeatureSet, LabelSet, SpanAnnotation, SpanSearch, SpanToLabel
from training.models.policy import RetrainingPolicy, TrainingEvent
from training.models.registry import Evaluation, GateDecision, ModelVersion, Promotion
from training.models.run import TrainingRun

__all__ = [
    "Dataset",
    "DatasetEntry",
    "Evaluation",
    "ExportRun",
    "FeatureSet",
    "GateDecision",
    "GroupSplit",
    "LabelSet",
    "ModelVersion",
    "OfSitesQuerySet",
    "Promotion",
    "RetrainingPolicy",
    "SpanAnnotation",
    "SpanSearch",
    "SpanToLabel",
    "TabularSample",
    "TrainingEvent",
    "TrainingRun",
]
