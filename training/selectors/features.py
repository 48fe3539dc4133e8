"""Which features of videos a person may see, and the videos that they may be extracted from."""

from django.db.models import Exists, OuterRef, Prefetch

from detection.models import Camera, Footage
from hitlsite.bounds import as_id
from hitlsite.errors import Forbidden, NotFound
from training.models import FeatureSet, SpanAnnotation

SEE, ADD = "training.view_featureset", "training.add_featureset"
CHANGE = "training.change_featureset"
NOT_YOURS = "You may not see what was extracted from videos."
KINDS = (Footage.Kind.FILE, Footage.Kind.UPLOAD)
VIDEOS_A_PAGE = 30
PREPARED, ALL = "prepared", "all"


def feature_sets(user):
    """Return the feature sets that ``user`` may see, the newest first, without their figures.

    Raises:
        Forbidden
    """
    if not user.has_perm(SEE):
        raise Forbidden(NOT_YOURS)
    return _related(FeatureSet.objects.visible_to(user)).defer("figures").order_by("-pk")


def feature_set(user, pk):
    """Return one feature set; a foreign site's does not exist, whatever the asker's role.

    Raises:
        NotFound, Forbidden
    """
    found = _related(FeatureSet.objects.visible_to(user)).filter(pk=as_id(pk)).first()
    if found is None:
        raise NotFound(f"There are no features {str(pk)[:20]}.")
    if not user.has_perm(SEE):
        raise Forbidden(NOT_YOURS)
    return found


def _related(found):
    return found.select_related("site", "footage__camera__site", "created_by", "deployment")


def from_elsewhere(user):
    """Return the feature sets that came as files, without a video of ours."""
    return feature_sets(user).filter(footage=None)


def has_prepared(user):
    """Say whether any video of the user's sites has features or labels."""
    return _prepared(_videos(user)).exists()


def cameras(user):
    """Return the cameras of the user's sites that have a video, by site and name."""
    videos = Footage.objects.filter(camera=OuterRef("pk"), kind__in=KINDS)
    found = Camera.objects.visible_to(user).filter(Exists(videos))
    return found.select_related("site").order_by("site__name", "name")


def videos(user, *, show=PREPARED, camera=None, page=1):
    """Return (videos of one page, its number, the number of pages), the newest first.

    Each has ``feature_sets_shown`` (the newest first) and ``annotations_shown`` (the current ones).

    Args:
        show: PREPARED for those with features or labels, ALL for every video.
    """
    found = _videos(user)
    if show == PREPARED:
        found = _prepared(found)
    if camera:
        found = found.filter(camera=camera)
    pages = max(1, -(-found.count() // VIDEOS_A_PAGE))
    number = min(max(page, 1), pages)
    first = (number - 1) * VIDEOS_A_PAGE
    found = found.select_related("camera__site").prefetch_related(
        Prefetch(
            "feature_sets",
            FeatureSet.objects.defer("figures", "sources").order_by("-pk"),
            to_attr="feature_sets_shown",
        ),
        Prefetch(
            "span_annotations",
            SpanAnnotation.objects.filter(is_current=True).select_related("label_set"),
            to_attr="annotations_shown",
        ),
    )
    return list(found.order_by("-pk")[first : first + VIDEOS_A_PAGE]), number, pages


def _videos(user):
    return Footage.objects.visible_to(user).filter(kind__in=KINDS)


def _prepared(found):
    measured = FeatureSet.objects.filter(footage=OuterRef("pk"))
    labelled = SpanAnnotation.objects.filter(footage=OuterRef("pk"), is_current=True)
    return found.filter(Exists(measured) | Exists(labelled))
