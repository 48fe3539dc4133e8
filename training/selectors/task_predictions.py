"""What was said of a video and what people call it: for the page that shows the two together."""

from django.db.models import Count, Max, Q

from detection.models import Caption, Deployment, Footage, TaskLog
from detection.slots import TASK_CLASSIFIER
from hitlsite.bounds import as_id
from hitlsite.errors import Forbidden, NotFound
from training.models import SpanAnnotation

SEE = "detection.view_tasklog"
SEE_CAPTIONS = "detection.view_caption"
SEE_LABELS = "training.view_spanannotation"


def footage(user, pk):
    """Return a Footage of which ``user`` may see what was said.

    Raises:
        NotFound, Forbidden
    """
    shown = Footage.objects.visible_to(user).filter(pk=as_id(pk))
    found = shown.select_related("camera__site").first()
    if found is None:
        raise NotFound(f"There is no footage {str(pk)[:20]}.")
    if not user.has_perm(SEE):
        raise Forbidden("You may not see what models say of videos.")
    return found


def who_spoke(footage):
    """Return the deployments that said something of a footage: those that served first, newest.

    Each has ``row_count``.
    """
    found = Deployment.objects.filter(slot=TASK_CLASSIFIER, task_logs__footage=footage)
    found = found.annotate(row_count=Count("task_logs"), last_row=Max("task_logs__pk"))
    return sorted(found, key=lambda one: (one.is_shadow, -one.last_row))


def latency(footage, deployment):
    """Return {"median", "p95", "slowest"} milliseconds of a sample over the rows; {} of none.

    The median of the rows' medians, and the highest of their other figures.
    """
    rows = TaskLog.objects.filter(footage=footage, deployment=deployment)
    told = [one for one in rows.values_list("latency", flat=True) if one]
    if not told:
        return {}
    medians = sorted(one["median"] for one in told)
    highest = {name: max(one[name] for one in told) for name in ("p95", "slowest")}
    return {"median": medians[len(medians) // 2], **highest}


def captions(user, footage):
    """Return [seconds, text] of what was said of its pictures in words, in order."""
    if not user.has_perm(SEE_CAPTIONS):
        return []
    rows = Caption.objects.filter(footage=footage).exclude(text="").order_by("at_seconds")
    return [list(row) for row in rows.values_list("at_seconds", "text")]


def truth(user, footage, labels):
    """Return the current SpanAnnotation of a footage that shares most labels with a model.

    None where nobody has labelled it, or ``user`` may not see it.
    """
    if not user.has_perm(SEE_LABELS):
        return None
    rows = SpanAnnotation.objects.filter(Q(footage=footage), is_current=True)
    rows = list(rows.select_related("label_set").order_by("-pk"))
    return max(
        rows, key=lambda row: len(set(labels) & set(row.label_set.label_names)), default=None
    )
