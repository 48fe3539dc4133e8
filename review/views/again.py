"""The verdict that a reviewer gave last, for the button that gives it again."""

from review.models import Decision
from review.services import bulk
from review.templatetags.review_tags import words


def same_button(user):
    """Return what the button does and says, and in ``refusal`` why it may not be pressed."""
    last = bulk.last_answer(user)
    if last is None:
        return {"value": "", "says": "", "refusal": "no verdict yet"}
    says = words(last["reason"] or last["verdict"])
    if last["reason"] == Decision.Reason.OTHER:
        return {"value": "", "says": says, "refusal": "other needs a note of its own"}
    return {"value": spelled(last), "says": says, "refusal": ""}


def spelled(answer):
    """Return a verdict and its reason as the one value that a button sends."""
    return f"{answer['verdict']}:{answer['reason']}".rstrip(":")
