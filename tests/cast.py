"""The people of the tests, named for what they may do, and the site that they work at.

``outsider`` reviews another site and must see nothing of this one; ``device_user`` is a phone.
"""

import importlib

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group

from detection.models import Device
from hitlsite import people
from hitlsite.models import Membership
from tests import factories

__all__ = [
    "admin_user",
    "camera",
    "device_user",
    "outsider",
    "reviewer",
    "second_reviewer",
    "site",
    "superuser",
    "supervisor",
]

PASSWORD = "correct horse battery staple"


def person(username, role, *sites, **columns):
    """Make a user of a role who is a member of sites."""
    is_staff = role in people.STAFF_ROLES
    user = get_user_model().objects.create_user(
        username, password=PASSWORD, is_staff=is_staff, **columns
    )
    user.groups.add(_group(role))
    for site in sites:
        Membership.objects.create(site=site, user=user)
    return user


def _group(role):
    """Return a role's group; tests that commit end with an empty database, groups included."""
    if not Group.objects.filter(name=role).exists():
        groups = importlib.import_module("training.migrations.0009_task_permissions")
        people.grant_groups(apps, groups.GROUP_PERMISSIONS)
    return Group.objects.get(name=role)


def blinded(reviewer):
    """Take the right to see unredacted media from reviewers; return the reviewer anew."""
    group = Group.objects.get(name="reviewer")
    group.permissions.remove(*group.permissions.filter(codename="view_unredacted"))
    return type(reviewer).objects.get(pk=reviewer.pk)


@pytest.fixture
def site(db):
    return factories.site("Harbour")


@pytest.fixture
def camera(site):
    return factories.camera(site, "Gate")


@pytest.fixture
def reviewer(site):
    return person("reviewer", people.REVIEWER, site, first_name="Ada", last_name="Byron")


@pytest.fixture
def second_reviewer(site):
    return person("second", people.REVIEWER, site, first_name="Grace", last_name="Hopper")


@pytest.fixture
def supervisor(site):
    return person("supervisor", people.SUPERVISOR, site)


@pytest.fixture
def admin_user(site):
    return person("admin", people.ADMIN, site)


@pytest.fixture
def superuser(db):
    return get_user_model().objects.create_superuser("root", password=PASSWORD)


@pytest.fixture
def outsider(db):
    return person("outsider", people.REVIEWER, factories.site("Elsewhere"))


@pytest.fixture
def device_user(camera):
    """A phone that, by mistake, was even made a member of the site."""
    user = person("phone", people.DEVICE, camera.site)
    Device.objects.create(camera=camera, name="phone", user=user)
    return user
