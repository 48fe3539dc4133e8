"""Whose boxes of a picture leave: a person's where there are any, else the detector's."""

import json
from typing import NamedTuple

from detection.vision.people import is_person
from training.exporting.records import Box, boxes_of

DETECTOR, REVIEWER = "detector", "reviewer"
# What a database gives as JSON is whole: no need to look for what may come after it.
_decode = json.JSONDecoder().raw_decode


class Told(NamedTuple):
    """What is known of one picture; see training.exporting.records.Picture."""

    boxes: tuple[Box, ...]
    boxes_from: str
    exhaustive: tuple[str, ...]
    is_negative: bool
    people: int


class BoxReader:
    """Reads the boxes of stored files.

    Args:
        classes: the SiteClasses that boxes are named by.
        drawn: {sha256: Drawn}, see selectors.drawn_boxes.
    """

    def __init__(self, classes, drawn):
        self._classes, self._drawn = classes, drawn
        self._known = {}

    def read(self, file):
        """Return what is known of a stored file, a person's word before the detector's."""
        seen = _seen_at(file) if file.observations != "[]" else ()
        boxes, people = self._boxes(seen)
        drawn = self._drawn.get(file.sha256)
        if drawn is None:
            return Told(boxes, DETECTOR, (), False, people)
        boxes, drawn_people = self._boxes(self._rows(drawn))
        names = {self._classes.name_of(index) for index in json.loads(drawn.exhaustive)} - {None}
        # A person who boxed only a suitcase did not say that nobody carries it.
        people = max(people, drawn_people)
        return Told(boxes, REVIEWER, tuple(sorted(names)), drawn.is_negative, people)

    def people_in(self, file):
        """Return where people may be in a stored file, by anybody's word, at any time of it."""
        rows = json.loads(file.observations) if file.observations else []
        drawn = self._drawn.get(file.sha256)
        if drawn is not None:
            rows += self._rows(drawn)
        return [box.box_xyxy for box in boxes_of(rows) if is_person(box.class_name)]

    def _rows(self, drawn):
        rows = json.loads(drawn.boxes)
        for row in rows:
            if "label" in row:
                row["class_name"] = self._classes.name_of(row["label"])
        return [row for row in rows if row["class_name"]]

    def _boxes(self, rows):
        """Return (boxes by the names of the site's classes, how many are people)."""
        boxes, people, known = [], 0, self._known
        for box in boxes_of(rows):
            name = box.class_name
            called, may_be_person = known.get(name) or self._learn(name)
            boxes.append(box if called == name else Box(called, box.box_xyxy))
            people += may_be_person
        return tuple(boxes), people

    def _learn(self, name):
        self._known[name] = self._classes.named(name), is_person(name)
        return self._known[name]


def _seen_at(file):
    """Return the observations of a still's own moment."""
    (seen, _end), at_seconds = _decode(file.observations), file.at_seconds
    if len(seen) < 2:
        return seen
    times = {one.get("at_seconds", at_seconds) for one in seen}
    if len(times) < 2:
        return seen
    nearest = min(times, key=lambda time: (abs(time - at_seconds), time))
    return [one for one in seen if one.get("at_seconds", at_seconds) == nearest]
