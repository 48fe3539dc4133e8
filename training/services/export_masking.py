"""The variant without people: every picture is masked as it leaves, and looked at once more."""

import hashlib
import json

from detection.services import inference
from hitlsite import storage
from hitlsite.errors import DomainError


class PeopleMasker:
    """Hides people in pictures; a person detector helps where the machine has one."""

    def __init__(self):
        self._detector = inference.person_detector()

    def mask(self, picture, content, boxes, scanner, needed=()):
        """Return (picture, content) without people, the same where there is nobody.

        Args:
            boxes: where people are known to be.
            scanner: looks for faces in what was written.
            needed: the detectors that looked at the picture first; none of them may be missing.

        Raises:
            DomainError: not_masked, source_unreadable.
        """
        source, copy = storage.scratch_path(".jpg"), storage.scratch_path(".jpg")
        try:
            source.write_bytes(content)
            masks = self._masks(source, copy, picture, boxes)
            if masks:
                _require_clear(copy, picture, masks, scanner, needed)
                content = copy.read_bytes()
        finally:
            source.unlink(missing_ok=True)
            copy.unlink(missing_ok=True)
        if not masks:
            return picture._replace(people=0, source_sha256=picture.sha256), content
        return _renamed(picture, content, masks), content

    def _masks(self, source, copy, picture, boxes):
        """Write the masked copy and return what it covers."""
        from review.privacy.regions import padded
        from training.exporting.masking import mask_people

        # A head that was hidden is somebody's, whether or not a box was drawn around the body.
        # What hid it is masked whole: of a blur cut in half nobody can tell that it is one.
        heads = [padded(region) for region in _regions(picture.regions)]
        return mask_people(source, copy, [*boxes, *heads], self._detector)


def _require_clear(copy, picture, masks, scanner, needed):
    """Look for faces in a masked copy, as a proof of the export will look for them."""
    from review.privacy.verify import check_image
    from training.exporting.hidden import shown_beside

    redacted = _regions(picture.regions)
    look = check_image(copy, [*redacted, *masks], scanner, needed=needed)
    if look.result != "clear":
        message = look.error or "A face can still be seen after people were masked."
        raise DomainError("not_masked", message)
    if shown_beside(copy, redacted, picture.method, masks):
        raise DomainError("not_masked", "A redaction can no longer be told in what was masked.")


def _regions(text):
    from review.privacy.regions import Region

    return [Region.from_dict(values) for values in json.loads(text)]


def _renamed(picture, content, masks):
    """Return the picture as the file of its new content."""
    from training.exporting.records import canonical

    sha256 = hashlib.sha256(content).hexdigest()
    return picture._replace(
        file_name=f"images/{sha256}.jpg",
        sha256=sha256,
        byte_count=len(content),
        people=0,
        masks=canonical([region.as_dict() for region in masks]),
        source_sha256=picture.sha256,
    )
