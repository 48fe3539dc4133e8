"""Addresses of the training API, below /api/v1/."""

from django.urls import path

from training.api import views

urlpatterns = [
    path("exports/", views.ExportsView.as_view(), name="api-exports"),
    path("exports/<int:pk>/", views.ExportView.as_view(), name="api-export"),
    path(
        "exports/<int:pk>/files/<str:name>/", views.ExportFileView.as_view(), name="api-export-file"
    ),
]
