"""Addresses of the training pages."""

from django.urls import path

from training import views

app_name = "training"

urlpatterns = [
    path("exports/", views.exports, name="exports"),
    path("exports/<int:pk>/", views.export, name="export"),
    path("exports/<int:pk>/files/<str:name>/", views.export_file, name="export_file"),
]
