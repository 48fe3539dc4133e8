"""The four roles, which are Django groups, and who counts as which.

What each group may do is granted by migrations, the first of them in ``training``, the last app
in the order of imports.
"""

from dataclasses import dataclass

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission
from django.db import transaction
from django.db.models import Value

from hitlsite import audit, sites

REVIEWER, SUPERVISOR, ADMIN, DEVICE = "reviewer", "supervisor", "admin", "device"
STAFF_ROLES = (REVIEWER, SUPERVISOR, ADMIN)

_BY_RANK = (ADMIN, SUPERVISOR, REVIEWER, DEVICE)
_FLAGS = ("is_superuser", "is_staff", "is_active")
_GRANTS = ("groups", "user_permissions")


@dataclass(frozen=True, slots=True)
class Rights:
    """The highest role, "" for none, and the permissions by name ("review.view_mark")."""

    role: str
    permissions: frozenset[str]


def rights_of(user):
    """Return the Rights that a user's groups give and what was granted to the user alone.

    They are kept with the object, as Django keeps permissions: who was changed is read anew.
    """
    if not hasattr(user, "_rights"):
        by_group = Group.objects.filter(user=user).values_list(
            "name", "permissions__content_type__app_label", "permissions__codename"
        )
        own = Permission.objects.filter(user=user).order_by()
        own = own.values_list(Value(""), "content_type__app_label", "codename")
        rows = list(by_group.union(own, all=True))
        groups = {group for group, _, _ in rows}
        user._rights = Rights(
            next((role for role in _BY_RANK if role in groups), ""),
            frozenset(f"{app}.{codename}" for _, app, codename in rows if codename),
        )
    return user._rights


def role_of(user):
    """Return the highest role of a user, "admin" for superusers, "" for none."""
    return ADMIN if user.is_superuser else rights_of(user).role


def grant_groups(apps, group_permissions, *, keep=False):
    """Give each group its permissions; for migrations (``apps`` historical).

    Args:
        group_permissions: {role: ("app.codename", ...)}.
        keep: add to what a group holds, so that what somebody took from it or gave it stays so;
            otherwise it holds exactly these.
    """
    group_model = apps.get_model("auth", "Group")
    for role, wanted in group_permissions.items():
        group, _ = group_model.objects.get_or_create(name=role)
        found = [_permission(apps, name) for name in wanted]
        if keep:
            group.permissions.add(*found)
        else:
            group.permissions.set(found)


def _permission(apps, name):
    app_label, codename = name.split(".")
    return apps.get_model("auth", "Permission").objects.get(
        content_type__app_label=app_label, codename=codename
    )


@transaction.atomic
def record_rights(user, changed=(), *, by=None, is_new=False):
    """Enter in the audit what somebody has set by form: a new person, or roles and rights.

    Args:
        changed: names among groups, user_permissions, is_superuser, is_staff, is_active.
    """
    if is_new:
        audit.record("person.added", user, actor=by, detail={"name": user.get_username()})
    told = {name: getattr(user, name) for name in changed if name in _FLAGS}
    told |= {
        name: sorted(str(one) for one in getattr(user, name).all())
        for name in changed
        if name in _GRANTS
    }
    if told:
        detail = {"name": user.get_username(), **told}
        audit.record("person.rights_changed", user, actor=by, detail=detail)


def add_member(site, username, role, password):
    """Make a person with a role at a site; return (user, whether this call made it).

    A person who exists keeps the password and is only added to the role and the site. Whatever
    is granted is in the audit, to new people and to others.
    """
    user_model = get_user_model()
    with transaction.atomic():
        user, is_new = user_model.objects.get_or_create(
            username=username, defaults={"is_staff": role in STAFF_ROLES}
        )
        if is_new:
            user.set_password(password)
            user.save(update_fields=["password"])
            audit.record("person.added", user, site=site, detail={"name": username})
        if not user.groups.filter(name=role).exists():
            user.groups.add(Group.objects.get(name=role))
            detail = {"name": username, "role": role}
            audit.record("role.granted", user, site=site, detail=detail)
        sites.add_membership(site, user)
    return user, is_new
