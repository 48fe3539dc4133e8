"""Roles are groups made by a migration, and visibility follows memberships."""

import importlib

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission

from hitlsite import audit, people
from hitlsite.models import AuditEntry, Site

pytestmark = pytest.mark.django_db


@pytest.fixture
def site():
    return Site.objects.create(name="Harbour")


@pytest.mark.parametrize(
    ("role", "may", "may_not"),
    [
        ("reviewer", "review.decide_trainingitem", "review.resolve_trainingitem"),
        ("supervisor", "review.reopen_trainingitem", "training.add_exportrun"),
        ("admin", "training.add_exportrun", "auth.add_user"),
        ("device", "detection.add_footage", "review.view_trainingitem"),
    ],
)
def test_each_role_may_what_it_is_for(site, role, may, may_not):
    user, _ = people.add_member(site, "someone", role, "a long password")
    assert user.has_perm(may)
    assert not user.has_perm(may_not)
    assert people.role_of(user) == role
    assert user.is_staff is (role != "device")


@pytest.mark.parametrize(
    ("role", "may"),
    [("reviewer", False), ("supervisor", True), ("admin", True), ("device", False)],
)
def test_fixtures_are_for_supervisors(site, role, may):
    user, _ = people.add_member(site, "someone", role, "a long password")
    assert user.has_perm("detection.view_fixture") is may
    assert user.has_perm("detection.delete_fixture") is may
    assert user.has_perm("detection.view_snapshot") is (role != "device")


def test_more_rights_do_not_bring_back_what_a_site_took(db):
    migration = importlib.import_module("training.migrations.0009_task_permissions")
    reviewers = Group.objects.get(name="reviewer")
    taken = Permission.objects.get(codename="view_unredacted")
    given = Permission.objects.get(codename="view_job")
    reviewers.permissions.remove(taken)
    reviewers.permissions.add(given)
    people.grant_groups(apps, migration.ADDED, keep=True)
    assert taken not in reviewers.permissions.all()
    assert given in reviewers.permissions.all()
    people.grant_groups(apps, migration.GROUP_PERMISSIONS)
    assert taken in reviewers.permissions.all()
    assert given not in reviewers.permissions.all()


def test_the_highest_role_counts(site):
    people.add_member(site, "sam", "reviewer", "a long password")
    user, is_new = people.add_member(site, "sam", "supervisor", "ignored")
    assert not is_new
    assert people.role_of(user) == "supervisor"
    assert user.check_password("a long password")


def granted():
    entries = AuditEntry.objects.order_by("sequence").select_related("detail")
    return [(entry.action, entry.detail.content.get("role")) for entry in entries]


def test_whatever_is_granted_is_in_the_audit(site):
    people.add_member(site, "sam", "reviewer", "a long password")
    assert granted() == [
        ("person.added", None),
        ("role.granted", "reviewer"),
        ("membership.added", None),
    ]
    people.add_member(site, "sam", "reviewer", "ignored")
    assert len(granted()) == 3
    people.add_member(site, "sam", "supervisor", "ignored")
    people.add_member(Site.objects.create(name="Elsewhere"), "sam", "reviewer", "ignored")
    assert granted()[3:] == [("role.granted", "supervisor"), ("membership.added", None)]
    assert audit.verify().is_whole


def test_somebody_without_a_group_has_no_role(db):
    assert people.role_of(get_user_model().objects.create_user("nobody")) == ""
    assert Group.objects.count() == 4


def test_people_see_their_sites_and_superusers_all(site):
    other = Site.objects.create(name="Elsewhere")
    user, _ = people.add_member(site, "riley", "reviewer", "a long password")
    root = get_user_model().objects.create_superuser("root", password="x")
    assert list(Site.objects.visible_to(user)) == [site]
    assert set(Site.objects.visible_to(root)) == {site, other}
    user.is_active = False
    assert not Site.objects.visible_to(user).exists()
