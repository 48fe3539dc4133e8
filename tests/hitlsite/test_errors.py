"""One envelope for everything that goes wrong."""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.template.loader import render_to_string
from rest_framework import exceptions

from hitlsite.api_errors import exception_handler
from hitlsite.errors import Conflict, DomainError, Forbidden, NotFound


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (DomainError("zone_invalid", "Zone a is crossed.", fields={"a": "b"}), 422, "zone_invalid"),
        (NotFound(), 404, "not_found"),
        (Forbidden("No."), 403, "forbidden"),
        (Conflict("Taken."), 409, "conflict"),
        (exceptions.ParseError(), 400, "malformed"),
        (exceptions.NotAuthenticated(), 401, "not_authenticated"),
        (exceptions.UnsupportedMediaType("x/y"), 415, "wrong_type"),
        (exceptions.Throttled(), 429, "too_many_requests"),
        (exceptions.ValidationError({"boxes": [{}, {"label": ["unknown"]}]}), 422, "invalid"),
    ],
)
@pytest.mark.django_db
def test_the_envelope_has_one_shape(error, status, code):
    class View:
        def get_authenticate_header(self, request):
            return "Token"

    if isinstance(error, exceptions.NotAuthenticated):
        error.auth_header = "Token"
    response = exception_handler(error, {"view": View(), "request": None})
    assert response.status_code == status
    assert set(response.data) == {"error"}
    assert set(response.data["error"]) == {"code", "message", "fields"}
    assert response.data["error"]["code"] == code


@pytest.mark.django_db
def test_nested_messages_are_named_by_their_path():
    error = exceptions.ValidationError({"boxes": [{}, {"label": ["unknown"]}]})
    response = exception_handler(error, {})
    assert response.data["error"]["fields"] == {"boxes.1.label": "unknown"}


@pytest.mark.parametrize("template", ["error.html", "error_fragment.html"])
@pytest.mark.django_db
def test_a_field_may_have_any_name(template, rf):
    fields = {"items": "Choose fewer <b>items</b>.", "keys": "None of these."}
    error = DomainError("invalid", "This cannot be done.", fields=fields)
    assert error.messages == list(fields.items())
    request = rf.get("/")
    request.user = AnonymousUser()
    shown = render_to_string(template, {"error": error}, request)
    assert "Choose fewer &lt;b&gt;items&lt;/b&gt;." in shown
    assert "keys" in shown and "None of these." in shown


def test_what_nobody_foresaw_is_left_to_the_server():
    assert exception_handler(RuntimeError("x"), {}) is None
