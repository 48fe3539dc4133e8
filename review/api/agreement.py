"""How people agree, for those who may see it."""

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from hitlsite.api.serializers import refusals
from hitlsite.errors import Forbidden
from review import selectors
from review.forms import PeriodForm, parsed


class KappaSerializer(serializers.Serializer):
    pairs = serializers.IntegerField(help_text="items that two people judged blind")
    agreed = serializers.IntegerField()
    value = serializers.FloatField(allow_null=True, help_text="Cohen's kappa")
    low = serializers.FloatField(allow_null=True, help_text="of the 95 % interval")
    high = serializers.FloatField(allow_null=True)
    why = serializers.CharField(allow_blank=True, help_text="why there is no value")


class ShareSerializer(serializers.Serializer):
    count = serializers.IntegerField(help_text="verdicts like the known answer")
    total = serializers.IntegerField()
    value = serializers.FloatField(allow_null=True)
    low = serializers.FloatField(allow_null=True, help_text="of the 95 % interval")
    high = serializers.FloatField(allow_null=True)


class CategoryAgreementSerializer(serializers.Serializer):
    category = serializers.CharField()
    kappa = KappaSerializer()


class ReviewerSerializer(serializers.Serializer):
    name = serializers.CharField()
    judged = serializers.IntegerField()
    median_seconds = serializers.FloatField(allow_null=True)
    kappa = KappaSerializer(help_text="against whoever else judged the same items")
    gold = ShareSerializer()


class AgreementSerializer(serializers.Serializer):
    everybody = KappaSerializer()
    categories = CategoryAgreementSerializer(many=True)
    reviewers = ReviewerSerializer(many=True, help_text="by name")


class AgreementView(APIView):
    @extend_schema(
        operation_id="items_agreement",
        summary="Read how far people agree",
        description="Takes the permission review.view_agreement. Without days: the last 90.",
        parameters=[
            OpenApiParameter("since", description="first day, ISO 8601"),
            OpenApiParameter("until", description="last day, included"),
        ],
        responses={200: AgreementSerializer, **refusals(403, 422)},
    )
    def get(self, request):
        if not request.user.has_perm("review.view_agreement"):
            raise Forbidden("You may not see how others judge.")
        form = PeriodForm(request.query_params)
        parsed(form)
        asks = request.query_params.get("since") or request.query_params.get("until")
        found = selectors.statistics(request.user, form.period() if asks else None)
        return Response(AgreementSerializer(found).data)
