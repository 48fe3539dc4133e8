"""Who did what to which thing, chained so that a missing or altered line shows.

The chain hashes salted digests only. What may name a person (names, notes, before and after)
stands in a side row that erasure can blank without breaking the chain.
"""

from django.conf import settings
from django.db import models

from hitlsite.models.site import Site, VisibleQuerySet


class AuditEntry(models.Model):
    sequence = models.PositiveBigIntegerField()
    site = models.ForeignKey(Site, null=True, blank=True, on_delete=models.PROTECT)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="audit_entries",
    )
    action = models.CharField(max_length=60)
    object_type = models.CharField(max_length=60)
    object_id = models.CharField(max_length=64)
    at = models.DateTimeField()
    detail_sha256 = models.CharField(max_length=64)
    previous_sha256 = models.CharField(max_length=64)
    sha256 = models.CharField(max_length=64)

    objects = VisibleQuerySet.as_manager()

    class Meta:
        ordering = ["-sequence"]
        verbose_name_plural = "audit entries"
        constraints = [
            models.UniqueConstraint(fields=["sequence"], name="audit_entry_sequence_is_unique"),
            # A fork of the chain would need two entries behind one predecessor.
            models.UniqueConstraint(
                fields=["previous_sha256"], name="audit_entry_has_one_successor"
            ),
        ]
        indexes = [
            # The history of one thing, on its page.
            models.Index(fields=["object_type", "object_id"], name="audit_entry_by_object"),
        ]

    def __str__(self):
        return f"{self.sequence} {self.action} {self.object_type} {self.object_id}"


class AuditDetail(models.Model):
    """The part of an entry that erasure may blank; ``content`` is null once it was."""

    entry = models.OneToOneField(AuditEntry, on_delete=models.PROTECT, related_name="detail")
    salt = models.CharField(max_length=32, blank=True)
    content = models.JSONField(null=True, blank=True)
    blanked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self):
        return f"detail of {self.entry_id}"


class AuditHead(models.Model):
    """The one row that writers of the chain lock, so that entries queue up one behind another."""

    sequence = models.PositiveBigIntegerField(default=0)
    sha256 = models.CharField(max_length=64)

    def __str__(self):
        return f"{self.sequence} {self.sha256}"
