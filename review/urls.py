"""Addresses of the review pages."""

from django.urls import path

from review import views

app_name = "review"

urlpatterns = [
    path("", views.dashboard, name="dashboard"),
    path("queue/", views.queue, name="queue"),
    path("queue/start/", views.start, name="start"),
    path("queue/decide/", views.bulk, name="bulk"),
    path("queue/undo/", views.undo_batch, name="undo_batch"),
    path("queue/stacks/", views.stacks, name="stacks"),
    path("queue/stacks/<int:pk>/", views.stack, name="stack"),
    path("queue/filters/", views.save_filter, name="save_filter"),
    path("queue/filters/<int:pk>/delete/", views.delete_filter, name="delete_filter"),
    path("queue/next/", views.next_items, name="next_items"),
    path("queue/release/", views.release, name="release"),
    path("items/<int:pk>/", views.item, name="item"),
    path("items/<int:pk>/privacy/", views.privacy, name="privacy"),
    path("items/<int:pk>/decide/", views.decide, name="decide"),
    path("items/<int:pk>/same/", views.same, name="same"),
    path("items/<int:pk>/redact/", views.redact, name="redact"),
    path("items/<int:pk>/redact/undo/", views.undo_redaction, name="undo_redaction"),
    path("items/<int:pk>/undo/", views.undo, name="undo"),
    path("items/<int:pk>/reopen/", views.reopen, name="reopen"),
    path("media/items/<int:pk>/filmstrip/", views.filmstrip, name="filmstrip"),
    path("photos/", views.photo_library, name="photos"),
    path("photos/<int:pk>/", views.photo, name="photo"),
    path("photos/<int:pk>/mark/", views.mark, name="mark"),
    path("photos/<int:pk>/unmark/", views.unmark, name="unmark"),
    path("media/photos/<int:pk>/", views.photo_file, name="photo_file"),
    path("media/photos/<int:pk>/thumb/", views.photo_thumb, name="photo_thumb"),
    path("media/evidence/<int:pk>/", views.evidence, name="evidence"),
    path("media/evidence/<int:pk>/thumb/", views.evidence_thumb, name="evidence_thumb"),
    path("media/footage/<int:pk>/", views.viewing_copy_file, name="viewing_copy_file"),
    path("footage/<int:pk>/viewing-copy/", views.viewing_copy, name="viewing_copy"),
    path("items/<int:pk>/example/", views.example, name="example"),
    path("items/<int:pk>/gold/", views.gold, name="gold"),
    path("items/<int:pk>/gold/retire/", views.retire_gold, name="retire_gold"),
    path("agreement/", views.agreement, name="agreement"),
    path("guidelines/", views.guidelines, name="guidelines"),
    path("guidelines/<slug:category>/", views.guideline, name="guideline"),
    path("items/<int:pk>/boxes/", views.boxes, name="boxes"),
    path("items/<int:pk>/track/", views.track, name="track_labels"),
    path("label-classes/", views.label_classes, name="label_classes"),
    path("recall/", views.recall, name="recall"),
    path("media/pictures/<str:token>/", views.webhook_picture, name="webhook_picture"),
    path("events/", views.events, name="events"),
    path("help/", views.guide, name="help"),
]
