"""One JSON envelope for everything that goes wrong: {"error": {"code", "message", "fields"}}."""

from django.core.exceptions import PermissionDenied
from django.http import Http404, JsonResponse
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler as framework_handler
from rest_framework.views import set_rollback

from hitlsite.errors import DomainError

_CODES = {
    400: "malformed",
    401: "not_authenticated",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    413: "too_large",
    415: "wrong_type",
    422: "invalid",
    429: "too_many_requests",
}


def exception_handler(error, context):
    """Turn any exception of an API view into the envelope; None leaves it to Django (500)."""
    if isinstance(error, DomainError):
        set_rollback()
        return Response(error.as_dict(), status=error.status)
    if isinstance(error, exceptions.ValidationError):
        set_rollback()
        fields = _fields(error.detail)
        return Response(_envelope(422, _first_message(fields), fields), status=422)
    if isinstance(error, Http404 | PermissionDenied):
        error = (
            exceptions.NotFound() if isinstance(error, Http404) else exceptions.PermissionDenied()
        )
    response = framework_handler(error, context)
    if response is None:
        return None
    message = str(getattr(error, "detail", error))
    response.data = _envelope(response.status_code, message)
    return response


def _envelope(status, message, fields=None):
    code = _CODES.get(status, "error")
    return {"error": {"code": code, "message": message, "fields": fields or {}}}


def _fields(detail, prefix=""):
    """Flatten nested messages into {"boxes.0.label": "..."}."""
    if isinstance(detail, dict):
        pairs = detail.items()
    elif isinstance(detail, list) and any(isinstance(part, dict | list) for part in detail):
        pairs = enumerate(detail)
    else:
        parts = detail if isinstance(detail, list) else [detail]
        return {prefix or "non_field_errors": " ".join(str(part) for part in parts)}
    flat = {}
    for key, value in pairs:
        flat.update(_fields(value, f"{prefix}.{key}" if prefix else str(key)))
    return flat


def _first_message(fields):
    for name, message in fields.items():
        return message if name == "non_field_errors" else f"{name}: {message}"
    return "Invalid."


def _json(status, message):
    return JsonResponse(_envelope(status, message), status=status)


def not_found(request, exception=None):
    """Django's handler404 for paths under /api/."""
    return _json(404, "Not found.")


def server_error(request):
    """Django's handler500 for paths under /api/; says nothing about the inside."""
    envelope = {"code": "server_error", "message": "Something went wrong here.", "fields": {}}
    return JsonResponse({"error": envelope}, status=500)
