"""The label classes of a site as an export needs them: names to indices that stay for ever."""

from review.selectors import annotations
from review.services import label_classes


class SiteClasses:
    """Knows the classes of one site, and adds those that a detector names first."""

    def __init__(self, site):
        self._site = site
        self._read(label_classes.ensure(site))

    def _read(self, classes):
        self._classes = classes
        self._standing = annotations.standing_classes(classes)
        self._by_name = annotations.indices_by_name(classes)
        self._known = {}

    def index_of(self, name):
        """Return the index of a class by its name; a new class gets the next one.

        Raises:
            DomainError: it can be the name of no class.
        """
        found = self._by_name.get(name.casefold())
        if found is None:
            label_classes.add(self._site, name)
            self._read(annotations.label_classes(self._site))
            found = self._by_name[name.strip().casefold()]
        return found

    def named(self, name):
        """Return what a class that somebody calls ``name`` is called now, merges followed."""
        known = self._known.get(name)
        if known is None:
            index = self.index_of(name)
            known = self._known[name] = self._standing[index].name
        return known

    def name_of(self, index):
        """Return the name of the class that counts for an index, None for an unknown one."""
        standing = self._standing.get(index)
        return standing and standing.name

    def names(self):
        """Return the name of every class by its index; one that was merged says so."""
        return {
            one.index: one.name if one.merged_into_id is None else f"{one.name} (merged)"
            for one in self._classes
        }
