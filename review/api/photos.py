"""The photo API: the library, marks for retraining, and the list of marked photos."""

from django.urls import reverse
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.response import Response

from detection.models import Photo, PhotoDetection
from hitlsite.api.serializers import ShownSerializer, StrictSerializer, refusals
from hitlsite.errors import DomainError
from review import tasks
from review.api.serializers import CameraSerializer, CornersField, PersonField
from review.api.views import ReviewView
from review.models import Mark
from review.selectors import photos as library
from review.services import marks

_PAGING = [
    OpenApiParameter("cursor", description="next_cursor of the page before"),
    OpenApiParameter("limit", int, description=f"1 to {library.LARGEST_PAGE}"),
]
_FILTERS = [
    OpenApiParameter("camera", int, description="a camera's id"),
    OpenApiParameter("marked", enum=["yes", "no"], description="for retraining"),
    OpenApiParameter("class", description="photos on which this class was detected"),
    OpenApiParameter("since", description="date or time of capture, ISO 8601"),
    OpenApiParameter("until", description="date or time of capture, ISO 8601, included"),
]


class PhotoDetectionSerializer(ShownSerializer):
    box_xyxy = CornersField(read_only=True)
    deployment = serializers.SerializerMethodField(help_text="the detector as it was deployed")

    class Meta:
        model = PhotoDetection
        fields = ["class_name", "score", "box_xyxy", "deployment"]
        read_only_fields = fields

    def get_deployment(self, found) -> str:
        return str(found.deployment)


class MarkSerializer(ShownSerializer):
    marked_by = PersonField(read_only=True)

    class Meta:
        model = Mark
        fields = ["reason", "note", "marked_by", "marked_at"]
        read_only_fields = fields


class PhotoSerializer(ShownSerializer):
    # The context holds the user: who may see the picture depends on that.
    camera = CameraSerializer(read_only=True)
    detections = PhotoDetectionSerializer(source="found", many=True, read_only=True)
    marked_for_retraining = serializers.SerializerMethodField()
    marked_at = serializers.SerializerMethodField()
    mark = serializers.SerializerMethodField(help_text="the mark that stands; null for none")
    item = serializers.SerializerMethodField(help_text="its training item, if it ever had a mark")
    url = serializers.SerializerMethodField(help_text="null where you may not see the picture")

    class Meta:
        model = Photo
        fields = [
            "id",
            "camera",
            "origin",
            "captured_at",
            "clock_offset_seconds",
            "width",
            "height",
            "detected_at",
            "detections",
            "marked_for_retraining",
            "marked_at",
            "mark",
            "item",
            "url",
        ]
        read_only_fields = fields

    def get_marked_for_retraining(self, photo) -> bool:
        return photo.standing_mark is not None

    def get_marked_at(self, photo) -> str | None:
        mark = photo.standing_mark
        return serializers.DateTimeField().to_representation(mark.marked_at) if mark else None

    @extend_schema_field(MarkSerializer(allow_null=True))
    def get_mark(self, photo):
        mark = photo.standing_mark
        return MarkSerializer(mark).data if mark else None

    def get_item(self, photo) -> int | None:
        item = getattr(photo, "item", None)
        return item.pk if item else None

    def get_url(self, photo) -> str | None:
        if not library.may_see_photo(self.context["user"], photo):
            return None
        return reverse("review:photo_file", args=[photo.pk])


class PhotoPageSerializer(serializers.Serializer):
    results = PhotoSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class MarkedCountSerializer(serializers.Serializer):
    count = serializers.IntegerField()


class GiveMarkSerializer(StrictSerializer):
    reason = serializers.ChoiceField(choices=Mark.Reason.choices)
    note = serializers.CharField(
        required=False, allow_blank=True, max_length=marks.MOST_NOTE_CHARACTERS
    )


class PhotoView(ReviewView):
    def photo_json(self, pk):
        photo = library.photo_for(self.request.user, pk)
        return PhotoSerializer(photo, context={"user": self.request.user}).data

    def page_json(self, page):
        shown = PhotoSerializer(page.photos, many=True, context={"user": self.request.user})
        return Response({"results": shown.data, "next_cursor": page.next_cursor})

    def limit(self):
        text = self.request.query_params.get("limit")
        if not text:
            return library.PAGE_SIZE
        if not (text.isascii() and text.isdigit() and len(text) < 6):
            message = "This must be a whole number."
            raise DomainError("size_invalid", f"limit: {message}", fields={"limit": message})
        return int(text)


class PhotosView(PhotoView):
    @extend_schema(
        operation_id="photos_list",
        summary="List the photo library, newest capture first",
        parameters=[*_FILTERS, *_PAGING],
        responses={200: PhotoPageSerializer, **refusals(400, 422)},
    )
    def get(self, request):
        given = request.query_params
        page = library.photos_page(
            request.user, filters=given.dict(), after=given.get("cursor"), size=self.limit()
        )
        return self.page_json(page)


class OnePhotoView(PhotoView):
    @extend_schema(
        operation_id="photos_retrieve",
        summary="Read one photo with its detections and its mark",
        responses={200: PhotoSerializer, **refusals(404)},
    )
    def get(self, request, pk):
        return Response(self.photo_json(pk))


class MarkView(PhotoView):
    @extend_schema(
        operation_id="photos_mark",
        summary="Mark a photo for retraining",
        description="The same reason again answers the mark that stands. A photo that somebody"
        " else marked for another reason answers 409; your own reason you may correct.",
        request=GiveMarkSerializer,
        responses={200: PhotoSerializer, **refusals(400, 404, 409, 413, 415, 422)},
    )
    def post(self, request, pk):
        mark = marks.mark(pk, by=request.user, **self.parsed(GiveMarkSerializer))
        tasks.scan_soon(mark)
        return Response(self.photo_json(pk))

    @extend_schema(
        operation_id="photos_unmark",
        summary="Take the mark of a photo back",
        description="What was drawn on it stays. A photo without a mark answers just so.",
        responses={200: PhotoSerializer, **refusals(404)},
    )
    def delete(self, request, pk):
        marks.unmark(pk, by=request.user)
        return Response(self.photo_json(pk))


class MarkedPhotosView(PhotoView):
    @extend_schema(
        operation_id="photos_marked_list",
        summary="List the marked photos, newest mark first",
        parameters=_PAGING,
        responses={200: PhotoPageSerializer, **refusals(400, 422)},
    )
    def get(self, request):
        cursor = request.query_params.get("cursor")
        return self.page_json(library.marked_page(request.user, after=cursor, size=self.limit()))


class MarkedCountView(PhotoView):
    @extend_schema(
        operation_id="photos_marked_count",
        summary="Count the marked photos",
        responses={200: MarkedCountSerializer, **refusals()},
    )
    def get(self, request):
        return Response({"count": library.marked_count(request.user)})
