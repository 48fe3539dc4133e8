"""Read JSON bodies that strangers may have written: bounded in size and in depth."""

from rest_framework import status
from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import BaseParser

from hitlsite.bounds import read_json

MOST_BYTES = 1_000_000


class TooLarge(APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_detail = f"A request may hold {MOST_BYTES} bytes."


class BoundedJSONParser(BaseParser):
    """JSON that answers 413 or 400 where the framework's own parser answers 500."""

    media_type = "application/json"

    def parse(self, stream, media_type=None, parser_context=None):
        content = stream.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise TooLarge
        try:
            return read_json(content)
        except ValueError as error:
            raise ParseError(f"This is not JSON that can be read: {error}.") from None
