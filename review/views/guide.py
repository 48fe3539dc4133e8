"""The help page."""

from django.conf import settings
from django.views.decorators.http import require_safe

from hitlsite.pages import page
from review.forms import REASONS
from review.views.access import reviewers_only


@require_safe
@reviewers_only
def guide(request):
    context = {
        "reasons": REASONS,
        "undo_seconds": settings.UNDO_SECONDS,
        "undo_depth": settings.UNDO_DEPTH,
        "claim_minutes": settings.CLAIM_SECONDS // 60,
        "keep_original_days": settings.KEEP_ORIGINAL_DAYS,
    }
    return page(request, "review/guide.html", context)
