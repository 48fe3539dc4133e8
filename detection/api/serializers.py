"""What the upload API takes and gives."""

from zoneinfo import ZoneInfo

from rest_framework import serializers

from detection.services import uploads

MOST_OFFSET_SECONDS = 100 * 366 * 86_400.0


class NewUploadSerializer(serializers.Serializer):
    """One file with what the device knows about it."""

    file = serializers.FileField(help_text="one video or photo, known by its content")
    kind = serializers.ChoiceField(
        choices=uploads.KINDS,
        error_messages={"invalid_choice": '"{input}" is not taken; send video or photo.'},
    )
    client_id = serializers.CharField(
        max_length=100, help_text="the device's own name for this upload, the same on every retry"
    )
    captured_at = serializers.DateTimeField(
        required=False,
        allow_null=True,
        default=None,
        help_text="by the device's clock, ISO 8601; without an offset in the site's time zone",
    )
    clock_offset_seconds = serializers.FloatField(
        default=0.0,
        min_value=-MOST_OFFSET_SECONDS,
        max_value=MOST_OFFSET_SECONDS,
        help_text="to be added to the device's clock",
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        time_zone = self.context.get("time_zone")
        if time_zone:
            self.fields["captured_at"].timezone = ZoneInfo(time_zone)


class UploadSerializer(serializers.Serializer):
    """An upload as the device that sent it sees it."""

    id = serializers.CharField(help_text='"v12" is a video, "p7" a photo')
    kind = serializers.ChoiceField(choices=uploads.KINDS)
    client_id = serializers.CharField()
    state = serializers.ChoiceField(choices=uploads.STATES)
    error = serializers.CharField(help_text="why it failed; empty otherwise")
    damage = serializers.CharField(help_text="what of a video could not be read; empty otherwise")
    sha256 = serializers.CharField(help_text="of the bytes that were received")
    received_bytes = serializers.IntegerField(allow_null=True)
    captured_at = serializers.DateTimeField(help_text="the clock's offset added")
    created_at = serializers.DateTimeField()
