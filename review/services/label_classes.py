"""The classes that boxes are labelled with: added, renamed and merged, never renumbered.

An index stands in files that have left, and in weights that were trained on them, so none is ever
given to a second class. Boxes keep the index that they were drawn with; a merge is a map that is
applied when they are read, so that taking it back loses nothing.
"""

from django.db import transaction
from django.db.models import Max

from detection.selectors import active_deployments
from hitlsite import audit
from hitlsite.bounds import as_id
from hitlsite.errors import Conflict, DomainError, Forbidden, NotFound
from hitlsite.models import Site
from review.labels.names import COCO
from review.models import LabelClass
from review.selectors import annotations as selectors
from review.services.regions import MOST_CLASS_CHARACTERS, clean_text, invalid

ADD, CHANGE = "review.add_labelclass", "review.change_labelclass"
MOST_CLASSES, MOST_FORMER_NAMES = 1000, 20
UNTOLD = {"moving"}  # what a detector without classes calls everything


def ensure(site):
    """Return a site's classes by index; on first use those of the serving detector, in its order.

    Where no detector with classes serves, they are COCO's: the order of the usual detectors.
    """
    classes = selectors.label_classes(site)
    if classes:
        return classes
    with transaction.atomic():
        Site.objects.select_for_update(no_key=True).get(pk=site.pk)
        if not LabelClass.objects.filter(site=site).exists():
            names = _default_names()
            LabelClass.objects.bulk_create(
                LabelClass(site=site, index=index, name=name) for index, name in enumerate(names)
            )
            detail = {"classes": len(names)}
            audit.record("labelclasses.prepared", site, site=site, detail=detail)
    return selectors.label_classes(site)


def _default_names():
    for served in active_deployments():
        names = [str(name).strip()[:MOST_CLASS_CHARACTERS] for name in served.class_names]
        is_told = names and not set(names) <= UNTOLD and all(names)
        if is_told and len({name.casefold() for name in names}) == len(names):
            return names
    return list(COCO)


def add(site, name, *, by=None):
    """Add a class under the next free index and return it.

    Args:
        by: None for the operator of this machine.

    Raises:
        Forbidden; DomainError: the name is empty, too long or taken.
    """
    require(by, ADD)
    ensure(site)
    with transaction.atomic():
        _hold(site)
        name = _free_name(site, name)
        highest = LabelClass.objects.filter(site=site).aggregate(highest=Max("index"))["highest"]
        if highest + 1 >= MOST_CLASSES:
            raise DomainError("too_many_classes", f"A site has at most {MOST_CLASSES} classes.")
        made = LabelClass.objects.create(site=site, index=highest + 1, name=name)
        detail = {"name": name, "index": made.index}
        audit.record("labelclass.added", made, actor=by, site=site, detail=detail)
    return made


def rename(pk, name, *, by):
    """Give a class another name; its index, and so every box of it, stays.

    Raises:
        NotFound, Forbidden; DomainError: the name is empty, too long or taken.
    """
    require(by, CHANGE)
    with transaction.atomic():
        found = held_class(pk, by)
        before, found.name = found.name, _free_name(found.site, name, but=found.pk)
        known = {found.name.casefold(), before.casefold()}
        kept = [one for one in found.former_names if one.casefold() not in known]
        found.former_names = [*kept, before][-MOST_FORMER_NAMES:]
        found.save(update_fields=["name", "former_names"])
        detail = {"before": before, "after": found.name, "index": found.index}
        audit.record("labelclass.renamed", found, actor=by, site=found.site, detail=detail)
    return found


def merge(pk, into_pk, *, by):
    """Let boxes of one class count as another's from now on; return the class merged.

    Raises:
        NotFound, Forbidden.
        Conflict: either is merged already, or both are the same.
    """
    require(by, CHANGE)
    with transaction.atomic():
        found = held_class(pk, by)
        into = _class_of(found.site, into_pk)
        if into.pk == found.pk:
            raise Conflict(f"{found.name} cannot be merged into itself.", code="same_class")
        for one in (found, into):
            if one.merged_into_id is not None:
                raise Conflict(
                    f"{one.name} is merged into {one.merged_into.name} already.",
                    code="already_merged",
                )
        found.merged_into = into
        found.save(update_fields=["merged_into"])
        detail = {"name": found.name, "index": found.index, "into": into.name}
        audit.record("labelclass.merged", found, actor=by, site=found.site, detail=detail)
    return found


def split_off(pk, *, by):
    """Take a merge back: boxes drawn as this class count as it again.

    Raises:
        NotFound, Forbidden.
        Conflict: it is not merged. DomainError: another class has its name by now.
    """
    require(by, CHANGE)
    with transaction.atomic():
        found = held_class(pk, by)
        if found.merged_into_id is None:
            raise Conflict(f"{found.name} is not merged into any class.", code="not_merged")
        _free_name(found.site, found.name, but=found.pk)
        into, found.merged_into = found.merged_into, None
        found.save(update_fields=["merged_into"])
        detail = {"name": found.name, "index": found.index, "from": into.name}
        audit.record("labelclass.split_off", found, actor=by, site=found.site, detail=detail)
    return found


def require(by, permission):
    """Refuse who may not change classes; None is the operator."""
    if by is not None and not by.has_perm(permission):
        raise Forbidden("You may not change label classes.")


def _hold(site):
    """Let one change of a site's classes at a time look at names and indices."""
    Site.objects.select_for_update(no_key=True).get(pk=site.pk)


def held_class(pk, by):
    """Return a class that ``by`` may know of; nobody else changes its site's classes meanwhile."""
    found = (
        selectors.visible_label_classes(by)
        .filter(pk=as_id(pk))
        .select_related("site", "merged_into")
        .first()
    )
    if found is None:
        raise NotFound(f"There is no label class {str(pk)[:20]}.")
    _hold(found.site)
    return _class_of(found.site, found.pk)


def _class_of(site, pk):
    classes = LabelClass.objects.filter(site=site).select_related("site", "merged_into")
    found = classes.filter(pk=as_id(pk)).first()
    if found is None:
        raise NotFound(f"There is no label class {str(pk)[:20]}.")
    return found


def _free_name(site, name, *, but=None):
    name = clean_text("name", name, most=MOST_CLASS_CHARACTERS)
    if not name:
        raise invalid("name", "A class needs a name.")
    if not name.isprintable():
        raise invalid("name", "A name is one line of text.")
    taken = LabelClass.objects.filter(site=site, merged_into__isnull=True).exclude(pk=but)
    if name.casefold() in {other.casefold() for other in taken.values_list("name", flat=True)}:
        raise invalid("name", f"There is a class {name} already.")
    return name
