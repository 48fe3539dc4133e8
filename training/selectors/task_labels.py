"""What a person may see of label sets and labelled videos, and what the editor of them shows."""

from django.db.models import Count, Q

from detection.models import Deployment, Footage, TaskLog
from hitlsite.bounds import as_id
from hitlsite.errors import Forbidden, NotFound
from training.models import FeatureSet, LabelSet, SpanAnnotation, SpanToLabel

SEE_SETS, SEE_SPANS = "training.view_labelset", "training.view_spanannotation"
ADD_SET, CHANGE_SET = "training.add_labelset", "training.change_labelset"
ADD_SPANS = "training.add_spanannotation"
SEE_SAID = "detection.view_tasklog"
VERSIONS_SHOWN = 30
MOST_SAMPLES = 200_000


def label_sets(user):
    """Return the label sets that ``user`` may see, by site and name.

    Raises:
        Forbidden
    """
    if not user.has_perm(SEE_SETS):
        raise Forbidden("You may not see label sets.")
    shown = LabelSet.objects.visible_to(user).select_related("site", "created_by")
    return shown.order_by("site__name", "name")


def label_set(user, pk):
    """Return one label set; a foreign site's does not exist.

    Raises:
        NotFound, Forbidden
    """
    found = LabelSet.objects.visible_to(user).select_related("site").filter(pk=as_id(pk)).first()
    if found is None:
        raise NotFound(f"There is no label set {str(pk)[:20]}.")
    if not user.has_perm(SEE_SETS):
        raise Forbidden("You may not see label sets.")
    return found


def footage(user, pk):
    """Return a video whose labels ``user`` may see.

    Raises:
        NotFound, Forbidden
    """
    shown = Footage.objects.visible_to(user).filter(pk=as_id(pk))
    found = shown.select_related("camera__site").first()
    if found is None:
        raise NotFound(f"There is no footage {str(pk)[:20]}.")
    if not user.has_perm(SEE_SPANS):
        raise Forbidden("You may not see what videos are labelled with.")
    return found


def sets_for(user, video):
    """Return the label sets of a video's site, the one that it is labelled with first."""
    of_video = Q(annotations__footage=video, annotations__is_current=True)
    rows = label_sets(user).filter(site=video.camera.site_id)
    rows = rows.annotate(used_here=Count("annotations", filter=of_video))
    return sorted(rows, key=lambda one: (-one.used_here, one.name))


def with_uses(rows):
    """Return label sets with ``videos``, on how many something is drawn with each."""
    return rows.annotate(videos=Count("annotations", filter=Q(annotations__is_current=True)))


def versions(label_set, video):
    """Return the latest versions of a video's labels, the newest first."""
    rows = SpanAnnotation.objects.filter(label_set=label_set, footage=video)
    return rows.select_related("annotated_by").order_by("-version")[:VERSIONS_SHOWN]


def waiting_spans(user, label_set, video):
    """Return the stretches of a video that wait to be named, in order."""
    rows = SpanToLabel.objects.visible_to(user).filter(
        label_set=label_set, footage=video, state=SpanToLabel.State.WAITING
    )
    return rows.order_by("start_seconds", "pk")


def said(user, video):
    """Return (Deployment, [[at_seconds, label, confidence]]) of what was last said of a video.

    None where nothing was, or ``user`` may not know of it.
    """
    if not user.has_perm(SEE_SAID):
        return None
    logs = TaskLog.objects.visible_to(user).filter(footage=video)
    newest = logs.order_by("-pk").values_list("deployment", flat=True).first()
    if newest is None:
        return None
    rows = logs.filter(deployment=newest).order_by("start_seconds")
    samples = [one for row in rows.values_list("samples", flat=True) for one in row]
    return Deployment.objects.get(pk=newest), samples[:MOST_SAMPLES]


def measured(video):
    """Return the newest finished FeatureSet of a video, None where nobody measured it."""
    done = FeatureSet.objects.filter(footage=video, state=FeatureSet.State.DONE)
    return done.order_by("sample_rate", "-pk").first()
