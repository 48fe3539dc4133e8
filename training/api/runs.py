"""Training runs over the API with everything said: which dataset, algorithm, parameters, seed."""

from django.db import transaction
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from hitlsite.api.serializers import StrictSerializer, refusals
from hitlsite.bounds import LARGEST_ID
from training import tasks
from training.api.datasets import SLOT_NAMES
from training.api.paging import CURSOR
from training.api.retraining import (
    SLOT,
    STATE,
    TrainingRunsView,
    TrainingRunView,
)
from training.api.retraining_serializers import (
    TrainingRunPageSerializer,
    TrainingRunSerializer,
)
from training.services import asking, runs

LARGEST_SEED = 2**31 - 1


class NewRunSerializer(StrictSerializer):
    slot = serializers.ChoiceField(choices=SLOT_NAMES)
    dataset_id = serializers.IntegerField(
        required=False, min_value=1, max_value=LARGEST_ID, help_text="the slot's newest without it"
    )
    algorithm = serializers.CharField(
        required=False, max_length=40, help_text="the slot's usual one without it"
    )
    parameters = serializers.DictField(
        required=False, help_text="of the algorithm; those that are not given are as usual"
    )
    seed = serializers.IntegerField(default=0, min_value=0, max_value=LARGEST_SEED)
    force = serializers.BooleanField(
        default=False, help_text="train even where the same inputs were trained on before"
    )


class RunsView(TrainingRunsView):
    @extend_schema(
        operation_id="runs_list",
        summary="List training runs, the newest first",
        parameters=[SLOT, STATE, OpenApiParameter("dataset", int, description="id"), CURSOR],
        responses={200: TrainingRunPageSerializer, **refusals(400, 422)},
    )
    def get(self, request):
        return super().get(request)

    @extend_schema(
        operation_id="runs_create",
        summary="Queue a training run on a frozen dataset",
        description=(
            "Where a run with the same dataset, algorithm, parameters, seed and code is done, it "
            "is answered with 200 and nothing is trained."
        ),
        request=NewRunSerializer,
        responses={
            200: TrainingRunSerializer,
            202: TrainingRunSerializer,
            **refusals(400, 404, 413, 415, 422, s409="A run of the slot waits or goes on."),
        },
    )
    def post(self, request):
        # Who may not train is told so before anything that was sent is looked at.
        asking.require(request.user)
        given = NewRunSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        with transaction.atomic():
            started = runs.start(by=request.user, trigger="api", **given.validated_data)
            if not started.is_unchanged:
                tasks.train_soon(started.run)
        status = 200 if started.is_unchanged else 202
        return Response(TrainingRunSerializer(started.run).data, status=status)


class RunView(TrainingRunView):
    @extend_schema(
        operation_id="runs_retrieve",
        summary="State, progress, figures and log of a training run",
        responses={200: TrainingRunSerializer, **refusals(404)},
    )
    def get(self, request, pk):
        return super().get(request, pk)
