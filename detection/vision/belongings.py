"""Which classes can be left behind, and which stand where they are put.

Whoever looks for things left behind must tell them from what moves by itself (people, vehicles,
animals) and from what furnishes a place; both the pictures' side and the rules ask here.
"""

UNKNOWN_OBJECT = "unknown object"
# What an object left behind is unless a rule names other classes.
LEFT_CLASSES = ("backpack", "handbag", "suitcase", "umbrella", "bottle")
PORTABLE_CLASSES = frozenset(
    {
        *LEFT_CLASSES,
        *("tie", "frisbee", "skis", "snowboard", "sports ball", "kite", "baseball bat"),
        *("baseball glove", "skateboard", "surfboard", "tennis racket", "wine glass", "cup"),
        *("fork", "knife", "spoon", "bowl", "banana", "apple", "sandwich", "orange", "broccoli"),
        *("carrot", "hot dog", "pizza", "donut", "cake", "laptop", "mouse", "remote"),
        *("keyboard", "cell phone", "book", "scissors", "teddy bear", "hair drier", "toothbrush"),
        *("box", "parcel", "bag", UNKNOWN_OBJECT),
    }
)
FURNITURE_CLASSES = frozenset(
    {
        *("bench", "chair", "couch", "potted plant", "bed", "dining table", "toilet", "tv"),
        *("microwave", "oven", "toaster", "sink", "refrigerator", "clock", "vase"),
        *("traffic light", "fire hydrant", "stop sign", "parking meter"),
    }
)


def moves_by_itself(class_name):
    """Say whether a class is of people, vehicles, animals or anything else unheard of."""
    return class_name not in PORTABLE_CLASSES and class_name not in FURNITURE_CLASSES
