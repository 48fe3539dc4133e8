"""Let supervisors read what was learned, admins train and deploy, devices send samples.

Only adds: what a site has taken from a group since stays taken.
"""

import importlib

from django.contrib.auth.management import create_permissions
from django.db import migrations

from hitlsite import people

_BEFORE = importlib.import_module("training.migrations.0005_workplace_permissions").GROUP_PERMISSIONS
_SUPERVISOR = (
    "detection.view_deployment",
    "detection.view_prediction",
    "detection.view_scorethreshold",
    "detection.add_scorethreshold",
    "training.view_dataset",
    "training.view_trainingrun",
    "training.view_modelversion",
    "training.view_evaluation",
    "training.view_gatedecision",
    "training.view_promotion",
    "training.view_retrainingpolicy",
    "training.view_trainingevent",
    "training.view_tabularsample",
)
_ADMIN = (
    *_SUPERVISOR,
    "training.add_dataset",
    "training.add_trainingrun",
    "training.change_trainingrun",
    "training.promote_modelversion",
    "training.add_retrainingpolicy",
    "training.change_retrainingpolicy",
    "training.add_tabularsample",
)
_DEVICE = ("training.add_tabularsample",)
ADDED = {people.SUPERVISOR: _SUPERVISOR, people.ADMIN: _ADMIN, people.DEVICE: _DEVICE}
GROUP_PERMISSIONS = {role: (*held, *ADDED.get(role, ())) for role, held in _BEFORE.items()}


def grant(apps, schema_editor):
    # Django makes permissions after the last migration; the groups need them now.
    for label in ("detection", "training"):
        config = apps.get_app_config(label)
        config.models_module = True
        create_permissions(config, apps=apps, verbosity=0, using=schema_editor.connection.alias)
        config.models_module = None
    people.grant_groups(apps, ADDED, keep=True)


class Migration(migrations.Migration):
    dependencies = [
        ("training", "0006_learning"),
    ]
    operations = [migrations.RunPython(grant, migrations.RunPython.noop)]
