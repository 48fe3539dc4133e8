"""What somebody may do is what Django's own backend says, found in one statement."""

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import AnonymousUser, Group, Permission
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from hitlsite import people
from hitlsite.backends import PeopleBackend

ROLES = (*people.STAFF_ROLES, people.DEVICE)
GRANTED_ALONE = ("view_mark", "add_exportrun", "delete_user")


def fresh(user):
    return get_user_model().objects.get(pk=user.pk)


class TestSameRights(TestCase):
    @settings(deadline=None, max_examples=25)
    @given(
        roles=st.sets(st.sampled_from(ROLES)),
        alone=st.sets(st.sampled_from(GRANTED_ALONE)),
        is_active=st.booleans(),
        is_superuser=st.booleans(),
    )
    def test_the_same_permissions_as_by_django(self, roles, alone, is_active, is_superuser):
        user = get_user_model().objects.create_user(
            "someone", is_active=is_active, is_superuser=is_superuser
        )
        user.groups.set(Group.objects.filter(name__in=roles))
        user.user_permissions.set(Permission.objects.filter(codename__in=alone))
        found = PeopleBackend().get_all_permissions(fresh(user))
        assert found == ModelBackend().get_all_permissions(fresh(user))
        assert PeopleBackend().get_all_permissions(fresh(user), obj=user) == set()
        user.delete()


@pytest.mark.django_db
def test_one_statement_tells_role_and_permissions(django_assert_num_queries):
    user = get_user_model().objects.create_user("someone")
    user.groups.set(Group.objects.filter(name__in=["device", "reviewer"]))
    user = fresh(user)
    with django_assert_num_queries(1):
        assert people.role_of(user) == "reviewer"
        assert user.has_perm("review.decide_trainingitem")
        assert user.has_perm("detection.add_footage")
        assert not user.has_perm("review.resolve_trainingitem")


def test_a_stranger_may_nothing():
    assert PeopleBackend().get_all_permissions(AnonymousUser()) == set()
