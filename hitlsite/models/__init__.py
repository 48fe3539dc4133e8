"""Foundation models."""

from hitlsite.models.audit import AuditDetail, AuditEntry, AuditHead
from hitlsite.models.job import Job, Leased
from hitlsite.models.site import Membership, Site, VisibleQuerySet

__all__ = [
    "AuditDetail",
    "AuditEntry",
    "AuditHead",
    "Job",
    "Leased",
    "Membership",
    "Site",
    "VisibleQuerySet",
]
