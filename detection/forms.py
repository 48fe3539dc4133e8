"""The camera's form: its columns, and its zones and rules as one checked text."""

from pathlib import Path
from urllib.parse import urlsplit

import yaml
from django import forms
from django.conf import settings

from detection.models import Camera
from detection.services import cameras
from hitlsite.errors import DomainError

STREAM_SCHEMES = ("rtsp", "rtsps", "rtmp", "srt", "http", "https")
BUILT_IN_DETECTORS = ("auto", "motion")


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

    def clean_name(self):
        """Refuse a name taken at the same site; a site that is not on the form is not checked."""
        name = self.cleaned_data["name"]
        camera = self.instance
        namesakes = Camera.objects.filter(site=camera.site_id, name=name).exclude(pk=camera.pk)
        if camera.pk and namesakes.exists():
            raise forms.ValidationError("This site already has a camera of this name.")
        return name

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
