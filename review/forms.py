"""What reviewers' forms send, parsed; what is allowed is decided by the services."""

from django import forms

from detection.models import Camera, Incident
from hitlsite.bounds import read_json
from hitlsite.errors import DomainError
from review.models import Decision, Redaction, TrainingItem

ANY = ("", "Any")
CATEGORIES = tuple(
    (value, value.replace("_", " ").capitalize()) for value in Incident.Category.values
)
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


class QueueFilterForm(forms.Form):
    status = forms.ChoiceField(
        required=False, choices=[*TrainingItem.Status.choices, ("all", "all")]
    )
    camera = forms.ModelChoiceField(Camera.objects.none(), required=False, empty_label="Any")
    category = forms.ChoiceField(required=False, choices=[ANY, *CATEGORIES])
    reason = forms.ChoiceField(required=False, choices=[ANY, *REASONS])
    since = forms.DateField(required=False, widget=forms.DateInput({"type": "date"}))
    until = forms.DateField(required=False, widget=forms.DateInput({"type": "date"}))

    def __init__(self, *args, user, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["camera"].queryset = Camera.objects.visible_to(user)

    def filters(self):
        """Return what to filter by; a value that cannot be read filters nothing."""
        self.is_valid()
        values = {name: value for name, value in self.cleaned_data.items() if value}
        values.setdefault("status", TrainingItem.Status.PENDING_REVIEW.value)
        if values["status"] == "all":
            del values["status"]
        if "camera" in values:
            values["camera"] = values["camera"].pk
        return values


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


class UndoForm(forms.Form):
    decision = forms.IntegerField(required=False)


class ReopenForm(forms.Form):
    note = forms.CharField(required=False, max_length=2000)
