"""A session with captions sees what it sees without, whatever the endpoint does."""

import threading

import pytest

from detection.models import Caption, Footage, Incident
from detection.services import ingestion
from hitlsite.settings import captions as defaults
from tests.detection import films
from tests.detection.captioning import says_words
from tests.review.receivers import receiver, says

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("data_dir")]


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return films.draw_film(tmp_path_factory.mktemp("films") / "visits.mp4")


@pytest.fixture(autouse=True)
def _switched_on(settings):
    settings.CAPTION_MODEL, settings.CAPTION_ALLOW_PRIVATE = "words-1", True
    settings.CAPTION_TIMEOUT = 20.0
    settings.FRAME_REDACTOR = "tests.detection.captioning.Encoder"


def seen(film, name, **columns):
    """Ingest the film and return what was reported of it."""
    footage = films.register(film, name, **{"classifies_tasks": True, **columns})
    ingestion.ingest_footage(footage)
    incidents = Incident.objects.filter(footage=footage).order_by("opened_at_seconds", "category")
    columns = ("category", "opened_at_seconds", "closed_at_seconds", "peak_score", "why")
    return list(incidents.values_list(*columns))


def ended():
    """Wait until no thread asks any more."""
    for thread in threading.enumerate():
        if thread.name.startswith("captions-"):
            thread.join(20)


def test_what_is_reported_is_the_same_and_nothing_is_waited_for(film, settings):
    settings.CAPTION_URL = ""
    without = seen(film, "Without")
    assert without

    def holds(handler):
        handler.server.hold.wait(20)
        says(500)(handler)

    with receiver(holds) as server:
        settings.CAPTION_URL = server.url.partition("/hook")[0]
        assert seen(film, "Held") == without
        # The session is over, and the first answer has not come yet.
        assert not server.hold.is_set()
        assert len(server.taken) <= 1 and Caption.objects.count() == 0
        server.hold.set()
        ended()
    assert Caption.objects.filter(text="").count() <= 1
    assert Footage.objects.filter(damage="").count() == 2


def test_what_is_said_is_stored_with_its_moment(film, settings):
    with receiver(says_words("Somebody comes in.")) as server:
        settings.CAPTION_URL = server.url.partition("/hook")[0]
        seen(film, "Door")
        ended()
        assert len(server.taken) == Caption.objects.count() >= 1
    first = Caption.objects.order_by("at_seconds").first()
    assert (first.at_seconds, first.text) == (0.0, "Somebody comes in.")
    assert first.footage.camera.name == "Door"


def test_cameras_that_classify_no_tasks_ask_for_nothing(film, settings):
    with receiver(says_words("Somebody comes in.")) as server:
        settings.CAPTION_URL = server.url.partition("/hook")[0]
        seen(film, "Yard", classifies_tasks=False)
        ended()
        assert server.taken == []


def test_the_product_names_a_redactor_that_there_is():
    from django.utils.module_loading import import_string

    assert hasattr(import_string(defaults.FRAME_REDACTOR), "jpeg")
