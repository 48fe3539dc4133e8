"""Let reviewers label stretches of videos, supervisors and admins extract features and name labels.

Only adds: what a site has taken from a group since stays taken.
"""

import importlib

from django.contrib.auth.management import create_permissions
from django.db import migrations

from hitlsite import people

_BEFORE = importlib.import_module("training.migrations.0007_learning_permissions").GROUP_PERMISSIONS
_REVIEWER = (
    "detection.view_tasklog",
    "detection.view_caption",
    "review.view_viewingcopy",
    "training.view_featureset",
    "training.view_labelset",
    "training.view_spanannotation",
    "training.add_spanannotation",
    "training.view_spantolabel",
    "training.change_spantolabel",
)
_SUPERVISOR = (
    *_REVIEWER,
    "training.add_labelset",
    "training.change_labelset",
    "training.add_featureset",
    "training.change_featureset",
)
ADDED = {
    people.REVIEWER: _REVIEWER,
    people.SUPERVISOR: _SUPERVISOR,
    people.ADMIN: _SUPERVISOR,
}
GROUP_PERMISSIONS = {role: (*held, *ADDED.get(role, ())) for role, held in _BEFORE.items()}


def grant(apps, schema_editor):
    # Django makes permissions after the last migration; the groups need them now.
    for label in ("detection", "review", "training"):
        config = apps.get_app_config(label)
        config.models_module = True
        create_permissions(config, apps=apps, verbosity=0, using=schema_editor.connection.alias)
        config.models_module = None
    people.grant_groups(apps, ADDED, keep=True)


class Migration(migrations.Migration):
    dependencies = [
        ("training", "0008_tasks"),
        ("review", "0004_tasks"),
        ("detection", "0005_tasks"),
    ]
    operations = [migrations.RunPython(grant, migrations.RunPython.noop)]
