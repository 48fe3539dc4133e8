"""The names of the places that a model can serve in."""

OBJECT_DETECTOR = "object-detector"
