"""Datasets over the API: parse, call the service, answer."""

from django.db import transaction
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from detection.slots import trainable
from hitlsite.api.serializers import StrictSerializer, refusals
from hitlsite.bounds import LARGEST_ID
from hitlsite.errors import Forbidden
from training import tasks
from training.api.paging import CURSOR, chosen, page_of
from training.models import Dataset
from training.selectors import datasets as selectors
from training.services import datasets

STATES = tuple(Dataset.State.values)
SLOT_NAMES = tuple(slot.name for slot in trainable())


class DatasetSerializer(serializers.ModelSerializer):
    sites = serializers.SerializerMethodField()
    created_by = serializers.CharField(source="created_by.username", default=None)
    options = serializers.DictField()
    taxonomy = serializers.ListField(child=serializers.DictField())

    class Meta:
        model = Dataset
        fields = (
            *("id", "slot", "number", "sites", "created_by", "state", "options", "taxonomy"),
            *("manifest_sha256", "test_sha256", "test_revision", "previous"),
            *("progress_done", "progress_total", "progress_message"),
            *("error_code", "error_message", "created_at", "started_at", "finished_at"),
        )
        read_only_fields = fields

    def get_sites(self, dataset) -> list[str]:
        return sorted(site.name for site in dataset.sites.all())


class WholeDatasetSerializer(DatasetSerializer):
    counts = serializers.DictField(help_text="by split, class, camera and light; what was left out")

    class Meta(DatasetSerializer.Meta):
        fields = (*DatasetSerializer.Meta.fields, "counts")
        read_only_fields = fields


class DatasetPageSerializer(serializers.Serializer):
    results = DatasetSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class NewDatasetSerializer(StrictSerializer):
    slot = serializers.ChoiceField(choices=SLOT_NAMES)
    sites = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=LARGEST_ID),
        required=False,
        allow_empty=False,
        help_text="ids; all that you belong to where there are none",
    )
    options = serializers.DictField(
        required=False,
        help_text="synthetic_cameras (ids), frames_per_track, camera_share; what the slot takes."
        " The task-classifier takes label_set (id or name, 0 for the features' own labels),"
        " feature_sets (ids), detector_mode, window_seconds, step_seconds, balance (none,"
        " downsample, upsample), train_ratio, val_ratio, test_ratio, seed",
    )


class DatasetsView(APIView):
    @extend_schema(
        operation_id="datasets_list",
        summary="List datasets, the newest first",
        parameters=[
            OpenApiParameter("slot", enum=SLOT_NAMES, description="only of this slot"),
            OpenApiParameter("state", enum=STATES, description="only in this state"),
            CURSOR,
        ],
        responses={200: DatasetPageSerializer, **refusals(400)},
    )
    def get(self, request):
        found = selectors.datasets(request.user)
        asked = request.query_params
        if asked.get("slot"):
            found = found.filter(slot=asked["slot"])
        if state := chosen(asked, "state", STATES):
            found = found.filter(state=state)
        page, following = page_of(found, asked.get("cursor"))
        results = DatasetSerializer(page, many=True).data
        return Response({"results": results, "next_cursor": following})

    @extend_schema(
        operation_id="datasets_create",
        summary="Queue the freezing of a dataset",
        description=(
            "Where nothing has changed since an earlier dataset, the new one ends as that: its "
            "address then answers the earlier one, whose id differs."
        ),
        request=NewDatasetSerializer,
        responses={202: DatasetSerializer, **refusals(400, 404, 413, 415, 422)},
    )
    def post(self, request):
        # Who may not freeze is told so before anything that was sent is looked at.
        if not request.user.has_perm(selectors.ADD):
            raise Forbidden("Only admins freeze datasets.")
        given = NewDatasetSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        with transaction.atomic():
            dataset = datasets.freeze(by=request.user, trigger="api", **given.validated_data)
            tasks.freeze_soon(dataset)
        return Response(DatasetSerializer(dataset).data, status=202)


class DatasetView(APIView):
    @extend_schema(
        operation_id="datasets_retrieve",
        summary="State, progress and content of a dataset",
        responses={200: WholeDatasetSerializer, **refusals(404)},
    )
    def get(self, request, pk):
        return Response(WholeDatasetSerializer(selectors.dataset(request.user, pk)).data)
