"""Model versions over the API: how they scored, what the gate said, and their files."""

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from hitlsite.api.serializers import refusals
from training import views
from training.api.paging import CURSOR, chosen, id_of, page_of
from training.api.retraining_serializers import SLOT_NAMES
from training.models import ModelVersion
from training.selectors import learning

ANSWERS = ("true", "false")


class ModelFileSerializer(serializers.Serializer):
    name = serializers.CharField()
    sha256 = serializers.CharField()
    byte_count = serializers.IntegerField()


class ModelSerializer(serializers.ModelSerializer):
    name = serializers.CharField(help_text="slot and number")
    run = serializers.IntegerField(source="run_id")
    dataset = serializers.IntegerField(source="dataset_id")
    files = ModelFileSerializer(many=True)
    class_names = serializers.ListField(child=serializers.CharField())
    forms = serializers.ListField(
        child=serializers.DictField(), help_text="in which it can serve; one of them does"
    )
    deployed = serializers.SerializerMethodField(
        help_text="champion or challenger where it serves now, else null"
    )

    class Meta:
        model = ModelVersion
        fields = (
            *("id", "uuid", "name", "slot", "number", "algorithm", "run", "dataset"),
            *("class_names", "forms", "files", "deployed", "created_at"),
        )
        read_only_fields = fields

    def get_deployed(self, version) -> str | None:
        return self.context["roles"].get(version.uuid)


class WholeModelSerializer(ModelSerializer):
    figures = serializers.SerializerMethodField(
        help_text="on the test split, empty until it is scored"
    )
    gate = serializers.SerializerMethodField(help_text="the newest judgement, null until there is")

    class Meta(ModelSerializer.Meta):
        fields = (*ModelSerializer.Meta.fields, "figures", "gate")
        read_only_fields = fields

    def get_figures(self, version) -> dict:
        tested, _ = learning.evaluations(version)
        return tested.figures if tested else {}

    def get_gate(self, version) -> dict | None:
        said = learning.judgement(version)
        return {"outcome": said.outcome, **said.report} if said else None


class ModelPageSerializer(serializers.Serializer):
    results = ModelSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class ModelsView(APIView):
    @extend_schema(
        operation_id="models_list",
        summary="List model versions, the newest first",
        parameters=[
            OpenApiParameter("slot", enum=SLOT_NAMES, description="only of this slot"),
            OpenApiParameter("algorithm", description="only of this one; rf is random_forest"),
            OpenApiParameter("dataset", int, description="only those trained on this one, by id"),
            OpenApiParameter("deployed", enum=ANSWERS, description="whether they serve now"),
            CURSOR,
        ],
        responses={200: ModelPageSerializer, **refusals(400, 422)},
    )
    def get(self, request):
        asked = request.query_params
        deployed = chosen(asked, "deployed", ANSWERS)
        found = learning.model_versions(
            request.user,
            slot=chosen(asked, "slot", SLOT_NAMES),
            algorithm=asked.get("algorithm", ""),
            dataset_id=id_of(asked, "dataset"),
            is_deployed=None if deployed is None else deployed == "true",
        )
        page, following = page_of(found, asked.get("cursor"))
        context = {"roles": learning.roles()}
        results = ModelSerializer(page, many=True, context=context).data
        return Response({"results": results, "next_cursor": following})


class ModelView(APIView):
    @extend_schema(
        operation_id="models_retrieve",
        summary="Figures, judgement, forms and files of a model version",
        responses={200: WholeModelSerializer, **refusals(404)},
    )
    def get(self, request, pk):
        version = learning.model_version(request.user, pk)
        context = {"roles": learning.roles()}
        return Response(WholeModelSerializer(version, context=context).data)


class ModelFileView(APIView):
    @extend_schema(
        operation_id="models_file",
        summary="Download a file of a model version",
        description="For those who may deploy it.",
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY, **refusals(404)},
    )
    def get(self, request, pk, name):
        return views.version_download(request._request, request.user, pk, name)
