"""Every page passes axe-core, by day and by night, on a desk and on a phone."""

from pathlib import Path

import pytest
from django.urls import reverse

from review.services import marks
from tests import factories, photos

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

DESK, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RUN = """async (tags) => {
  const { violations } = await axe.run(document, { runOnly: { type: "tag", values: tags } });
  const told = (id, { html, failureSummary }) =>
    `${id}: ${html.slice(0, 160)} ${failureSummary.slice(0, 300)}`;
  return violations.flatMap(({ id, nodes }) => nodes.map((node) => told(id, node)));
}"""


@pytest.fixture(scope="session")
def axe():
    package = pytest.importorskip("axe_playwright_python")
    return (Path(package.__file__).parent / "axe.min.js").read_text()


@pytest.fixture
def addresses(items, pictured, second_reviewer, supervisor, data_dir):
    """The address of every page that there is, each with something on it."""
    decided = factories.item(factories.incident(pictured), status="confirmed", privacy="redacted")
    factories.decision(decided, second_reviewer)
    handed_on = factories.item(factories.incident(pictured), status="needs_review")
    factories.decision(handed_on, second_reviewer, verdict="needs_review", note="who is that?")
    blocked = factories.item(factories.incident(pictured), privacy="failed")
    photo = photos.photo(pictured)
    marks.mark(photo.pk, by=supervisor, reason="missed_detection")
    marked = type(decided).objects.get(photo=photo)
    type(decided).objects.filter(pk__in=[one.pk for one in items[1:]]).update(stack=items[0])
    of_items = [*items[:2], decided, handed_on, blocked, marked]
    footage = items[0].incident.footage
    return [
        *(reverse(f"review:{name}") for name in REVIEW),
        f"{reverse('review:queue')}?status=all",
        *(reverse("review:item", args=[one.pk]) for one in of_items),
        *(reverse("review:boxes", args=[one.pk]) for one in (items[1], marked)),
        reverse("review:stack", args=[items[0].pk]),
        reverse("review:photo", args=[photo.pk]),
        reverse("review:guideline", args=["loitering"]),
        *(reverse(f"detection:{name}") for name in ("cameras", "camera_add")),
        *(reverse(f"detection:{name}", args=[pictured.pk]) for name in CAMERA),
        *(reverse(f"training:{name}") for name in ("exports", "provenance")),
        reverse("training:item_provenance", args=[decided.pk]),
        reverse("training:footage_provenance", args=[footage.pk]),
        "/nothing/is/here/",
    ]


REVIEW = ("dashboard", "queue", "stacks", "photos", "agreement", "guidelines", "label_classes")
REVIEW += ("recall", "help")
CAMERA = ("camera", "camera_edit", "camera_import", "zones", "replay")


@pytest.mark.parametrize(
    ("scheme", "size"),
    [("light", DESK), ("dark", DESK), ("light", PHONE), ("dark", PHONE)],
    ids=["desk, light", "desk, dark", "phone, light", "phone, dark"],
)
def test_axe_finds_nothing(
    addresses, axe, page, live_server, sign_in, admin_user, complaints, scheme, size
):
    sign_in(admin_user)
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.set_viewport_size(size)
    found = {}
    for address in addresses:
        page.goto(f"{live_server.url}{address}")
        page.evaluate(axe)
        problems = page.evaluate(RUN, TAGS)
        if problems:
            found[address] = problems
        wide = page.evaluate("document.documentElement.scrollWidth") - size["width"]
        if wide > 0:
            found.setdefault(address, []).append(f"it is {wide} px too wide")
    assert found == {}
    assert [one for one in complaints if "404" not in one] == []


def test_dialogs_and_the_login_page_pass_too(items, axe, page, live_server, sign_in, reviewer):
    page.goto(f"{live_server.url}{reverse('login')}")
    page.evaluate(axe)
    assert page.evaluate(RUN, TAGS) == []

    sign_in(reviewer)
    page.goto(f"{live_server.url}{reverse('review:item', args=[items[0].pk])}")
    page.wait_for_load_state("networkidle")
    page.evaluate(axe)
    for key, dialog in (("?", "#keys-dialog"), ("g", "#guideline-dialog")):
        page.keyboard.press(key)
        page.locator(dialog).wait_for(state="visible")
        assert page.evaluate(RUN, TAGS) == []
        page.keyboard.press("Escape")
