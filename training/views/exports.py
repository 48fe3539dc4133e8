"""The export pages. Views parse, call one service or selector, and answer."""

from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from hitlsite.errors import DomainError
from hitlsite.pages import page, see_other
from hitlsite.streaming import streamed
from training import selectors, tasks
from training.forms import ExportForm
from training.services import export_downloads
from training.services import exports as export_service

RUNS_SHOWN = 50


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def exports(request):
    """Show the exports, and queue another one."""
    runs = selectors.export_runs(request.user)
    form = ExportForm(request.POST or None, user=request.user, initial=_first_site(request.user))
    status = 200
    if request.method == "POST" and form.is_valid():
        try:
            return see_other("training:export", _started(request.user, form).pk)
        except DomainError as error:
            if error.status in (403, 404):
                raise
            form.refuse(error)
            status = error.status
    elif form.errors:
        status = 422
    context = {
        "form": form,
        **_foretold_of(form, request.user),
        "runs": runs.defer("files")[:RUNS_SHOWN],
        "readiness": selectors.readiness(request.user),
    }
    return page(request, "training/exports.html", context, status=status)


def _started(user, form):
    site = form.cleaned_data["site"] or selectors.site_for(user)
    with transaction.atomic():
        run = export_service.start(by=user, site=site, filters=form.filters(), **form.wanted())
        tasks.run_soon(run)
    return run


@never_cache
@login_required
@require_safe
def foretold(request):
    """Answer htmx with what an export of this form would hold and leave out, and why."""
    selectors.export_runs(request.user)
    form = ExportForm(request.GET, user=request.user)
    refused = [sentence for told in form.errors.values() for sentence in told]
    context = {"refused": refused, **_foretold_of(form, request.user)}
    return render(request, "training/_foretold.html", context)


def _foretold_of(form, user):
    """Return what an export of a form would hold; nothing where the form cannot be read."""
    site = selectors.sites(user).first()
    if site is None or form.errors:
        return {}
    chosen = form.cleaned_data.get("site") if form.is_bound else None
    try:
        return export_service.foretell(chosen or site, form.filters() if form.is_bound else {})
    except DomainError:
        return {}


def _first_site(user):
    return {"site": selectors.sites(user).first()}


@never_cache
@login_required
@require_safe
def export(request, pk):
    """Show one export; htmx asks for the part that changes while it runs."""
    run = selectors.export_run(request.user, pk)
    context = {"run": run, **_downloads(run)}
    if request.htmx and not request.htmx.boosted:
        return render(request, "training/_run.html", context)
    return page(request, "training/export.html", context)


def _downloads(run):
    if run.state != run.State.DONE:
        return {}
    elsewhere = export_downloads.whereabouts(run)
    if elsewhere:
        return {"elsewhere": elsewhere}
    return {"files": run.files, "archive": export_downloads.archive_name(run)}


@login_required
@require_safe
def export_file(request, pk, name):
    """Stream one file of an export, or all of it as an archive."""
    return download(request, request.user, pk, name)


def download(request, user, pk, name):
    """Answer a file of an export that ``user`` may see, as an attachment."""
    run = selectors.export_run(user, pk)
    chunks, size = export_downloads.open_download(run, name)
    response = streamed(request, chunks, content_type=_content_type(name))
    if size is not None:
        response["Content-Length"] = str(size)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "private, no-store"
    return response


def _content_type(name):
    types = {
        "jsonl": "application/jsonl",
        "json": "application/json",
        "zip": "application/zip",
        "yaml": "application/yaml",
        "txt": "text/plain; charset=utf-8",
        "csv": "text/csv; charset=utf-8",
        "parquet": "application/vnd.apache.parquet",
    }
    return types[name.rpartition(".")[2]]
