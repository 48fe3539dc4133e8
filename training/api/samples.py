"""Rows of measures over the API: devices send them, and ask what a model says of them."""

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from detection.slots import LOD_POLICY
from hitlsite.api.serializers import StrictSerializer, refusals
from hitlsite.bounds import LARGEST_ID
from training.services import predicting, samples


class NewSamplesSerializer(StrictSerializer):
    slot = serializers.CharField(default=LOD_POLICY, max_length=60)
    site = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=LARGEST_ID,
        help_text="needed where you belong to several sites; a device's is that of its camera",
    )
    samples = serializers.ListField(
        child=serializers.DictField(),
        max_length=samples.MOST_SAMPLES,
        allow_empty=False,
        help_text=(
            "each with client_id, timestamp (ISO 8601), the five measures and decisionLOD (-1: no "
            "decision), and as may be the other columns, sequence, label and label_source (human, "
            "outcome or decision)"
        ),
    )


class StoredSamplesSerializer(serializers.Serializer):
    stored = serializers.IntegerField(help_text="rows that are new")
    known = serializers.IntegerField(help_text="rows that were there already")


class QuestionsSerializer(StrictSerializer):
    rows = serializers.ListField(
        child=serializers.DictField(),
        max_length=predicting.MOST_ROWS,
        allow_empty=False,
        help_text="each with the five measures, and in `past` up to ten rows before, oldest first",
    )


class ServingSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    name = serializers.CharField()


class PredictionSerializer(serializers.Serializer):
    label = serializers.CharField()
    probability = serializers.FloatField()
    probabilities = serializers.DictField(child=serializers.FloatField())
    deployment = ServingSerializer()


class SamplesView(APIView):
    @extend_schema(
        operation_id="samples_create",
        summary="Send rows of measures of a device",
        description=(
            "All of them are stored, or none. A row whose client_id the site has already is known "
            "and stays as it is. A decision without a label is kept, and trained on only where the "
            "slot's policy trusts decisions."
        ),
        request=NewSamplesSerializer,
        responses={
            201: OpenApiResponse(StoredSamplesSerializer, "Stored."),
            200: OpenApiResponse(StoredSamplesSerializer, "All of them were there already."),
            **refusals(400, 404, 413, 415, 422),
        },
    )
    def post(self, request):
        form = NewSamplesSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        given = form.validated_data
        site = samples.site_for(request.user, given.get("site"))
        told = samples.add(given["slot"], site, given["samples"], request.user)
        answer = {"stored": told.stored, "known": told.known}
        return Response(answer, status=201 if told.stored else 200)


class PredictView(APIView):
    @extend_schema(
        operation_id="slots_predict",
        summary="Ask the model that serves a tabular slot",
        description="Which model answered is named with every answer.",
        request=QuestionsSerializer,
        responses={
            200: PredictionSerializer(many=True),
            **refusals(
                400,
                413,
                415,
                422,
                s404="There is no such slot.",
                s409="Nothing is deployed to the slot yet.",
            ),
        },
    )
    def post(self, request, slot):
        form = QuestionsSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        answers = predicting.predict(slot, form.validated_data["rows"], request.user)
        return Response([_said(one) for one in answers])


def _said(answer):
    return {
        "label": answer.label,
        "probability": answer.probability,
        "probabilities": answer.probabilities,
        "deployment": {"id": answer.deployment.pk, "name": answer.deployment.name},
    }
