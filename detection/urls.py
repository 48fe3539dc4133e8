"""Addresses of the camera pages."""

from django.urls import path

from detection import views

app_name = "detection"

urlpatterns = [
    path("cameras/", views.cameras, name="cameras"),
    path("cameras/add/", views.camera_add, name="camera_add"),
    path("cameras/<int:pk>/", views.camera, name="camera"),
    path("cameras/<int:pk>/edit/", views.camera_edit, name="camera_edit"),
    path("cameras/<int:pk>/import/", views.camera_import, name="camera_import"),
    path("cameras/<int:pk>/zones/", views.zones, name="zones"),
    path("cameras/<int:pk>/effect/", views.effect, name="effect"),
    path("cameras/<int:pk>/replay/", views.replay, name="replay"),
    path("media/cameras/<int:pk>/snapshot/", views.snapshot, name="snapshot"),
]
