"""Features of videos over the API: parse, call the service, answer."""

from django.conf import settings
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import transaction
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.parsers import MultiPartParser
from rest_framework.response import Response
from rest_framework.views import APIView

from detection.services import uploads
from hitlsite.api.parsers import BoundedJSONParser
from hitlsite.api.serializers import refusals
from hitlsite.bounds import as_id
from hitlsite.errors import DomainError, Forbidden
from training import tasks, views
from training.api import feature_uploads
from training.api.feature_serializers import (
    AskedFeaturesSerializer,
    FeaturePageSerializer,
    FeatureSetSerializer,
    NewFeaturesSerializer,
    SentVideoSerializer,
    WholeFeatureSetSerializer,
)
from training.api.paging import CURSOR, page_of
from training.models import FeatureSet
from training.selectors import features as selectors
from training.services import features

FILTERS = {
    "state": FeatureSet.State.values,
    "footage": None,
    "camera": None,
    "detector": FeatureSet.Detector.values,
}


class ExtractView(APIView):
    parser_classes = [MultiPartParser, BoundedJSONParser]

    def initialize_request(self, request, *args, **kwargs):
        """Set limits before a look for a CSRF token reads the body, video and all."""
        if (request.content_type or "").startswith("multipart/"):
            self.refused = None
            try:
                feature_uploads.prepare(request, settings.UPLOAD_MAX_VIDEO_BYTES)
            except DomainError as error:
                self.refused = error
        return super().initialize_request(request, *args, **kwargs)

    def initial(self, request, *args, **kwargs):
        if getattr(self, "refused", None):
            raise self.refused
        super().initial(request, *args, **kwargs)
        # Who may not extract is told so before anything that was sent is looked at.
        if not request.user.has_perm(selectors.ADD):
            raise Forbidden("Only supervisors and admins extract features.")

    @extend_schema(
        operation_id="features_extract",
        summary="Queue the extraction of features",
        description=(
            "Of a video that is sent (multipart, field `video`), or of footage that is there "
            "(`footage_id`, or several as `footage_ids`). A video that is sent is stored and "
            "measured, not ingested. Where the same models have measured the video already, the "
            "row that is there is answered. Labels, as text or as a file, are "
            "`frame_index,label` or `start,end,label`; they are saved in the label set once the "
            "frames are known, and a label set of a new name is made with their names."
        ),
        request={
            "application/json": NewFeaturesSerializer,
            "multipart/form-data": SentVideoSerializer,
        },
        responses={
            202: AskedFeaturesSerializer,
            **refusals(400, 404, 409, 413, 415, 422, s507="The server's disk is full."),
        },
    )
    def post(self, request):
        received, given = _given(request)
        if received is not None:
            camera, site = given.pop("camera", None), given.pop("site", None)
            row = features.register_upload(
                received, by=request.user, camera_id=camera, site_id=site
            )
            given["footage_ids"] = [row.pk]
        with transaction.atomic():
            rows = features.ask(by=request.user, trigger="api", **given)
            tasks.extract_soon(*rows)
        answer = {"group": rows[0].group, "results": FeatureSetSerializer(rows, many=True).data}
        return Response(answer, status=202)


def _given(request):
    """Return (a Received or None, what else ``features.ask`` takes)."""
    sent = _read(request)
    is_form = (request.content_type or "").startswith("multipart/")
    form = (SentVideoSerializer if is_form else NewFeaturesSerializer)(data=sent)
    form.is_valid(raise_exception=True)
    given = dict(form.validated_data)
    given["labels"] = _text(given.get("labels", ""))
    if not is_form:
        one = given.pop("footage_id", None)
        given["footage_ids"] = given.get("footage_ids") or [one]
        return None, given
    video = given.pop("video")
    return video.as_received(), given


def _read(request):
    try:
        return request.data
    except RequestDataTooBig:
        raise uploads.too_large("the fields", settings.DATA_UPLOAD_MAX_MEMORY_SIZE) from None
    except SuspiciousOperation as error:
        raise DomainError("malformed", str(error), status=400) from error


def _text(labels):
    """Return the text of labels that came as text or as a file."""
    if isinstance(labels, str):
        return labels
    try:
        return labels.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = "The labels are no text in UTF-8."
        raise DomainError("labels_unreadable", message, fields={"labels": message}) from error


class FeaturesView(APIView):
    @extend_schema(
        operation_id="features_list",
        summary="List features of videos, the newest first",
        parameters=[
            OpenApiParameter("state", enum=FILTERS["state"]),
            OpenApiParameter("footage", int, description="only of this video (id)"),
            OpenApiParameter("camera", int, description="only of this camera (id)"),
            OpenApiParameter("detector", enum=FILTERS["detector"]),
            CURSOR,
        ],
        responses={200: FeaturePageSerializer, **refusals(400, 422)},
    )
    def get(self, request):
        found = selectors.feature_sets(request.user)
        for name, known in FILTERS.items():
            asked = request.query_params.get(name)
            if asked:
                path = "footage__camera" if name == "camera" else name
                found = found.filter(**{path: _filter(name, asked, known)})
        page, following = page_of(found, request.query_params.get("cursor"))
        results = FeatureSetSerializer(page, many=True).data
        return Response({"results": results, "next_cursor": following})


def _filter(name, asked, known):
    value = as_id(asked) if known is None else asked
    if value is None or (known is not None and value not in known):
        message = "This must be an id." if known is None else f"One of {', '.join(known)}."
        raise DomainError("invalid", f"{name}: {message}", fields={name: message})
    return value


class FeatureSetView(APIView):
    @extend_schema(
        operation_id="features_retrieve",
        summary="State, figures, columns and sources of features",
        responses={200: WholeFeatureSetSerializer, **refusals(404)},
    )
    def get(self, request, pk):
        row = selectors.feature_set(request.user, pk)
        return Response(WholeFeatureSetSerializer(row).data)


class FeatureFileView(APIView):
    @extend_schema(
        operation_id="features_file",
        summary="Download features as parquet",
        responses={(200, "application/vnd.apache.parquet"): OpenApiTypes.BINARY, **refusals(404)},
    )
    def get(self, request, pk):
        return views.feature_download(request._request, request.user, pk)
