"""The pages of training: exports, where things came from, and what was learned."""

from training.views.comparing import compare
from training.views.datasets import cancel_dataset, dataset, datasets
from training.views.exports import download, export, export_file, exports, foretold
from training.views.features import (
    cancel_features,
    feature_download,
    feature_state,
    features,
    features_file,
    retry_features,
    tasks,
)
from training.views.label_footage import import_labels, label_footage, restore_labels
from training.views.label_next import label_next
from training.views.label_sets import change_label_set, label_sets
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
from training.views.spans_to_label import (
    dismiss_span,
    restore_span,
    spans_to_label,
    spans_to_label_count,
)
from training.views.task_predictions import (
    classify_footage,
    task_predictions,
    task_predictions_json,
)
from training.views.thresholds import thresholds
from training.views.versions import (
    promote,
    retire_challenger,
    rollback,
    shadow,
    share,
    version,
    version_download,
    version_file,
)

__all__ = [
    "cancel_dataset",
    "cancel_features",
    "cancel_run",
    "change_label_set",
    "classify_footage",
    "compare",
    "dataset",
    "datasets",
    "dismiss_span",
    "download",
    "export",
    "export_file",
    "exports",
    "feature_download",
    "feature_state",
    "features",
    "features_file",
    "footage_provenance",
    "foretold",
    "import_labels",
    "item_provenance",
    "judge_again",
    "label_footage",
    "label_next",
    "label_sets",
    "promote",
    "provenance",
    "restore_labels",
    "restore_span",
    "resume_run",
    "retire_challenger",
    "retraining_log",
    "retraining_log_csv",
    "retry_features",
    "rollback",
    "shadow",
    "share",
    "spans_to_label",
    "spans_to_label_count",
    "start_run",
    "task_predictions",
    "task_predictions_json",
    "tasks",
    "thresholds",
    "training_run",
    "training_runs",
    "version",
    "version_download",
    "version_file",
]
