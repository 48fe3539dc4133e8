"""Addresses of the training pages."""

from django.urls import path

from training import views

app_name = "training"

urlpatterns = [
    path("exports/", views.exports, name="exports"),
    path("exports/foretold/", views.foretold, name="foretold"),
    path("exports/<int:pk>/", views.export, name="export"),
    path("exports/<int:pk>/files/<str:name>/", views.export_file, name="export_file"),
    path("provenance/", views.provenance, name="provenance"),
    path("provenance/items/<int:pk>/", views.item_provenance, name="item_provenance"),
    path("provenance/footage/<int:pk>/", views.footage_provenance, name="footage_provenance"),
]
