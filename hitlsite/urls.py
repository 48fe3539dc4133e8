"""Every address of the project."""

from importlib.util import find_spec

from django.contrib import admin
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from hitlsite import health

handler403 = "hitlsite.views.permission_denied"
handler404 = "hitlsite.views.not_found"
handler500 = "hitlsite.views.server_error"


def _parts(*modules):
    return [module for module in modules if find_spec(module)]


urlpatterns = [
    path("livez", health.livez, name="livez"),
    path("readyz", health.readyz, name="readyz"),
    path("accounts/login/", LoginView.as_view(redirect_authenticated_user=True), name="login"),
    path("accounts/logout/", LogoutView.as_view(), name="logout"),
    path("admin/", admin.site.urls),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerSplitView.as_view(), name="api_docs"),
    *(
        path("api/v1/", include(module))
        for module in _parts("review.api.urls", "detection.api.urls", "training.api.urls")
    ),
    *(path("", include(module)) for module in _parts("review.urls", "training.urls")),
]
