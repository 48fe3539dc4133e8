"""One item: everything there is to know before a verdict, and the verdict's form."""

from django.conf import settings
from django.utils import timezone
from django.views.decorators.http import require_safe

from hitlsite.pages import page
from review import selectors
from review.forms import CATEGORIES, REASONS
from review.models import Decision, Redaction, TrainingItem
from review.services import photo_items
from review.services import privacy as privacy_service
from review.views.access import reviewers_only
from review.views.again import same_button
from review.views.boxes import track_labels
from review.views.exhibits import cover, exhibits, needs_redaction
from review.views.neighbours import neighbours
from review.views.queue import carried
from review.views.sampled import headline, sampled
from review.views.strips import strip
from review.views.supervising import supervising
from review.views.timeline import timeline

MOST_SIMILAR = 6


@require_safe
@reviewers_only
def item(request, pk):
    return item_page(request, pk)


@require_safe
@reviewers_only
def privacy(request, pk):
    """Answer the privacy banner alone; the page asks for it while a redaction is prepared.

    Once nothing is left to prepare, every picture on the page is another: it is loaded anew.
    """
    shown = selectors.item_for(request.user, pk)
    response = page(request, "review/_privacy.html", privacy_context(request.user, shown))
    del response["HX-Push-Url"]
    if shown.proposal == TrainingItem.Proposal.NONE:
        response["HX-Refresh"] = "true"
    return response


def item_page(request, pk, *, error=None, status=200):
    """Render the item; with ``error``, what was typed stands in its fields again."""
    user = request.user
    shown = selectors.item_for(user, pk)
    typed = request.POST if error else {}
    before, after = neighbours(user, shown, request.GET)
    context = {
        **privacy_context(user, shown),
        **_standing(user, shown),
        **supervising(user, shown),
        **track_labels(user, shown),
        **sampled(shown),
        "headline": headline(shown),
        "is_put_aside": photo_items.is_put_aside(shown),
        "incident": shown.incident,
        "mark": _mark(shown),
        "time_zone": shown.site.time_zone,
        "strip": strip(user, shown),
        "exhibits": exhibits(user, shown),
        "rule_hits": shown.incident.rule_hits.all() if shown.incident else [],
        "timeline": timeline(shown, user),
        "similar": _similar(user, shown),
        "before": before,
        "after": after,
        "carried": carried(request),
        "categories": CATEGORIES,
        "reasons": REASONS,
        "error": error,
        "typed": typed,
    }
    return page(request, "review/item.html", context, status=status)


def privacy_context(user, shown):
    """Return what the banner and the redaction panel need."""
    is_blocked = shown.proposal == TrainingItem.Proposal.BLOCKED
    is_blocked = is_blocked and (shown.is_open or not shown.is_private)
    blocked = []
    if is_blocked:
        blocked = shown.redactions.filter(state=Redaction.State.BLOCKED).select_related("evidence")
    applied = shown.redactions.filter(state=Redaction.State.APPLIED).select_related("evidence")
    scanned = shown.scans.select_related("evidence").order_by("pk")
    scans = {scan.evidence_id: scan for scan in scanned}
    return {
        "item": shown,
        "needs_redaction": needs_redaction(shown),
        "blocked": blocked,
        "applied": applied,
        "sealed_until": _sealed_until(applied),
        "is_being_redacted": shown.is_open and shown.is_being_redacted,
        "is_blocked": is_blocked,
        "file_count": len(scans),
        "failed_scans": _by_error(scan for scan in scans.values() if scan.result == "failed"),
        "files_with_faces": sum(1 for scan in scans.values() if scan.result != "clear"),
        "methods": Redaction.Method.choices,
        "method": settings.REDACTION_METHOD,
        "may_redact": _may_redact(user, shown),
        "may_undo_redaction": shown.is_open and privacy_service.may_undo(user, applied),
    }


def _by_error(failed):
    """Return {why files could not be scanned: which files}, as sentences and words."""
    found = {}
    for scan in failed:
        why = (scan.error or "No detector could run").rstrip(".") + "."
        found.setdefault(why, []).append(scan.evidence.get_kind_display())
    return found


def _may_redact(user, shown):
    """Say whether this person is to say what is hidden: not unseen, and not after a verdict."""
    may = shown.is_open and user.has_perm("review.redact_trainingitem")
    may_see = may and selectors.may_see_media(user, shown)
    return may_see and selectors.judged_already(shown, user) is None


def _redactions(shown, state):
    """Return the item's redactions in a state, with the evidence that was read with the item."""
    rows = {row.pk: row for row in shown.evidence}
    found = [one for one in shown.redactions.all() if one.state == state]
    for one in found:
        one.evidence = rows[one.evidence_id]
    return found


def _sealed_until(applied):
    times = [row.evidence.sealed_until for row in applied if row.evidence.sealed_until]
    return max(times, default=None)


def _standing(user, shown):
    """Return who has the item, what was decided, and what this person may still do."""
    now = timezone.now()
    is_held = shown.claim_expires_at is not None and shown.claim_expires_at > now
    waiting = shown.decisions.filter(effect=Decision.Effect.WAITING).last()
    in_force = shown.decisions.filter(effect=Decision.Effect.APPLIED, undone_by__isnull=True)
    last = in_force.exclude(verdict=Decision.Verdict.UNDONE).last()
    judged = selectors.judged_already(shown, user)
    pending = shown.status == TrainingItem.Status.PENDING_REVIEW
    may_decide = (pending and user.has_perm("review.decide_trainingitem")) or (
        shown.status == TrainingItem.Status.NEEDS_REVIEW
        and user.has_perm("review.resolve_trainingitem")
    )
    is_decided = shown.status in (TrainingItem.Status.CONFIRMED, TrainingItem.Status.REJECTED)
    return {
        "claimed_by_other": shown.claimed_by if is_held and shown.claimed_by != user else None,
        "claimed_by_me": is_held and shown.claimed_by == user,
        "waiting_decision": waiting,
        "last_decision": last,
        "judged_already": judged,
        "differing": selectors.differing_verdicts(shown, user),
        "may_decide": may_decide and judged is None and _may_replace(user, waiting),
        "same": same_button(user) if may_decide else None,
        "may_reopen": is_decided and user.has_perm("review.reopen_trainingitem"),
        "is_decided": is_decided,
    }


def _may_replace(user, waiting):
    """Say whether a verdict that waits for its redaction leaves room for another by ``user``."""
    if waiting is None or waiting.reviewer == user:
        return True
    return user.has_perm("review.resolve_trainingitem")


def _mark(shown):
    """Return why a photo was sent to be labelled; None for what is no marked photo."""
    if shown.photo is None:
        return None
    return shown.photo.marks.select_related("marked_by").order_by("-marked_at", "-pk").first()


def _similar(user, shown):
    similar = selectors.similar(shown, limit=MOST_SIMILAR)
    return [(other, cover(user, other)) for other in similar]
