"""Addresses of the upload API and of cameras' streams, under /api/v1/."""

from django.urls import path

from detection.api import streams, views

urlpatterns = [
    path("uploads/", views.UploadsView.as_view(), name="api_uploads"),
    path("cameras/<int:pk>/stream/", streams.CameraStreamView.as_view(), name="api_camera_stream"),
    path("uploads/<str:upload_id>/", views.UploadView.as_view(), name="api_upload"),
]
