"""Make the groups reviewer, supervisor, admin and device, and say what each may do."""

from django.contrib.auth.management import create_permissions
from django.db import migrations

from hitlsite import people

_REVIEWER = (
    "detection.view_camera",
    "detection.view_zone",
    "detection.view_rule",
    "detection.view_footage",
    "detection.view_photo",
    "detection.view_incident",
    "detection.view_evidence",
    "detection.view_deployment",
    "review.view_trainingitem",
    "review.decide_trainingitem",
    "review.redact_trainingitem",
    "review.view_unredacted",
    "review.view_decision",
    "review.view_privacyscan",
    "review.view_redaction",
)
_SUPERVISOR = (
    *_REVIEWER,
    "review.resolve_trainingitem",
    "review.reopen_trainingitem",
    "review.view_unredacted_always",
    "detection.add_camera",
    "detection.change_camera",
    "detection.add_zone",
    "detection.change_zone",
    "detection.delete_zone",
    "detection.add_rule",
    "detection.change_rule",
    "detection.delete_rule",
)
_ADMIN = (
    *_SUPERVISOR,
    "detection.add_device",
    "detection.change_device",
    "detection.view_device",
    "training.view_exportrun",
    "training.add_exportrun",
    "hitlsite.view_auditentry",
    "hitlsite.view_auditdetail",
    "hitlsite.view_job",
    "hitlsite.view_site",
    "hitlsite.view_membership",
)
GROUP_PERMISSIONS = {
    people.REVIEWER: _REVIEWER,
    people.SUPERVISOR: _SUPERVISOR,
    people.ADMIN: _ADMIN,
    people.DEVICE: ("detection.add_footage",),
}


def grant(apps, schema_editor):
    # Django makes permissions after the last migration; the groups need them now.
    for label in ("hitlsite", "detection", "review", "training"):
        config = apps.get_app_config(label)
        config.models_module = True
        create_permissions(config, apps=apps, verbosity=0, using=schema_editor.connection.alias)
        config.models_module = None
    people.grant_groups(apps, GROUP_PERMISSIONS)


class Migration(migrations.Migration):
    dependencies = [
        ("training", "0001_initial"),
        ("review", "0001_initial"),
        ("detection", "0001_initial"),
        ("hitlsite", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]
    operations = [migrations.RunPython(grant, migrations.RunPython.noop)]
