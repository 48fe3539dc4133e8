"""A picture in the box editor, and what hands do there."""

import pytest
from playwright.sync_api import expect

from review.models import Annotation
from tests import factories, photos

__all__ = ["boxed_photo", "box_editor"]

SEEN = (
    ("person", 0.91, (0.40, 0.30, 0.534, 0.90)),
    ("backpack", 0.64, (0.70, 0.55, 0.80, 0.75)),
)


@pytest.fixture
def boxed_photo(camera, reviewer):
    """The item of a marked photo on which the detector found a person and a backpack."""
    return photo_item(camera, reviewer)


def photo_item(camera, by, found=SEEN):
    _, item = photos.marked(photos.photo(camera, found=found), by)
    return photos.looked_at(item)


@pytest.fixture
def box_editor(sign_in, visit, reviewer, boxed_photo):
    sign_in(reviewer)
    page = visit("review:boxes", boxed_photo.pk)
    expect(page.locator(".box")).to_have_count(2)
    return page


def picture(page):
    """Return the frame of the picture itself on the page: x, y, width, height."""
    return page.locator("[data-stage] image").bounding_box()


def place(page, x, y):
    frame = picture(page)
    return frame["x"] + x * frame["width"], frame["y"] + y * frame["height"]


def drag(page, start, end):
    page.mouse.move(*place(page, *start))
    page.mouse.down()
    page.mouse.move(*place(page, *end), steps=5)
    page.mouse.up()


def click(page, x, y):
    page.mouse.click(*place(page, x, y))


def press(page, *keys):
    for key in keys:
        page.keyboard.press(key)


def saved(item):
    """Return the current annotation of an item's only picture."""
    return Annotation.objects.get(item=item, is_current=True)


def near(edges):
    return pytest.approx(edges, abs=0.006)


def wait_saved(page):
    expect(page.locator(".toast", has_text="Saved")).to_be_visible()


def unit():
    """Return one pixel of the drawn pictures as shares of width and height."""
    return 1 / factories.WIDTH, 1 / factories.HEIGHT
