"""What every part of the API shares: strict bodies, and the one shape of a refusal."""

import copy
from functools import cache

from drf_spectacular.utils import OpenApiResponse
from rest_framework import serializers

REFUSALS = {
    400: "Not JSON, nested too deeply, or a cursor that no page gave.",
    401: "Nobody is signed in, and there is no valid token.",
    403: "You may not do this.",
    404: "It does not exist, or belongs to a site that is not yours.",
    409: "It moved on meanwhile, or somebody else holds it.",
    413: "Too large.",
    415: "The body is of another type.",
    422: "A value is wrong; `fields` names it.",
    429: "Too many requests.",
}


class StrictSerializer(serializers.Serializer):
    """A field that is not listed here is refused, so that a misspelt one is not left out."""

    def to_internal_value(self, values):
        unknown = set(values) - set(self.fields) if isinstance(values, dict) else ()
        if unknown:
            message = f"There is no such field; there are {', '.join(self.fields)}."
            raise serializers.ValidationError({str(name)[:60]: message for name in unknown})
        return super().to_internal_value(values)


class ShownSerializer(serializers.ModelSerializer):
    # For answers only. Not a docstring: the schema would hand it on as what its heirs are.

    def get_fields(self):
        """Return the fields, read off the model once a process and not once a request."""
        if "_built" not in type(self).__dict__:
            type(self)._built = super().get_fields()
        return copy.deepcopy(type(self)._built)

    @classmethod
    def shown(cls, instance):
        """Return the answer about one instance; for heirs whose fields ask for no context."""
        return _lasting(cls).to_representation(instance)


@cache
def _lasting(serializer_class):
    return serializer_class()


class ErrorBodySerializer(serializers.Serializer):
    code = serializers.CharField(help_text="a word for machines, such as `too_large`")
    message = serializers.CharField(help_text="a sentence for people")
    fields = serializers.DictField(
        child=serializers.CharField(), help_text="messages by field, nested ones as `boxes.0`"
    )


class ErrorSerializer(serializers.Serializer):
    """What everything that goes wrong answers with."""

    error = ErrorBodySerializer()


def refusals(*statuses, **told):
    """Return how the schema describes refusals; 401, 403 and 429 may always come.

    Args:
        told: what a status means here, as ``s409="..."``, where it is not the usual.
    """
    told = {int(name[1:]): meaning for name, meaning in told.items()}
    return {
        status: OpenApiResponse(ErrorSerializer, told.get(status) or REFUSALS[status])
        for status in sorted({401, 403, 429, *statuses, *told})
    }
