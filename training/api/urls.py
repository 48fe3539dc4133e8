"""Addresses of the training API, below /api/v1/."""

from django.urls import path

from training.api import (
    datasets,
    features,
    models,
    retraining,
    runs,
    samples,
    spans,
    task_labels,
    views,
)

urlpatterns = [
    path("exports/", views.ExportsView.as_view(), name="api-exports"),
    path("exports/<int:pk>/", views.ExportView.as_view(), name="api-export"),
    path(
        "exports/<int:pk>/files/<str:name>/", views.ExportFileView.as_view(), name="api-export-file"
    ),
    path("datasets/", datasets.DatasetsView.as_view(), name="api-datasets"),
    path("datasets/<int:pk>/", datasets.DatasetView.as_view(), name="api-dataset"),
    path("features/", features.FeaturesView.as_view(), name="api-features"),
    path("features/extract/", features.ExtractView.as_view(), name="api-features-extract"),
    path("features/<int:pk>/", features.FeatureSetView.as_view(), name="api-feature-set"),
    path("features/<int:pk>/file/", features.FeatureFileView.as_view(), name="api-feature-file"),
    path("spans/", spans.SpansToLabelView.as_view(), name="api-spans-to-label"),
    path("spans/<int:pk>/dismiss/", spans.DismissSpanView.as_view(), name="api-span-dismiss"),
    path("label-sets/", task_labels.LabelSetsView.as_view(), name="api-label-sets"),
    path("footage/<int:pk>/spans/", task_labels.SpansView.as_view(), name="api-spans"),
    path("samples/", samples.SamplesView.as_view(), name="api-samples"),
    path("slots/<str:slot>/predict/", samples.PredictView.as_view(), name="api-predict"),
    path("training-runs/", runs.RunsView.as_view(), name="api-runs"),
    path("training-runs/<int:pk>/", runs.RunView.as_view(), name="api-run"),
    path("models/", models.ModelsView.as_view(), name="api-models"),
    path("models/<int:pk>/", models.ModelView.as_view(), name="api-model"),
    path(
        "models/<int:pk>/files/<str:name>/", models.ModelFileView.as_view(), name="api-model-file"
    ),
    path("training/train/", retraining.TrainView.as_view(), name="api-train"),
    path("training/status/", retraining.TrainingStatusView.as_view(), name="api-training-status"),
    path("training/runs/", retraining.TrainingRunsView.as_view(), name="api-training-runs"),
    path("training/runs/<int:pk>/", retraining.TrainingRunView.as_view(), name="api-training-run"),
    path(
        "training/runs/<int:pk>/cancel/",
        retraining.CancelTrainingRunView.as_view(),
        name="api-training-run-cancel",
    ),
]
