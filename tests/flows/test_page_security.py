"""Every page keeps to the content security policy it is sent with, the admin's pages included."""

from html.parser import HTMLParser

import pytest
from django.contrib import admin
from django.urls import reverse

from detection.models import Evidence
from tests import factories
from training.models import ExportRun

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]
POLICY = {
    "default-src": "'self'",
    "img-src": "'self' data: blob:",
    "media-src": "'self' blob:",
    "object-src": "'none'",
    "base-uri": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class Violations(HTMLParser):
    """Collects what the policy forbids: anything inline, anything from elsewhere."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        is_script = tag == "script" and given.get("type") not in ("application/json",)
        if tag == "style" or (is_script and not given.get("src")):
            self.found.append(f"inline <{tag}>")
        for name, value in attributes:
            if name == "style" or name.startswith("on"):
                self.found.append(f"{name}={value!r} on <{tag}>")
            if name in ("src", "href", "action") and not _is_from_here(value or ""):
                self.found.append(f"{name}={value!r} on <{tag}>")


def _is_from_here(address):
    # Links lead where they like; nothing of ours leaves this host.
    scheme = address.partition(":")[0].lower()
    return "//" not in address.partition("?")[0] and scheme not in ("javascript", "http", "https")


@pytest.fixture
def rows(camera, superuser):
    open_incident = factories.incident(
        camera, with_files=False, whole=False, state="open", closed_at=None, close_reason=""
    )
    item = factories.item(factories.incident(camera), privacy="faces")
    decided = factories.item(factories.incident(camera, with_files=False), status="rejected")
    factories.decision(decided, superuser, verdict="rejected", reason="duplicate")
    run = ExportRun.objects.create(site=camera.site, state="running", progress_total=4)
    failed = ExportRun.objects.create(site=camera.site, state="failed", error_message="<b>")
    return {"items": [item, decided], "runs": [run, failed], "incident": open_incident}


def addresses(rows):
    """Yield every page that a person can open with a GET."""
    for name in ("review:dashboard", "review:queue", "review:help", "training:exports", "api_docs"):
        yield reverse(name)
    yield reverse("review:queue") + "?status=all"
    yield from (reverse(f"detection:{name}") for name in ("cameras", "camera_add"))
    for name in ("camera", "camera_edit", "camera_import", "zones", "replay"):
        yield reverse(f"detection:{name}", args=[rows["incident"].camera_id])
    yield from (reverse("review:item", args=[item.pk]) for item in rows["items"])
    yield from (reverse("review:privacy", args=[item.pk]) for item in rows["items"])
    yield from (reverse("training:export", args=[run.pk]) for run in rows["runs"])
    yield "/nothing/is/here/"
    yield reverse("review:item", args=[10**6])
    yield reverse("review:queue") + "?after=nonsense"


def admin_addresses():
    for name in ("index", "password_change", "jsi18n"):
        yield reverse(f"admin:{name}")
    for model in admin.site._registry:
        base = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        yield reverse(f"{base}_changelist")
        yield reverse(f"{base}_add")
        for row in model._default_manager.all()[:2]:
            yield from (reverse(f"{base}_{page}", args=[row.pk]) for page in ("change", "history"))


def check(response, address):
    sent = response.headers["Content-Security-Policy"]
    directives = [part.strip().partition(" ") for part in sent.split(";")]
    assert {name: sources for name, _, sources in directives} == POLICY, address
    assert {name: response.headers.get(name) for name in HEADERS} == HEADERS, address
    if response["Content-Type"].startswith("text/html"):
        page = Violations()
        page.feed(response.content.decode())
        assert page.found == [], address


def test_every_page_keeps_to_the_policy(client, rows, superuser):
    client.force_login(superuser)
    statuses = []
    for address in addresses(rows):
        response = client.get(address)
        statuses.append(response.status_code)
        check(response, address)
    assert statuses.count(200) >= 12
    assert {200, 400, 404} == set(statuses)


def test_every_page_of_the_admin_keeps_to_it(client, rows, superuser):
    client.force_login(superuser)
    statuses = []
    for address in admin_addresses():
        response = client.get(address)
        statuses.append(response.status_code)
        check(response, address)
    assert statuses.count(200) > 40
    assert set(statuses) <= {200, 403}


@pytest.mark.parametrize("address", ["login", "admin:login", "api_docs", "schema"])
def test_what_strangers_see_keeps_to_it(client, db, address):
    response = client.get(reverse(address))

    assert response.status_code in (200, 302, 401, 403)
    check(response, address)


def test_files_and_the_api_carry_it_too(client, rows, superuser):
    client.force_login(superuser)
    evidence = Evidence.objects.filter(incident=rows["items"][0].incident).first()
    for address in (
        reverse("review:evidence", args=[evidence.pk]),
        reverse("review:evidence_thumb", args=[evidence.pk]),
        "/api/v1/items/",
        "/livez",
        "/readyz",
    ):
        check(client.get(address), address)


def test_the_parser_finds_what_is_forbidden():
    page = Violations()
    page.feed(
        '<style>p{}</style><script>x()</script><p style="x" onclick="y()">'
        '<script src="https://cdn.example/x.js"></script><a href="javascript:x()"></a>'
        '<script src="/static/x.js"></script><script type="application/json">{}</script>'
        '<a href="/items/?next=//x"></a><img src="data:image/png;base64,AA=="/>'
    )
    assert len(page.found) == 6
