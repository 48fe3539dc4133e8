"""What a camera's listeners are told: everything once, in order, and nothing of other sites."""

import json
from datetime import UTC, datetime

import pytest

from detection.models import Caption, Deployment, Footage, IncidentEvent, Segment, TaskLog
from detection.services import task_feed, task_logs
from detection.services.task_feed import Feed, Place, read_place
from detection.slots import TASK_CLASSIFIER
from hitlsite.errors import NotFound
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.sql]


@pytest.fixture
def champion():
    return factories.deployment(slot=TASK_CLASSIFIER, name="task-classifier-1", source="promoted")


@pytest.fixture
def row(camera):
    """A film that is being watched."""
    found = factories.footage(camera)
    factories.segment(found, state=Segment.State.RUNNING)
    return found


def say(row, deployment, *samples):
    return TaskLog.objects.create(
        footage=row,
        deployment=deployment,
        start_seconds=samples[0][0],
        end_seconds=samples[-1][0],
        samples=[list(sample) for sample in samples],
    )


def end(row):
    row.segments.update(state=Segment.State.DONE)
    Footage.objects.filter(pk=row.pk).update(ended_at=datetime.now(UTC))


def listened(feed, most=20):
    """Return the events until nothing is new."""
    found = []
    for _ in range(most):
        news = feed.look()
        if not news:
            return found
        found += news
    raise AssertionError("it never ends")


def told(events):
    return [(event.kind, event.told) for event in events]


def story(row, champion):
    """Tell of a film with two tasks, an incident and a caption, to its end."""
    incident = factories.incident(
        row.camera, footage=row, segment=row.segments.get(), opened_at_seconds=2.4, seconds=2.0
    )
    Caption.objects.create(footage=row, at_seconds=1.9, text="Somebody bends over a table.")
    Caption.objects.create(footage=row, at_seconds=2.8, error="The endpoint is away.")
    say(row, champion, (2.0, "idle", 0.9), (2.5, "idle", 0.7), (3.0, "work", 0.6))
    say(row, champion, (3.5, "work", 0.8), (6.0, "work", 0.9), (6.5, "work", 0.9))
    end(row)
    return incident


class TestOrder:
    def test_samples_incidents_spans_and_the_end_come_by_their_time(self, row, champion):
        story(row, champion)
        events = listened(Feed(row.camera_id))
        assert [(event.kind, event.told.get("t")) for event in events] == [
            ("sample", 2.0),
            ("incident", 2.4),
            ("sample", 2.5),
            ("segment", None),
            ("sample", 3.0),
            ("sample", 3.5),
            ("incident", 4.4),
            ("segment", None),
            ("sample", 6.0),
            ("sample", 6.5),
            ("segment", None),
            ("finished", None),
        ]
        spans = [event.told for event in events if event.kind == "segment"]
        assert [(span["start"], span["end"], span["task_prediction"]) for span in spans] == [
            (2.0, 3.0, "idle"),
            (3.0, 3.5, "work"),
            (6.0, 6.5, "work"),
        ]
        assert spans[0]["task_confidence"] == 0.8

    def test_a_sample_says_what_the_brief_of_the_interface_says(self, row, champion):
        story(row, champion)
        first, *others = [e.told for e in listened(Feed(row.camera_id)) if e.kind == "sample"]
        assert first == {
            "t": 2.0,
            "task_prediction": "idle",
            "task_confidence": 0.9,
            "footage": row.pk,
            "caption": "Somebody bends over a table.",
            "caption_t": 1.9,
        }
        assert not any("caption" in other for other in others)

    def test_an_incident_says_when_it_opened_and_closed(self, row, champion):
        incident = story(row, champion)
        found = [e.told for e in listened(Feed(row.camera_id)) if e.kind == "incident"]
        assert [(one["state"], one["t"]) for one in found] == [("opened", 2.4), ("closed", 4.4)]
        assert all(one["incident"] == incident.pk for one in found)

    def test_a_caption_that_comes_late_is_told_with_the_next_sample(self, row, champion):
        feed = Feed(row.camera_id)
        say(row, champion, (2.0, "idle", 0.9), (3.0, "idle", 0.9))
        listened(feed)
        Caption.objects.create(footage=row, at_seconds=1.0, text="An empty room.")
        Caption.objects.create(footage=row, at_seconds=2.5, text="Somebody comes.")
        say(row, champion, (4.0, "idle", 0.9), (5.0, "idle", 0.9))
        captions = [event.told.get("caption") for event in listened(feed)]
        assert captions == ["Somebody comes.", None]

    def test_one_footage_follows_another(self, row, champion):
        feed = Feed(row.camera_id)
        story(row, champion)
        second = factories.footage(row.camera)
        factories.segment(second, state=Segment.State.RUNNING)
        say(second, champion, (2.0, "idle", 0.5))
        events = listened(feed)
        assert [event.told["footage"] for event in events if event.kind == "sample"] == [
            *[row.pk] * 6,
            second.pk,
        ]
        end(second)
        assert [event.kind for event in listened(feed)] == ["segment", "finished"]
        assert listened(feed) == []

    def test_many_rows_come_a_few_at_a_time(self, row, champion):
        for number in range(23):
            say(row, champion, *[(2.0 + number + part / 4, "idle", 0.9) for part in range(4)])
        feed, sizes = Feed(row.camera_id), []
        while news := feed.look():
            sizes.append(len(news))
        assert max(sizes) == 4 * task_feed.ROWS_AT_ONCE
        assert sum(sizes) == 92


class TestGoingOn:
    def test_after_every_event_the_rest_is_told_and_nothing_twice(self, row, champion):
        story(row, champion)
        whole = listened(Feed(row.camera_id))
        for count, event in enumerate(whole, 1):
            place = read_place(str(event.place))
            rest = listened(Feed(row.camera_id, place=place))
            assert told(rest) == told(whole[count:]), event

    def test_a_listener_of_a_stream_begins_at_its_latest_row(self, row, champion):
        Footage.objects.filter(pk=row.pk).update(kind=Footage.Kind.STREAM)
        say(row, champion, (2.0, "idle", 0.9))
        say(row, champion, (7.0, "work", 0.9))
        feed = Feed(row.camera_id)
        say(row, champion, (12.0, "work", 0.9))
        times = [event.told["t"] for event in listened(feed) if event.kind == "sample"]
        assert times == [7.0, 12.0]

    def test_what_has_nothing_yet_waits_for_what_comes(self, camera, champion):
        feed = Feed(camera.pk)
        assert listened(feed) == []
        later = factories.footage(camera)
        factories.segment(later, state=Segment.State.RUNNING)
        say(later, champion, (2.0, "idle", 0.9))
        assert [event.kind for event in listened(feed)] == ["sample"]

    def test_footage_that_nobody_ingests_is_told_once_it_is_classified(self, camera, champion):
        found = factories.footage(camera)
        say(found, champion, (2.0, "idle", 0.9))
        events = listened(Feed(camera.pk))
        assert [event.kind for event in events] == ["sample", "segment", "finished"]
        assert events[-1].told["is_whole"] is False

    @pytest.mark.parametrize(
        "text",
        [
            *("", "none", "A" * 601, "bm9uZQ", "e30", "WzFd"),
            # [1e400...], a negative id, a span without a count
            str(Place(1, row=-1)),
            str(Place(1, span=("a", 0.0, 0.0, 0, 0.0, 1.0))),
            str(Place(1, caption=float("nan"))),
            str(Place(1, caption=10**320)),
        ],
    )
    def test_a_place_that_is_none_of_ours_is_no_place(self, text):
        assert read_place(text) is None

    def test_a_place_in_another_cameras_footage_tells_nothing_of_it(self, row, champion):
        """Anybody can write an id; whoever names a foreign film goes on with the own ones."""
        story(row, champion)
        other = factories.camera(site=factories.site())
        own = factories.footage(other)
        factories.segment(own, state=Segment.State.RUNNING)
        say(own, champion, (2.0, "idle", 0.9))
        events = listened(Feed(other.pk, place=Place(row.pk)))
        assert {event.told["footage"] for event in events} == {own.pk}

    def test_behind_footage_that_is_gone_the_next_one_is_told(self, row, champion):
        say(row, champion, (2.0, "idle", 0.9))
        gone = factories.footage(row.camera)
        place = Place(gone.pk, row=3, sample=1)
        gone.delete()
        later = factories.footage(row.camera)
        factories.segment(later, state=Segment.State.RUNNING)
        say(later, champion, (2.0, "work", 0.9))
        events = listened(Feed(row.camera_id, place=place))
        assert [event.told["footage"] for event in events] == [later.pk]

    def test_a_place_comes_back_as_it_was(self):
        place = Place(3, True, 5, 7, 11, 2.5, ("ruhig ü", 1.0, 2.0, 3, 2.25, 0.5))
        assert read_place(str(place)) == place


class TestModels:
    def test_what_looks_on_is_heard_by_its_name_only(self, row, champion):
        shadow = factories.deployment(
            slot=TASK_CLASSIFIER, name="task-classifier-2", role=Deployment.Role.CHALLENGER
        )
        say(row, champion, (2.0, "idle", 0.9))
        say(row, shadow, (2.0, "work", 0.9))
        for wanted, label in (("", "idle"), ("latest", "idle"), ("task-classifier-2", "work")):
            events = listened(Feed(row.camera_id, task_model=wanted))
            assert [event.told["task_prediction"] for event in events] == [label]

    @pytest.mark.parametrize("wanted", ["none", "task-classifier-1\x00", "detector"])
    def test_an_unknown_one_is_not_found(self, row, champion, wanted):
        factories.deployment(name="detector")
        with pytest.raises(NotFound) as refused:
            Feed(row.camera_id, task_model=wanted)
        assert refused.value.code == "task_model_unknown"

    def test_samples_that_nobody_reported_are_no_incidents(self, row, champion):
        incident = story(row, champion)
        type(incident).objects.update(origin="audit_minute")
        assert "incident" not in [event.kind for event in listened(Feed(row.camera_id))]
        assert IncidentEvent.objects.exists()


class TestDoor:
    def ask(self, client, camera, **headers):
        return client.get(f"/api/v1/cameras/{camera.pk}/stream/", headers=headers)

    def events(self, answer):
        """Return (kind, told, id) of an answer."""
        found = []
        for block in answer.content.decode().split("\n\n"):
            lines = dict(line.split(": ", 1) for line in block.splitlines())
            if "event" in lines:
                found.append((lines["event"], json.loads(lines["data"]), lines["id"]))
        return found

    def test_it_answers_what_is_new_and_goes_on_from_the_last_id(
        self, client, reviewer, row, champion
    ):
        client.force_login(reviewer)
        say(row, champion, (2.0, "idle", 0.9), (2.5, "idle", 0.9))
        first = self.ask(client, row.camera, Accept="text/event-stream")
        assert first["Content-Type"].startswith("text/event-stream")
        assert first.content.startswith(b"retry: ")
        events = self.events(first)
        assert [told["t"] for _, told, _ in events] == [2.0, 2.5]
        say(row, champion, (3.0, "idle", 0.9))
        second = self.ask(client, row.camera, **{"Last-Event-ID": events[0][2]})
        assert [told["t"] for _, told, _ in self.events(second)] == [2.5, 3.0]

    def test_nobody_else_hears_anything(self, client, row, outsider, device_user, champion):
        say(row, champion, (2.0, "idle", 0.9))
        assert self.ask(client, row.camera).status_code == 401
        client.force_login(outsider)
        answer = self.ask(client, row.camera, Accept="text/event-stream")
        assert answer.status_code == 404
        assert answer.json()["error"]["code"] == "camera_unknown"
        client.force_login(device_user)
        assert self.ask(client, row.camera).status_code == 403

    def test_whoever_may_not_see_tasks_is_told(self, client, row, reviewer):
        codename = {"permissions__codename": "view_tasklog"}
        for group in reviewer.groups.filter(**codename):
            group.permissions.remove(group.permissions.get(codename="view_tasklog"))
        client.force_login(reviewer)
        assert self.ask(client, row.camera).status_code == 403

    @pytest.mark.parametrize(
        ("codename", "hidden"), [("view_caption", "caption"), ("view_incident", "incident")]
    )
    def test_what_somebody_may_not_see_elsewhere_is_not_told_here(
        self, client, row, reviewer, champion, codename, hidden
    ):
        story(row, champion)
        client.force_login(reviewer)
        begin = {"Last-Event-ID": str(Place(row.pk))}
        before = self.ask(client, row.camera, **begin).content.decode()
        assert f'"{hidden}":' in before
        for group in reviewer.groups.filter(permissions__codename=codename):
            group.permissions.remove(group.permissions.get(codename=codename))
        client.force_login(type(reviewer).objects.get(pk=reviewer.pk))
        after = self.ask(client, row.camera, **begin).content.decode()
        assert f'"{hidden}":' not in after and '"task_prediction":' in after

    def test_an_unknown_model_is_not_found(self, client, row, reviewer):
        client.force_login(reviewer)
        answer = client.get(f"/api/v1/cameras/{row.camera_id}/stream/?task_model=none")
        assert answer.status_code == 404
        assert answer.json()["error"]["code"] == "task_model_unknown"


@pytest.mark.parametrize(("step", "gap"), [(0.04, 1.0), (0.5, 1.5), (2.0, 6.0)])
def test_what_counts_as_a_gap_follows_the_rate(step, gap):
    samples = [[number * step, "idle", 0.9] for number in range(20)]
    assert task_logs.gap_of(samples) == pytest.approx(gap)
    assert len(task_logs.spans_of(samples)) == 1
