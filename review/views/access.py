"""Who may open the review pages, and how an answer reaches the page that asked."""

from functools import wraps

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.shortcuts import redirect, render


def reviewers_only(view):
    """Let people in who may see training items; send strangers to the login page."""

    @wraps(view)
    def checked(request, *args, **kwargs):
        if not request.user.has_perm("review.view_trainingitem"):
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return login_required(checked)


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
