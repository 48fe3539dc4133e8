"""Let supervisors see, and take back, what is known to belong where it stands.

Only adds: what a site has taken from a group since, such as seeing unredacted pictures, stays
taken.
"""

import importlib

from django.contrib.auth.management import create_permissions
from django.db import migrations

from hitlsite import people

_BEFORE = importlib.import_module("training.migrations.0002_groups").GROUP_PERMISSIONS
_REVIEWER = ("detection.view_snapshot",)
_SUPERVISOR = (*_REVIEWER, "detection.view_fixture", "detection.delete_fixture")
ADDED = {
    people.REVIEWER: _REVIEWER,
    people.SUPERVISOR: _SUPERVISOR,
    people.ADMIN: _SUPERVISOR,
}
GROUP_PERMISSIONS = {role: (*held, *ADDED.get(role, ())) for role, held in _BEFORE.items()}


def grant(apps, schema_editor):
    # Django makes permissions after the last migration; the groups need them now.
    config = apps.get_app_config("detection")
    config.models_module = True
    create_permissions(config, apps=apps, verbosity=0, using=schema_editor.connection.alias)
    config.models_module = None
    people.grant_groups(apps, ADDED, keep=True)


class Migration(migrations.Migration):
    dependencies = [
        ("training", "0002_groups"),
        ("detection", "0002_rules_in_space"),
    ]
    operations = [migrations.RunPython(grant, migrations.RunPython.noop)]
