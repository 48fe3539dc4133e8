"""How a page reaches the browser that asked for it, the same from every app."""

from functools import wraps

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.shortcuts import redirect, render


def permitted(*permissions):
    """Let people in who hold all of ``permissions``; send strangers to the login page."""

    def decorate(view):
        @wraps(view)
        def checked(request, *args, **kwargs):
            if not request.user.has_perms(permissions):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return login_required(checked)

    return decorate


def page(request, template, context=None, status=200):
    """Render a page; tell htmx its address, which after a redirect is not the one it asked for."""
    response = render(request, template, context, status=status)
    response["Cache-Control"] = "private, no-store"
    if request.htmx:
        response["HX-Push-Url"] = request.get_full_path()
    return response


def see_other(to, *args, **kwargs):
    """Redirect after a POST."""
    response = redirect(to, *args, **kwargs)
    response.status_code = 303
    return response
