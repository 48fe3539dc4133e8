"""Every address of the project."""

from django.contrib import admin
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView
from drf_spectacular.views import SpectacularSwaggerSplitView as ApiDocs

from hitlsite import health
from training.health import health as whole

handler403 = "hitlsite.views.permission_denied"
handler404 = "hitlsite.views.not_found"
handler500 = "hitlsite.views.server_error"

admin.site.site_header = admin.site.site_title = "Second Look"
admin.site.site_url = "/"

urlpatterns = [
    path("livez", health.livez, name="livez"),
    path("readyz", health.readyz, name="readyz"),
    path("health", whole, name="health"),
    path("accounts/login/", LoginView.as_view(redirect_authenticated_user=True), name="login"),
    path("accounts/logout/", LogoutView.as_view(), name="logout"),
    path("admin/", admin.site.urls),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", ApiDocs.as_view(template_name="api_docs.html"), name="api_docs"),
    path("api/v1/", include("detection.api.urls")),
    path("api/v1/", include("review.api.urls")),
    path("api/v1/", include("training.api.urls")),
    path("", include("detection.urls")),
    path("", include("review.urls")),
    path("", include("training.urls")),
]
