"""What keeps the queue quick and its reviewers at home in it."""

from django.conf import settings
from django.db import models

from hitlsite.models import Site, VisibleQuerySet
from review.models.item import TrainingItem


class ItemTally(models.Model):
    """How many items of a site stand where, so that nobody has to count them.

    Gold items are left out: they wait for ever. Every change of an item's status changes it in the
    same transaction, see ``review.services.tallies``.
    """

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="tallies")
    status = models.CharField(max_length=16, choices=TrainingItem.Status.choices)
    count = models.BigIntegerField(default=0)

    objects = VisibleQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["site", "status"], name="item_tally_is_one_per_site_and_status"
            )
        ]

    def __str__(self):
        return f"{self.count} {self.status} at {self.site}"


class SavedFilter(models.Model):
    """A reviewer's own name for a set of filters of the queue."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_filters"
    )
    name = models.CharField(max_length=60)
    query = models.CharField(max_length=500, help_text="the filters as a query string")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["user", "name"], name="saved_filter_name_is_unique")
        ]

    def __str__(self):
        return self.name
