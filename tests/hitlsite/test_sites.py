"""Sites, memberships and rights: changed in the admin or by a command, always in the audit."""

import pytest
from django.contrib.auth.models import Group
from django.urls import reverse

from detection.services import cameras
from hitlsite import audit, sites
from hitlsite.models import AuditEntry, Membership, Site

pytestmark = pytest.mark.django_db


def told():
    entries = AuditEntry.objects.order_by("sequence").select_related("detail", "actor")
    return [(entry.action, str(entry.actor), entry.detail.content) for entry in entries]


def fields(site, *, inlines=(), **columns):
    """Return what the form of a site sends; ``inlines`` are its membership rows."""
    sent = {"name": "Harbour", "time_zone": "UTC", **columns}
    kept = site.memberships.count() if site else 0
    sent |= {"memberships-TOTAL_FORMS": max(len(inlines), kept), "memberships-INITIAL_FORMS": kept}
    for number, row in enumerate(inlines):
        sent |= {f"memberships-{number}-{name}": value for name, value in row.items()}
    return sent


@pytest.fixture
def root(client, superuser):
    client.force_login(superuser)
    return client


def test_a_site_added_and_changed_in_the_admin(root):
    assert root.post(reverse("admin:hitlsite_site_add"), fields(None)).status_code == 302
    site = Site.objects.get()
    address = reverse("admin:hitlsite_site_change", args=[site.pk])
    root.post(address, fields(site, time_zone="Europe/Oslo"))
    root.post(address, fields(site, time_zone="Europe/Oslo"))
    assert told() == [
        ("site.added", "root", {"name": "Harbour", "time_zone": "UTC"}),
        ("site.changed", "root", {"time_zone": "Europe/Oslo"}),
    ]


def test_people_let_in_and_out_in_the_admin(root, site, outsider):
    address = reverse("admin:hitlsite_site_change", args=[site.pk])
    root.post(address, fields(site, inlines=[{"user": outsider.pk}]))
    membership = Membership.objects.get(site=site, user=outsider)
    row = {"id": membership.pk, "site": site.pk, "user": outsider.pk, "DELETE": "on"}
    root.post(address, fields(site, inlines=[row]))
    assert not Membership.objects.filter(site=site).exists()
    assert told() == [
        ("membership.added", "root", {"name": "outsider"}),
        ("membership.ended", "root", {"name": "outsider"}),
    ]
    assert audit.verify().is_whole


def test_a_role_given_in_the_form_of_a_person(root, reviewer):
    role = Group.objects.get(name="supervisor")
    sent = {"username": "reviewer", "is_active": "on", "is_superuser": "on", "groups": [role.pk]}
    sent |= {"date_joined_0": "2026-01-01", "date_joined_1": "09:00:00"}
    address = reverse("admin:auth_user_change", args=[reviewer.pk])
    assert root.post(address, sent).status_code == 302
    rights = {"groups": ["supervisor"], "is_superuser": True, "is_staff": False}
    assert told() == [("person.rights_changed", "root", {"name": "reviewer", **rights})]


def test_a_person_added_in_the_admin(root):
    password = "correct horse battery staple"
    sent = {"username": "sam", "password1": password, "password2": password}
    root.post(reverse("admin:auth_user_add"), {**sent, "usable_password": "true"})
    assert told() == [("person.added", "root", {"name": "sam"})]


def test_the_site_made_for_the_first_camera(db):
    site = cameras.find_site()
    assert cameras.find_site() == site
    assert told() == [("site.added", "None", {"name": "Main", "time_zone": "UTC"})]


def test_who_belongs_already_is_not_added_again(site, reviewer):
    assert sites.add_membership(site, reviewer) is False
    assert told() == []
