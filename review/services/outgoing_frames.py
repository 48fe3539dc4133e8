"""Make a frame fit to be sent to somebody else: small, private zones black, no face in it.

It goes through the same search, redaction and second look as evidence does before it leaves. What
cannot be looked at, and what still shows a face after all, is not sent.
"""

from hitlsite import storage
from hitlsite.errors import DomainError

MOST_PIXELS_A_SIDE = 640
# A blur would spread what lies beside a private zone into it, and a stranger needs no picture that
# is pleasant to look at.
METHOD = "mask"


class FrameRedactor:
    """Hides faces in frames of one session; its detectors are loaded with the first frame."""

    def __init__(self):
        self._scanner = None

    def jpeg(self, image, private_polygons):
        """Return a frame as a JPEG of 640 pixels at most a side, in which no face was found.

        Args:
            image: (H, W, 3) uint8 BGR; it is left as it is.
            private_polygons: normalised; black in what is returned.

        Raises:
            DomainError: frame_not_private, saying why.
        """
        from detection.vision.recording import private_mask

        height, width = image.shape[:2]
        if private_polygons:
            image = image.copy()
            image[private_mask(width, height, private_polygons)] = 0
        whole = storage.scratch_path(".png")
        small, hidden = storage.scratch_path(".png"), storage.scratch_path(".jpg")
        try:
            return self._redacted(image, whole, small, hidden)
        except DomainError as error:
            sentence = f"The picture was not sent: {error.message}"
            raise DomainError("frame_not_private", sentence) from error
        finally:
            for path in (whole, small, hidden):
                path.unlink(missing_ok=True)

    def _redacted(self, image, whole, small, hidden):
        """Look for faces in the whole frame, where they are largest; hide them in the small one."""
        from review.privacy import verify
        from review.services import scanning

        if self._scanner is None:
            self._scanner = scanning.face_scanner()
        _write(whole, image)
        scan = self._scanner.scan_image(whole)
        if scan.result == "failed":
            raise DomainError("scan_failed", scan.error)
        _write(small, _reduced(image))
        report = verify.redact_and_verify_image(small, hidden, scan, METHOD, self._scanner)
        if not report.verified:
            raise DomainError("not_verified", report.error or "a face is still seen in it.")
        return hidden.read_bytes()


def _reduced(image):
    import cv2

    height, width = image.shape[:2]
    scale = MOST_PIXELS_A_SIDE / max(height, width)
    if scale >= 1:
        return image
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def _write(path, image):
    import cv2

    encoded = cv2.imencode(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1]
    path.write_bytes(encoded.tobytes())
