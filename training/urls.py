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
    path("provenance/", views.provenance, name="provenance"),
    path("provenance/items/<int:pk>/", views.item_provenance, name="item_provenance"),
    path("provenance/footage/<int:pk>/", views.footage_provenance, name="footage_provenance"),
]
