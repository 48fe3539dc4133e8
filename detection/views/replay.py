"""The replay page: what other rules would have made of film that was processed before."""

from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from detection.services import cameras as camera_service
from detection.services import rule_drafts
from detection.views.access import camera_of, cameras_only
from detection.views.cameras import EDITS
from detection.views.timelines import effect_context
from hitlsite.bounds import as_id
from hitlsite.errors import DomainError, NotFound
from hitlsite.pages import page

DEFAULT_WINDOW = "day"
FOOTAGE = "footage-"


@require_http_methods(["GET", "HEAD", "POST"])
@cameras_only
def replay(request, pk):
    """Show the form; a POST also runs the replay and shows its result."""
    camera = camera_of(request, pk)
    posted = request.POST
    footage = rule_drafts.replayable_footage(camera)
    text, version = _draft(camera, posted)
    context = {
        "camera": camera,
        "time_zone": camera.site.time_zone,
        "text": text,
        "version": version,
        "footage": [(f"{FOOTAGE}{one.pk}", one) for one in footage],
        "windows": rule_drafts.WINDOWS,
        "window": posted.get("window", DEFAULT_WINDOW),
        "may_edit": request.user.has_perms(EDITS),
    }
    if request.method == "POST":
        context |= _outcome(camera, context["window"], context["text"], footage)
    error = context.get("error")
    status = error.status if error else 200
    if request.htmx and not request.htmx.boosted:
        part = "_refusal" if error else "_replayed"
        response = render(request, f"detection/{part}.html", context, status=status)
        response["Cache-Control"] = "private, no-store"
        return response
    return page(request, "detection/replay.html", context, status=status)


def _draft(camera, posted):
    """Return (text, version) of what was posted; of the saved rules where nothing was."""
    if "document" in posted:
        return _readable(posted["document"]), posted.get("version", "")
    saved = camera_service.current_config(camera)
    return rule_drafts.as_yaml(saved), rule_drafts.version_of_document(saved)


def _outcome(camera, window, text, footage):
    """Return the replay's result for the template, or its refusal."""
    try:
        config = rule_drafts.read_draft(text)
        one = _chosen(window, footage)
        name = str(one) if one else rule_drafts.WINDOWS[window][0]
        difference = rule_drafts.compare(camera, config, window=window, footage=one)
    except DomainError as error:
        return {"error": error}
    return {"window_name": name, **effect_context(camera, difference, footage=one)}


def _chosen(window, footage):
    """Return the one footage that a choice such as "footage-7" means, None for a window."""
    if window in rule_drafts.WINDOWS:
        return None
    number = as_id(window.removeprefix(FOOTAGE))
    found = next((one for one in footage if one.pk == number), None)
    if found is None:
        raise NotFound("There is no such film of this camera to replay.")
    return found


def _readable(text):
    """Return a draft as YAML, as it was sent where it cannot be read."""
    document = rule_drafts.as_document(text) if text.lstrip().startswith("{") else None
    return text if document is None else rule_drafts.as_yaml(document)
