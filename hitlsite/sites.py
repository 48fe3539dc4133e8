"""Sites and who belongs to them; every change is in the audit."""

from django.db import transaction

from hitlsite import audit
from hitlsite.models import Membership, Site

_TOLD_COLUMNS = ("name", "time_zone")


@transaction.atomic
def save_site(site, *, by=None):
    """Store a site, new or changed, and return it."""
    before = Site.objects.filter(pk=site.pk).values(*_TOLD_COLUMNS).first()
    site.save()
    after = {name: getattr(site, name) for name in _TOLD_COLUMNS}
    changed = {name: after[name] for name in after if before is None or before[name] != after[name]}
    if changed:
        action = "site.changed" if before else "site.added"
        audit.record(action, site, actor=by, site=site, detail=changed)
    return site


@transaction.atomic
def add_membership(site, user, *, by=None):
    """Let a person see a site; return whether that is new."""
    membership, is_new = Membership.objects.get_or_create(site=site, user=user)
    if is_new:
        detail = {"name": user.get_username()}
        audit.record("membership.added", user, actor=by, site=site, detail=detail)
    return is_new


@transaction.atomic
def end_membership(membership, *, by=None):
    """Let a person no longer see a site."""
    user, site = membership.user, membership.site
    membership.delete()
    detail = {"name": user.get_username()}
    audit.record("membership.ended", user, actor=by, site=site, detail=detail)
