"""What the item page offers supervisors besides the verdict: known answers and examples."""

from review import selectors
from review.models import TrainingItem

Status = TrainingItem.Status


def supervising(user, item):
    """Return what ``_supervising.html`` reads; nothing for those who may do none of it."""
    is_pending = item.status == Status.PENDING_REVIEW
    known = None
    if is_pending and item.mode == TrainingItem.Mode.GOLD:
        known = selectors.known_answer(user, item)
    may_set = is_pending and user.has_perm("review.add_goldanswer")
    is_decided = item.status in (Status.CONFIRMED, Status.REJECTED)
    return {
        "known_answer": known,
        "may_set_gold": may_set and known is None and not item.decisions.exists(),
        "may_be_example": is_decided
        and item.is_private
        and user.has_perm("review.add_guidelineexample"),
    }
