"""How every slot stands, the runs that train, and the acts of people on them."""

from django.contrib import messages
from django.db import transaction
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from detection.slots import SLOTS, TASK_CLASSIFIER
from hitlsite.errors import DomainError, NotFound
from hitlsite.pages import page, permitted, see_other
from training import tasks
from training.forms import RunForm, TaskRunForm
from training.models import TrainingRun
from training.selectors import learning
from training.services import runs
from training.views import live, nights, plots

RUNS_SHOWN = 50
LOG_LINES = 200
STAGES = tuple(TrainingRun.Stage)[1:]

_signed_in = permitted()


@never_cache
@_signed_in
@require_safe
def training_runs(request):
    """Show how every slot stands and what was trained."""
    return _overview(request)


@_signed_in
@require_POST
def start_run(request):
    """Queue a run of a slot, or show what its form lacks."""
    slot = SLOTS.get(request.POST.get("slot", ""))
    if slot is None or not slot.is_trainable:
        raise NotFound("There is no such slot to train.")
    learning.require(request.user, learning.START, "Only admins train.")
    form = _form(request.user, slot, request.POST)
    status = 422
    if form.is_valid():
        try:
            return see_other("training:run", _started(request, slot, form).pk)
        except DomainError as error:
            if error.status == 403:
                raise
            form.refuse(error)
            status = error.status
    return _overview(request, form, status=status)


def _started(request, slot, form):
    with transaction.atomic():
        started = runs.start(slot=slot.name, trigger="page", by=request.user, **form.wanted())
        if not started.is_unchanged:
            tasks.train_soon(started.run)
    if started.is_unchanged:
        messages.info(
            request, "Nothing has changed since this run: the same inputs were trained on."
        )
    return started.run


def _overview(request, refused=None, status=200):
    user = request.user
    states = learning.slot_states(user)
    shown = list(learning.training_runs(user)[:RUNS_SHOWN])
    may_start = user.has_perm(learning.START)
    context = {
        "states": [
            (
                state,
                _form_of(user, state.slot, refused) if may_start else None,
                nights.told(state),
                live.panel(state.slot.name),
            )
            for state in states
        ],
        "runs": shown,
        "zone": learning.zone_of(user),
        "refused": refused,
        "is_empty": not shown and not any(state.dataset for state in states),
    }
    return page(request, "training/learning/overview.html", context, status=status)


def _form_of(user, slot, refused):
    return refused if refused is not None and refused.slot == slot else _form(user, slot)


def _form(user, slot, data=None):
    made = TaskRunForm if slot.name == TASK_CLASSIFIER else RunForm
    return made(data, slot=slot, datasets=learning.datasets(user, slot.name))


@never_cache
@_signed_in
@require_safe
def training_run(request, pk):
    """Show one run; htmx asks for the part that changes while it goes on."""
    run = learning.training_run(request.user, pk)
    context = _context(request.user, run)
    if request.htmx and not request.htmx.boosted:
        return render(request, "training/learning/_run.html", context)
    return page(request, "training/learning/run.html", context)


def _context(user, run):
    version = getattr(run, "version", None)
    lines = run.log.splitlines()
    return {
        "run": run,
        "zone": learning.zone_of(user),
        "slot": SLOTS.get(run.slot),
        "steps": _steps(run),
        "charts": plots.of_epochs(run.history) if len(run.history) > 1 else [],
        "log": "\n".join(lines[-LOG_LINES:]),
        "log_left_out": max(len(lines) - LOG_LINES, 0),
        "version": version,
        "decision": learning.judgement(version) if version else None,
        "may_change": user.has_perm(learning.CHANGE),
    }


def _steps(run):
    """Return (words, how it stands) of every stage: past, here, failed or to come."""
    at = STAGES.index(run.stage) if run.stage in STAGES else -1
    if run.state == run.State.DONE:
        return [(stage.label, "past") for stage in STAGES[:-1]]
    if run.stage == TrainingRun.Stage.ENDED:
        reached = _reached(run)
        stopped = "failed" if run.state == run.State.FAILED else "stopped"
        return [_step(stage, place, reached, stopped) for place, stage in enumerate(STAGES[:-1])]
    return [_step(stage, place, at, "here") for place, stage in enumerate(STAGES[:-1])]


def _reached(run):
    """Return the place of the last stage that the log of an ended run names."""
    places = [place for place, stage in enumerate(STAGES[:-1]) if f"-- {stage.value}" in run.log]
    return max(places, default=0)


def _step(stage, place, at, here):
    if place == at:
        return stage.label, here
    return stage.label, "past" if place < at else "coming"


@_signed_in
@require_POST
def cancel_run(request, pk):
    """Ask a run to end."""
    run = runs.cancel(pk, by=request.user)
    is_over = run.state == run.State.CANCELLED
    messages.info(
        request, "The run is cancelled." if is_over else "The run ends within some seconds."
    )
    return see_other("training:run", pk)


@_signed_in
@require_POST
def resume_run(request, pk):
    """Queue a stopped run again."""
    return _queued_again(request, pk, runs.resume)


@_signed_in
@require_POST
def judge_again(request, pk):
    """Compare what a run made with the champion of today."""
    return _queued_again(request, pk, runs.judge_again)


def _queued_again(request, pk, act):
    with transaction.atomic():
        run = act(pk, by=request.user)
        tasks.train_soon(run)
    return see_other("training:run", pk)
