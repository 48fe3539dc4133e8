"""What the exports page sends, parsed; what is allowed is decided by the service."""

from django import forms

from detection.models import Camera, Incident
from hitlsite.models import Site
from training.models import ExportRun
from training.services.exports import FORMATS

_DAY = {"type": "date"}
CATEGORIES = [(value, name.capitalize()) for value, name in Incident.Category.choices]
FORMAT_NAMES = {"yolo": "YOLO labels", "csv": "CSV table", "parquet": "parquet table"}


class CameraField(forms.ModelChoiceField):
    """Names the site of every camera: the list holds those of all sites."""

    def label_from_instance(self, camera):
        return f"{camera.name} ({camera.site.name})"


class ExportForm(forms.Form):
    site = forms.ModelChoiceField(Site.objects.none(), required=False, empty_label=None)
    camera = CameraField(Camera.objects.none(), required=False, empty_label="Any")
    category = forms.ChoiceField(required=False, choices=[("", "Any"), *CATEGORIES])
    since = forms.DateField(required=False, widget=forms.DateInput(_DAY))
    until = forms.DateField(required=False, widget=forms.DateInput(_DAY))
    image_form = forms.ChoiceField(
        choices=ExportRun._meta.get_field("image_form").choices, initial="file"
    )
    variant = forms.ChoiceField(
        required=False,
        choices=ExportRun._meta.get_field("variant").choices,
        initial="reviewed",
        widget=forms.RadioSelect,
    )
    formats = forms.MultipleChoiceField(
        required=False,
        choices=[(name, FORMAT_NAMES[name]) for name in FORMATS],
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(self, *args, user, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["site"].queryset = Site.objects.visible_to(user)
        self.fields["camera"].queryset = Camera.objects.visible_to(user).select_related("site")

    def clean(self):
        site, camera = self.cleaned_data.get("site"), self.cleaned_data.get("camera")
        if site and camera and camera.site_id != site.pk:
            self.add_error("camera", f"{camera.name} is at {camera.site.name}, not at {site.name}.")
        return self.cleaned_data

    def refuse(self, error):
        """Show a service's refusal at the field at fault, above all of them where there is none."""
        told = {name: said for name, said in error.fields.items() if name in self.fields}
        for name, sentence in (told or {None: error.message}).items():
            self.add_error(name, sentence)

    def filters(self):
        """Return the filters of a valid form."""
        names = ("camera", "category", "since", "until")
        return {name: self.cleaned_data[name] for name in names if self.cleaned_data[name]}

    def wanted(self):
        """Return what a valid form asks for besides site and filters."""
        return {
            "image_form": self.cleaned_data["image_form"],
            "variant": self.cleaned_data["variant"] or "reviewed",
            "formats": self.cleaned_data["formats"],
        }
