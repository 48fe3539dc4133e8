"""Every address with an id in it answers 404 to people of another site, whatever their role."""

import re

import pytest
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from detection.models import Device, Evidence
from hitlsite import people
from review.models import SavedFilter, Webhook
from tests import factories, photos
from tests.cast import person
from tests.training import said, toy_work
from training.models import ExportRun, FeatureSet, ModelVersion, TrainingRun
from training.services import spans_to_label

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]
PAGES = ("review", "detection", "training")
# By category or slot, which everybody has, and by a signed token, which is the permission.
NO_ROW_OF_A_SITE = {"guideline", "webhook_picture", "api-predict", "rollback", "retire_challenger"}
METHODS = ("get", "post", "put", "patch", "delete")


def places(resolver=None, prefix="", namespace=""):
    """Yield (name, pattern with named groups) of every address of ours that takes a parameter."""
    for one in (resolver or get_resolver()).url_patterns:
        if isinstance(one, URLResolver):
            if one.namespace != "admin":
                inner = one.namespace or namespace
                yield from places(one, prefix + str(one.pattern), inner)
        elif isinstance(one, URLPattern):
            path = prefix + str(one.pattern)
            is_ours = namespace in PAGES or path.startswith("api/v1/")
            if is_ours and "<" in path and one.name not in NO_ROW_OF_A_SITE:
                yield one.name, path


def fill(site):
    """Put a row of every kind into a site; return {part of an address: id}."""
    worker = person("their reviewer", people.REVIEWER, site)
    camera = factories.camera(site)
    phone = person("their phone", people.DEVICE, site)
    Device.objects.create(camera=camera, name="phone", user=phone)
    item = factories.item(factories.incident(camera), privacy="faces")
    photo = photos.photo(camera)
    run = ExportRun.objects.create(site=site, state="done", name="export_1")
    dataset = toy_work.dataset(site=site, groups=1)
    learned = TrainingRun.objects.create(
        slot=dataset.slot, number=1, dataset=dataset, trigger="api", algorithm="svm"
    )
    version = ModelVersion.objects.create(
        slot=dataset.slot, number=1, run=learned, dataset=dataset, algorithm="svm"
    )
    with transaction.atomic():
        hook = Webhook.objects.create(
            site=site, name="theirs", url="https://x.example", secret="s" * 32, created_by=worker
        )
    span = _span_to_label(item.incident.footage)
    return {
        "items": item.pk,
        "stacks": item.pk,
        "cameras": camera.pk,
        "photos": photo.pk,
        "evidence": Evidence.objects.filter(incident=item.incident).first().pk,
        "exports": run.pk,
        "datasets": dataset.pk,
        "runs": learned.pk,
        "versions": version.pk,
        "compare": version.pk,
        "footage": item.incident.footage_id,
        "filters": SavedFilter.objects.create(user=worker, name="theirs", query="").pk,
        "webhooks": hook.pk,
        "uploads": f"photo-{photo.pk}",
        "features": FeatureSet.objects.create(site=site, name="theirs.mp4").pk,
        "training-runs": learned.pk,
        "models": version.pk,
        **dict.fromkeys(("spans", "next"), span.pk),
        **dict.fromkeys(("label-sets", "label"), span.label_set_id),
    }


def _span_to_label(footage):
    labels = said.label_set(footage.camera.site)
    said.log(footage, said.classifier(labels), (4, "idle", 0.4))
    return spans_to_label.find(footage.pk)[0]


def address(path, ids):
    """Fill an address with the foreign ids; whatever stands before a parameter names its kind."""

    def filled(match):
        kind, parameter = match[1], match[2]
        if parameter == "name":
            return f"{kind}/export_1.jsonl"
        assert kind in ids, f"/{path}: say in fill() which row a parameter after {kind} names"
        return f"{kind}/{ids[kind]}"

    return "/" + re.sub(r"([\w-]+)/<(?:\w+:)?(\w+)>", filled, path)


def _status(client, method, url):
    return getattr(client, method)(url, content_type="application/json", data={}).status_code


@pytest.mark.parametrize("role", [people.REVIEWER, people.SUPERVISOR, people.ADMIN])
def test_another_sites_ids_lead_nowhere(role, site):
    theirs = fill(factories.site("Elsewhere"))
    client = Client(raise_request_exception=False)
    client.force_login(person("somebody", role, site))
    nothing = dict.fromkeys(theirs, 10**9) | {"uploads": "photo-1000000000"}
    seen = 0
    for name, path in places():
        for method in METHODS:
            told = [_status(client, method, address(path, ids)) for ids in (theirs, nothing)]
            seen += told == [404, 404]
            # What is answered before anything is looked up, for the role, the method or what was
            # sent, or sends on to the item's own page, tells nothing.
            assert told[0] in (302, 404, 403, 405, 415, 422), (name, method, told)
            assert told[0] == told[1], (name, method, told)
    assert seen > 40


@pytest.mark.parametrize("role", [people.REVIEWER, people.ADMIN])
def test_strangers_and_leavers_get_nothing(role, site):
    ids = fill(site)
    somebody = person("somebody", role, site)
    gone = Client(raise_request_exception=False)
    gone.force_login(somebody)
    somebody.is_active = False
    somebody.save()
    for client in (Client(raise_request_exception=False), gone):
        for name, path in places():
            answer = client.get(address(path, ids))
            assert answer.status_code in (302, 401, 403, 405), (name, path, answer.status_code)
            if answer.status_code == 302:
                assert "/accounts/login/" in answer["Location"]
