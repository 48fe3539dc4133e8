"""Let reviewers mark and annotate, supervisors write guidelines, admins set up webhooks.

Only adds: what a site has taken from a group since stays taken.
"""

import importlib

from django.contrib.auth.management import create_permissions
from django.db import migrations

from hitlsite import people

_BEFORE = importlib.import_module("training.migrations.0003_camera_permissions").GROUP_PERMISSIONS
_REVIEWER = (
    "detection.view_photodetection",
    "review.view_mark",
    "review.add_mark",
    "review.change_mark",
    "review.view_annotation",
    "review.add_annotation",
    "review.view_labelclass",
    "review.view_guideline",
)
_SUPERVISOR = (
    *_REVIEWER,
    "review.add_labelclass",
    "review.change_labelclass",
    "review.add_guideline",
    "review.add_guidelineexample",
    "review.delete_guidelineexample",
    "review.view_goldanswer",
    "review.add_goldanswer",
    "review.change_goldanswer",
    "review.view_agreement",
)
_ADMIN = (
    *_SUPERVISOR,
    "review.view_webhook",
    "review.add_webhook",
    "review.change_webhook",
    "review.delete_webhook",
    "review.view_webhookdelivery",
)
ADDED = {people.REVIEWER: _REVIEWER, people.SUPERVISOR: _SUPERVISOR, people.ADMIN: _ADMIN}
GROUP_PERMISSIONS = {role: (*held, *ADDED.get(role, ())) for role, held in _BEFORE.items()}


def grant(apps, schema_editor):
    # Django makes permissions after the last migration; the groups need them now.
    for label in ("detection", "review"):
        config = apps.get_app_config(label)
        config.models_module = True
        create_permissions(config, apps=apps, verbosity=0, using=schema_editor.connection.alias)
        config.models_module = None
    people.grant_groups(apps, ADDED, keep=True)


class Migration(migrations.Migration):
    dependencies = [
        ("training", "0004_export_variants"),
        ("review", "0003_tallies"),
        ("detection", "0003_workplace"),
    ]
    operations = [migrations.RunPython(grant, migrations.RunPython.noop)]
