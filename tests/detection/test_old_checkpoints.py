"""Footage that was half watched when a new version was installed goes on as if nothing had been."""

import pytest

from detection import checkpoints
from detection.services import ingestion
from tests.detection import films

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]
COLUMNS_AT_FIRST = 8


def as_the_first_version_wrote_it(state):
    """Return a session's state without what the first version's checkpoints lacked."""
    del state["pipeline"]["limbs"], state["pipeline"]["statics"]
    for subject in state["engine"]["subjects"]["subjects"]:
        del subject["limb_speed"]
    rows = state["rows"]
    state["rows"] = {
        "rows": rows["rows"][:, :COLUMNS_AT_FIRST],
        "class_names": rows["class_names"],
    }
    return state


def test_a_checkpoint_of_the_first_version_is_taken_up(tmp_path, settings):
    film = films.draw_film(tmp_path / "visits.mp4")
    settings.SEGMENT_SECONDS = 8.0
    row = films.register(film)
    segment_id = ingestion.ingest_segment(row.segments.get().pk)
    segment = row.segments.get(pk=segment_id)
    state = as_the_first_version_wrote_it(checkpoints.decode(segment.checkpoint))
    assert state["engine"]["subjects"]["subjects"] and len(state["rows"]["rows"])
    segment.checkpoint = checkpoints.encode(state)
    segment.save(update_fields=["checkpoint"])

    while segment_id:
        segment_id = ingestion.ingest_segment(segment_id)

    whole = films.register(film, "Other door")
    ingestion.ingest_footage(whole)
    assert films.told(row) == films.told(whole)
