"""Small pieces between the server and the views."""

import re
import uuid

from django.conf import settings
from django.http import JsonResponse
from django.shortcuts import render
from django.urls import is_valid_path

from hitlsite import logs
from hitlsite.errors import DomainError

_REQUEST_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class RequestIdMiddleware:
    """Give every request an id, kept from the proxy where it sent a sane one."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        given = request.headers.get("X-Request-ID", "")
        request.id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        token = logs.current_id.set(request.id)
        try:
            response = self.get_response(request)
        finally:
            logs.current_id.reset(token)
        response["X-Request-ID"] = request.id
        return response


class OptionalSlashMiddleware:
    """Serve a path with and without its final slash, POST bodies included."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        path = request.path_info
        other = path[:-1] if path.endswith("/") else f"{path}/"
        if len(path) > 1 and not is_valid_path(path) and is_valid_path(other):
            request.path_info = other
        return self.get_response(request)


class DomainErrorMiddleware:
    """Answer a refusal with its sentence: as JSON under /api/, as a page elsewhere."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)

    def process_exception(self, request, exception):
        if not isinstance(exception, DomainError):
            return None
        if request.path_info.startswith("/api/"):
            return JsonResponse(exception.as_dict(), status=exception.status)
        template = "error_fragment.html" if request.headers.get("HX-Request") else "error.html"
        context = {"error": exception, "debug": settings.DEBUG}
        return render(request, template, context, status=exception.status)
