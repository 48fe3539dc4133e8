"""The review API: parse, call one service, answer."""

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.response import Response
from rest_framework.views import APIView

from detection.models import Incident
from hitlsite.api.serializers import refusals
from hitlsite.errors import Conflict, DomainError, NotFound
from review import selectors, tasks
from review.api import serializers as forms
from review.models import Decision, TrainingItem
from review.services import decisions, outcomes, privacy, queue
from review.services.verdicts import GIVEN

_ACT_REFUSALS = refusals(400, 404, 409, 413, 415, 422)
_DECIDED = {200: forms.DecidedSerializer, **_ACT_REFUSALS}
_STATUSES = [*TrainingItem.Status.values, "all"]
_FILTERS = [
    OpenApiParameter("status", enum=_STATUSES, description="one, several by comma, or all"),
    OpenApiParameter("camera", int, description="a camera's id"),
    OpenApiParameter("category", enum=Incident.Category.values),
    OpenApiParameter("reason", enum=Decision.Reason.values, description="of a rejection"),
    OpenApiParameter("since", description="date or time, ISO 8601, when the incident opened"),
    OpenApiParameter("until", description="date or time, ISO 8601, included"),
    OpenApiParameter("deployment", int, description="the id of the model that reported it"),
    OpenApiParameter("origin", enum=Incident.Origin.values, description="what put it there"),
    OpenApiParameter("mode", enum=TrainingItem.Mode.values, description="for supervisors"),
    OpenApiParameter("held", enum=["me"], description="what you have claimed"),
]
_PAGING = [
    OpenApiParameter("cursor", description="next_cursor of the page before"),
    OpenApiParameter("size", int, description=f"1 to {selectors.LARGEST_PAGE}"),
]


class ReviewView(APIView):
    # The views below share one way to check what was sent, and one to answer. (A docstring here
    # would describe each of them in the schema.)

    def parsed(self, serializer_class):
        form = serializer_class(data=self.request.data)
        form.is_valid(raise_exception=True)
        return form.validated_data

    def item_json(self, pk):
        item = selectors.item_for(self.request.user, pk)
        return forms.ItemDetailSerializer(item, context={"user": self.request.user}).data

    def decided(self, decision):
        return Response(
            {
                "item": forms.StandingSerializer.shown(decision.item),
                "decision": forms.DecisionSerializer.shown(decision),
                "message": outcomes.sentence(decision),
            }
        )


class ItemsView(ReviewView):
    @extend_schema(
        operation_id="items_list",
        summary="List items by priority",
        parameters=[*_FILTERS, *_PAGING],
        responses={200: forms.PageSerializer, **refusals(400, 422)},
    )
    def get(self, request):
        page = selectors.items_page(
            request.user,
            filters=request.query_params.dict(),
            after=request.query_params.get("cursor"),
            size=_size(request.query_params.get("size")),
        )
        shown = forms.ItemSerializer(page.items, many=True, context={"user": request.user})
        return Response({"results": shown.data, "next_cursor": page.next_cursor})


def _size(text):
    if not text:
        return selectors.PAGE_SIZE
    if not (text.isascii() and text.isdigit() and len(text) < 6):
        message = "This must be a whole number."
        raise DomainError("size_invalid", f"size: {message}", fields={"size": message})
    return int(text)


class StatsView(ReviewView):
    @extend_schema(
        operation_id="items_stats",
        summary="Count items by status",
        parameters=[one for one in _FILTERS if one.name != "status"],
        responses={200: forms.StatsSerializer, **refusals(422)},
    )
    def get(self, request):
        return Response(selectors.counts(request.user, request.query_params.dict()))


class ItemView(ReviewView):
    @extend_schema(
        operation_id="items_retrieve",
        summary="Read one item with its rules, provenance and history",
        responses={200: forms.ItemDetailSerializer, **refusals(404)},
    )
    def get(self, request, pk):
        return Response(self.item_json(pk))


class ClaimView(ReviewView):
    @extend_schema(
        operation_id="items_claim",
        summary="Claim a pending item for a few minutes",
        request=None,
        responses={200: forms.ItemDetailSerializer, **refusals(404, 409)},
    )
    def post(self, request, pk):
        queue.claim_item(pk, by=request.user)
        return Response(self.item_json(pk))


class DecideView(ReviewView):
    @extend_schema(
        operation_id="items_decide",
        summary="Give a verdict",
        description="A confirmation of an item whose redaction is still being made answers with"
        ' effect "waiting" and takes effect when the redaction is verified. Where two people judge'
        ' an item blind, the first verdict is "held" and the item stays pending; of two that differ'
        ' both are "counted" and the item needs review.',
        request=forms.DecideSerializer,
        responses=_DECIDED,
    )
    def post(self, request, pk):
        return self.decided(
            decisions.decide(pk, by=request.user, **self.parsed(forms.DecideSerializer))
        )


class RedactView(ReviewView):
    @extend_schema(
        operation_id="items_redact",
        summary="Hide faces and drawn regions in every file",
        request=forms.RedactSerializer,
        description="200: the prepared redaction is what was asked for, and is in place. 202: it is"
        ' being prepared (proposal "waiting") and is put in place once it is verified.',
        responses={
            200: forms.ItemDetailSerializer,
            202: forms.ItemDetailSerializer,
            **_ACT_REFUSALS,
        },
    )
    def post(self, request, pk):
        wanted = self.parsed(forms.RedactSerializer)
        item = selectors.item_for(request.user, pk)
        privacy.apply_redaction(
            item,
            by=request.user,
            method=wanted.get("method"),
            drawn_regions=wanted.get("regions", ()),
        )
        tasks.prepare_soon(item)
        return Response(self.item_json(pk), status=202 if item.is_being_redacted else 200)


class UndoView(ReviewView):
    @extend_schema(
        operation_id="items_undo",
        summary="Take back your own verdict of a moment ago",
        request=forms.UndoSerializer,
        responses=_DECIDED,
    )
    def post(self, request, pk):
        wanted = self.parsed(forms.UndoSerializer).get("decision")
        item = selectors.item_for(request.user, pk)
        story = selectors.history(item, request.user)
        given = [one.pk for one in story if one.verdict in GIVEN]
        if wanted is not None and wanted not in given:
            raise NotFound(f"Item {pk} has no verdict {wanted}.")
        if not given:
            raise Conflict(f"Item {pk} has no verdict yet.", code="nothing_to_undo")
        return self.decided(decisions.undo(by=request.user, decision_id=wanted or given[-1]))


class ReopenView(ReviewView):
    @extend_schema(
        operation_id="items_reopen",
        summary="Put a decided item back before the reviewers",
        request=forms.ReopenSerializer,
        responses=_DECIDED,
    )
    def post(self, request, pk):
        return self.decided(
            decisions.reopen(pk, by=request.user, **self.parsed(forms.ReopenSerializer))
        )
