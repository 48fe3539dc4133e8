"""Sites own cameras; memberships tie people to sites; everything visible goes through here."""

import zoneinfo

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models


class VisibleQuerySet(models.QuerySet):
    """A queryset that knows which rows a person may see.

    ``site_path`` is the lookup from the row to its site; a class whose rows hang elsewhere sets
    its own.
    """

    site_path = "site"

    def visible_to(self, user):
        """Return the rows of the sites that ``user`` belongs to; superusers see every site."""
        if not user.is_active:
            return self.none()
        if user.is_superuser:
            return self
        memberships = Membership.objects.filter(user=user)
        return self.filter(**{f"{self.site_path}__in": memberships.values("site")})


class SiteQuerySet(VisibleQuerySet):
    site_path = "pk"


def validate_time_zone(name):
    if name not in zoneinfo.available_timezones():
        raise ValidationError(f"{name} is not a time zone of the IANA database.")


class Site(models.Model):
    """A place with cameras, and the border that nobody without a membership sees across."""

    name = models.CharField(max_length=100, unique=True)
    time_zone = models.CharField(max_length=64, default="UTC", validators=[validate_time_zone])
    created_at = models.DateTimeField(auto_now_add=True)

    objects = SiteQuerySet.as_manager()

    class Meta:
        ordering = ["name"]

    def __str__(self):
        return self.name


class Membership(models.Model):
    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships"
    )

    objects = VisibleQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["site", "user"], name="membership_is_one_per_person_and_site"
            )
        ]

    def __str__(self):
        return f"{self.user} at {self.site}"
