"""No page of the admin names anything of a site that its reader does not belong to."""

import pytest
from django.contrib import admin
from django.db import transaction
from django.urls import reverse

from detection.models import Device
from hitlsite import audit, people
from hitlsite.models import Job
from tests import factories
from tests.cast import person
from training.models import ExportRun

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]
FOREIGN = "Zanzibar"


def fill(site, names):
    """Put a row of every kind into a site, each carrying ``names`` where it has a text."""
    camera = factories.camera(site, f"{names} camera")
    worker = person(f"{names}_person", people.REVIEWER, site)
    phone = person(f"{names}_phone", people.DEVICE, site)
    device = Device.objects.create(camera=camera, name=f"{names} device", user=phone)
    footage = factories.footage(camera, device=device)
    incident = factories.incident(footage=footage, why=f"{names} why")
    factories.item(incident)
    job = Job.objects.create(kind=f"{names} job", key=f"{names} key", site=site)
    ExportRun.objects.create(site=site, name=f"{names} export", created_by=worker)
    with transaction.atomic():
        audit.record(f"{names}.act", job, actor=worker, site=site, detail={"note": names})


@pytest.fixture
def two_sites(site):
    fill(site, "Harbour")
    fill(factories.site(FOREIGN), FOREIGN)


def pages(user):
    """Yield the address of every list, form and row of the admin."""
    yield reverse("admin:index")
    for model in admin.site._registry:
        base = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        yield reverse(f"{base}_changelist")
        yield reverse(f"{base}_add")
        for row in getattr(model.objects, "visible_to", lambda user: ())(user):
            yield reverse(f"{base}_change", args=[row.pk])


@pytest.mark.parametrize("role", ["reviewer", "supervisor", "admin_user"])
def test_a_foreign_site_is_named_nowhere(client, two_sites, role, request):
    user = request.getfixturevalue(role)
    client.force_login(user)
    shown = 0
    for address in pages(user):
        response = client.get(address)
        assert response.status_code in (200, 302, 403), address
        assert FOREIGN not in response.content.decode(), address
        shown += response.status_code == 200
    assert shown > 10


@pytest.mark.parametrize("role", ["reviewer", "supervisor", "admin_user"])
def test_a_foreign_row_is_not_there(client, two_sites, role, request):
    user = request.getfixturevalue(role)
    client.force_login(user)
    for model in admin.site._registry:
        if not hasattr(model.objects, "visible_to"):
            continue
        base = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        hidden = model.objects.exclude(pk__in=model.objects.visible_to(user))
        for row in hidden:
            for name in ("change", "history", "delete"):
                address = reverse(f"{base}_{name}", args=[row.pk])
                response = client.get(address)
                assert response.status_code in (403, 404), address
                assert FOREIGN not in response.content.decode(), address


@pytest.mark.parametrize("role", ["reviewer", "supervisor", "admin_user"])
def test_people_are_not_offered_for_completion(client, two_sites, role, request):
    client.force_login(request.getfixturevalue(role))
    asked = {"app_label": "hitlsite", "model_name": "membership", "field_name": "user", "term": "Z"}
    response = client.get(reverse("admin:autocomplete"), asked)

    assert response.status_code == 403
    assert FOREIGN not in response.content.decode()


def test_the_superuser_sees_both(client, two_sites, superuser):
    client.force_login(superuser)
    page = client.get(reverse("admin:training_exportrun_changelist")).content.decode()

    assert FOREIGN in page
    assert "Harbour" in page
