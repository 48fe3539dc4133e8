import pytest

from detection.vision.belongings import PORTABLE_CLASSES
from detection.vision.people import is_person


@pytest.mark.parametrize("name", ["person", "Person", "visitor", "staff", "moving", ""])
def test_any_name_not_known_to_be_something_else_may_be_a_person(name):
    assert is_person(name)


@pytest.mark.parametrize(
    "name",
    ["car", "Traffic Light", "traffic_light", " dog ", "Unknown object", *sorted(PORTABLE_CLASSES)],
)
def test_known_things_are_not_people(name):
    assert not is_person(name)
