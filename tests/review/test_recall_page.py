"""The recall page: counts behind the estimate, and what it says where there is nothing yet."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from detection.models import SampleDraw
from review.selectors.recall import recall_report
from review.views.recall import panel
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]
DAY = factories.STARTS_AT.date()
SPAN = {"since": DAY - timedelta(days=1), "until": DAY + timedelta(days=1)}
PAGE = {"since": "2026-03-01", "until": "2026-03-03"}


def draw(camera, *, population=1440, drawn=3, day=DAY, kind="audit_minute", **columns):
    return SampleDraw.objects.create(
        camera=camera,
        kind=kind,
        day=day,
        population=population,
        drawn=drawn,
        seed="s",
        drawn_at=timezone.now(),
        **columns,
    )


def sample(draw, *, status="pending_review", reason="", category="unknown", by=None):
    """Return the item of a sample of a draw as if people had decided it."""
    source = factories.footage(draw.camera, starts_at=factories.STARTS_AT + (draw.day - DAY))
    incident = factories.incident(
        footage=source,
        origin=draw.kind,
        key=f"{draw.kind}:{draw.day.isoformat()}:{source.pk}",
        inclusion_probability=draw.drawn / draw.population,
        category="unknown",
        with_files=False,
    )
    item = factories.item(incident, status=status, category=category)
    if status != "pending_review":
        verdict = "confirmed" if status == "confirmed" else "rejected"
        factories.decision(item, by, verdict=verdict, reason=reason)
    return item


def reported(camera, status="confirmed", **columns):
    incident = factories.incident(camera, with_files=False, **columns)
    return factories.item(incident, status=status)


@pytest.fixture
def judged(camera, reviewer):
    """One day: of three minutes one was missed, one was not, one waits; two incidents confirmed."""
    made = draw(camera)
    sample(made, status="confirmed", category="loitering", by=reviewer)
    sample(made, status="rejected", reason="baseline_noise", by=reviewer)
    sample(made)
    for _ in range(2):
        reported(camera)
    reported(camera, "pending_review")
    reported(camera, "rejected")
    return made


class TestCounts:
    def test_a_waiting_minute_counts_as_not_drawn(self, judged, reviewer):
        report = recall_report(reviewer, **SPAN)
        assert (report.population, report.drawn, report.judged, report.waiting) == (1440, 3, 2, 1)
        # One of two minutes: half of the day's.
        assert report.overall.missed.estimate == 720.0
        assert (report.overall.reported, report.overall.waiting) == (2, 1)
        assert report.overall.recall.estimate == pytest.approx(2 / 722)

    def test_what_could_not_be_told_counts_as_not_drawn(self, camera, reviewer):
        made = draw(camera)
        for reason in ("low_quality", "baseline_noise", "duplicate"):
            sample(made, status="rejected", reason=reason, by=reviewer)
        report = recall_report(reviewer, **SPAN)
        assert (report.judged, report.unclear, report.waiting) == (2, 1, 0)
        assert report.overall.missed.estimate == 0.0

    def test_days_of_which_nothing_was_judged_are_left_out(self, judged, camera, reviewer):
        draw(camera, day=DAY + timedelta(days=1))
        source = factories.footage(camera, starts_at=factories.STARTS_AT + timedelta(days=1))
        factories.item(factories.incident(footage=source, with_files=False), status="confirmed")
        report = recall_report(reviewer, **SPAN)
        assert (report.days, report.overall.reported) == (1, 2)

    def test_categories_and_cameras_are_counted_apart(self, judged, camera, reviewer):
        reported(camera, category="aggression")
        report = recall_report(reviewer, **SPAN)
        assert {one.name: (one.reported, one.seen) for one in report.categories} == {
            "aggression": (1, 0),
            "loitering": (2, 1),
        }
        assert [(one.name, one.reported) for one in report.cameras] == [("Gate", 3)]

    def test_gold_minutes_only_measure_people(self, judged, reviewer):
        item = sample(judged, status="confirmed", category="loitering", by=reviewer)
        type(item).objects.filter(pk=item.pk).update(mode="gold")
        assert recall_report(reviewer, **SPAN).judged == 2

    def test_an_undone_verdict_is_none(self, camera, reviewer):
        made = draw(camera)
        item = sample(made, status="rejected", reason="low_quality", by=reviewer)
        first = item.decisions.get()
        factories.decision(
            item, reviewer, verdict="undone", undoes=first, item_version=2, reason=""
        )
        factories.decision(
            item, reviewer, verdict="rejected", reason="baseline_noise", item_version=3
        )
        assert recall_report(reviewer, **SPAN).judged == 1

    def test_the_day_is_that_of_the_site(self, camera, reviewer):
        camera.site.time_zone = "Asia/Tokyo"
        camera.site.save()
        made = draw(camera, day=DAY + timedelta(days=1))
        sample(made, status="rejected", reason="baseline_noise", by=reviewer)
        evening = factories.STARTS_AT.replace(hour=20)  # the next morning there
        source = factories.footage(camera, starts_at=evening)
        factories.item(factories.incident(footage=source, with_files=False), status="confirmed")
        assert recall_report(reviewer, **SPAN).overall.reported == 1

    def test_near_misses_have_an_estimate_of_their_own(self, camera, reviewer):
        made = draw(camera, population=30, kind="near_miss")
        sample(made, status="confirmed", category="loitering", by=reviewer)
        sample(made, status="rejected", reason="wrong_class", by=reviewer)
        sample(made)
        near = recall_report(reviewer, **SPAN).near_misses
        assert (near.population, near.judged, near.waiting) == (30, 2, 1)
        assert near.right.estimate == 15.0

    def test_another_site_sees_nothing_of_it(self, judged, outsider):
        report = recall_report(outsider, **SPAN)
        assert (report.drawn, report.overall.reported) == (0, 0)

    def test_the_queries_do_not_grow_with_the_days(
        self, camera, reviewer, django_assert_max_num_queries
    ):
        for ago in range(8):
            made = draw(camera, day=DAY - timedelta(days=ago))
            sample(made, status="rejected", reason="duplicate", by=reviewer)
        with django_assert_max_num_queries(16):
            recall_report(reviewer, since=DAY - timedelta(days=20), until=DAY)


class TestPage:
    def test_it_shows_the_estimate(self, client, judged, reviewer):
        client.force_login(reviewer)
        answer = client.get(reverse("review:recall"), PAGE)
        text = answer.content.decode()
        assert answer.status_code == 200
        assert "1 of 2 random minutes" in text
        assert "would halve" in text and "<svg" in text and "style=" not in text
        assert "Gate" in text and "Loitering" in text

    def test_without_draws_it_says_what_to_do(self, client, reviewer):
        client.force_login(reviewer)
        text = client.get(reverse("review:recall")).content.decode()
        assert "No random minute was drawn yet" in text
        assert "draw_samples" in text

    def test_switched_off_it_says_so(self, client, reviewer, settings):
        settings.AUDIT_MINUTES = 0
        client.force_login(reviewer)
        assert "switched off" in client.get(reverse("review:recall")).content.decode()

    def test_unjudged_it_says_where_to_look(self, client, camera, reviewer):
        sample(draw(camera))
        client.force_login(reviewer)
        text = client.get(reverse("review:recall"), PAGE).content.decode()
        assert "Nobody has looked yet" in text

    @pytest.mark.parametrize(
        "query",
        [
            {"since": "yesterday"},
            {"since": "0001-01-01"},
            {"since": "2026-03-03", "until": "2026-03-01"},
            {"since": "2020-01-01", "until": "2026-01-01"},
            {"camera": "999999"},
            {"camera": "x"},
            {"until": "9999-12-31"},
        ],
    )
    def test_nonsense_is_told_and_shows_the_last_weeks(self, client, reviewer, query):
        client.force_login(reviewer)
        answer = client.get(reverse("review:recall"), query)
        assert answer.status_code == 200
        assert 'role="alert"' in answer.content.decode()

    def test_a_foreign_camera_is_no_camera(self, client, judged, outsider):
        client.force_login(outsider)
        answer = client.get(reverse("review:recall"), {"camera": judged.camera_id})
        assert "Gate" not in answer.content.decode()

    def test_strangers_and_devices_do_not_see_it(self, client, device_user):
        assert client.get(reverse("review:recall")).status_code == 302
        client.force_login(device_user)
        assert client.get(reverse("review:recall")).status_code == 403


class TestPanel:
    @pytest.mark.parametrize(("minutes", "said"), [(4, "4 a day of each camera"), (0, "off here")])
    def test_it_is_there_before_anything_was_drawn(self, client, reviewer, settings, minutes, said):
        settings.AUDIT_MINUTES = minutes
        client.force_login(reviewer)
        text = client.get(reverse("review:dashboard")).content.decode()
        assert f'href="{reverse("review:recall")}"' in text
        assert "how much of what happens the rules miss" in text
        assert said in text

    def test_it_shows_nothing_to_those_who_review_nothing(self, device_user):
        assert panel(device_user) == {}

    def test_it_tells_of_the_last_weeks(self, camera, reviewer):
        made = draw(camera, day=timezone.localdate() - timedelta(days=1))
        told = panel(reviewer)
        assert told["report"].waiting == made.drawn
        assert told["recall"].estimate is None
