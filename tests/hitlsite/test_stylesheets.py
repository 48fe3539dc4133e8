"""Stylesheets share one page: what a class means is said in one of them."""

import re
from collections import defaultdict
from pathlib import Path

from django.conf import settings

FOLDER = Path(settings.BASE_DIR) / "static" / "css"
RULE = re.compile(r"^\.([\w-]+) \{", re.MULTILINE)


def test_every_class_is_defined_in_one_stylesheet():
    places = defaultdict(set)
    for path in FOLDER.glob("*.css"):
        for name in RULE.findall(path.read_text(encoding="utf-8")):
            places[name].add(path.name)
    assert places["chip"] == places["chips"] == {"review.css"}
    assert {name: files for name, files in places.items() if len(files) > 1} == {}
