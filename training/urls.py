"""Addresses of the training pages."""

from django.urls import path

from training import views

app_name = "training"

urlpatterns = [
    path("exports/", views.exports, name="exports"),
    path("exports/foretold/", views.foretold, name="foretold"),
    path("exports/<int:pk>/", views.export, name="export"),
    path("exports/<int:pk>/files/<str:name>/", views.export_file, name="export_file"),
    path("datasets/", views.datasets, name="datasets"),
    path("datasets/<int:pk>/", views.dataset, name="dataset"),
    path("datasets/<int:pk>/cancel/", views.cancel_dataset, name="cancel_dataset"),
    path("learning/thresholds/", views.thresholds, name="thresholds"),
    path("learning/next/", views.label_next, name="label_next"),
    path("learning/", views.training_runs, name="runs"),
    path("learning/start/", views.start_run, name="start_run"),
    path("learning/runs/<int:pk>/", views.training_run, name="run"),
    path("learning/runs/<int:pk>/cancel/", views.cancel_run, name="cancel_run"),
    path("learning/runs/<int:pk>/resume/", views.resume_run, name="resume_run"),
    path("learning/runs/<int:pk>/judge/", views.judge_again, name="judge_again"),
    path("learning/versions/<int:pk>/", views.version, name="version"),
    path("learning/versions/<int:pk>/files/<path:name>/", views.version_file, name="version_file"),
    path("learning/versions/<int:pk>/promote/", views.promote, name="promote"),
    path("learning/versions/<int:pk>/shadow/", views.shadow, name="shadow"),
    path("learning/versions/<int:pk>/share/", views.share, name="share"),
    path("learning/slots/<slug:slot>/rollback/", views.rollback, name="rollback"),
    path("learning/slots/<slug:slot>/retire/", views.retire_challenger, name="retire_challenger"),
    path("learning/compare/<int:pk>/", views.compare, name="compare"),
    path("learning/log/", views.retraining_log, name="retraining_log"),
    path("learning/log/csv/", views.retraining_log_csv, name="retraining_log_csv"),
    path("tasks/", views.tasks, name="tasks"),
    path("tasks/next/", views.spans_to_label, name="spans_to_label"),
    path("tasks/next/count/", views.spans_to_label_count, name="spans_to_label_count"),
    path("tasks/next/<int:pk>/dismiss/", views.dismiss_span, name="dismiss_span"),
    path("tasks/next/<int:pk>/restore/", views.restore_span, name="restore_span"),
    path("tasks/features/<int:pk>/", views.features, name="features"),
    path("tasks/features/<int:pk>/state/", views.feature_state, name="feature_state"),
    path("tasks/features/<int:pk>/cancel/", views.cancel_features, name="cancel_features"),
    path("tasks/features/<int:pk>/retry/", views.retry_features, name="retry_features"),
    path("tasks/features/<int:pk>/file/", views.features_file, name="features_file"),
    path("tasks/label-sets/", views.label_sets, name="label_sets"),
    path("tasks/label-sets/<int:pk>/", views.change_label_set, name="change_label_set"),
    path("tasks/footage/<int:pk>/label/", views.label_footage, name="label_footage"),
    path(
        "tasks/footage/<int:pk>/label/<int:set_pk>/import/",
        views.import_labels,
        name="import_labels",
    ),
    path(
        "tasks/footage/<int:pk>/label/<int:set_pk>/restore/",
        views.restore_labels,
        name="restore_labels",
    ),
    path("tasks/footage/<int:pk>/classify/", views.classify_footage, name="classify_footage"),
    path("tasks/footage/<int:pk>/predictions/", views.task_predictions, name="task_predictions"),
    path(
        "tasks/footage/<int:pk>/predictions/json/",
        views.task_predictions_json,
        name="task_predictions_json",
    ),
    path("provenance/", views.provenance, name="provenance"),
    path("provenance/items/<int:pk>/", views.item_provenance, name="item_provenance"),
    path("provenance/footage/<int:pk>/", views.footage_provenance, name="footage_provenance"),
]
