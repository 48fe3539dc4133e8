"""Addresses of the review API, under /api/v1/."""

from django.urls import path

from review.api import views

urlpatterns = [
    path("items/", views.ItemsView.as_view(), name="api_items"),
    path("items/stats/", views.StatsView.as_view(), name="api_item_stats"),
    path("items/<int:pk>/", views.ItemView.as_view(), name="api_item"),
    path("items/<int:pk>/claim/", views.ClaimView.as_view(), name="api_item_claim"),
    path("items/<int:pk>/decide/", views.DecideView.as_view(), name="api_item_decide"),
    path("items/<int:pk>/redact/", views.RedactView.as_view(), name="api_item_redact"),
    path("items/<int:pk>/undo/", views.UndoView.as_view(), name="api_item_undo"),
    path("items/<int:pk>/reopen/", views.ReopenView.as_view(), name="api_item_reopen"),
]
