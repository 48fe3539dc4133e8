"""The cameras: which there are, how each of them fares, and adding and changing one."""

from dataclasses import dataclass

from django.contrib import messages
from django.views.decorators.http import require_http_methods, require_safe

from detection.forms import CameraPageForm
from detection.services import cameras as camera_service
from detection.services import fleet, snapshots
from detection.views.access import camera_of, cameras_only
from detection.views.pictures import Picture, as_picture, picture_of, shapes_of
from hitlsite.pages import page, permitted, see_other

EDITS = ("detection.change_zone", "detection.change_rule")


@dataclass(frozen=True)
class Card:
    """A camera in the list: how it fares, and its picture with the zones on it."""

    fare: fleet.Fare
    picture: Picture
    shapes: list


@require_safe
@cameras_only
def cameras(request):
    """List the cameras of the asker's sites."""
    cards = [_card(fare) for fare in fleet.fares(request.user)]
    sites = {card.fare.camera.site_id for card in cards}
    context = {
        "cards": cards,
        "has_several_sites": len(sites) > 1,
        "may_edit_rules": request.user.has_perms(EDITS),
    }
    return page(request, "detection/cameras.html", context)


def _card(fare):
    drawn_upon = as_picture(fare.snapshot, fare.footage.frame_size if fare.footage else None)
    return Card(fare, drawn_upon, shapes_of(fare.config, drawn_upon))


@require_safe
@cameras_only
def camera(request, pk):
    """Show one camera: its picture, its rules in words, and what it has seen."""
    found = camera_of(request, pk)
    config = fleet.read_config(found)
    footage = fleet.recent_footage(found)
    latest = footage[0] if footage else None
    drawn_upon = picture_of(found, request.user)
    context = {
        "camera": found,
        "time_zone": found.site.time_zone,
        "picture": drawn_upon,
        "shapes": shapes_of(config, drawn_upon),
        "config": config,
        "rules": described(config),
        "footage": footage,
        "incidents": fleet.recent_incidents(found),
        "counts": fleet.counts(found),
        "warnings": list(fleet.warnings(found, config, latest)),
        "may_edit_rules": request.user.has_perms(EDITS),
        "may_see_pictures": snapshots.may_see(request.user),
    }
    return page(request, "detection/camera.html", context)


def described(config):
    """Return the rules of a RulesConfig in words."""
    from detection.rules.words import describe

    return [describe(rule, config.zones) for rule in config.rules] if config else []


@require_http_methods(["GET", "HEAD", "POST"])
@permitted("detection.view_camera", "detection.add_camera")
def camera_add(request):
    """Add a camera to one of the asker's sites."""
    form = CameraPageForm(request.POST or None, user=request.user)
    if request.method == "POST" and form.is_valid():
        made = _save(request, form)
        messages.success(request, f"{made} is added. Draw its zones, and say what to watch for.")
        return see_other("detection:camera", made.pk)
    return _show_form(request, form)


@require_http_methods(["GET", "HEAD", "POST"])
@permitted("detection.view_camera", "detection.change_camera")
def camera_edit(request, pk):
    """Change the columns of a camera."""
    found = camera_of(request, pk)
    name = found.name
    form = CameraPageForm(request.POST or None, instance=found, user=request.user)
    if request.method == "POST" and form.is_valid():
        saved = _save(request, form)
        messages.success(request, f"{saved} is saved.")
        return see_other("detection:camera", saved.pk)
    return _show_form(request, form, pk=pk, name=name)


def _save(request, form):
    made = form.save(commit=False)
    camera_service.save_camera(made, by=request.user)
    return made


def _show_form(request, form, *, pk=None, name=""):
    context = {"form": form, "camera_pk": pk, "camera_name": name}
    status = 422 if form.is_bound and form.errors else 200
    return page(request, "detection/camera_form.html", context, status=status)
