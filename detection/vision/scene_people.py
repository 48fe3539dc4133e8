"""People for the demo scene, cut out of a photograph that ultralytics ships.

A detector must recognise them, so they are photographed people and not drawings. The package is
found on disk without being imported: importing it would load torch for the sake of a picture.
"""

import importlib.util
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from hitlsite.errors import DomainError

PHOTO = "assets/bus.jpg"
# Rough outlines in the photograph's pixels (810 x 1080), refined by GrabCut.
PALE_COAT = (
    "103,427 103,419 108,407 120,400 138,398 151,404 158,411 156,423 159,430 153,443 151,458 "
    "147,469 157,476 171,490 176,496 174,499 181,506 184,517 182,521 186,535 196,546 201,560 "
    "200,584 192,593 179,601 183,615 188,635 192,658 194,689 190,692 183,689 179,693 180,705 "
    "181,717 186,744 188,776 192,811 202,848 204,854 212,860 222,870 233,874 245,878 243,885 "
    "224,891 192,898 177,898 177,870 178,860 173,846 167,819 159,791 153,760 145,744 138,721 "
    "126,703 120,707 118,725 112,748 106,768 98,780 92,807 87,838 86,849 87,856 94,870 104,881 "
    "107,889 106,896 100,900 87,898 71,893 55,883 53,877 56,864 58,854 59,848 61,832 70,812 "
    "78,796 82,784 82,770 79,757 77,742 77,725 73,699 61,695 58,689 60,670 63,646 65,611 64,592 "
    "59,568 60,552 64,541 62,529 61,513 62,501 71,488 87,478 96,466 98,451 104,447 101,439"
)
DARK_COAT = (
    "264,427 265,417 273,409 284,406 296,408 303,417 305,431 309,439 309,445 306,451 305,464 "
    "301,472 304,478 318,483 329,488 335,501 339,517 342,533 341,545 336,556 331,565 322,568 "
    "326,592 331,623 333,654 338,689 333,693 338,705 339,721 331,736 318,746 306,760 294,774 "
    "287,780 290,795 298,805 300,813 294,818 286,815 282,808 282,821 286,832 290,846 293,854 "
    "286,859 271,856 257,850 256,844 259,830 258,819 255,815 253,795 249,776 245,752 243,725 "
    "245,703 228,702 225,699 227,678 228,662 232,642 235,615 239,593 235,580 236,564 237,545 "
    "237,531 237,517 245,509 249,499 257,490 271,478 277,468 274,466 270,452 266,441 265,436"
)
COAT_ROWS = (0.11, 0.62)
GREEN_CLOTH_BGR = (0.47, 0.53, 0.40)
UNSURE_PX = 9


@dataclass(frozen=True, slots=True)
class Cutout:
    """A person without a background, facing right.

    Attributes:
        image: (H, W, 3) uint8 BGR.
        alpha: (H, W) float32 in 0..1; the person touches all four edges.
    """

    image: np.ndarray
    alpha: np.ndarray

    def mirrored(self):
        return Cutout(self.image[:, ::-1], self.alpha[:, ::-1])

    def scaled(self, height):
        """Return the person at ``height`` pixels, never wider or blurrier than needed."""
        size = (max(1, round(self.image.shape[1] * height / self.image.shape[0])), height)
        image = cv2.resize(self.image, size, interpolation=cv2.INTER_AREA)
        return Cutout(image, cv2.resize(self.alpha, size, interpolation=cv2.INTER_AREA))


def cut_out_people():
    """Return three persons: a dark coat, a pale coat, and the pale one dyed green."""
    photo = _photo()
    dark, pale = (_cut_out(photo, outline) for outline in (DARK_COAT, PALE_COAT))
    return dark, pale, _in_green(pale)


def _photo():
    package = importlib.util.find_spec("ultralytics")
    path = Path(package.origin).parent / PHOTO if package else Path(PHOTO)
    photo = cv2.imread(str(path)) if path.is_file() else None
    if photo is None:
        raise DomainError(
            "scene_photo_missing",
            f"The demo scene needs the photograph {PHOTO} of the installed ultralytics package.",
        )
    return photo


def _cut_out(photo, outline):
    points = np.array([pair.split(",") for pair in outline.split()], np.int32)
    low, high = points.min(0) - UNSURE_PX, points.max(0) + UNSURE_PX
    crop = photo[low[1] : high[1], low[0] : high[0]]
    inside = np.zeros(crop.shape[:2], np.uint8)
    cv2.fillPoly(inside, [points - low], 1)
    mask = _refined(crop, inside)
    # Half a pixel narrower than the person, so that no rim of the street comes along.
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 1.3)
    alpha = np.clip((soft - 0.45) / 0.5, 0, 1)
    rows, columns = np.where(alpha.max(1) > 0.5)[0], np.where(alpha.max(0) > 0.5)[0]
    box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return Cutout(crop[box].copy(), alpha[box].copy())


def _refined(crop, inside):
    """Move the outline's edge to the person's edge, at most a few pixels."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (UNSURE_PX, UNSURE_PX))
    labels = np.where(inside, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    labels[cv2.dilate(inside, kernel) == 0] = cv2.GC_BGD
    labels[cv2.erode(inside, kernel) == 1] = cv2.GC_FGD
    cv2.setRNGSeed(0)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(crop, labels, None, *models, 3, cv2.GC_INIT_WITH_MASK)
    return (labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)


def _in_green(person):
    """Dye the coat, which is the pale, hardly coloured part between chin and knees."""
    height = person.image.shape[0]
    saturation, value = cv2.split(cv2.cvtColor(person.image, cv2.COLOR_BGR2HSV))[1:]
    coat = ((saturation < 110) & (value > 60)).astype(np.float32)
    top, bottom = (round(height * share) for share in COAT_ROWS)
    coat[:top] = coat[bottom:] = 0
    amount = cv2.GaussianBlur(coat, (0, 0), 1.5)[..., None]
    dyed = person.image * np.array(GREEN_CLOTH_BGR)
    image = person.image * (1 - amount) + dyed * amount
    return Cutout(image.astype(np.uint8), person.alpha)
