"""The authentication backend: Django's own, with what a person may do found in one statement."""

from django.contrib.auth.backends import ModelBackend

from hitlsite import people


class PeopleBackend(ModelBackend):
    """Every request asks for the permissions and nearly every act for the role, too."""

    def get_all_permissions(self, user_obj, obj=None):
        if not user_obj.is_active or user_obj.is_anonymous or user_obj.is_superuser or obj:
            return super().get_all_permissions(user_obj, obj)
        return people.rights_of(user_obj).permissions
