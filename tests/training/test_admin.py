"""The admin of exports, and the action in the admin of training items."""

import pytest
from django.contrib import admin

from review.models import TrainingItem
from training.admin import add_export_action
from training.models import ExportRun

pytestmark = pytest.mark.django_db


def test_exports_are_only_read(client, superuser, site):
    run = ExportRun.objects.create(site=site)
    client.force_login(superuser)

    assert client.get("/admin/training/exportrun/").status_code == 200
    assert client.get(f"/admin/training/exportrun/{run.pk}/change/").status_code == 200
    assert client.get("/admin/training/exportrun/add/").status_code == 403
    assert client.post(f"/admin/training/exportrun/{run.pk}/delete/").status_code == 403


@pytest.fixture
def item_admin():
    """Return an admin of items with the action, without touching the one that is registered."""
    made = admin.ModelAdmin(TrainingItem, admin.AdminSite())
    add_export_action(made)
    return made


def action(item_admin, rf, user, queryset):
    """Run the action as the admin would; return what it tells the person."""
    request = rf.post("/")
    request.user = user
    told = []
    item_admin.message_user = lambda request, message, level: told.append(str(message))
    function, _, _ = item_admin.get_actions(request)["export_selected"]
    function(item_admin, request, queryset)
    return told


def test_selected_items_are_queued(item_admin, rf, items, admin_user):
    chosen = TrainingItem.objects.filter(pk__in=[item.pk for item in items[:3]])
    told = action(item_admin, rf, admin_user, chosen)

    run = ExportRun.objects.get()
    assert run.filters == {"items": [item.pk for item in items[:3]]}
    assert f"/exports/{run.pk}/" in told[0]


def test_too_few_are_refused_with_a_message(item_admin, rf, items, admin_user):
    told = action(item_admin, rf, admin_user, TrainingItem.objects.filter(pk=items[0].pk))

    assert "Only 1 of 3" in told[0]
    assert not ExportRun.objects.exists()


@pytest.mark.parametrize("who", ["reviewer", "supervisor"])
def test_the_action_is_not_offered_to_others(item_admin, rf, who, request):
    asking = rf.get("/")
    asking.user = request.getfixturevalue(who)

    assert "export_selected" not in item_admin.get_actions(asking)


def test_the_registered_list_offers_it():
    from training.admin import export_selected

    assert export_selected in admin.site.get_model_admin(TrainingItem).actions
