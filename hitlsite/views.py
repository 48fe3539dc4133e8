"""Pages for what Django itself refuses; under /api/ the same refusals are JSON."""

from django.http import JsonResponse
from django.shortcuts import render

from hitlsite import api_errors


def _is_api(request):
    return request.path_info.startswith("/api/")


def not_found(request, exception=None):
    if _is_api(request):
        return api_errors.not_found(request, exception)
    return render(request, "404.html", status=404)


def permission_denied(request, exception=None):
    if _is_api(request):
        refusal = {"code": "forbidden", "message": "You may not do this.", "fields": {}}
        return JsonResponse({"error": refusal}, status=403)
    return render(request, "403.html", status=403)


def server_error(request):
    """Answer without touching the database or the session: either may be what failed."""
    if _is_api(request):
        return api_errors.server_error(request)
    return render(None, "500.html", {"request_id": getattr(request, "id", "")}, status=500)
