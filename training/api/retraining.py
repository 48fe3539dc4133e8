"""Training over the API: parse, call the service, answer."""

from django.db import transaction
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.response import Response
from rest_framework.views import APIView

from hitlsite.api.serializers import refusals
from training import tasks
from training.api.paging import CURSOR, chosen, id_of, page_of
from training.api.retraining_serializers import (
    SLOT_NAMES,
    TrainedSerializer,
    TrainingRunPageSerializer,
    TrainingRunSerializer,
    TrainingStatusSerializer,
    TrainSerializer,
)
from training.models import TrainingRun
from training.selectors import learning, training_status
from training.services import asking, policies, runs

SLOT = OpenApiParameter("slot", enum=SLOT_NAMES, description="only of this slot")
STATES = tuple(TrainingRun.State.values)
STATE = OpenApiParameter("state", enum=STATES, description="only in this state")


class TrainView(APIView):
    @extend_schema(
        operation_id="training_train",
        summary="Train a slot",
        request=TrainSerializer,
        responses={
            202: TrainedSerializer,
            **refusals(400, 404, 413, 415, 422, s409="A run is prepared, waits or goes on."),
        },
    )
    def post(self, request):
        # Who may not train is told so before anything that was sent is looked at.
        asking.require(request.user)
        given = TrainSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        asked = asking.train(by=request.user, **given.validated_data)
        if asked.job is not None:
            tasks.prepare_soon(asked.job)
        elif not asked.is_unchanged:
            tasks.train_soon(asked.run)
        answer = {
            "run": TrainingRunSerializer(asked.run).data if asked.run else None,
            "is_unchanged": asked.is_unchanged,
            "is_preparing": asked.job is not None,
        }
        return Response(answer, status=202)


class TrainingStatusView(APIView):
    @extend_schema(
        operation_id="training_status",
        summary="How the training of a slot stands",
        parameters=[OpenApiParameter("slot", enum=SLOT_NAMES, required=True)],
        responses={200: TrainingStatusSerializer, **refusals(422)},
    )
    def get(self, request):
        told = "Only supervisors and admins see how training stands."
        learning.require(request.user, learning.SEE_RUNS, told)
        slot = request.query_params.get("slot", "")
        policy = policies.policy_of(slot)
        answer = {
            "training_in_progress": training_status.is_active(slot),
            "last_training_time": training_status.last_training_time(slot),
            "auto_training_enabled": policy.enabled,
            "auto_training_interval_hours": policy.interval_hours,
            "min_samples_required": policy.min_samples,
            "recent_training_history": training_status.history(slot, request.user),
        }
        return Response(TrainingStatusSerializer(answer).data)


class TrainingRunsView(APIView):
    @extend_schema(
        operation_id="training_runs_list",
        summary="List training runs, the newest first",
        parameters=[
            SLOT,
            STATE,
            OpenApiParameter("dataset", int, description="only on this one, by id"),
            CURSOR,
        ],
        responses={200: TrainingRunPageSerializer, **refusals(400, 422)},
    )
    def get(self, request):
        found = learning.training_runs(request.user)
        asked = request.query_params
        if asked.get("slot"):
            if asked["slot"] not in SLOT_NAMES:
                raise policies.slot_unknown(asked["slot"])
            found = found.filter(slot=asked["slot"])
        if state := chosen(asked, "state", STATES):
            found = found.filter(state=state)
        if (dataset := id_of(asked, "dataset")) is not None:
            found = found.filter(dataset=dataset)
        page, following = page_of(found, asked.get("cursor"))
        results = TrainingRunSerializer(page, many=True).data
        return Response({"results": results, "next_cursor": following})


class TrainingRunView(APIView):
    @extend_schema(
        operation_id="training_runs_retrieve",
        summary="State, progress, figures and log of a training run",
        responses={200: TrainingRunSerializer, **refusals(404)},
    )
    def get(self, request, pk):
        return Response(TrainingRunSerializer(learning.training_run(request.user, pk)).data)


class CancelTrainingRunView(APIView):
    @extend_schema(
        operation_id="training_runs_cancel",
        summary="Ask a training run to end",
        request=None,
        responses={200: TrainingRunSerializer, **refusals(404, s409="It has ended already.")},
    )
    @transaction.atomic
    def post(self, request, pk):
        run = runs.cancel(pk, by=request.user)
        return Response(TrainingRunSerializer(run).data)
