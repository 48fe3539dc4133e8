"""The upload API: devices send videos and photos, and ask what became of them."""

from django.db import transaction
from drf_spectacular.utils import OpenApiResponse, extend_schema
from knox.auth import TokenAuthentication
from rest_framework.authentication import SessionAuthentication
from rest_framework.parsers import MultiPartParser
from rest_framework.permissions import BasePermission
from rest_framework.response import Response
from rest_framework.views import APIView

from detection import tasks
from detection.api.receiving import receive
from detection.api.serializers import NewUploadSerializer, UploadSerializer
from detection.services import uploads
from hitlsite.api.serializers import refusals

_NO_TOKEN = "There is no token, or it is revoked."
_NO_DEVICE = "The token is not a device's."


class PersonAtABrowser(SessionAuthentication):
    """Know a signed-in person, only to say why a device's token is needed here.

    It grants nothing, so no CSRF token is asked for; looking for one would read the whole upload.
    """

    def enforce_csrf(self, request):
        """Leave the body alone."""


class IsDevice(BasePermission):
    message = "Only a device may do this, with its own token."

    def has_permission(self, request, view):
        device = getattr(request.user, "device", None)
        return request.auth is not None and device is not None and device.revoked_at is None


class DeviceView(APIView):
    authentication_classes = [TokenAuthentication, PersonAtABrowser]
    permission_classes = [IsDevice]


class UploadsView(DeviceView):
    parser_classes = [MultiPartParser]

    @extend_schema(
        operation_id="uploads_create",
        summary="Upload one video or photo",
        description=(
            "The same upload again answers 200 with the same id: the same client_id and bytes, or "
            "bytes that this camera already has. Files past their limit are cut off unread."
        ),
        auth=[{"knoxApiToken": []}],
        request={"multipart/form-data": NewUploadSerializer},
        responses={
            201: OpenApiResponse(UploadSerializer, "Stored and queued."),
            200: OpenApiResponse(UploadSerializer, "It was there already."),
            **refusals(
                s400="The request is no multipart form.",
                s401=_NO_TOKEN,
                s403=_NO_DEVICE,
                s409="The client_id stands for other bytes.",
                s413="Too many bytes, pixels or seconds.",
                s415="Not a video or photo of a supported type, by its content; or no form.",
                s422="A field is wrong, or the file cannot be read.",
                s507="The server's disk is full.",
            ),
        },
    )
    def post(self, request):
        device = request.user.device
        form = NewUploadSerializer(
            data=receive(request), context={"time_zone": device.camera.site.time_zone}
        )
        form.is_valid(raise_exception=True)
        told = dict(form.validated_data)
        upload, is_new = uploads.receive(device, told.pop("file").as_received(), **told)
        if is_new:
            transaction.on_commit(lambda: _wake_worker(upload), robust=True)
        return Response(UploadSerializer(upload).data, status=201 if is_new else 200)


class UploadView(DeviceView):
    @extend_schema(
        operation_id="uploads_retrieve",
        summary="What became of an upload",
        auth=[{"knoxApiToken": []}],
        responses={
            200: UploadSerializer,
            **refusals(s401=_NO_TOKEN, s403=_NO_DEVICE, s404="The device has no such upload."),
        },
    )
    def get(self, request, upload_id):
        upload = uploads.find(request.user.device, upload_id)
        return Response(UploadSerializer(upload).data)


def _wake_worker(upload):
    """Tell a worker; where the broker is away, the next beat finds the row."""
    if upload.kind == uploads.PHOTO:
        tasks.detect_photo.delay(upload.row_id)
    else:
        tasks.ingest_segment.delay(uploads.first_segment(upload))
