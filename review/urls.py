"""Addresses of the review pages."""

from django.urls import path

from review import views

app_name = "review"

urlpatterns = [
    path("", views.dashboard, name="dashboard"),
    path("queue/", views.queue, name="queue"),
    path("queue/start/", views.start, name="start"),
    path("items/<int:pk>/", views.item, name="item"),
    path("items/<int:pk>/privacy/", views.privacy, name="privacy"),
    path("items/<int:pk>/decide/", views.decide, name="decide"),
    path("items/<int:pk>/redact/", views.redact, name="redact"),
    path("items/<int:pk>/redact/undo/", views.undo_redaction, name="undo_redaction"),
    path("items/<int:pk>/undo/", views.undo, name="undo"),
    path("items/<int:pk>/reopen/", views.reopen, name="reopen"),
    path("media/evidence/<int:pk>/", views.evidence, name="evidence"),
    path("media/evidence/<int:pk>/thumb/", views.evidence_thumb, name="evidence_thumb"),
    path("help/", views.guide, name="help"),
]
