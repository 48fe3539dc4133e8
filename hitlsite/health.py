"""Is the process up, can it serve, and how does the whole do."""

import hmac

from django.conf import settings
from django.db import connection
from django.http import HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe


@require_safe
@never_cache
def livez(request):
    return HttpResponse("alive\n", content_type="text/plain")


@require_safe
@never_cache
def readyz(request):
    """Say only ready or not: strangers learn nothing else here."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM django_migrations LIMIT 1")
    except Exception:
        return HttpResponse("not ready\n", status=503, content_type="text/plain")
    return HttpResponse("ready\n", content_type="text/plain")


def may_read_figures(request):
    """Staff, or whoever holds METRICS_TOKEN."""
    given = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
    token = settings.METRICS_TOKEN
    if token and given and hmac.compare_digest(given.encode(), token.encode()):
        return True
    return request.user.is_active and request.user.is_staff


def refuse():
    envelope = {"code": "not_authenticated", "message": "Sign in as staff.", "fields": {}}
    return JsonResponse({"error": envelope}, status=401)
