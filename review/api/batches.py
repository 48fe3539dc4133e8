"""The review API for several items at once: claims, verdicts, stacks."""

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.response import Response

from hitlsite.api.serializers import refusals
from review import selectors
from review.api import batch_serializers as forms
from review.api.serializers import DecisionSerializer, ItemSerializer
from review.api.views import ReviewView
from review.services import bulk, queue, undoing


class ClaimManyView(ReviewView):
    @extend_schema(
        operation_id="items_claim_many",
        summary="Claim the most urgent pending items for a few minutes",
        description="Five, unless `count` says otherwise; those that you hold already count.",
        request=forms.ClaimSerializer,
        responses={200: forms.ClaimedSerializer, **refusals(400, 413, 415, 422)},
    )
    def post(self, request):
        wanted = self.parsed(forms.ClaimSerializer)
        count = wanted.pop("count", 5)
        items = queue.claim(request.user, count=count, filters=wanted)
        shown = ItemSerializer(items, many=True, context={"user": request.user})
        return Response({"results": shown.data})


class DecideManyView(ReviewView):
    @extend_schema(
        operation_id="items_decide_many",
        summary="Give one verdict on several items",
        description="Each item is decided by itself: what is refused keeps nothing else back.",
        request=forms.DecideManySerializer,
        responses={200: forms.OutcomeSerializer, **refusals(400, 413, 415, 422)},
    )
    def post(self, request):
        wanted = self.parsed(forms.DecideManySerializer)
        outcome = bulk.decide_many(wanted.pop("ids"), by=request.user, **wanted)
        return Response(
            {
                "batch": outcome.batch,
                "decisions": DecisionSerializer(outcome.done, many=True).data,
                "refused": [{"item": pk, "message": text} for pk, text in outcome.refused],
            }
        )


class UndoManyView(ReviewView):
    @extend_schema(
        operation_id="items_undo_many",
        summary="Take back the verdicts that you gave in one act a moment ago",
        request=forms.UndoManySerializer,
        responses={200: forms.UndoneSerializer, **refusals(400, 404, 409, 413, 415, 422)},
    )
    def post(self, request):
        batch = self.parsed(forms.UndoManySerializer)["batch"]
        undone = undoing.undo_batch(batch, by=request.user)
        return Response({"decisions": DecisionSerializer(undone, many=True).data})


class StacksView(ReviewView):
    @extend_schema(
        operation_id="items_stacks",
        summary="List stacks of near-duplicates that wait",
        parameters=[OpenApiParameter("cursor", description="next_cursor of the page before")],
        responses={200: forms.StacksSerializer, **refusals(400)},
    )
    def get(self, request):
        found, cursor = selectors.stacks_page(
            request.user, after=request.query_params.get("cursor")
        )
        shown = forms.StackSerializer(found, many=True)
        return Response({"results": shown.data, "next_cursor": cursor})
