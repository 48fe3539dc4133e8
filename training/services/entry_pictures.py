"""The pictures of dataset entries as local files, each compared with the hash it was frozen by."""

import shutil
from pathlib import Path

from hitlsite import storage
from hitlsite.errors import DomainError


class EntryPictures:
    """Entries as pictures to train on.

    Args:
        folder: of the run; copies of pictures from a remote storage lie there and go with it.
        place: {class name: index} of the classes that are trained.
        report: as in ``slot_work``.
    """

    def __init__(self, folder, place, report):
        self._folder = Path(folder) / "pictures"
        self._place, self._report = place, report
        self._known = {}

    def labelled(self, entries):
        """Return a LabelledPicture for every entry, one that comes twice twice.

        Raises:
            DomainError: picture_missing, picture_altered.
        """
        found = []
        for number, entry in enumerate(entries):
            self._report.progress(number, len(entries), "fetching pictures")
            if entry.pk not in self._known:
                self._known[entry.pk] = self._labelled(entry)
            found.append(self._known[entry.pk])
        return found

    def _labelled(self, entry):
        from training.learning.detector import LabelledPicture

        place = self._place
        exhaustive = frozenset(place[name] for name in entry.label["exhaustive"] if name in place)
        told = [(place.get(name), tuple(box)) for name, *box in entry.label["boxes"]]
        return LabelledPicture(
            path=self._fetched(entry),
            boxes=tuple((label, box) for label, box in told if label in exhaustive),
            exhaustive=exhaustive,
            name=f"the picture of {entry}",
        )

    def _fetched(self, entry):
        kept = self._folder / f"{entry.sha256}{Path(entry.path).suffix}"
        if kept.exists():
            return kept
        path, is_copy = local_picture(entry)
        if is_copy:
            self._folder.mkdir(parents=True, exist_ok=True)
            shutil.move(path, kept)
            return kept
        return path


def local_picture(entry):
    """Return a local path of an entry's picture, and whether it is a copy to be deleted.

    Raises:
        DomainError: picture_missing, picture_altered.
    """
    try:
        path, is_copy = storage.local_copy(entry.path)
        sha256 = storage.sha256_of(path)
    except (OSError, ValueError) as error:
        raise DomainError(
            "picture_missing", f"The picture of {entry} cannot be read from storage."
        ) from error
    if sha256 != entry.sha256:
        if is_copy:
            path.unlink(missing_ok=True)
        raise DomainError("picture_altered", f"The picture of {entry} is not the one frozen.")
    return path, is_copy


def image_of(entry):
    """Return an entry's picture, BGR (height, width, 3) uint8.

    Raises:
        DomainError: picture_missing, picture_altered, picture_unreadable.
    """
    import cv2

    path, is_copy = local_picture(entry)
    try:
        image = cv2.imread(str(path))
    finally:
        if is_copy:
            path.unlink(missing_ok=True)
    if image is None:
        raise DomainError("picture_unreadable", f"The picture of {entry} cannot be read.")
    return image
