"""Admin of exports: to be read here, to be started from the list of training items.

The list belongs to review, which cannot know of exports, because imports point left. Its
ModelAdmin is registered by the time this module is imported (autodiscovery follows the order of
INSTALLED_APPS), so the action is hung onto that one instance; its class stays as review wrote it.
"""

from django.contrib import admin, messages
from django.db import transaction
from django.urls import reverse
from django.utils.html import format_html

from hitlsite.admin import ReadOnlyAdmin
from hitlsite.errors import DomainError
from review.models import TrainingItem
from training import admin_datasets as _admin_datasets  # noqa: F401  registers its models
from training import admin_features as _admin_features  # noqa: F401  registers its models
from training import admin_learning as _admin_learning  # noqa: F401  registers its models
from training import admin_retraining as _admin_retraining  # noqa: F401  registers its models
from training import selectors, tasks
from training.models import ExportRun
from training.services import exports


@admin.register(ExportRun)
class ExportRunAdmin(ReadOnlyAdmin):
    list_display = ["id", "site", "state", "name", "item_count", "created_by", "created_at"]
    # A plain filter would list the names of other sites.
    list_filter = ["state", ("site", admin.RelatedOnlyFieldListFilter)]
    list_select_related = ["site", "created_by"]
    search_fields = ["name"]


@admin.action(description="Export selected items", permissions=["export"])
def export_selected(model_admin, request, queryset):
    """Queue one export a site of the confirmed items among those selected."""
    by_site = {}
    for item, site in queryset.order_by("pk").values_list("pk", "site"):
        by_site.setdefault(site, []).append(item)
    for site, items in by_site.items():
        try:
            with transaction.atomic():
                run = exports.start(
                    by=request.user,
                    site=selectors.site_for(request.user, site),
                    filters={"items": items},
                )
                tasks.run_soon(run)
        except DomainError as error:
            model_admin.message_user(request, error.message, messages.ERROR)
        else:
            link = format_html(
                'Export <a href="{}">{}</a> is queued.',
                reverse("training:export", args=[run.pk]),
                run.pk,
            )
            model_admin.message_user(request, link, messages.SUCCESS)


def add_export_action(item_admin):
    """Offer the action in one ModelAdmin to those who may export."""
    item_admin.has_export_permission = lambda request: request.user.has_perm(selectors.MAKE)
    item_admin.actions = [*(item_admin.actions or ()), export_selected]


if admin.site.is_registered(TrainingItem):
    add_export_action(admin.site.get_model_admin(TrainingItem))
