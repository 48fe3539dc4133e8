"""Chat fine-tuning lines: a question with a picture, and the answer that people confirmed.

One line is one item, in the form that OpenAI's fine-tuning of vision models reads: messages of a
system, a user and an assistant, the picture as an ``image_url`` part that holds a data URL or the
name of a file of the same export. Nothing in a line depends on when it was written.
"""

import base64
import json
import re

from training.exporting.records import Box, Item, canonical, plain, quoted

SYSTEM = (
    "You review pictures of fixed cameras. You answer with one JSON object that has the keys "
    "category, objects, confidence, description, zones, duration_seconds and rules."
)
QUESTION = "Which incident does this camera picture show?"
ANSWER_KEYS = {
    "category": str,
    "objects": list,
    "confidence": (int, float),
    "description": str,
    "zones": list,
    "duration_seconds": (int, float),
    "rules": list,
}
MEDIA_TYPES = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png"}
_DATA_URL = re.compile(r"data:image/(?:jpeg|png);base64,", re.ASCII)


def data_url(content: bytes, suffix: str) -> str:
    """Return the bytes of a picture as a data URL."""
    return f"data:{MEDIA_TYPES[suffix]};base64,{base64.b64encode(content).decode('ascii')}"


def _line_with(url: str, answer: str) -> str:
    return canonical(
        {
            "messages": [
                {"role": "system", "content": SYSTEM},
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": QUESTION},
                        {"type": "image_url", "image_url": {"url": url}},
                    ],
                },
                {"role": "assistant", "content": answer},
            ]
        }
    )


# Only two strings differ from line to line: the rest is spelled once.
_BEFORE, _BETWEEN, _AFTER = _line_with("<", ">").replace('"<"', '">"').split('">"')


def line(item: Item, url: str) -> str:
    """Return the line of one item, without its line break."""
    return f"{_BEFORE}{plain(url)}{_BETWEEN}{plain(answer(item))}{_AFTER}"


def answer(item: Item) -> str:
    """Return the answer, with the objects of the picture that the line shows, in canonical JSON.

    Boxes are normalised and rounded to four digits.
    """
    told = item.answer
    objects = ",".join([_object(box) for box in item.main.boxes])
    zones = ",".join([quoted(zone) for zone in told["zones"]])
    rules = ",".join(
        [f'{{"kind":{quoted(r["kind"])},"name":{quoted(r["name"])}}}' for r in told["rules"]]
    )
    return (
        f'{{"category":{quoted(item.category)},"confidence":{plain(told["confidence"])},'
        f'"description":{plain(told["description"])},'
        f'"duration_seconds":{plain(told["duration_seconds"])},"objects":[{objects}],'
        f'"rules":[{rules}],"zones":[{zones}]}}'
    )


def _object(box: Box) -> str:
    x1, y1, x2, y2 = box.box_xyxy
    sides = f"{round(x1, 4)!r},{round(y1, 4)!r},{round(x2, 4)!r},{round(y2, 4)!r}"
    return f'{{"box_xyxy":[{sides}],"class_name":{quoted(box.class_name)}}}'


class LineError(ValueError):
    """One sentence about what is wrong with a line."""


def read_line(text: str) -> tuple[str, dict]:
    """Return (url, answer) of a line.

    Raises:
        LineError: the line is not in the form that ``line`` writes.
    """
    try:
        content = json.loads(text)
    except ValueError as error:
        raise LineError(f"is not JSON: {error}") from error
    if not isinstance(content, dict) or set(content) != {"messages"}:
        raise LineError("is not an object with the one key messages")
    messages = content["messages"]
    roles = [message.get("role") for message in messages if isinstance(message, dict)]
    if roles != ["system", "user", "assistant"] or len(messages) != 3:
        raise LineError("does not hold a system, a user and an assistant message")
    if not isinstance(messages[0].get("content"), str):
        raise LineError("has a system message without text")
    return _url_of(messages[1].get("content")), _answer_of(messages[2].get("content"))


def _url_of(parts) -> str:
    kinds = [part.get("type") for part in parts] if _is_list_of_dicts(parts) else []
    if kinds != ["text", "image_url"] or not isinstance(parts[0].get("text"), str):
        raise LineError("has a user message that is not a text and a picture")
    url = parts[1].get("image_url")
    url = url.get("url") if isinstance(url, dict) else None
    if not isinstance(url, str) or not url:
        raise LineError("has a picture without a URL")
    return url


def _answer_of(content) -> dict:
    try:
        given = json.loads(content)
    except (TypeError, ValueError) as error:
        raise LineError(f"has an answer that is not JSON: {error}") from error
    if not isinstance(given, dict) or set(given) != set(ANSWER_KEYS):
        raise LineError(f"has an answer whose keys are not {', '.join(sorted(ANSWER_KEYS))}")
    for key, kinds in ANSWER_KEYS.items():
        if not isinstance(given[key], kinds) or isinstance(given[key], bool):
            raise LineError(f"has an answer whose {key} is of the wrong type")
    return given


def _is_list_of_dicts(parts) -> bool:
    return isinstance(parts, list) and all(isinstance(part, dict) for part in parts)


def data_url_content(url: str) -> bytes:
    """Return the bytes of the picture in a data URL.

    Raises:
        LineError: it does not decode.
    """
    start = _DATA_URL.match(url)
    try:
        if not start:
            raise ValueError
        return base64.b64decode(url[start.end() :], validate=True)
    except ValueError as error:
        raise LineError("has a data URL that does not decode") from error


def is_object(seen) -> bool:
    """Say whether an object of an answer has a class and a box inside 0..1."""
    if not isinstance(seen, dict) or set(seen) != {"class_name", "box_xyxy"}:
        return False
    box = seen["box_xyxy"]
    is_box = isinstance(box, list) and len(box) == 4
    if not is_box or not all(type(side) in (int, float) for side in box):
        return False
    x1, y1, x2, y2 = box
    # Rounding to four digits may make a box of a pixel or two flat, but never turn it over.
    return 0 <= x1 <= x2 <= 1 and 0 <= y1 <= y2 <= 1 and isinstance(seen["class_name"], str)
