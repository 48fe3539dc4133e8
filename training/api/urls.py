"""Addresses of the training API, below /api/v1/."""

from django.urls import path

from training.api import datasets, retraining, samples, views

urlpatterns = [
    path("exports/", views.ExportsView.as_view(), name="api-exports"),
    path("exports/<int:pk>/", views.ExportView.as_view(), name="api-export"),
    path(
        "exports/<int:pk>/files/<str:name>/", views.ExportFileView.as_view(), name="api-export-file"
    ),
    path("datasets/", datasets.DatasetsView.as_view(), name="api-datasets"),
    path("datasets/<int:pk>/", datasets.DatasetView.as_view(), name="api-dataset"),
    path("samples/", samples.SamplesView.as_view(), name="api-samples"),
    path("slots/<str:slot>/predict/", samples.PredictView.as_view(), name="api-predict"),
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
