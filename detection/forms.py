"""The camera's form: its columns, and its zones and rules as one checked text."""

from pathlib import Path
from urllib.parse import urlsplit

import yaml
from django import forms
from django.conf import settings

from detection.models import Camera
from detection.services import cameras, import_drafts, rule_imports
from hitlsite.errors import DomainError
from hitlsite.models import Site

STREAM_SCHEMES = ("rtsp", "rtsps", "rtmp", "srt", "http", "https")
BUILT_IN_DETECTORS = ("auto", "motion")


def _document(what):
    """Return a field for a text that a program reads."""
    return forms.Textarea(
        {"rows": 12, "spellcheck": "false", "autocomplete": "off", "aria-label": what.capitalize()}
    )


class CameraForm(forms.ModelForm):
    """Checks whole: where one zone, rule or column is wrong, nothing of it is stored."""

    zones_and_rules = forms.CharField(
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 24, "cols": 90, "spellcheck": "false"}),
        help_text="YAML or JSON: zones with polygons of [x, y] from 0 to 1, and rules.",
    )

    class Meta:
        model = Camera
        fields = (
            "site",
            "name",
            "detect_url",
            "record_url",
            "sampling_fps",
            "detector",
            "tracker",
            "lost_seconds",
            "estimates_poses",
            "classifies_tasks",
            "photo_on_detection",
            "photo_every_seconds",
            "is_enabled",
        )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.config = None
        if self.instance.pk and "zones_and_rules" in self.fields:
            current = cameras.current_config(self.instance)
            self.initial["zones_and_rules"] = yaml.safe_dump(
                current, sort_keys=False, allow_unicode=True
            )

    def clean(self):
        """Refuse a name taken at the same site, also where the site itself is not on the form."""
        cleaned = super().clean()
        site = cleaned.get("site") or self.instance.site_id
        namesakes = Camera.objects.filter(site=site, name=cleaned.get("name"))
        if site and namesakes.exclude(pk=self.instance.pk).exists():
            self.add_error("name", "This site already has a camera of this name.")
        return cleaned

    def clean_detect_url(self):
        return _checked_address(self.cleaned_data["detect_url"])

    def clean_record_url(self):
        return _checked_address(self.cleaned_data["record_url"])

    def clean_detector(self):
        wanted = self.cleaned_data["detector"]
        if wanted in BUILT_IN_DETECTORS or wanted == self.initial.get("detector"):
            return wanted
        folder = Path(settings.MODEL_DIR).resolve()
        path = (folder / wanted).resolve() if "\x00" not in wanted else folder
        if folder not in path.parents or not path.exists():
            raise forms.ValidationError(
                f'There are no weights "{wanted}" in the model directory; auto and motion always '
                "work."
            )
        return wanted

    def clean_zones_and_rules(self):
        """Read the text when it was changed; ``config`` then holds what it means."""
        from detection.rules.config import parse_config

        text = self.cleaned_data["zones_and_rules"]
        if "zones_and_rules" in self.changed_data:
            try:
                source = text if text.strip() else {}
                self.config = parse_config(source, file_name="zones and rules")
            except DomainError as error:
                raise forms.ValidationError(error.message, code=error.code) from error
        return text


class CameraPageForm(CameraForm):
    """The columns of a camera as its page sets them; zones and rules have pages of their own.

    Args:
        user: whoever fills it in, who adds cameras at own sites only.
    """

    zones_and_rules = None

    class Meta(CameraForm.Meta):
        labels = {
            "detect_url": "Stream to watch",
            "record_url": "Stream to record",
            "sampling_fps": "Frames looked at, a second",
            "lost_seconds": "Lost after, seconds",
            "photo_every_seconds": "A photo every so many seconds",
        }
        widgets = {
            "name": forms.TextInput({"autocomplete": "off", "autofocus": True}),
            # Addresses may hold passwords, which no browser is to remember.
            **dict.fromkeys(
                ("detect_url", "record_url"),
                forms.TextInput(
                    {
                        "autocomplete": "off",
                        "spellcheck": "false",
                        "inputmode": "url",
                        "placeholder": "rtsp://",
                    }
                ),
            ),
            "detector": forms.TextInput({"list": "detectors", "autocomplete": "off"}),
            "sampling_fps": forms.NumberInput({"min": "0.2", "max": "60", "step": "any"}),
            "lost_seconds": forms.NumberInput({"min": "0.1", "step": "any"}),
            "photo_every_seconds": forms.NumberInput({"min": "1", "step": "any"}),
        }

    def __init__(self, *args, user, **kwargs):
        super().__init__(*args, **kwargs)
        sites = Site.objects.visible_to(user)
        if self.instance.pk:
            del self.fields["site"]
            return
        field = self.fields["site"]
        field.queryset, field.empty_label = sites, None
        if len(sites) == 1:
            field.initial, field.widget = sites[0], forms.HiddenInput()

    @property
    def known_detectors(self):
        """Return what may be asked for: the built-in ones and the weights that lie ready."""
        return [*BUILT_IN_DETECTORS, *cameras.weights_at_hand()]


class ImportForm(forms.Form):
    """Zones and rules as files or pasted, and what their pixels and frames are to be read by."""

    zones_file = forms.FileField(required=False, allow_empty_file=True)
    zones_text = forms.CharField(required=False, strip=False, widget=_document("zones"))
    zones_name = forms.CharField(required=False, max_length=200, widget=forms.HiddenInput())
    rules_file = forms.FileField(required=False, allow_empty_file=True)
    rules_text = forms.CharField(required=False, strip=False, widget=_document("rules"))
    rules_name = forms.CharField(required=False, max_length=200, widget=forms.HiddenInput())
    frame_size = forms.CharField(
        required=False, widget=forms.TextInput({"placeholder": "1920x1080", "autocomplete": "off"})
    )
    person_height = forms.FloatField(
        required=False, widget=forms.NumberInput({"placeholder": "0.25", "step": "any"})
    )
    frame_rate = forms.FloatField(
        required=False, widget=forms.NumberInput({"placeholder": "25", "step": "any"})
    )

    def with_files_read(self):
        """Return this form with what was uploaded in place of what was pasted.

        Raises:
            DomainError: file_unreadable, naming the file.
        """
        data = self.data.copy()
        for part in ("zones", "rules"):
            upload = self.files.get(f"{part}_file")
            if upload is not None:
                data[f"{part}_text"] = import_drafts.read_file(upload)
                data[f"{part}_name"] = upload.name
        return type(self)(data)

    def read(self):
        """Return the arguments of ``rule_imports.plan_import``.

        Raises:
            DomainError: form_invalid, or frame_size_invalid.
        """
        if not self.is_valid():
            fields = {name: " ".join(messages) for name, messages in self.errors.items()}
            name, message = next(iter(fields.items()))
            raise DomainError("form_invalid", f"{self[name].label}: {message}", fields=fields)
        given = self.cleaned_data
        read = {
            "frame_size": rule_imports.parse_frame_size(given["frame_size"].strip() or None),
            "body_height_share": given["person_height"],
            "fps": given["frame_rate"],
        }
        for part in ("zones", "rules"):
            # An empty text is no text; a file with nothing but spaces is said to be empty.
            read[f"{part}_text"] = given[f"{part}_text"] or None
            read[f"{part}_file"] = given[f"{part}_name"] or part
        return read


def _checked_address(address):
    address = address.strip()
    if not address:
        return ""
    try:
        parts = urlsplit(address)
        is_address = parts.scheme.lower() in STREAM_SCHEMES and bool(parts.hostname)
    except ValueError:
        is_address = False
    if not is_address or not address.isprintable():
        known = ", ".join(f"{scheme}://" for scheme in STREAM_SCHEMES)
        raise forms.ValidationError(f"This is no address of a stream ({known}).")
    return address
