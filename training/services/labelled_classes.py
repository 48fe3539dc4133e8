"""Which class a box counts as, and of which classes a picture shows every one, after all merges."""

from collections import defaultdict
from functools import cached_property

from django.db.models import Max

from hitlsite.models import AuditEntry
from review.models import Annotation, LabelClass, TrainingItem
from review.selectors import annotations as drawn


class ClassesOfSite:
    """The label classes of one site with what became of them."""

    def __init__(self, site):
        self._site = site
        classes = drawn.label_classes(site)
        self._standing = drawn.standing_classes(classes)
        merged = [one.pk for one in classes if one.merged_into_id is not None]
        self._merged_at = _merged_at(merged)
        self._members = defaultdict(list)
        for one in classes:
            self._members[self._standing[one.index].pk].append(one)

    def counting(self, index):
        """Return the id of the class that a box of this index counts as, None for no class."""
        found = self._standing.get(index)
        return found.pk if found else None

    @cached_property
    def imported(self):
        """The ids of the classes that have a box on an imported picture of the site."""
        collection = TrainingItem.Collection.IMPORT
        drawn_there = Annotation.objects.filter(
            is_current=True, item__site=self._site, item__collection_method=collection
        ).exclude(boxes=[])
        rows = drawn_there.values_list("boxes", flat=True).iterator(chunk_size=2000)
        return {self.counting(box["label"]) for boxes in rows for box in boxes} - {None}

    def exhaustive(self, said):
        """Return the ids of the classes of which every one is boxed in a picture.

        Where a class took in another after the picture was labelled, both must have been listed:
        else what was not boxed of the other one would count as background.
        """
        given = set(said.exhaustive)
        listed = {self.counting(index) for index in given} - {None}
        return {pk for pk in listed if self._is_whole(pk, given, said.annotated_at)}

    def _is_whole(self, pk, given, at):
        """Say whether all that counts as a class now, and stood for itself then, was listed."""
        of_class = self._members[pk]
        told_apart = [one for one in of_class if one.created_at <= at and not self._was_in(one, at)]
        return all(one.index in given for one in told_apart)

    def _was_in(self, one, at):
        """Say whether a class had been merged by then."""
        return one.merged_into_id is not None and (
            one.pk not in self._merged_at or self._merged_at[one.pk] <= at
        )


def _merged_at(pks):
    """Return {class id: when it was merged last}; the audit chain knows."""
    entries = AuditEntry.objects.filter(
        action="labelclass.merged",
        object_type=LabelClass._meta.label_lower,
        object_id__in=[str(pk) for pk in pks],
    )
    rows = entries.order_by().values_list("object_id").annotate(at=Max("at"))
    return {int(pk): at for pk, at in rows}


def known_classes(previous, sites, used):
    """Return (taxonomy, {label class id: its place}) as ``taxonomy.placed`` does.

    Args:
        previous: the taxonomy of the dataset before; its classes count wherever they are.
        used: ids of the classes that have a box.
    """
    from training.learning.taxonomy import Labelled, placed

    kept = {pk for row in previous for pk in row["label_classes"]}
    elsewhere = LabelClass.objects.filter(pk__in=kept).values_list("site", flat=True)
    wanted = {site.pk for site in sites} | set(elsewhere)
    rows = LabelClass.objects.filter(site__in=wanted).order_by("site", "index")
    found = {one.pk: one for one in rows}
    classes = [
        Labelled(one.pk, one.name, tuple(one.former_names), _standing(one, found))
        for one in found.values()
    ]
    return placed(previous, classes, used)


def _standing(one, found):
    while one.merged_into_id is not None:
        one = found[one.merged_into_id]
    return one.pk
