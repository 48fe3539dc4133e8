"""Label sets and labels of videos over the API: parse, call the service, answer."""

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from hitlsite.api.serializers import StrictSerializer, refusals
from hitlsite.bounds import LARGEST_ID
from hitlsite.errors import DomainError, Forbidden
from training.api.paging import CURSOR, page_of
from training.models import LabelSet, SpanAnnotation
from training.selectors import task_labels as selectors
from training.services import task_labels


class LabelSerializer(serializers.Serializer):
    name = serializers.CharField()
    key = serializers.CharField(help_text="of the keyboard; empty for none")


class LabelSetSerializer(serializers.ModelSerializer):
    site = serializers.CharField(source="site.name")
    labels = LabelSerializer(many=True, help_text="in the order of their colours")
    created_by = serializers.CharField(source="created_by.username", default=None)

    class Meta:
        model = LabelSet
        fields = ("id", "site", "name", "labels", "created_by", "created_at")
        read_only_fields = fields


class LabelSetPageSerializer(serializers.Serializer):
    results = LabelSetSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)


@extend_schema_field(OpenApiTypes.ANY)
class AnyLabelField(serializers.JSONField):
    """A name, or {"name", "key"}."""


class NewLabelSetSerializer(StrictSerializer):
    site = serializers.IntegerField(min_value=1, max_value=LARGEST_ID)
    name = serializers.CharField(max_length=60)
    labels = serializers.ListField(
        child=AnyLabelField(), help_text='names, or {"name", "key"}; keys are 1 to 9 by default'
    )


class LabelSetsView(APIView):
    @extend_schema(
        operation_id="label_sets_list",
        summary="List label sets, the newest first",
        parameters=[CURSOR],
        responses={200: LabelSetPageSerializer, **refusals(400)},
    )
    def get(self, request):
        found = selectors.label_sets(request.user)
        page, following = page_of(found, request.query_params.get("cursor"))
        results = LabelSetSerializer(page, many=True).data
        return Response({"results": results, "next_cursor": following})

    @extend_schema(
        operation_id="label_sets_create",
        summary="Make a label set",
        request=NewLabelSetSerializer,
        responses={201: LabelSetSerializer, **refusals(400, 404, 409, 413, 415, 422)},
    )
    def post(self, request):
        # Who may not is told so before anything that was sent is looked at.
        if not request.user.has_perm(selectors.ADD_SET):
            raise Forbidden("You may not make label sets.")
        given = NewLabelSetSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        made = task_labels.add_label_set(by=request.user, **given.validated_data)
        return Response(LabelSetSerializer(made).data, status=201)


@extend_schema_field(
    {"type": "array", "items": {"type": "array", "items": {}, "minItems": 3, "maxItems": 3}}
)
class SpansField(serializers.JSONField):
    """[[start_seconds, end_seconds, label]]"""


class SpansSerializer(serializers.ModelSerializer):
    spans = SpansField(help_text="[[start_seconds, end_seconds, label]], in order")
    annotated_by = serializers.CharField(source="annotated_by.username", default=None)

    class Meta:
        model = SpanAnnotation
        fields = (
            *("footage", "label_set", "version", "spans", "source"),
            *("annotated_by", "annotated_at"),
        )
        read_only_fields = fields


class NewSpansSerializer(StrictSerializer):
    version = serializers.IntegerField(
        min_value=0, max_value=LARGEST_ID, help_text="of the state that you saw; 0 for none"
    )
    spans = SpansField(help_text="[[start_seconds, end_seconds, label]]; all that is to count")


LABEL_SET = OpenApiParameter("label_set", int, required=True, description="id of the label set")


class SpansView(APIView):
    @extend_schema(
        operation_id="footage_spans_retrieve",
        summary="The labels of a video that count, version 0 where there are none",
        parameters=[LABEL_SET],
        responses={200: SpansSerializer, **refusals(404, 422)},
    )
    def get(self, request, pk):
        video, label_set = _wanted(request, pk)
        saved = task_labels.current(label_set, video)
        if saved is None:
            saved = SpanAnnotation(footage=video, label_set=label_set, version=0, source="drawn")
        return Response(SpansSerializer(saved).data)

    @extend_schema(
        operation_id="footage_spans_update",
        summary="Save the labels of a video as a new version",
        parameters=[LABEL_SET],
        request=NewSpansSerializer,
        responses={
            200: SpansSerializer,
            **refusals(400, 404, 413, 415, 422, s409="Somebody saved after `version`."),
        },
    )
    def put(self, request, pk):
        video, label_set = _wanted(request, pk)
        given = NewSpansSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        saved = task_labels.save(label_set.pk, video.pk, by=request.user, **given.validated_data)
        return Response(SpansSerializer(saved).data)


def _wanted(request, pk):
    """Return the video and the label set that a request is about."""
    video = selectors.footage(request.user, pk)
    asked = request.query_params.get("label_set", "")
    if not asked:
        told = "Name the label set."
        raise DomainError("label_set_needed", told, fields={"label_set": told})
    return video, selectors.label_set(request.user, asked)
