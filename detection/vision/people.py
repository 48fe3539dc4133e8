"""Which classes of a detector may be people.

A retrained detector names its classes as a site pleases ("visitor", "staff"). Only names that
are known to mean something else are left out; any other name may be a person.
"""

from detection.vision.belongings import PORTABLE_CLASSES

# fmt: off
NOT_PEOPLE = frozenset((
    "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic_light",
    "fire_hydrant", "stop_sign", "parking_meter", "bench", "bird", "cat", "dog", "horse", "sheep",
    "cow", "elephant", "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag", "tie",
    "suitcase", "frisbee", "skis", "snowboard", "sports_ball", "kite", "baseball_bat",
    "baseball_glove", "skateboard", "surfboard", "tennis_racket", "bottle", "wine_glass", "cup",
    "fork", "knife", "spoon", "bowl", "banana", "apple", "sandwich", "orange", "broccoli",
    "carrot", "hot_dog", "pizza", "donut", "cake", "chair", "couch", "potted_plant", "bed",
    "dining_table", "toilet", "tv", "laptop", "mouse", "remote", "keyboard", "cell_phone",
    "microwave", "oven", "toaster", "sink", "refrigerator", "book", "clock", "vase", "scissors",
    "teddy_bear", "hair_drier", "toothbrush", "vehicle", "bag", "animal",
))
# fmt: on
_THINGS = frozenset(name.replace(" ", "_") for name in PORTABLE_CLASSES)


def is_person(class_name: str) -> bool:
    """Say whether boxes of this class must be treated as people.

    >>> is_person("person"), is_person("visitor"), is_person("Car")
    (True, True, False)
    """
    name = class_name.strip().lower().replace(" ", "_")
    return name not in NOT_PEOPLE and name not in _THINGS
