"""Copies of whole footage that people may watch: small, and without faces."""

from django.db import models
from django.db.models import Q

from detection.models import Footage
from detection.models.footage import OfFootageQuerySet
from hitlsite.models.job import Leased


class ViewingCopy(Leased):
    """The redacted copy of one video; nobody is shown a frame before it is made and verified.

    ``regions_found`` counts faces by frame, ``rounds`` how often it was redacted until a second
    look found none.
    """

    footage = models.OneToOneField(Footage, on_delete=models.CASCADE, related_name="viewing_copy")
    path = models.CharField(max_length=300, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    byte_count = models.PositiveBigIntegerField(default=0)
    source_sha256 = models.CharField(max_length=64, blank=True)
    regions_found = models.PositiveIntegerField(default=0)
    rounds = models.PositiveSmallIntegerField(default=0)
    progress_done = models.PositiveIntegerField(default=0)
    progress_total = models.PositiveIntegerField(default=0)

    objects = OfFootageQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "viewing copies"
        constraints = [
            models.CheckConstraint(
                condition=~Q(state="done") | ~Q(path=""), name="viewing_copy_done_has_a_file"
            )
        ]

    def __str__(self):
        return f"viewing copy of {self.footage}"
