"""The help page and the keyboard map: every key in its place, and nothing given away."""

import re

import pytest
from django.urls import reverse

from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]


@pytest.fixture
def shown_on(client, reviewer):
    client.force_login(reviewer)

    def text(name="help"):
        response = client.get(reverse(f"review:{name}"))
        assert response.status_code == 200
        return re.sub(r"\s+", " ", response.content.decode())

    return text


def keys_of(page, heading):
    """Return the keys that the map names under a heading."""
    section = page.partition(f"<h3>{heading}</h3>")[2].partition("</section>")[0]
    return set(re.findall(r"<kbd>([^<]+)</kbd>", section))


@pytest.mark.parametrize("name", ["help", "photos"])
@pytest.mark.parametrize(
    ("heading", "keys"),
    [
        ("Item: verdict", "c r n s x"),
        ("Queue", "j k Enter x a c r n Esc"),
        ("Contact sheet of a stack", "← → ↑ ↓ Space a c r n Esc"),
        ("Photos", "j k ← → ↑ ↓ Enter m 1 4"),
        ("One photo", "j k ← → m 1 4 b e"),
        ("Box editor: boxes", "b a d z 1 9 / Del Ctrl Shift"),
        ("Box editor: picture", "Enter n e j k + - 0 Esc"),
    ],
)
def test_the_map_names_the_keys_of_every_page(shown_on, name, heading, keys):
    assert set(keys.split()) <= keys_of(shown_on(name), heading)


def test_the_reasons_of_a_mark_are_as_many_as_the_map_says():
    from review.views.photos import REASONS

    assert len(REASONS) == 4


def test_it_tells_of_second_reviews_and_of_items_that_measure(shown_on):
    shown = shown_on()
    assert "goes to two people, neither of whom is told of the other" in shown
    assert "Of a few items the answer is known beforehand." in shown


def test_it_says_the_same_whichever_items_those_are(shown_on, camera):
    before = shown_on()
    for mode in ("double", "gold"):
        factories.item(factories.incident(camera, with_files=False), mode=mode)
    described = [
        shown[shown.index('<div class="guide">') : shown.index("</main>")]
        for shown in (before, shown_on())
    ]
    assert described[0] == described[1]
