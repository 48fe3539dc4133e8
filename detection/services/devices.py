"""Devices: phones and boxes that upload for one camera, each with a user and tokens of its own.

A token is known in clear only to whoever made it, at that moment; what is stored is its digest.
"""

import uuid

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import IntegrityError, transaction
from django.utils import timezone
from knox.models import get_token_model

from detection.models import Device
from hitlsite import audit, people
from hitlsite.errors import Conflict, DomainError, Forbidden, NotFound
from hitlsite.models import Membership

MOST_NAME_CHARACTERS = 100


def add_device(camera, name, *, by=None):
    """Make a device with its user and a first token; return (device, token).

    Args:
        by: who asks; None is somebody at the machine's own command line.

    Raises:
        DomainError: the name is empty, too long or taken; or ``by`` may not do this.
    """
    _require(by, "detection.add_device", camera)
    name = _checked_name(name)
    if Device.objects.filter(camera=camera, name=name).exists():
        raise _name_taken(camera, name)
    try:
        with transaction.atomic():
            device = Device.objects.create(camera=camera, name=name, user=_make_user(camera))
            audit.record(
                "device.added",
                device,
                actor=by,
                site=camera.site,
                detail={"name": name, "camera": camera.name},
            )
            return device, _make_token(device, by)
    except IntegrityError:
        raise _name_taken(camera, name) from None


def add_token(device, *, by=None):
    """Make another token for a device and return it; the ones before stay valid."""
    _require(by, "detection.change_device", device.camera)
    with transaction.atomic():
        device = Device.objects.select_for_update(no_key=True).get(pk=device.pk)
        if device.revoked_at:
            raise Conflict(f"Device {device.name} is revoked.", code="device_revoked")
        return _make_token(device, by)


def revoke(device, *, by=None, at=None):
    """Take every token of a device away for good; a second call changes nothing."""
    _require(by, "detection.change_device", device.camera)
    with transaction.atomic():
        row = Device.objects.select_for_update(no_key=True).get(pk=device.pk)
        if row.revoked_at is None:
            row.revoked_at = at or timezone.now()
            row.save(update_fields=["revoked_at"])
            get_user_model().objects.filter(pk=row.user_id).update(is_active=False)
            get_token_model().objects.filter(user=row.user_id).delete()
            site = row.camera.site
            audit.record("device.revoked", row, actor=by, site=site, detail={"name": row.name})
    device.refresh_from_db()
    return device


def find_device(camera, name):
    """Return the camera's device of this name, or raise NotFound."""
    device = Device.objects.filter(camera=camera, name=name).first()
    if device is None:
        raise NotFound(f"Camera {camera} has no device named {name[:100]}.", code="device_unknown")
    return device


def _require(by, permission, camera):
    if by is None:
        return
    if not type(camera).objects.visible_to(by).filter(pk=camera.pk).exists():
        raise NotFound(f"There is no camera {camera.pk}.")
    if not by.has_perm(permission):
        raise Forbidden("Only an admin may add or revoke devices.")


def _checked_name(name):
    name = name.strip()
    if not name or len(name) > MOST_NAME_CHARACTERS or not name.isprintable():
        message = f"A device needs a name of 1 to {MOST_NAME_CHARACTERS} printable characters."
        raise DomainError("device_name_invalid", message, fields={"name": message})
    return name


def _name_taken(camera, name):
    message = f"Camera {camera} already has a device named {name}."
    return Conflict(message, code="device_name_taken", fields={"name": message})


def _make_user(camera):
    user = get_user_model()(username=f"device-{uuid.uuid4().hex[:20]}")
    user.set_unusable_password()
    user.save()
    user.groups.add(Group.objects.get(name=people.DEVICE))
    Membership.objects.create(site=camera.site, user=user)
    return user


def _make_token(device, by):
    row, token = get_token_model().objects.create(user=device.user)
    audit.record(
        "device.token_added",
        device,
        actor=by,
        site=device.camera.site,
        detail={"name": device.name, "token_key": row.token_key},
    )
    return token
