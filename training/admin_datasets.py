"""Datasets in the admin, to be read."""

from django.contrib import admin

from hitlsite.admin import ReadOnlyAdmin
from training.models import Dataset


@admin.register(Dataset)
class DatasetAdmin(ReadOnlyAdmin):
    list_display = ["__str__", "state", "test_revision", "created_by", "created_at"]
    list_filter = ["slot", "state"]
    list_select_related = ["created_by"]
    search_fields = ["manifest_sha256"]
