"""Dashboard, queue, item, help and login: what they show, and to whom."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from detection.models import Evidence, Incident
from hitlsite import storage
from tests import cast, factories, many
from tests.reading import text_of

pytestmark = pytest.mark.django_db

PAGES = ["review:dashboard", "review:queue", "review:help"]


@pytest.fixture(autouse=True)
def _own_files(data_dir):
    """Every test stores its files in a folder of its own."""


@pytest.fixture
def item(camera):
    return factories.item(factories.incident(camera))


def item_address(item):
    return reverse("review:item", args=[item.pk])


@pytest.mark.parametrize("name", PAGES)
def test_strangers_are_sent_to_the_login_page(client, name):
    response = client.get(reverse(name))

    assert response.status_code == 302
    assert response["Location"] == f"{reverse('login')}?next={reverse(name)}"


@pytest.mark.parametrize("name", PAGES)
def test_a_device_is_not_let_in(client, device_user, name):
    client.force_login(device_user)

    assert client.get(reverse(name)).status_code == 403


@pytest.mark.parametrize("name", PAGES)
def test_pages_hold_no_inline_code(signed_in, item, name):
    for address in (reverse(name), item_address(item)):
        html = text_of(signed_in.get(address))
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=\"", html)
        for tag in re.findall(r"<script[^>]*>", html):
            assert "src=" in tag or 'type="application/json"' in tag


def test_signing_in_leads_to_the_dashboard(client, reviewer):
    values = {"username": reviewer.username, "password": cast.PASSWORD}

    response = client.post(reverse("login"), values)

    assert response.status_code == 302
    assert response["Location"] == reverse("review:dashboard")


def test_a_wrong_password_is_said(client, reviewer):
    values = {"username": reviewer.username, "password": "wrong"}

    response = client.post(reverse("login"), values)

    assert "correct username and password" in text_of(response)
    assert f'value="{reviewer.username}"' in text_of(response)


def test_the_dashboard_tells_a_newcomer_what_to_run(signed_in):
    assert "manage.py watch --video" in text_of(signed_in.get(reverse("review:dashboard")))


def test_the_dashboard_counts(signed_in, camera):
    for status, privacy in [
        ("pending_review", "clear"),
        ("pending_review", "faces"),
        ("confirmed", "redacted"),
        ("rejected", "clear"),
    ]:
        factories.item(factories.incident(camera, with_files=False), status=status, privacy=privacy)

    response = signed_in.get(reverse("review:dashboard"))

    counts = response.context["counts"]
    assert (counts["pending_review"], counts["confirmed"], counts["rejected"]) == (2, 1, 1)
    assert "manage.py watch" not in text_of(response)
    assert '<progress max="100" value="1"' in text_of(response)


def test_the_dashboard_names_what_went_wrong(signed_in, camera):
    failed = factories.item(factories.incident(camera, with_files=False), privacy="failed")
    late = factories.incident(camera, with_files=False)
    factories.incident(
        camera,
        with_files=False,
        state=Incident.State.OPEN,
        closed_at_seconds=None,
        evidence_complete_at=None,
        why="person in the yard",
    )

    html = text_of(signed_in.get(reverse("review:dashboard")))

    assert item_address(failed) in html
    assert f"Incident {late.pk}" in html
    assert "Person in the yard" in html


def test_the_chart_counts_days_in_the_sites_time_zone(signed_in, site, camera):
    site.time_zone = "Pacific/Auckland"
    site.save()
    now = timezone.now().replace(hour=12, minute=30)
    incident = factories.incident(camera, with_files=False)
    Incident.objects.filter(pk=incident.pk).update(opened_at=now - timedelta(days=2))

    chart = signed_in.get(reverse("review:dashboard")).context["days"]

    [row] = chart.rows
    counted = {bar.day: bar.count for bar in row.bars if bar.count}
    # Half past twelve in London is the next day's small hours in Auckland.
    assert counted == {(now - timedelta(days=1)).date(): 1}


def test_another_sites_dashboard_and_queue_are_empty(client, outsider, camera):
    factories.item(factories.incident(camera, with_files=False))
    client.force_login(outsider)

    dashboard = client.get(reverse("review:dashboard"))
    queue = client.get(reverse("review:queue"))

    assert dashboard.context["counts"]["pending_review"] == 0
    assert queue.context["rows"] == []


def test_the_queue_shows_pending_items_by_priority(signed_in, camera):
    low = factories.item(factories.incident(camera, with_files=False, severity="low"))
    high = factories.item(factories.incident(camera, with_files=False, severity="high"))
    factories.item(factories.incident(camera, with_files=False), status="rejected")

    response = signed_in.get(reverse("review:queue"))

    assert [row.item for row in response.context["rows"]] == [high, low]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("status=rejected", ["rejected"]),
        ("status=all", ["high", "low", "rejected"]),
        ("status=all&category=loitering", ["high", "low", "rejected"]),
        ("category=aggression", []),
        ("since=2026-03-02&until=2026-03-02", ["high", "low"]),
        ("since=2026-03-03", []),
        ("category=nonsense&since=yesterday&camera=abc", ["high", "low"]),
    ],
)
def test_the_queue_is_filtered(signed_in, camera, query, found):
    for severity in ("high", "low"):
        factories.item(factories.incident(camera, with_files=False, severity=severity))
    factories.item(factories.incident(camera, with_files=False, severity="info"), status="rejected")

    rows = signed_in.get(f"{reverse('review:queue')}?{query}").context["rows"]

    names = [
        row.item.status if row.item.status == "rejected" else row.item.severity for row in rows
    ]
    assert names == found


def test_an_empty_filter_result_offers_to_clear_it(signed_in, item):
    html = text_of(signed_in.get(f"{reverse('review:queue')}?category=aggression"))

    assert "Nothing matches these filters" in html


def test_the_queue_goes_on_with_a_cursor_and_keeps_its_filters(signed_in, site, camera):
    many.many_items(site, 53, camera=camera)
    first = signed_in.get(f"{reverse('review:queue')}?camera={camera.pk}")
    address = re.search(r'rel="next" href="([^"]+)"', text_of(first))[1].replace("&amp;", "&")

    second = signed_in.get(f"{reverse('review:queue')}{address}")

    assert f"camera={camera.pk}" in address
    shown = {row.item.pk for page in (first, second) for row in page.context["rows"]}
    assert (len(first.context["rows"]), len(second.context["rows"]), len(shown)) == (50, 3, 53)


def test_a_page_of_the_queue_costs_few_queries(
    signed_in, site, camera, django_assert_max_num_queries
):
    many.many_items(site, 50, camera=camera)

    with django_assert_max_num_queries(25):
        signed_in.get(reverse("review:queue"))


def test_the_item_page_tells_the_whole_story(signed_in, item):
    html = text_of(signed_in.get(item_address(item)))

    hit = item.incident.rule_hits.get()
    for expected in (hit.rule_name, "31.2 s", item.camera.name, item.incident.code_version):
        assert expected in html
    for row in item.incident.evidence.all():
        assert reverse("review:evidence", args=[row.pk]) in html
        assert row.sha256 in html


def test_boxes_and_zones_lie_over_the_frames(signed_in, camera):
    zone = {"name": "entrance", "kind": "monitored", "polygon": [[0, 0], [0.5, 0], [0.5, 1]]}
    source = factories.footage(camera, configuration={"zones": [zone]})
    item = factories.item(factories.incident(footage=source))

    response = signed_in.get(item_address(item))

    clip, *frames = response.context["exhibits"]
    box = frames[0].boxes[0]
    x1, y1, x2, y2 = factories.PERSON_BOX
    assert (box.x, box.y) == pytest.approx((x1 * 320, y1 * 180), abs=0.1)
    assert (box.width, box.height) == pytest.approx(((x2 - x1) * 320, (y2 - y1) * 180), abs=0.1)
    assert (box.label, box.is_subject) == ("person 7 0.80", True)
    assert frames[0].zones[0].points == "0.0,0.0 160.0,0.0 160.0,180.0"
    assert clip.track["boxes"][0] == [0.0, [x1, y1, x2, y2], "person 7 0.80", True]


def test_what_was_left_behind_is_marked_as_the_subject(signed_in, camera):
    incident = factories.incident(camera, category="object_left_unattended", track_ids=[-3])
    left = {"at_seconds": 30.0, "track_id": -3, "class_name": "unknown object", "score": 0.9}
    for evidence in incident.evidence.all():
        evidence.observations.append({**left, "box_xyxy": [0.4, 0.8, 0.5, 0.9]})
        evidence.save()

    response = signed_in.get(item_address(factories.item(incident)))

    boxes = response.context["exhibits"][1].boxes
    assert [(box.label, box.is_subject) for box in boxes] == [
        ("person 7 0.80", False),
        ("unknown object 0.90", True),
    ]


@pytest.mark.parametrize(
    ("privacy", "proposal", "sentence"),
    [
        ("clear", "none", "none shows a face"),
        ("faces", "ready", "applies the prepared and verified redaction"),
        ("faces", "waiting", "the redaction is being prepared"),
        ("faces", "blocked", "did not pass its check"),
        ("failed", "blocked", "did not pass its check"),
        ("failed", "ready", "The face scan failed"),
        ("redacted", "none", "The original is destroyed"),
        ("redacted", "waiting", "The redaction is being prepared"),
        ("clear", "blocked", "The files are what they were before"),
        ("unscanned", "none", "Not scanned for faces yet"),
    ],
)
def test_the_privacy_banner_says_where_it_stands(signed_in, camera, privacy, proposal, sentence):
    asked = {"by": 1} if privacy == "redacted" and proposal == "waiting" else None
    item = factories.item(
        factories.incident(camera), privacy=privacy, proposal=proposal, requested_redaction=asked
    )

    whole = text_of(signed_in.get(item_address(item)))
    alone = signed_in.get(reverse("review:privacy", args=[item.pk]))

    assert sentence in whole
    assert sentence in text_of(alone)
    assert ("every 2s" in text_of(alone)) == (proposal == "waiting")


def test_why_files_could_not_be_scanned_is_said_once(signed_in, camera):
    item = factories.item(factories.incident(camera), privacy="failed", proposal="ready")
    first, *others = item.scans.select_related("evidence").order_by("pk")
    item.scans.update(error="Out of memory")
    item.scans.filter(pk=first.pk).update(error="Nothing could run.")

    html = text_of(signed_in.get(item_address(item)))

    kind, *kinds = [scan.evidence.get_kind_display() for scan in (first, *others)]
    rest = ", ".join(kinds)
    assert f"{kind[0].upper()}{kind[1:]}: Nothing could run. " in html
    assert f"{rest[0].upper()}{rest[1:]}: Out of memory. " in html


def test_unredacted_pictures_of_a_rejected_item_are_not_offered(signed_in, camera):
    item = factories.item(factories.incident(camera), status="rejected", privacy="faces")

    html = text_of(signed_in.get(item_address(item)))

    assert "/media/evidence/" not in html
    assert "Your role may see such pictures only while the item is pending" in html


def test_an_item_without_files_is_shown(signed_in, camera):
    item = factories.item(factories.incident(camera, with_files=False), privacy="unscanned")

    assert "has no evidence files" in text_of(signed_in.get(item_address(item)))


def test_a_clip_without_frames_is_shown(signed_in, camera):
    incident = factories.incident(camera, with_files=False)
    factories.evidence(incident, Evidence.Kind.CLIP, b"x", at_seconds=1.0, end_seconds=2.0)
    item = factories.item(incident)

    [exhibit] = signed_in.get(item_address(item)).context["exhibits"]

    assert exhibit.track == {"boxes": [], "regions": []}


def test_similar_items_and_neighbours_are_linked(signed_in, camera):
    source = factories.footage(camera)
    part = factories.segment(source)
    items = [
        factories.item(factories.incident(footage=source, segment=part, severity=severity))
        for severity in ("high", "medium", "low")
    ]

    response = signed_in.get(f"{item_address(items[1])}?camera={camera.pk}")

    assert (response.context["before"], response.context["after"]) == (items[0].pk, items[2].pk)
    assert f"{item_address(items[2])}?camera={camera.pk}" in text_of(response)
    assert {other for other, _ in response.context["similar"]} == {items[0], items[2]}


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("name", ["item", "privacy", "decide", "redact", "undo", "reopen"])
def test_another_sites_item_is_404(client, outsider, item, name, method):
    client.force_login(outsider)

    response = getattr(client, method)(
        reverse(f"review:{name}", args=[item.pk]), {"verdict": "confirmed", "note": "x"}
    )

    may_redirect = method == "get" and name in ("decide", "redact", "undo", "reopen")
    assert response.status_code == (302 if may_redirect else 405 if _refuses(name, method) else 404)


def _refuses(name, method):
    return method == "post" and name in ("item", "privacy")


def test_the_help_page_lists_every_reason(signed_in):
    html = text_of(signed_in.get(reverse("review:help")))

    for sentence in ("Wrong class", "Policy violation", "hard negative", "60 seconds"):
        assert sentence.lower() in html.lower()


def test_a_missing_file_leaves_the_page_standing(signed_in, item):
    for row in item.incident.evidence.all():
        storage.delete(row.path)

    assert signed_in.get(item_address(item)).status_code == 200
