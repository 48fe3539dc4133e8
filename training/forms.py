"""What the exports page sends, parsed; what is allowed is decided by the service."""

from django import forms

from detection.models import Camera, Incident
from hitlsite.models import Site
from training.models import ExportRun

_DAY = {"type": "date"}


class ExportForm(forms.Form):
    site = forms.ModelChoiceField(Site.objects.none(), required=False, empty_label=None)
    camera = forms.ModelChoiceField(Camera.objects.none(), required=False, empty_label="Any")
    category = forms.ChoiceField(required=False, choices=[("", "Any"), *Incident.Category.choices])
    since = forms.DateField(required=False, widget=forms.DateInput(_DAY))
    until = forms.DateField(required=False, widget=forms.DateInput(_DAY))
    image_form = forms.ChoiceField(
        choices=ExportRun._meta.get_field("image_form").choices, initial="file"
    )

    def __init__(self, *args, user, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["site"].queryset = Site.objects.visible_to(user)
        self.fields["camera"].queryset = Camera.objects.visible_to(user).select_related("site")

    def filters(self):
        """Return the filters of a valid form."""
        names = ("camera", "category", "since", "until")
        return {name: self.cleaned_data[name] for name in names if self.cleaned_data[name]}
