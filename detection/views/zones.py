"""The zone editor: zones and rules on a picture of the camera, and what a draft would change."""

from django.contrib import messages
from django.http import JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods
from django_htmx.http import HttpResponseClientRedirect

from detection.models import Rule, Zone
from detection.services import cameras as camera_service
from detection.services import fleet, rule_drafts, snapshots
from detection.views.access import camera_of, cameras_only, rule_editors_only
from detection.views.cameras import EDITS, described
from detection.views.pictures import picture_of, zone_shapes
from detection.views.timelines import effect_context
from hitlsite.errors import DomainError
from hitlsite.pages import page, see_other


@require_http_methods(["GET", "HEAD", "POST"])
@cameras_only
def zones(request, pk):
    if request.method == "POST":
        return _save(request, pk)
    return _show(request, camera_of(request, pk))


@rule_editors_only
def _save(request, pk):
    """Save the posted draft; a refusal leaves all of it on the page that sent it."""
    camera = camera_of(request, pk)
    wants_json = request.headers.get("Accept") == "application/json"
    text, version = request.POST.get("document", ""), request.POST.get("version", "")
    try:
        saved = rule_drafts.save_draft(camera, text, version=version, by=request.user)
    except DomainError as error:
        version = _version_after(error, camera, version)
        if wants_json:
            return JsonResponse({**error.as_dict(), "version": version}, status=error.status)
        if request.htmx:
            return _refuse(request, camera, error, version)
        return _show(request, camera, text=text, error=error, version=version)
    if wants_json:
        return JsonResponse({"version": saved})
    messages.success(request, f"The zones and rules of {camera} are saved.")
    if request.htmx:
        return HttpResponseClientRedirect(reverse("detection:zones", args=[camera.pk]))
    return see_other("detection:zones", camera.pk)


def _version_after(error, camera, version):
    """Return the version that a second attempt has to name after a refusal.

    Only somebody who was told of the save in between may replace it; whoever corrects a draft
    goes on from the version that it was made from.
    """
    return rule_drafts.version_of(camera) if error.code == "rules_overtaken" else version


def _refuse(request, camera, error, version):
    """Answer the refusal alone, and the version that a second attempt has to name."""
    context = {"camera": camera, "error": error, "is_draft_kept": True}
    context |= {"version": version, "is_swapped": True}
    return render(request, "detection/_refused.html", context, status=error.status)


def _show(request, camera, *, text=None, error=None, version=None):
    """Render the editor; with ``error``, what was sent stands in it again.

    Args:
        version: that of the zones and rules which ``text`` was made from.
    """
    saved = camera_service.current_config(camera)
    picture = picture_of(camera, request.user)
    draft = None if text is None else rule_drafts.as_document(text)
    context = {
        "camera": camera,
        "time_zone": camera.site.time_zone,
        "picture": picture,
        "shapes": zone_shapes(saved["zones"], picture),
        "saved": saved,
        "draft": saved if draft is None else draft,
        "text": rule_drafts.as_yaml(saved) if text is None else text,
        "version": rule_drafts.version_of_document(saved) if version is None else version,
        "rules": described(fleet.read_document(camera, saved)),
        "may_see_pictures": snapshots.may_see(request.user),
        "may_edit": request.user.has_perms(EDITS),
        "kinds": rule_drafts.rule_kinds(),
        "choices": {
            "severities": Rule.Severity.values,
            "zone_kinds": Zone.Kind.values,
            "classes": rule_drafts.known_classes(),
        },
        "error": error,
    }
    status = error.status if error else 200
    return page(request, "detection/zones.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@rule_editors_only
def effect(request, pk):
    """Answer what the posted draft would have changed in the last hour of film."""
    camera = camera_of(request, pk)
    if request.method != "POST":
        return see_other("detection:zones", camera.pk)
    context, status = {"camera": camera, "window_name": rule_drafts.WINDOWS["hour"][0]}, 200
    try:
        config = rule_drafts.read_draft(request.POST.get("document", ""))
        context |= effect_context(camera, rule_drafts.compare(camera, config))
    except DomainError as error:
        context["error"] = error
        status = 200 if error.code == "nothing_to_replay" else error.status
    template = "detection/_effect.html" if request.htmx else "detection/effect.html"
    response = render(request, template, context, status=status)
    response["Cache-Control"] = "private, no-store"
    return response
