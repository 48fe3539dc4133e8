"""Whole videos to watch: the redacted copy in ranges, and how far its making is."""

from dataclasses import asdict, dataclass

from django.contrib import messages
from django.http import JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from hitlsite.errors import NotFound
from hitlsite.pages import permitted
from review import tasks
from review.models import ViewingCopy
from review.services import viewing_copies
from review.views.media import stream

_watchers_only = permitted(viewing_copies.SEE)
State = ViewingCopy.State


@dataclass(frozen=True, slots=True)
class Shown:
    """How a viewing copy stands for a page.

    Attributes:
        state: "none", "gone", "outdated", or one of ViewingCopy.State.
        percent: of the video that is done, while it is being made.
        message: why there is none, or why it failed.
        source: where it is streamed from; "" unless it may be watched.
        address: where it is asked for.
    """

    state: str
    percent: int
    message: str
    source: str
    address: str

    @property
    def is_going(self):
        return self.state in (State.QUEUED, State.RUNNING)

    @property
    def may_ask(self):
        return self.state in ("none", "outdated", "failed", "cancelled")


def shown(footage):
    """Return how the copy of a video that one may watch stands."""
    copy = viewing_copies.of(footage)
    address = reverse("review:viewing_copy", args=[footage.pk])
    if copy is None:
        reason = viewing_copies.why_none(footage)
        return Shown("gone" if reason else "none", 0, reason, "", address)
    if viewing_copies.is_served(copy, footage):
        source = reverse("review:viewing_copy_file", args=[footage.pk])
        return Shown(copy.state, 100, "", f"{source}?v={copy.sha256[:8]}", address)
    if copy.state == State.DONE:
        told = "What is private was changed since this copy was made."
        return Shown("outdated", 0, told, "", address)
    share = copy.progress_done / copy.progress_total if copy.progress_total else 0.0
    return Shown(copy.state, min(int(100 * share), 99), copy.error_message, "", address)


@require_safe
@_watchers_only
def viewing_copy_file(request, pk):
    """Stream the copy of one video, once it is verified and while it is of what is private now."""
    footage = viewing_copies.visible_footage(request.user, pk)
    copy = viewing_copies.of(footage)
    if copy is None or not viewing_copies.is_served(copy, footage):
        raise NotFound("There is no copy of this footage to watch.")
    name = f"footage-{footage.pk}.mp4"
    response = stream(request, copy.path, sha256=copy.sha256, file_name=name)
    response["Cache-Control"] = "private, no-cache"
    return response


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@_watchers_only
def viewing_copy(request, pk):
    """Tell how far a copy is, or ask for it and go back to where one was."""
    footage = viewing_copies.visible_footage(request.user, pk)
    if request.method != "POST":
        return JsonResponse(asdict(shown(footage)))
    copy = viewing_copies.ask(footage, request.user)
    tasks.copy_soon(copy)
    if request.accepts("text/html"):
        messages.success(request, "The copy to watch is being made.")
        return redirect(_back(request))
    return JsonResponse(asdict(shown(footage)), status=202)


def _back(request):
    wanted = request.POST.get("next", "")
    hosts = {request.get_host()}
    if url_has_allowed_host_and_scheme(wanted, hosts, require_https=request.is_secure()):
        return wanted
    return reverse("review:dashboard")
