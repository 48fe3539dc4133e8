"""What stills and clips tell of things at rest: those of the incident, once, by their name."""

import numpy as np
import pytest

from detection.models import Evidence
from detection.services import incidents
from detection.services.tracklogs import TrackRows
from detection.vision.stills import Still
from detection.vision.types import Observation, TrackedFrame
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]
BOX = (0.5, 0.6, 0.6, 0.7)


def seen(track_id, class_name="unknown object", box=BOX, at=30.0):
    return Observation(at, track_id, class_name, 0.9, box)


PERSON = seen(1, "person", (0.1, 0.3, 0.2, 0.9))
OTHERS = [seen(-number, box=(0.1 * number, 0.8, 0.1 * number + 0.05, 0.9)) for number in (1, 2)]


def told(incident, *observations):
    """Return (track id, class name) of what a still of an incident tells."""
    picture = np.zeros((180, 320, 3), np.uint8)
    still = Still(30.0, observations, (320, 180), image=picture)
    incidents.store_still(incident, Evidence.Kind.FRAME_PEAK, still)
    row = incident.evidence.get()
    return [(one["track_id"], one["class_name"]) for one in row.observations]


def incident_of(*track_ids, class_name="unknown object"):
    category = "object_left_unattended"
    return factories.incident(
        with_files=False, category=category, track_ids=list(track_ids), class_name=class_name
    )


def test_other_things_at_rest_are_no_business_of_an_incident():
    told_of_bag = told(incident_of(-3), PERSON, *OTHERS, seen(-3))
    told_of_person = told(incident_of(1, class_name="person"), PERSON, *OTHERS, seen(-3))

    assert told_of_bag == [(1, "person"), (-3, "unknown object")]
    assert told_of_person == [(1, "person")]


def test_a_thing_with_a_name_is_told_by_it():
    assert told(incident_of(-3, 4, class_name="backpack"), seen(-3)) == [(-3, "backpack")]


def test_a_thing_seen_both_ways_is_told_once():
    incident = incident_of(4, -3, class_name="suitcase")

    assert told(incident, seen(4, "suitcase"), seen(-3)) == [(4, "suitcase")]


def test_a_thing_that_was_carried_elsewhere_hides_none():
    incident = incident_of(4, -3, class_name="suitcase")
    elsewhere = seen(4, "suitcase", (0.1, 0.6, 0.2, 0.7))

    assert told(incident, elsewhere, seen(-3)) == [(4, "suitcase"), (-3, "suitcase")]


def test_a_clip_tells_the_same():
    rows = TrackRows()
    for k in range(50):
        at = 29.0 + k / 5
        rest = [seen(one.track_id, box=one.box_xyxy, at=at) for one in (*OTHERS, seen(-3))]
        named = (seen(4, "suitcase", at=at),) if 10 <= k < 20 else ()
        rows.add(TrackedFrame(at, named, foreground=tuple(rest)))
    incident = incident_of(4, -3, class_name="suitcase")

    listed = incidents.of_incident(incident, rows.between(30.0, 36.0, at_rest=[4, -3]))

    assert {one["class_name"] for one in listed} == {"suitcase"}
    times = [one["at_seconds"] for one in listed]
    assert times == sorted(set(times)) and len(times) == 31
    assert [one["track_id"] for one in listed].count(4) == 10
