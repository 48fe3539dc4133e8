"""One model version: how it scored, what the gate said, its files, and letting it serve."""

from django.contrib import messages
from django.core.files.storage import default_storage
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from detection.services import serving
from detection.slots import OBJECT_DETECTOR, SLOTS
from hitlsite.errors import DomainError, NotFound
from hitlsite.pages import page, permitted, see_other
from hitlsite.streaming import streamed
from training.forms import PromotionForm, ShareForm
from training.selectors import learning
from training.services import evaluations, promotion, version_reports
from training.views import live, plots
from training.views.pictured import pictured

FIGURES = ("map50", "map50_95", "macro_f1", "weighted_f1", "auc", "average_precision", "accuracy")
FIGURES += ("precision", "recall", "f1", "false_positive_rate", "false_negative_rate")
BETTER_WHEN_LOW = ("false_positive_rate", "false_negative_rate")
KINDS = {"missed": "missed", "false": "not there", "wrong_class": "wrong class"}
COLUMNS_SHOWN = 12
CHUNK_BYTES = 256 * 1024

_signed_in = permitted()


@never_cache
@_signed_in
@require_safe
def version(request, pk):
    """Show one version."""
    return _shown(request, learning.model_version(request.user, pk))


def _shown(request, found, *, refusal=None, forms=None, status=200):
    user = request.user
    decision = learning.judgement(found)
    tested, marked = learning.evaluations(found)
    tested = decision.challenger if decision else tested
    before = decision.champion if decision else None
    figures = tested.figures if tested else {}
    old = before.figures if before else None
    context = {
        "version": found,
        "slot": SLOTS.get(found.slot),
        "zone": learning.zone_of(user),
        "decision": decision,
        "evaluation": tested,
        "champion_evaluation": before,
        "figures": figures,
        "rows": _figure_rows(found.slot, figures, old, marked.figures if marked else None),
        "has_marked": marked is not None,
        "charts": plots.of_evaluation(figures, old),
        "confusion": plots.confusion(figures),
        "classes": _class_rows(figures, old),
        "mistakes": _mistakes(user, tested),
        "importance": _importance(found),
        "ablations": version_reports.ablations(found),
        **_done(found),
        "may_download": user.has_perm(learning.PROMOTE),
        "refusal": refusal,
        **_serving(user, found, decision),
        **(forms or {}),
    }
    context.setdefault(
        "form", PromotionForm(initial={"purpose": learning.last_purpose(found.slot)})
    )
    context.setdefault("share_form", ShareForm())
    return page(request, "training/learning/version.html", context, status=status)


def _serving(user, found, decision):
    """Return what serves, and what ``user`` may do about it."""
    champion, challenger = serving.champion(found.slot), serving.challenger(found.slot)
    serves = champion is not None and champion.model_version_uuid == found.uuid
    challenges = challenger is not None and challenger.model_version_uuid == found.uuid
    is_outdated = decision is not None and not serves and evaluations.is_outdated(decision)
    outcome = decision.outcome if decision else ""
    return {
        "champion": learning.served(user, champion),
        "challenger": challenger,
        "serves": serves,
        "challenges": challenges,
        "goes_back_to": champion.replaces if serves else None,
        "is_outdated": is_outdated,
        "may_act": user.has_perm(learning.PROMOTE),
        "may_judge": user.has_perm(learning.CHANGE),
        "may_promote": outcome in ("promote", "not_enough_data") and not is_outdated,
        "needs_reason": outcome == "not_enough_data",
        "by_share": found.slot == OBJECT_DETECTOR,
        "live": live.panel(found.slot) if serves or challenges else None,
    }


def _done(found):
    """Return what was done with a version, and its card as it was last written."""
    promotions = list(learning.promotions(found))
    card = next((one.card for one in promotions if one.card), "")
    return {"promotions": promotions, "card": card}


def _figure_rows(slot, figures, before, marked):
    """Return (key, here, champion's, is it better when low, on marked photos) of each figure.

    What the gate compares comes first.
    """
    names = dict.fromkeys((SLOTS[slot].figure, *FIGURES))
    names = [name for name in names if figures.get(name) is not None]
    return [
        (
            name,
            figures[name],
            before.get(name) if before else None,
            name in BETTER_WHEN_LOW,
            marked.get(name) if marked else None,
        )
        for name in names
    ]


def _class_rows(figures, before):
    """Return (row, the champion's AP50 or None) of each class, the most frequent first."""
    old = {row["name"]: row.get("ap50") for row in (before or {}).get("classes", [])}
    rows = sorted(figures.get("classes", []), key=lambda row: -row["truths"])
    return [(row, old.get(row["name"])) for row in rows]


def _mistakes(user, evaluation):
    """Return (mistake, its words, Pictured or None) of the worst mistakes."""
    told = evaluation.figures.get("mistakes", []) if evaluation else []
    entries = learning.entries(evaluation.dataset, [one["entry"] for one in told]) if told else {}
    shown = []
    for one in told:
        entry = entries.get(one["entry"])
        if entry is None:
            continue
        boxes = [(_kind(one), one["class"], one["box"])] if "box" in one else []
        shown.append((one, KINDS.get(one.get("kind"), ""), pictured(user, entry, boxes)))
    return shown


def _importance(version):
    """Return what each column is worth with the ends of its bar in percent; None for none."""
    told = version_reports.importance(version)
    if told is None or not told["columns"]:
        return None
    most = max([abs(row["fall"]) + row["spread"] for row in told["columns"]] + [1e-9])
    rows = [
        {
            **row,
            "bar": round(100 * max(row["fall"], 0.0) / most, 2),
            "low": round(100 * max(row["fall"] - row["spread"], 0.0) / most, 2),
            "high": round(100 * max(row["fall"] + row["spread"], 0.0) / most, 2),
        }
        for row in told["columns"]
    ]
    return {**told, "first": rows[:COLUMNS_SHOWN], "rest": rows[COLUMNS_SHOWN:]}


def _kind(mistake):
    return "missed" if mistake["kind"] == "missed" else "wrong"


@_signed_in
@require_safe
def version_file(request, pk, name):
    """Stream one file of a version to those who may deploy it."""
    return version_download(request, request.user, pk, name)


def version_download(request, user, pk, name):
    """Return the answer that streams a file of a version.

    Raises:
        NotFound, Forbidden.
    """
    found = learning.model_version(user, pk)
    learning.require(user, learning.PROMOTE, "Only admins download models.")
    row = next((row for row in found.files if row["name"] == name), None)
    if row is None or not default_storage.exists(row["path"]):
        raise NotFound(f"{found} has no file {name[:100]}.", code="file_missing")
    content_type = "application/octet-stream"
    response = streamed(request, _chunks(row["path"]), content_type=content_type)
    response["Content-Length"] = str(row["byte_count"])
    response["Content-Disposition"] = f'attachment; filename="{found.name}-{_safe(name)}"'
    response["Cache-Control"] = "private, no-store"
    return response


def _safe(name):
    return "".join(one if one.isalnum() or one in "._-" else "-" for one in name)


def _chunks(path):
    with default_storage.open(path, "rb") as stored:
        while chunk := stored.read(CHUNK_BYTES):
            yield chunk


@_signed_in
@require_POST
def promote(request, pk):
    """Let a version serve."""
    form = PromotionForm(request.POST)
    if not form.is_valid():
        found = learning.model_version(request.user, pk)
        return _shown(request, found, forms={"form": form}, status=422)
    given = form.cleaned_data
    told = "It serves from now on: what is watched next is watched by it."
    return _acted(
        request, pk, lambda: promotion.promote(pk, by=request.user, **given), told, {"form": form}
    )


@_signed_in
@require_POST
def shadow(request, pk):
    """Let a version look on."""
    told = "It looks on from now on, without any effect."
    return _acted(request, pk, lambda: promotion.shadow(pk, by=request.user), told)


@_signed_in
@require_POST
def share(request, pk):
    """Let a version serve a part of the cameras."""
    form = ShareForm(request.POST)
    if not form.is_valid():
        found = learning.model_version(request.user, pk)
        return _shown(request, found, forms={"share_form": form}, status=422)
    part = form.cleaned_data["percent"] / 100
    told = f"It serves {form.cleaned_data['percent']} % of the cameras from now on."
    return _acted(
        request,
        pk,
        lambda: promotion.share(pk, by=request.user, share=part),
        told,
        {"share_form": form},
    )


def _acted(request, pk, act, told, forms=None):
    """Carry out an act on a version; a refusal stands on its page."""
    try:
        act()
    except DomainError as error:
        if error.status in (403, 404):
            raise
        found = learning.model_version(request.user, pk)
        form = (forms or {}).get("form")
        for name, sentence in error.fields.items() if form else ():
            form.add_error(name if name in form.fields else None, sentence)
        return _shown(request, found, refusal=error, forms=forms, status=error.status)
    messages.success(request, told)
    return see_other("training:version", pk)


@_signed_in
@require_POST
def rollback(request, slot):
    """Let what served before serve again."""
    done = promotion.rollback(_known(slot), by=request.user, notes=request.POST.get("notes", ""))
    served = done.detail.get("to") or "what was there before anything was deployed"
    messages.success(request, f"{done.detail['from']} serves no longer; {served} does again.")
    return see_other("training:runs")


@_signed_in
@require_POST
def retire_challenger(request, slot):
    """End a challenger's time."""
    promotion.retire_challenger(_known(slot), by=request.user)
    messages.success(request, "The challenger neither looks on nor serves any more.")
    return see_other("training:runs")


def _known(slot):
    if slot not in SLOTS:
        raise NotFound(f"There is no slot {slot[:40]}.")
    return slot
