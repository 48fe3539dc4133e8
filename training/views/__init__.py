"""The pages of training: exports, where things came from, and what was learned."""

from training.views.comparing import compare
from training.views.datasets import cancel_dataset, dataset, datasets
from training.views.exports import download, export, export_file, exports, foretold
from training.views.label_next import label_next
from training.views.learning import (
    cancel_run,
    judge_again,
    resume_run,
    start_run,
    training_run,
    training_runs,
)
from training.views.provenance import footage_provenance, item_provenance, provenance
from training.views.retraining_log import retraining_log, retraining_log_csv
from training.views.thresholds import thresholds
from training.views.versions import (
    promote,
    retire_challenger,
    rollback,
    shadow,
    share,
    version,
    version_file,
)

__all__ = [
    "cancel_dataset",
    "cancel_run",
    "compare",
    "dataset",
    "datasets",
    "download",
    "export",
    "export_file",
    "exports",
    "footage_provenance",
    "foretold",
    "item_provenance",
    "judge_again",
    "label_next",
    "promote",
    "provenance",
    "resume_run",
    "retire_challenger",
    "retraining_log",
    "retraining_log_csv",
    "rollback",
    "shadow",
    "share",
    "start_run",
    "thresholds",
    "training_run",
    "training_runs",
    "version",
    "version_file",
]
