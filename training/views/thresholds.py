"""The page on which a person chooses from which score on incidents of a class are told."""

from dataclasses import asdict, dataclass
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from hitlsite.errors import DomainError
from hitlsite.pages import page, permitted, see_other
from training.learning.thresholds import COST, F_BETA, Wish
from training.selectors import threshold_verdicts
from training.services import thresholds as service

WIDTH, HEIGHT = 720.0, 260.0
HISTORY = 20
LINES = {F_BETA: ("precision", "recall", "f_beta"), COST: ("precision", "recall", "cost")}
TITLES = {"precision": "Precision", "recall": "Recall", "f_beta": "F-measure", "cost": "Cost"}


class WishForm(forms.Form):
    """Which class, where, by what, and a value to look at."""

    class_name = forms.CharField(max_length=60, required=False)
    camera = forms.CharField(max_length=20, required=False)
    measure = forms.ChoiceField(
        choices=[(F_BETA, "F-measure"), (COST, "Cost")], required=False, label="Choose by"
    )
    beta = forms.FloatField(required=False, min_value=0.01, max_value=100, label="Weight of recall")
    cost_false_alarm = forms.FloatField(
        required=False, min_value=0.01, max_value=1000, label="Cost of a false alarm"
    )
    cost_miss = forms.FloatField(
        required=False, min_value=0.01, max_value=1000, label="Cost of a miss"
    )
    value = forms.FloatField(required=False, min_value=0.0, max_value=1.0, label="Threshold")

    def wish(self):
        """Return the Wish; what is empty, or cannot be read, is the usual."""
        given = self.cleaned_data
        chosen = {name: given.get(name) for name in asdict(Wish())}
        return Wish(**{name: value for name, value in chosen.items() if value})


@dataclass(frozen=True)
class Line:
    name: str
    title: str
    path: str


@dataclass(frozen=True)
class Plot:
    """The curve in a box of WIDTH x HEIGHT; x is the score from 0 to 1."""

    lines: tuple[Line, ...]
    band: tuple[float, float] | None
    present: float | None
    proposed: float
    chosen: float
    width: float = WIDTH
    height: float = HEIGHT


@require_http_methods(["GET", "HEAD", "POST"])
@permitted(service.SEE)
def thresholds(request):
    """Show the curve of a class, and take a choice."""
    form = WishForm(request.POST if request.method == "POST" else request.GET)
    form.is_valid()
    choices = threshold_verdicts.choices(request.user)
    asked = _asked(form, choices)
    camera = service.camera_for(request.user, asked["camera"])
    offer = None
    if asked["class_name"]:
        offer = service.curve_for(request.user, asked["class_name"], camera, form.wish())
    if request.method == "POST" and offer is not None:
        refused = _acted(request, form, offer)
        if refused is None:
            return see_other(_address(offer, form))
        return _shown(request, form, choices, offer, refused, refused.status)
    return _shown(request, form, choices, offer)


def _asked(form, choices):
    """Return the class and the camera that were asked for, the first of the list by default."""
    class_name = form.cleaned_data.get("class_name") or (choices[0][0] if choices else "")
    return {"class_name": class_name, "camera": form.cleaned_data.get("camera", "")}


def _acted(request, form, offer):
    """Accept a value or take one back; return the error that was in the way, or None."""
    takes_back = "take_back" in request.POST
    value = None if takes_back else form.cleaned_data.get("value")
    try:
        if not takes_back and value is None:
            said = "A threshold is a number from 0 to 1."
            raise DomainError("threshold_invalid", said, fields={"value": said})
        chosen_by = {} if takes_back else service.described(offer, value)
        service.accept(
            by=request.user,
            class_name=offer.class_name,
            camera=offer.camera,
            value=value,
            chosen_by=chosen_by,
        )
    except DomainError as error:
        if error.status == 404:
            raise
        return error
    said = "is taken back" if takes_back else f"is {value:g}"
    messages.success(request, f"The threshold of {offer.class_name} {said}.")
    return None


def _address(offer, form):
    told = {"class_name": offer.class_name, "camera": offer.camera.pk if offer.camera else ""}
    told |= {name: form.cleaned_data.get(name) or "" for name in asdict(Wish())}
    query = urlencode({name: value for name, value in told.items() if value != ""})
    return f"{reverse('training:thresholds')}?{query}"


def _shown(request, form, choices, offer, refused=None, status=200):
    wish = form.wish()
    context = {
        "form": form,
        "wish": wish,
        "choices": _options(choices, offer),
        "offer": offer,
        "refused": refused,
        "standing": threshold_verdicts.standing(request.user),
        "may_accept": request.user.has_perm(service.ADD),
    }
    if offer is not None:
        rows = threshold_verdicts.rows_for(request.user, offer.class_name, offer.camera)
        context["history"] = rows[:HISTORY]
    if offer is not None and offer.curve is not None:
        context |= _drawn(offer, form.cleaned_data.get("value"))
    return page(request, "training/thresholds.html", context, status=status)


def _options(choices, offer):
    """Return [(class name, [(camera or None, label, is chosen)])] for the list of what there is."""
    places = {}
    for name, camera, confirmed, rejected in choices:
        places.setdefault(name, [[None, 0, 0]])
        places[name][0][1] += confirmed
        places[name][0][2] += rejected
        places[name].append([camera, confirmed, rejected])
    options = []
    for name, rows in places.items():
        told = []
        for camera, confirmed, rejected in rows:
            where = camera.name if camera else "all cameras"
            is_chosen = offer is not None and (name, camera) == (offer.class_name, offer.camera)
            said = f"{where}: {confirmed} confirmed, {rejected} rejected"
            told.append((camera, said, is_chosen))
        options.append((name, told))
    return options


def _drawn(offer, value):
    curve = offer.curve
    chosen = offer.proposed if value is None else value
    names = LINES[curve.wish.measure]
    dearest = max(one.cost for one in curve.points) or 1.0
    # Above the highest score nothing is told.
    points = [*curve.points, curve.at(1.0)] if curve.points[-1].threshold < 1.0 else curve.points
    lines = tuple(Line(name, TITLES[name], _path(points, name, dearest)) for name in names)
    band = None
    if curve.lower is not None:
        band = (_x(curve.lower), round(_x(curve.upper) - _x(curve.lower), 1))
    present = None if offer.present is None else _x(offer.present)
    plot = Plot(lines, band, present, _x(offer.proposed), _x(chosen))
    told = [_row(one) for one in points]
    return {
        "plot": plot,
        "chosen": chosen,
        "at": curve.at(chosen),
        "at_present": curve.at(offer.present or 0.0),
        "table": curve.points[:: max(len(curve.points) // 60, 1)],
        "points": {"rows": told, "width": WIDTH},
    }


def _row(point):
    values = (point.threshold, point.precision, point.recall, point.f_beta, point.cost)
    counts = (point.right, point.false_alarms, point.missed)
    return [None if one is None else round(one, 4) for one in (*values, *counts)]


def _path(points, name, dearest):
    """Return the steps of a figure: up to each score it is what that score leaves."""
    steps, at, pen = [], 0.0, "M"
    for point in points:
        value = getattr(point, name)
        if name == "cost":
            value = point.cost / dearest
        x = _x(point.threshold)
        if value is None:
            at, pen = x, "M"
            continue
        y = round(HEIGHT * (1.0 - value), 1)
        steps.append(f"{pen}{at:.1f} {y:.1f}H{x:.1f}")
        at, pen = x, "L"
    return "".join(steps)


def _x(score):
    return round(WIDTH * score, 1)
