"""Datasets: what a model is trained and judged on, frozen so that both can be told later."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from detection.models import Camera, Evidence
from hitlsite.models import Leased, Membership, Site, VisibleQuerySet
from review.models import TrainingItem


class OfSitesQuerySet(models.QuerySet):
    """Rows made from several sites: only who belongs to every one of them may see them.

    ``sites_path`` is the lookup from the row to those sites.
    """

    sites_path = "sites"

    def visible_to(self, user):
        if not user.is_active:
            return self.none()
        if user.is_superuser:
            return self
        mine = Membership.objects.filter(user=user).values("site")
        foreign = Site.objects.exclude(pk__in=mine).values("pk")
        return self.exclude(**{f"{self.sites_path}__in": foreign})


class Dataset(Leased):
    """A frozen dataset; its identity is the hash of its manifest, which is empty until it is done.

    ``taxonomy`` are its classes in the order of a model's outputs, each {"name", "former": names
    that it had, "label_classes": ids}; a class keeps its place in every later dataset of the slot.
    ``counts`` is what the page shows: by split, class, camera, day and night; what was capped and
    what was left out, with reasons. ``test_sha256`` tells which revision of the test split it has.
    """

    slot = models.CharField(max_length=40)
    number = models.PositiveIntegerField(help_text="counted within the slot")
    sites = models.ManyToManyField(Site, related_name="datasets")
    previous = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="following"
    )
    options = models.JSONField(default=dict, blank=True)
    taxonomy = models.JSONField(default=list, blank=True)
    counts = models.JSONField(default=dict, blank=True)
    manifest_path = models.CharField(max_length=300, blank=True)
    manifest_sha256 = models.CharField(max_length=64, blank=True)
    test_sha256 = models.CharField(max_length=64, blank=True)
    test_revision = models.PositiveIntegerField(default=0)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT
    )
    progress_done = models.PositiveIntegerField(default=0)
    progress_total = models.PositiveIntegerField(default=0)
    progress_message = models.CharField(max_length=200, blank=True)

    objects = OfSitesQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["slot", "number"], name="dataset_number_is_unique_in_slot"
            ),
            # The same content frozen twice is the same dataset.
            models.UniqueConstraint(
                fields=["slot", "manifest_sha256"],
                condition=~Q(manifest_sha256=""),
                name="dataset_manifest_is_unique_in_slot",
            ),
        ]

    def __str__(self):
        return f"{self.slot} dataset {self.number}"

    @property
    def class_names(self):
        return [row["name"] for row in self.taxonomy]


class DatasetEntry(models.Model):
    """One picture, incident or row of a dataset, with what is true of it.

    ``label`` of a picture: {"boxes": [[class name, x1, y1, x2, y2]], "exhaustive": class names},
    as shares of width and height; of a row: {"label", "features": {name: number}}; of a window of
    features: {"label", "row": in the array at ``path``, "start", "end": seconds}, and "repeat",
    which time it is, where it trains again.
    """

    class Split(models.TextChoices):
        TRAIN = "train"
        VAL = "val", "validation"
        TEST = "test"
        MARKED = "marked", "marked, beside the test"

    class Origin(models.TextChoices):
        FIELD = "field"
        SYNTHETIC = "synthetic"
        IMPORT = "import"

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="entries")
    position = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64, help_text="of the picture, or of the row's features")
    split = models.CharField(max_length=6, choices=Split.choices)
    group = models.CharField(max_length=120)
    origin = models.CharField(max_length=9, choices=Origin.choices)
    label = models.JSONField(default=dict)
    path = models.CharField(
        max_length=300, blank=True, help_text="of a picture, or of an array of windows, in storage"
    )
    item = models.ForeignKey(
        TrainingItem, null=True, blank=True, on_delete=models.PROTECT, related_name="entries"
    )
    evidence = models.ForeignKey(
        Evidence, null=True, blank=True, on_delete=models.PROTECT, related_name="entries"
    )
    sample = models.ForeignKey(
        "training.TabularSample", null=True, blank=True, on_delete=models.PROTECT
    )
    feature_set = models.ForeignKey(
        "training.FeatureSet",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="entries",
    )
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="+")
    camera = models.ForeignKey(
        Camera, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    captured_at = models.DateTimeField(null=True, blank=True)
    is_night = models.BooleanField(null=True, blank=True)
    phash = models.CharField(max_length=16, blank=True, help_text="64 bits as hex digits")

    class Meta:
        ordering = ["dataset", "position"]
        constraints = [
            models.UniqueConstraint(
                fields=["dataset", "position"], name="dataset_entry_position_is_unique"
            ),
            models.CheckConstraint(
                condition=~Q(origin="synthetic") | Q(split="train"),
                name="dataset_entry_synthetic_only_trains",
            ),
        ]
        indexes = [
            # A split of a dataset: training, evaluation and the page read one at a time.
            models.Index(fields=["dataset", "split", "position"], name="dataset_entry_split"),
        ]

    def __str__(self):
        return f"entry {self.position} of {self.dataset}"


class GroupSplit(models.Model):
    """Which split a group belongs to, for ever: what tested once never trains."""

    slot = models.CharField(max_length=40)
    group = models.CharField(max_length=120)
    split = models.CharField(max_length=6, choices=DatasetEntry.Split.choices)
    pinned_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["slot", "group"], name="group_split_is_one_per_slot_and_group"
            )
        ]

    def __str__(self):
        return f"{self.group}: {self.split}"


class OfSampleQuerySet(VisibleQuerySet):
    site_path = "site"


class TabularSample(models.Model):
    """One row of numbers from a device, with what it decided and what would have been right.

    ``measures`` holds every named column that was sent, as numbers; ``sequence`` names the run of
    rows in time order that its past is read from, such as one session of a device.
    """

    class LabelSource(models.TextChoices):
        HUMAN = "human"
        OUTCOME = "outcome"
        DECISION = "decision"

    slot = models.CharField(max_length=40)
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="samples")
    client_id = models.CharField(max_length=100)
    sequence = models.CharField(max_length=100, blank=True)
    at = models.DateTimeField()
    measures = models.JSONField(default=dict)
    label = models.CharField(max_length=60, blank=True)
    label_source = models.CharField(max_length=8, choices=LabelSource.choices, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT
    )
    received_at = models.DateTimeField(auto_now_add=True)

    objects = OfSampleQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            # A batch that is sent again adds nothing.
            models.UniqueConstraint(
                fields=["slot", "site", "client_id"],
                name="tabular_sample_is_one_per_client_id",
            )
        ]
        indexes = [
            # A dataset takes a sequence's rows in time order.
            models.Index(fields=["slot", "site", "sequence", "at"], name="tabular_sample_sequence"),
        ]

    def __str__(self):
        return f"sample {self.client_id}"
