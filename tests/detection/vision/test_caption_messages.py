"""A question holds the picture; of an answer only plain words are left."""

import base64
import json

import pytest

from detection.vision import caption_messages
from hitlsite.errors import DomainError


def answered(content):
    return json.dumps({"choices": [{"message": {"content": content}}]}).encode()


def test_the_question_holds_the_picture_and_the_model():
    asked = json.loads(caption_messages.question(b"\xff\xd8picture", "words-1"))

    text, picture = asked["messages"][0]["content"]
    assert asked["model"] == "words-1" and asked["stream"] is False
    assert "do not guess who anybody is" in text["text"]
    head, _, data = picture["image_url"]["url"].partition(",")
    assert head == "data:image/jpeg;base64"
    assert base64.b64decode(data) == b"\xff\xd8picture"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("A man at a table.", "A man at a table."),
        ("  two\r\n\tlines \n", "two lines"),
        ("\x1b]0;title\x07 red \x1b[31m", "]0;title red [31m"),
        ("left \u202eright\u200b one", "left right one"),
        ("<b>bold</b> & 'more'", "<b>bold</b> & 'more'"),
        ([{"type": "text", "text": "in"}, {"type": "image"}, {"text": "parts"}], "in parts"),
        ("é漢字🙂", "é漢字🙂"),
    ],
)
def test_words_are_kept_and_signs_that_control_are_not(content, text):
    assert caption_messages.answer(answered(content)) == text


def test_a_long_answer_is_cut():
    assert len(caption_messages.answer(answered("word " * 10_000))) <= 500


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><body>502</body></html>",
        b'{"choices": [{"message": {"content": "cut o',
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b"null",
        b'"text"',
        b"{}",
        b'{"choices": []}',
        b'{"choices": {"0": 1}}',
        b'{"choices": [{"message": null}]}',
        answered(None),
        answered(7),
        answered("  \n\x00 "),
        answered([1, {"text": 2}]),
    ],
)
def test_what_is_no_answer_is_refused(body):
    with pytest.raises(DomainError, match="The answer") as caught:
        caption_messages.answer(body)
    assert caught.value.code == "caption_unreadable"
