"""Reading zones and rules from files, with a look at what will be before it is."""

from django.contrib import messages
from django.views.decorators.http import require_http_methods

from detection.forms import ImportForm
from detection.services import import_drafts, rule_drafts, rule_imports
from detection.views.access import camera_of, rule_editors_only
from detection.views.cameras import described
from detection.views.pictures import picture_of, shapes_of
from hitlsite.errors import DomainError
from hitlsite.pages import page, see_other


@require_http_methods(["GET", "HEAD", "POST"])
@rule_editors_only
def camera_import(request, pk):
    """Show the form; a POST shows what would be, and one with a document saves it."""
    camera = camera_of(request, pk)
    if request.method != "POST":
        return _show(request, camera, _form(camera))
    if "document" in request.POST:
        return _apply(request, camera)
    form = ImportForm(request.POST, request.FILES)
    try:
        form = form.with_files_read()
        found = import_drafts.preview(camera, **form.read())
    except DomainError as error:
        return _show(request, camera, form, error=error)
    return _show(request, camera, form, preview=found)


def _apply(request, camera):
    """Save the very zones and rules that were looked at, unless somebody saved others since."""
    document, version = request.POST["document"], request.POST.get("version", "")
    try:
        rule_drafts.save_draft(
            camera, document, version=version, by=request.user, name="The import"
        )
    except DomainError as error:
        return _show(request, camera, _form(camera), error=error)
    messages.success(request, f"The zones and rules of {camera} are imported.")
    return see_other("detection:camera", camera.pk)


def _form(camera):
    size = rule_imports.latest_frame_size(camera)
    return ImportForm(initial={"frame_size": "x".join(map(str, size)) if size else ""})


def _show(request, camera, form, *, preview=None, error=None):
    context = {
        "camera": camera,
        "time_zone": camera.site.time_zone,
        "form": form,
        "error": error,
    }
    if preview is not None:
        config = preview.result.config
        picture = picture_of(camera, request.user)
        context |= {
            "preview": preview,
            "version": preview.version,
            "picture": picture,
            "shapes": shapes_of(config, picture),
            "rules": described(config),
        }
    return page(request, "detection/import.html", context, status=error.status if error else 200)
