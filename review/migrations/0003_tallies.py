"""Count what is stored already; from here on every change of an item counts itself."""

from django.db import migrations
from django.db.models import Count


def count(apps, schema_editor):
    items = apps.get_model("review", "TrainingItem").objects.order_by()
    rows = items.values_list("site_id", "status").annotate(total=Count("pk"))
    tally = apps.get_model("review", "ItemTally")
    for site_id, status, total in rows:
        tally.objects.update_or_create(
            site_id=site_id, status=status, defaults={"count": total}
        )


class Migration(migrations.Migration):
    dependencies = [("review", "0002_workplace")]
    operations = [migrations.RunPython(count, migrations.RunPython.noop)]
