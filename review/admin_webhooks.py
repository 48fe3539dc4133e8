"""Webhooks in the admin: set up by form, their secret shown once, their messages only read."""

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError

from hitlsite.admin import ReadOnlyAdmin, VisibleAdmin
from hitlsite.errors import DomainError
from hitlsite.models import Site
from review.models import Webhook, WebhookDelivery
from review.services import outbound, webhook_delivery, webhooks

FIELDS = ["site", "name", "url", "events", "with_picture", "is_enabled"]


class WebhookForm(forms.ModelForm):
    url = forms.URLField(max_length=500, assume_scheme="https")
    events = forms.MultipleChoiceField(
        choices=Webhook.Event.choices, widget=forms.CheckboxSelectMultiple
    )

    class Meta:
        model = Webhook
        fields = FIELDS

    def clean_url(self):
        try:
            outbound.checked_url(self.cleaned_data["url"])
        except DomainError as error:
            raise ValidationError(error.message) from error
        return self.cleaned_data["url"]


@admin.register(Webhook)
class WebhookAdmin(VisibleAdmin):
    """Rows that a service stores; nobody reads a secret twice."""

    form = WebhookForm
    list_display = ["name", "site", "url", "events", "with_picture", "is_enabled"]
    list_filter = [("site", admin.RelatedOnlyFieldListFilter), "is_enabled"]
    list_select_related = ["site"]
    fields = FIELDS
    actions = ["send_test_message", "make_new_secret"]

    def get_readonly_fields(self, request, obj=None):
        return ["site"] if obj else []

    def formfield_for_foreignkey(self, db_field, request, **kwargs):
        if db_field.name == "site":
            kwargs["queryset"] = Site.objects.visible_to(request.user)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def save_model(self, request, obj, form, change):
        secret = webhooks.save(obj, by=request.user)
        if secret:
            self._show(request, obj, secret)

    def delete_model(self, request, obj):
        webhooks.delete(obj, by=request.user)

    def delete_queryset(self, request, queryset):
        for webhook in queryset:
            webhooks.delete(webhook, by=request.user)

    @admin.action(description="Send a test message", permissions=["change"])
    def send_test_message(self, request, queryset):
        for webhook in queryset.select_related("site"):
            answer = webhook_delivery.send_test(webhook, by=request.user)
            told = f"{webhook}: taken ({answer.status})." if answer.is_taken else None
            level = messages.SUCCESS if answer.is_taken else messages.ERROR
            self.message_user(request, told or f"{webhook}: {answer.error}", level)

    @admin.action(description="Make a new secret", permissions=["change"])
    def make_new_secret(self, request, queryset):
        for webhook in queryset.select_related("site"):
            self._show(request, webhook, webhooks.rotate_secret(webhook, by=request.user))

    def _show(self, request, webhook, secret):
        message = f"The secret of {webhook}, shown only now: {secret}"
        self.message_user(request, message, messages.WARNING)


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "webhook", "event", "state", "attempts", "answer_status", "error"]
    list_display += ["next_attempt_at"]
    list_filter = ["state", "event", ("webhook", admin.RelatedOnlyFieldListFilter)]
    list_select_related = ["webhook"]
    show_full_result_count = False
    actions = ["try_again"]

    def has_retry_permission(self, request):
        return request.user.has_perm("review.change_webhook")

    @admin.action(description="Try again", permissions=["retry"])
    def try_again(self, request, queryset):
        for delivery in queryset.select_related("webhook__site"):
            webhooks.retry(delivery, by=request.user)
        self.message_user(request, "They are tried again within seconds.", messages.SUCCESS)
