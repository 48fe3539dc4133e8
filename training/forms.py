"""What the pages of training send, parsed; what is allowed is decided by the services."""

from django import forms

from detection.models import Camera, Incident
from detection.slots import TASK_CLASSIFIER, trainable
from hitlsite.models import Site
from training.models import Dataset, ExportRun, FeatureSet, LabelSet
from training.services.exports import FORMATS
from training.services.features import MOST_SAMPLE_RATE

_DAY = {"type": "date"}
CATEGORIES = [(value, name.capitalize()) for value, name in Incident.Category.choices]
FORMAT_NAMES = {"yolo": "YOLO labels", "csv": "CSV table", "parquet": "parquet table"}


BALANCES = [
    ("", "As many as there are"),
    ("downsample", "Leave out, down to the rarest"),
    ("upsample", "Repeat, up to the most frequent"),
]


class CameraField(forms.ModelChoiceField):
    """Names the site of every camera: the list holds those of all sites."""

    def label_from_instance(self, camera):
        return f"{camera.name} ({camera.site.name})"


class CamerasField(forms.ModelMultipleChoiceField):
    """Names the site of every camera as well."""

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


class RunForm(forms.Form):
    """What a run of one slot is asked with; what is left empty is as usual."""

    dataset = forms.ModelChoiceField(Dataset.objects.none(), required=False)
    algorithm = forms.ChoiceField(required=False)
    epochs = forms.IntegerField(required=False, min_value=1, max_value=10_000)
    batch = forms.IntegerField(required=False, min_value=1, max_value=1024)
    base = forms.CharField(required=False, max_length=100)
    force = forms.BooleanField(required=False)
    # The names of what goes into the run's parameters.
    parameters = ("epochs", "batch", "base")

    def __init__(self, *args, slot, datasets, **kwargs):
        super().__init__(*args, **{"prefix": slot.name, **kwargs})
        self.slot = slot
        self.fields["dataset"].queryset = datasets
        self.fields["dataset"].empty_label = "The newest"
        self.fields["algorithm"].choices = [("", f"{slot.algorithms[0]} (the usual one)")]
        self.fields["algorithm"].choices += [(name, name) for name in slot.algorithms[1:]]
        if type(self) is RunForm and slot.figure != "map50":
            for name in self.parameters:
                del self.fields[name]
        for name in self.fields:
            described = {"aria-describedby": f"{self.add_prefix(name)}-errors"}
            if self.is_bound and self.errors.get(name):
                self.fields[name].widget.attrs.update({"aria-invalid": "true", **described})

    def wanted(self):
        """Return what a valid form asks of ``runs.start``."""
        given = self.cleaned_data
        return {
            "dataset_id": given["dataset"].pk if given["dataset"] else None,
            "algorithm": given["algorithm"],
            "parameters": {name: given[name] for name in self.parameters if given.get(name)},
            "force": given["force"],
        }

    def refuse(self, error):
        """Show a service's refusal at the field at fault, above all of them where there is none."""
        named = {"dataset_id": "dataset"}
        told = {
            named.get(name, name.rpartition(".")[2]): said for name, said in error.fields.items()
        }
        told = {name: said for name, said in told.items() if name in self.fields}
        for name, sentence in (told or {None: error.message}).items():
            self.add_error(name, sentence)


class TaskRunForm(RunForm):
    """A run of task classification; what an algorithm does not have is refused by name."""

    base = None
    columns = forms.ChoiceField(
        label="Columns",
        required=False,
        choices=[("", "all"), ("mediapipe", "of bodies and hands"), ("yolo", "of objects")],
    )
    agg = forms.ChoiceField(
        label="A window becomes (no network)",
        required=False,
        choices=[("", "statistics"), ("flatten", "all its steps")],
    )
    n_estimators = forms.IntegerField(
        label="Trees (random_forest, lightgbm)", required=False, min_value=1
    )
    max_depth = forms.IntegerField(
        label="Depth of a tree (random_forest, lightgbm)", required=False, min_value=1
    )
    epochs = forms.IntegerField(
        label="Epochs (networks, online)", required=False, min_value=1, max_value=10_000
    )
    learning_rate = forms.FloatField(
        label="Learning rate (not random_forest)", required=False, min_value=0
    )
    batch = forms.IntegerField(label="Windows a batch (networks)", required=False, min_value=1)
    hidden = forms.IntegerField(label="Width (networks)", required=False, min_value=1)
    ablations = forms.BooleanField(
        label="Train on bodies alone and on objects alone as well, to see what each is worth",
        required=False,
    )
    parameters = ("columns", "agg", "n_estimators", "max_depth", "epochs", "learning_rate")
    parameters += ("batch", "hidden", "ablations")

    def settings(self):
        """Return the fields of the parameters but for ticks."""
        return [self[name] for name in self.parameters if name != "ablations"]


class PromotionForm(forms.Form):
    """Why a version is to serve."""

    purpose = forms.CharField(max_length=300)
    notes = forms.CharField(required=False, max_length=5000, widget=forms.Textarea({"rows": 3}))
    reason = forms.CharField(required=False, max_length=5000, widget=forms.Textarea({"rows": 2}))


class ShareForm(forms.Form):
    """Which part of the cameras a challenger takes, in percent."""

    percent = forms.IntegerField(min_value=1, max_value=99, initial=20)


class LabelSetField(forms.ModelChoiceField):
    """Names the site of every label set and what its answers are."""

    def label_from_instance(self, label_set):
        return f"{label_set.name} ({label_set.site.name}): {', '.join(label_set.label_names)[:60]}"


def _seconds(usual):
    return forms.NumberInput({"step": "0.1", "min": "0.1", "placeholder": usual})


def _share(usual):
    return forms.NumberInput({"step": "0.01", "min": "0.01", "max": "1", "placeholder": usual})


class DatasetForm(forms.Form):
    """What a dataset is frozen from."""

    slot = forms.ChoiceField(choices=[(slot.name, slot.title) for slot in trainable()])
    sites = forms.ModelMultipleChoiceField(
        Site.objects.none(), required=False, widget=forms.CheckboxSelectMultiple
    )
    synthetic_cameras = CamerasField(
        Camera.objects.none(), required=False, widget=forms.CheckboxSelectMultiple
    )
    whole_imports = forms.BooleanField(required=False)
    label_set = LabelSetField(
        LabelSet.objects.none(), required=False, empty_label="The only one, or that of what serves"
    )
    window_seconds = forms.FloatField(required=False, widget=_seconds("2"))
    step_seconds = forms.FloatField(required=False, widget=_seconds("0.5"))
    balance = forms.ChoiceField(required=False, choices=BALANCES)
    train_ratio = forms.FloatField(required=False, widget=_share("0.7"))
    val_ratio = forms.FloatField(required=False, widget=_share("0.15"))
    test_ratio = forms.FloatField(required=False, widget=_share("0.15"))

    OF_WINDOWS = ("window_seconds", "step_seconds", "balance")
    OF_WINDOWS += ("train_ratio", "val_ratio", "test_ratio")

    def __init__(self, *args, user, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["sites"].queryset = Site.objects.visible_to(user)
        label_sets = LabelSet.objects.visible_to(user).select_related("site")
        self.fields["label_set"].queryset = label_sets.order_by("site__name", "name")
        cameras = Camera.objects.visible_to(user).select_related("site").order_by("site", "name")
        self.fields["synthetic_cameras"].queryset = cameras

    def wanted(self):
        """Return what a valid form asks of ``datasets.freeze``."""
        given = self.cleaned_data
        rendered = sorted(camera.pk for camera in given["synthetic_cameras"])
        return {
            "slot": given["slot"],
            "sites": list(given["sites"]) or None,
            "options": {
                **({"synthetic_cameras": rendered} if rendered else {}),
                **({"whole_imports": True} if given["whole_imports"] else {}),
                **(self._of_windows() if given["slot"] == TASK_CLASSIFIER else {}),
            },
        }

    def _of_windows(self):
        given = self.cleaned_data
        label_set = {"label_set": given["label_set"].pk} if given["label_set"] else {}
        named = {name: given[name] for name in self.OF_WINDOWS}
        return label_set | {name: value for name, value in named.items() if value not in (None, "")}

    @property
    def has_window_errors(self):
        return any(self[name].errors for name in ("label_set", *self.OF_WINDOWS))

    def refuse(self, error):
        """Show a service's refusal at the field at fault, above all of them where there is none."""
        told = {name: said for name, said in error.fields.items() if name in self.fields}
        for name, sentence in (told or {None: error.message}).items():
            self.add_error(name, sentence)


class ExtractionForm(forms.Form):
    """How the videos that are ticked are to be measured."""

    detector = forms.ChoiceField(
        choices=[
            (FeatureSet.Detector.FUSION, "Fusion: body, hands and objects"),
            (FeatureSet.Detector.MEDIAPIPE, "Mediapipe: body and hands"),
            (FeatureSet.Detector.YOLO, "Yolo: objects"),
        ]
    )
    sample_rate = forms.IntegerField(min_value=1, max_value=MOST_SAMPLE_RATE, initial=1)

    def refuse(self, error):
        """Show a service's refusal at the field at fault, above all of them where there is none."""
        told = {name: said for name, said in error.fields.items() if name in self.fields}
        above = " ".join(error.fields.values()) or error.message
        for name, sentence in (told or {None: above}).items():
            self.add_error(name, sentence)
