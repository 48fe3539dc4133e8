"""Addresses of the review API, under /api/v1/."""

from django.urls import path

from review.api import agreement, batches, photos, views

urlpatterns = [
    path("items/", views.ItemsView.as_view(), name="api_items"),
    path("items/agreement/", agreement.AgreementView.as_view(), name="api_item_agreement"),
    path("items/stats/", views.StatsView.as_view(), name="api_item_stats"),
    path("items/claim/", batches.ClaimManyView.as_view(), name="api_items_claim"),
    path("items/decide/", batches.DecideManyView.as_view(), name="api_items_decide"),
    path("items/undo/", batches.UndoManyView.as_view(), name="api_items_undo"),
    path("items/stacks/", batches.StacksView.as_view(), name="api_items_stacks"),
    path("items/<int:pk>/", views.ItemView.as_view(), name="api_item"),
    path("items/<int:pk>/claim/", views.ClaimView.as_view(), name="api_item_claim"),
    path("items/<int:pk>/decide/", views.DecideView.as_view(), name="api_item_decide"),
    path("items/<int:pk>/redact/", views.RedactView.as_view(), name="api_item_redact"),
    path("items/<int:pk>/undo/", views.UndoView.as_view(), name="api_item_undo"),
    path("items/<int:pk>/reopen/", views.ReopenView.as_view(), name="api_item_reopen"),
    path("photos/", photos.PhotosView.as_view(), name="api_photos"),
    path("photos/marked/list/", photos.MarkedPhotosView.as_view(), name="api_marked_photos"),
    path("photos/marked/count/", photos.MarkedCountView.as_view(), name="api_marked_count"),
    path("photos/<int:pk>/", photos.OnePhotoView.as_view(), name="api_photo"),
    path("photos/<int:pk>/mark-for-retraining/", photos.MarkView.as_view(), name="api_photo_mark"),
]
