"""Addresses of the upload API, under /api/v1/."""

from django.urls import path

from detection.api import views

urlpatterns = [
    path("uploads/", views.UploadsView.as_view(), name="api_uploads"),
    path("uploads/<str:upload_id>/", views.UploadView.as_view(), name="api_upload"),
]
