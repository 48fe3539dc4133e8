"""Spans to label over the API: parse, call the service, answer."""

import math

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from hitlsite.api.serializers import refusals
from hitlsite.bounds import as_id
from hitlsite.errors import DomainError, Forbidden
from training.models import SpanToLabel
from training.selectors import spans_to_label as selector
from training.services import spans_to_label as service

PAGE_SIZE = 50
IDS = {"label_set": "label_set", "footage": "footage", "camera": "footage__camera"}


class SpanToLabelSerializer(serializers.ModelSerializer):
    camera = serializers.IntegerField(source="footage.camera_id")
    deployment = serializers.CharField(source="deployment.name")
    challenger = serializers.CharField(source="challenger.name", default=None)
    handled_by = serializers.CharField(source="handled_by.username", default=None)

    class Meta:
        model = SpanToLabel
        fields = (
            *("id", "label_set", "camera", "footage", "start_seconds", "end_seconds"),
            *("reason", "deployment", "challenger", "predicted", "other", "confidence"),
            *("priority", "state", "annotation", "handled_by", "handled_at", "created_at"),
        )
        read_only_fields = fields


class SpanToLabelPageSerializer(serializers.Serializer):
    results = SpanToLabelSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class SpansToLabelView(APIView):
    @extend_schema(
        operation_id="spans_list",
        summary="List spans to label, the most doubtful first",
        parameters=[
            OpenApiParameter(
                "state", enum=SpanToLabel.State.values, description="waiting where it is not given"
            ),
            OpenApiParameter(
                "reason", enum=SpanToLabel.Reason.values, description="why it is asked"
            ),
            *(OpenApiParameter(name, type=int, description="only of this one") for name in IDS),
            OpenApiParameter("cursor", description="next_cursor of the page before"),
        ],
        responses={200: SpanToLabelPageSerializer, **refusals(400)},
    )
    def get(self, request):
        if not request.user.has_perm(selector.VIEW):
            raise Forbidden("You may not see what is to be labelled.")
        found = _filtered(selector.visible(request.user), request.query_params)
        cursor = request.query_params.get("cursor")
        if cursor:
            found = selector.after(found, *_read_cursor(cursor))
        rows = list(selector.for_page(found)[: PAGE_SIZE + 1])
        following = None
        if len(rows) > PAGE_SIZE:
            following = f"{rows[PAGE_SIZE - 1].priority!r}:{rows[PAGE_SIZE - 1].pk}"
        results = SpanToLabelSerializer(rows[:PAGE_SIZE], many=True).data
        return Response({"results": results, "next_cursor": following})


def _filtered(spans, asked):
    for name, known in (("state", SpanToLabel.State), ("reason", SpanToLabel.Reason)):
        given = asked.get(name) or ("waiting" if name == "state" else "")
        if given and given not in known.values:
            raise _refused(name, f"This must be one of {', '.join(known.values)}.")
        if given:
            spans = spans.filter(**{name: given})
    for name, column in IDS.items():
        if asked.get(name):
            pk = as_id(asked[name])
            if pk is None:
                raise _refused(name, "This must be an id.")
            spans = spans.filter(**{column: pk})
    return spans


def _refused(name, told):
    return DomainError("invalid", f"{name}: {told}", fields={name: told}, status=400)


def _read_cursor(text):
    """Return (priority, id) in a cursor that a page gave."""
    priority, _, pk = text.partition(":")
    try:
        priority, pk = float(priority), as_id(pk)
    except ValueError:
        pk = None
    if pk is None or not math.isfinite(priority):
        raise DomainError("cursor_invalid", "The cursor is not one that a page gave.", status=400)
    return priority, pk


class DismissSpanView(APIView):
    @extend_schema(
        operation_id="spans_dismiss",
        summary="Take a span off the queue without an answer",
        request=None,
        responses={200: SpanToLabelSerializer, **refusals(403, 404, 409)},
    )
    def post(self, request, pk):
        service.dismiss(pk, by=request.user)
        span = selector.for_page(selector.visible(request.user)).get(pk=pk)
        return Response(SpanToLabelSerializer(span).data)
