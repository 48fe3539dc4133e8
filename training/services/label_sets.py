"""Questions put to videos and their possible answers: make a label set, extend it, rename in it.

What people drew is kept whatever happens here: a label that is renamed is renamed in what is
current too, as a new version, and one that is in use cannot be taken away.
"""

from django.db import IntegrityError, transaction

from hitlsite import audit
from hitlsite.bounds import as_id
from hitlsite.errors import Conflict, DomainError, Forbidden, NotFound
from hitlsite.models import Site
from training.models import LabelSet, SpanAnnotation

ADD, CHANGE = "training.add_labelset", "training.change_labelset"
LONGEST_NAME = 60
MOST_LABELS = 40
KEYS = "123456789"
# Keys that the editor of stretches uses itself.
TAKEN_KEYS = frozenset(" ,.io0+-=sm[]jktz?/")


def add_label_set(site, name, labels, by):
    """Make a label set and return it.

    Args:
        site: a Site, or the number of one.
        labels: names in the order of their colours, or {"name", "key"}; keys are 1 to 9 where
            none are given.
        by: None for whoever runs the commands, who may everything.

    Raises:
        Forbidden, NotFound; DomainError: label_set_invalid with its fields; Conflict: name_taken.
    """
    require(by, ADD, "You may not make label sets.")
    found = visible(Site, by).filter(pk=as_id(getattr(site, "pk", site))).first()
    if found is None:
        raise NotFound("There is no such site.", fields={"site": "No such site."})
    name, rows = _clean_name("name", name), clean_labels(labels)
    with transaction.atomic():
        try:
            with transaction.atomic():
                made = LabelSet.objects.create(site=found, name=name, labels=rows, created_by=by)
        except IntegrityError:
            raise _name_taken(found, name) from None
        detail = {"name": name, "labels": made.label_names}
        audit.record("label_set_added", made, actor=by, site=found, detail=detail)
    return made


def require(by, permission, told):
    """Raise Forbidden where ``by`` is somebody who lacks a permission."""
    if by is not None and not by.has_perm(permission):
        raise Forbidden(told)


def visible(model, by):
    """Return the rows that ``by`` may know of."""
    return model.objects.all() if by is None else model.objects.visible_to(by)


def _name_taken(site, name):
    told = f"{site} has a label set {name} already."
    return Conflict(told, code="name_taken", fields={"name": told})


def held(pk, by, permission=None, told=""):
    """Return a label set whose row this transaction holds; saving spans waits for it.

    Raises:
        NotFound, Forbidden
    """
    known = visible(LabelSet, by).filter(pk=as_id(pk)).values("pk")
    rows = LabelSet.objects.select_for_update(of=("self",), no_key=True)
    found = rows.select_related("site").filter(pk__in=known).first()
    if found is None:
        raise NotFound(f"There is no label set {str(pk)[:20]}.")
    if permission:
        require(by, permission, told)
    return found


def _changing(pk, by):
    return held(pk, by, CHANGE, "You may not change label sets.")


@transaction.atomic
def rename(pk, name, *, by):
    """Give a label set another name and return it."""
    found = _changing(pk, by)
    before, found.name = found.name, _clean_name("name", name)
    try:
        with transaction.atomic():
            found.save(update_fields=["name"])
    except IntegrityError:
        raise _name_taken(found.site, found.name) from None
    detail = {"from": before, "to": found.name}
    audit.record("label_set_renamed", found, actor=by, site=found.site, detail=detail)
    return found


@transaction.atomic
def extend(pk, labels, *, by):
    """Append labels to a set and return it; those that it has already are left as they are."""
    found = _changing(pk, by)
    known = set(found.label_names)
    added = [row for row in _as_rows(labels) if row["name"] not in known]
    if added:
        found.labels = clean_labels([*found.labels, *added])
        found.save(update_fields=["labels"])
        detail = {"labels": [row["name"] for row in added]}
        audit.record("label_set_extended", found, actor=by, site=found.site, detail=detail)
    return found


@transaction.atomic
def change_label(pk, label, *, by, name=None, key=None):
    """Give one label another name or key and return the set.

    What is drawn with the label has the new name from then on, as a new version of its own.

    Raises:
        NotFound, Forbidden; DomainError: label_set_invalid.
    """
    found = _changing(pk, by)
    place = _place_of(found, label)
    rows = [dict(row) for row in found.labels]
    if name is not None:
        rows[place]["name"] = name
    if key is not None:
        rows[place]["key"] = key
    before, found.labels = label, clean_labels(rows)
    found.save(update_fields=["labels"])
    after = found.labels[place]["name"]
    changed = _renamed_in_annotations(found, before, after, by) if after != before else 0
    detail = {"from": before, "to": after, "key": found.labels[place]["key"], "videos": changed}
    audit.record("label_changed", found, actor=by, site=found.site, detail=detail)
    return found


def _renamed_in_annotations(label_set, before, after, by):
    """Store a new version of all that is current and uses a label; return how many there are."""
    from training.learning.spans import renamed

    changed = 0
    for row in label_set.annotations.filter(is_current=True).select_for_update():
        if before not in {span[2] for span in row.spans}:
            continue
        row.is_current = False
        row.save(update_fields=["is_current"])
        SpanAnnotation.objects.create(
            label_set=label_set,
            footage_id=row.footage_id,
            version=row.version + 1,
            spans=[list(span) for span in renamed(row.spans, {before: after})],
            source=row.source,
            annotated_by=by,
        )
        changed += 1
    return changed


@transaction.atomic
def remove_label(pk, label, *, by):
    """Take away a label that nothing current uses and return the set.

    Raises:
        NotFound, Forbidden; Conflict: label_used, with how many videos use it.
    """
    found = _changing(pk, by)
    place = _place_of(found, label)
    current = found.annotations.filter(is_current=True).values_list("spans", flat=True)
    used = sum(label in {span[2] for span in spans} for spans in current)
    if used:
        videos = "1 video" if used == 1 else f"{used} videos"
        raise Conflict(f"{label} is drawn on {videos}: it cannot be deleted.", code="label_used")
    found.labels = clean_labels([row for at, row in enumerate(found.labels) if at != place])
    found.save(update_fields=["labels"])
    audit.record("label_removed", found, actor=by, site=found.site, detail={"label": label})
    return found


def _place_of(label_set, label):
    if label not in label_set.label_names:
        raise NotFound(f"{label_set} has no label {str(label)[:60]}.")
    return label_set.label_names.index(label)


def _as_rows(labels):
    """Return [{"name", "key"}] of names, pairs or what a label set holds."""
    if not isinstance(labels, list | tuple):
        raise _invalid({"labels": "This must be a list of labels."})
    return [
        {"name": one.get("name", ""), "key": one.get("key")}
        if isinstance(one, dict)
        else {"name": one, "key": None}
        for one in labels
    ]


def clean_labels(labels):
    """Return the rows of a label set: every name once, every key one character and once.

    Raises:
        DomainError: label_set_invalid.
    """
    rows = _as_rows(labels)
    if not rows:
        raise _invalid({"labels": "A label set has at least one label."})
    if len(rows) > MOST_LABELS:
        raise _invalid({"labels": f"A label set has at most {MOST_LABELS} labels."})
    names, keys = set(), {}
    for place, row in enumerate(rows):
        where = f"labels.{place}"
        row["name"] = _clean_name(where, row["name"])
        if row["name"] in names:
            raise _invalid({where: f"{row['name']} stands there twice."})
        names.add(row["name"])
        if row["key"]:
            row["key"] = _clean_key(where, row["key"], keys)
            keys[row["key"]] = row["name"]
    free = iter([key for key in KEYS if key not in keys])
    for row in rows:
        if row["key"] is None:
            row["key"] = next(free, "")
    return rows


def _clean_name(where, name):
    name = " ".join(name.split()) if isinstance(name, str) else ""
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise _invalid({where: f"A name has 1 to {LONGEST_NAME} printable characters."})
    return name


def _clean_key(where, key, taken):
    if not isinstance(key, str) or len(key) != 1 or not key.isprintable():
        raise _invalid({where: f"{str(key)[:20]!r} is no key: it must be one character."})
    key = key.lower()
    if key in TAKEN_KEYS:
        raise _invalid({where: f"The editor uses the key {key!r} itself."})
    if key in taken:
        raise _invalid({where: f"{taken[key]} has the key {key} already."})
    return key


def _invalid(fields):
    field, sentence = next(iter(fields.items()))
    return DomainError("label_set_invalid", f"{field}: {sentence}", fields=fields)
