"""What is asked of a vision endpoint about a picture, and what its answer is taken for.

The form is that of chat completions with a picture in the question, which many servers speak. The
answer comes from a stranger: it is read with suspicion, and only plain words are left of it.
"""

import base64
import json
import unicodedata

from hitlsite.errors import DomainError

MOST_CHARACTERS = 500
MOST_TOKENS = 120
QUESTION = (
    "This picture is from a fixed camera. Say in one or two plain sentences what the people in it "
    "are doing and with which things. Parts are black on purpose: do not mention those, "
    "and do not guess who anybody is."
)


def question(jpeg: bytes, model: str) -> bytes:
    """Return the body of a request for a sentence on a JPEG."""
    picture = f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"
    content = [
        {"type": "text", "text": QUESTION},
        {"type": "image_url", "image_url": {"url": picture}},
    ]
    asked = {
        "model": model,
        "messages": [{"role": "user", "content": content}],
        "max_tokens": MOST_TOKENS,
        "temperature": 0,
        "stream": False,
    }
    return json.dumps(asked, separators=(",", ":")).encode()


def answer(body: bytes) -> str:
    """Return the sentence in an answer, cleaned.

    Raises:
        DomainError: caption_unreadable, saying what the answer is not.
    """
    try:
        parsed = json.loads(body.decode())
    except (ValueError, RecursionError):
        raise _unreadable("is no JSON, or more than is read") from None
    try:
        content = parsed["choices"][0]["message"]["content"]
    except (LookupError, TypeError):
        raise _unreadable("is no chat completion") from None
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, dict)]
        content = " ".join(part for part in parts if isinstance(part, str))
    text = clean(content) if isinstance(content, str) else ""
    if not text:
        raise _unreadable("holds no words")
    return text


def clean(text: str) -> str:
    """Return plain words in one line, 500 characters at most, without any sign that controls.

    >>> clean("A man\\x1b[31m at\\n a \\u202etable")
    'A man [31m at a table'
    """
    kept = (" " if _controls(sign) else sign for sign in text[: 8 * MOST_CHARACTERS])
    return " ".join("".join(kept).split())[:MOST_CHARACTERS].rstrip()


def _controls(sign):
    """Say whether a character steers a terminal or the direction of text, or is none at all."""
    return unicodedata.category(sign) in ("Cc", "Cf", "Cs", "Co", "Cn")


def _unreadable(reason):
    return DomainError("caption_unreadable", f"The answer {reason}.")
