"""Devices: a user and tokens of their own, shown once, gone once revoked."""

import pytest
from django.contrib.auth import get_user_model
from knox.models import get_token_model

from detection.models import Device
from detection.services import devices
from hitlsite import audit, people
from hitlsite.errors import Conflict, DomainError, Forbidden, NotFound
from hitlsite.models import AuditDetail, AuditEntry
from tests import factories

pytestmark = pytest.mark.django_db


def test_a_device_has_a_user_that_can_do_nothing_else(camera, admin_user):
    device, token = devices.add_device(camera, " phone ", by=admin_user)
    assert (device.name, device.camera) == ("phone", camera)
    assert people.role_of(device.user) == people.DEVICE
    assert not device.user.has_usable_password()
    assert not device.user.is_staff
    assert [one.site for one in device.user.memberships.all()] == [camera.site]
    assert AuditEntry.objects.get(action="device.added").actor == admin_user
    assert audit.verify().is_whole


def test_the_token_is_nowhere_in_clear(camera):
    _, token = devices.add_device(camera, "phone")
    row = get_token_model().objects.get()
    assert row.expiry is None
    assert token not in (row.digest, row.token_key)
    told = str([detail.content for detail in AuditDetail.objects.all()])
    assert token not in told
    assert row.token_key in told


def test_a_second_token_leaves_the_first(camera):
    device, token = devices.add_device(camera, "phone")
    assert devices.add_token(device) != token
    assert device.user.auth_token_set.count() == 2


def test_revoking_takes_everything_once(camera, admin_user):
    device, _ = devices.add_device(camera, "phone")
    devices.add_token(device)
    devices.revoke(device, by=admin_user)
    first = device.revoked_at
    devices.revoke(device, by=admin_user)
    assert device.revoked_at == first
    assert not get_user_model().objects.get(pk=device.user_id).is_active
    assert get_token_model().objects.count() == 0
    assert AuditEntry.objects.filter(action="device.revoked").count() == 1
    with pytest.raises(Conflict, match="revoked"):
        devices.add_token(device)


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "two\nlines", "a\x00b"])
def test_a_name_that_is_none_makes_nothing(camera, name):
    with pytest.raises(DomainError) as refusal:
        devices.add_device(camera, name)
    assert refusal.value.code == "device_name_invalid"
    assert (Device.objects.count(), get_user_model().objects.count()) == (0, 0)


def test_a_name_is_taken_within_its_camera_only(camera):
    devices.add_device(camera, "phone")
    with pytest.raises(Conflict, match="phone"):
        devices.add_device(camera, "phone")
    assert get_user_model().objects.count() == 1
    devices.add_device(factories.camera(camera.site, "Yard"), "phone")


@pytest.mark.parametrize(
    ("person", "refusal"),
    [("reviewer", Forbidden), ("supervisor", Forbidden), ("outsider", NotFound)],
)
def test_who_may_not(request, camera, person, refusal):
    device, _ = devices.add_device(camera, "phone")
    by = request.getfixturevalue(person)
    for act in (
        lambda: devices.add_device(camera, "other", by=by),
        lambda: devices.add_token(device, by=by),
        lambda: devices.revoke(device, by=by),
    ):
        with pytest.raises(refusal):
            act()
    assert Device.objects.get().revoked_at is None
