"""What reviewers' forms send, parsed; what is allowed is decided by the services."""

from django import forms

from detection.models import Camera, Deployment, Incident
from hitlsite.bounds import is_day_in_range, read_json
from hitlsite.errors import DomainError
from review import selectors
from review.models import Decision, GuidelineExample, Redaction, TrainingItem
from review.selectors.photos import MOST_CLASS_CHARACTERS
from review.services.marks import MOST_NOTE_CHARACTERS as MOST_MARK_CHARACTERS

ANY = ("", "Any")
CATEGORIES = tuple(
    (value, value.replace("_", " ").capitalize()) for value in Incident.Category.values
)
ORIGINS = tuple((value, str(label).capitalize()) for value, label in Incident.Origin.choices)
MODES = (("single", "One verdict"), ("double", "Two blind verdicts"), ("gold", "Known answer"))
# The order is the order of the digits that choose a reason.
REASONS = tuple((value, label.capitalize()) for value, label in Decision.Reason.choices)


def parsed(form):
    """Return the cleaned values of ``form``.

    Raises:
        DomainError: "invalid", with a message for each field at fault.
    """
    if form.is_valid():
        return form.cleaned_data
    fields = {name: " ".join(messages) for name, messages in form.errors.items()}
    first = next(iter(fields.values()))
    raise DomainError("invalid", f"The form cannot be read: {first}", fields=fields)


class DeploymentField(forms.ModelChoiceField):
    def label_from_instance(self, deployment):
        form = f"{deployment.backend} {deployment.input_size or ''}".strip()
        return f"{deployment.name}, {form}, {deployment.activated_at:%d.%m.%Y}"


class QueueFilterForm(forms.Form):
    status = forms.ChoiceField(
        required=False, choices=[*TrainingItem.Status.choices, ("all", "all")]
    )
    camera = forms.ModelChoiceField(Camera.objects.none(), required=False, empty_label="Any")
    category = forms.ChoiceField(required=False, choices=[ANY, *CATEGORIES])
    reason = forms.ChoiceField(required=False, choices=[ANY, *REASONS])
    since = forms.DateField(required=False, widget=forms.DateInput({"type": "date"}))
    until = forms.DateField(required=False, widget=forms.DateInput({"type": "date"}))
    deployment = DeploymentField(Deployment.objects.none(), required=False, empty_label="Any")
    origin = forms.ChoiceField(required=False, choices=[ANY, *ORIGINS])
    mode = forms.ChoiceField(required=False, choices=[ANY, *MODES])
    held = forms.ChoiceField(required=False, choices=[ANY, ("me", "Held by me")])

    def __init__(self, *args, user, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["camera"].queryset = Camera.objects.visible_to(user)
        self.fields["deployment"].queryset = selectors.visible_deployments(user)
        if not user.has_perm("review.view_agreement"):
            # Who is measured or judges blind is not to know by which items.
            del self.fields["mode"]

    def filters(self):
        """Return what to filter by; a value that cannot be read filters nothing."""
        self.is_valid()
        values = {name: value for name, value in self.cleaned_data.items() if value}
        values.setdefault("status", TrainingItem.Status.PENDING_REVIEW.value)
        if values["status"] == "all":
            del values["status"]
        for name in ("camera", "deployment"):
            if name in values:
                values[name] = values[name].pk
        return values

    def left_out(self):
        """Return a sentence for each filter that was asked for and cannot be read."""
        sentences = []
        for name in self.errors:
            asked = self.data.get(name, "")[:40]
            if name in ("camera", "deployment"):
                what = "camera" if name == "camera" else "model"
                sentences.append(f"There is no {what} {asked!r} any more.")
            else:
                sentences.append(f"{asked!r} is nothing that {name} can be.")
        return sentences


class DecideForm(forms.Form):
    """``verdict`` may carry its reason, "rejected:duplicate": a button sends one value only."""

    verdict = forms.CharField(max_length=40)
    reason = forms.CharField(required=False, max_length=40)
    note = forms.CharField(required=False, max_length=2000)
    category = forms.CharField(required=False, max_length=40)
    version = forms.IntegerField(required=False, min_value=0)
    seconds_taken = forms.FloatField(required=False, min_value=0)

    def clean(self):
        cleaned = super().clean()
        verdict, _, reason = cleaned.get("verdict", "").partition(":")
        return {**cleaned, "verdict": verdict, "reason": reason or cleaned.get("reason", "")}


class BatchForm(DecideForm):
    """One verdict on many items; which items is read by itself, as there may be many."""

    category = version = seconds_taken = None


class UndoBatchForm(forms.Form):
    batch = forms.UUIDField()


class SaveFilterForm(forms.Form):
    name = forms.CharField(max_length=60)


class RegionsField(forms.CharField):
    """Boxes drawn by a person, as the JSON text that the page keeps them in."""

    def to_python(self, value):
        text = super().to_python(value)
        if not text:
            return []
        try:
            regions = read_json(text)
        except ValueError as error:
            raise forms.ValidationError(f"The drawn regions are not JSON: {error}.") from error
        if not isinstance(regions, list) or not all(isinstance(part, dict) for part in regions):
            raise forms.ValidationError("The drawn regions are not a list of regions.")
        return regions


class RedactForm(forms.Form):
    method = forms.ChoiceField(required=False, choices=Redaction.Method.choices)
    regions = RegionsField(required=False, max_length=100_000)


class AheadForm(forms.Form):
    after = forms.IntegerField(min_value=1)


class ReleaseForm(forms.Form):
    """``unseen``: ids of items with commas between them."""

    unseen = forms.RegexField(r"^\d{1,18}(,\d{1,18}){0,49}$", max_length=1000)

    def clean_unseen(self):
        return [int(number) for number in self.cleaned_data["unseen"].split(",")]


class SameForm(forms.Form):
    """``verdict`` is the last one as the page showed it, "rejected:duplicate"."""

    verdict = forms.CharField(max_length=40)
    version = forms.IntegerField(required=False, min_value=0)
    seconds_taken = forms.FloatField(required=False, min_value=0)


class UndoForm(forms.Form):
    decision = forms.IntegerField(required=False)


class ReopenForm(forms.Form):
    note = forms.CharField(required=False, max_length=2000)


class PeriodForm(forms.Form):
    since = forms.DateField(required=False, widget=forms.DateInput({"type": "date"}))
    until = forms.DateField(required=False, widget=forms.DateInput({"type": "date"}))

    def clean_since(self):
        return _in_range(self.cleaned_data["since"])

    def clean_until(self):
        return _in_range(self.cleaned_data["until"])

    def period(self):
        """Return the days that are asked for; a value that cannot be read leaves its end open."""
        self.is_valid()
        return selectors.Period(self.cleaned_data.get("since"), self.cleaned_data.get("until"))


def _in_range(day):
    if day is not None and not is_day_in_range(day):
        raise forms.ValidationError("That day is too far off.")
    return day


class GuidelineForm(forms.Form):
    # Not stripped here: what is typed is checked, and given back, by the service's rules.
    text = forms.CharField(required=False, max_length=20_000, strip=False)
    version = forms.IntegerField(required=False, min_value=0)


class ExampleForm(forms.Form):
    """``remove`` is the id of an example that is to be none any more."""

    kind = forms.ChoiceField(required=False, choices=[("", ""), *GuidelineExample.Kind.choices])
    note = forms.CharField(required=False, max_length=2000)
    remove = forms.IntegerField(required=False, min_value=1)


class PhotoFilterForm(forms.Form):
    """What the library is filtered by; ``day`` is one day of capture, in the site's time zone."""

    camera = forms.ModelChoiceField(Camera.objects.none(), required=False, empty_label="Any")
    marked = forms.ChoiceField(
        required=False, choices=[ANY, ("yes", "Marked"), ("no", "Not marked")]
    )
    day = forms.DateField(required=False, widget=forms.DateInput({"type": "date"}))

    def __init__(self, *args, user, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["camera"].queryset = Camera.objects.visible_to(user)
        self.fields["class"] = forms.CharField(
            required=False,
            max_length=MOST_CLASS_CHARACTERS,
            widget=forms.TextInput({"list": "classes", "autocomplete": "off"}),
        )

    def filters(self):
        """Return what to filter by; a value that cannot be read filters nothing."""
        self.is_valid()
        values = {name: value for name, value in self.cleaned_data.items() if value}
        day = values.pop("day", None)
        if day is not None and is_day_in_range(day):
            values |= {"since": day.isoformat(), "until": day.isoformat()}
        if "camera" in values:
            values["camera"] = values["camera"].pk
        return values


class MarkForm(forms.Form):
    reason = forms.CharField(required=False, max_length=40)
    note = forms.CharField(required=False, max_length=MOST_MARK_CHARACTERS)
