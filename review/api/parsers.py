"""Read JSON bodies that strangers may have written: bounded in size and in depth."""

import json

from rest_framework import status
from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import BaseParser
from rest_framework.utils.json import strict_constant

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
            parsed = json.loads(content.decode(), parse_constant=strict_constant)
            if b"\\u" in content:
                # Half a character, as in "\\ud800", can neither be stored nor sent back.
                json.dumps(parsed, ensure_ascii=False).encode()
        except RecursionError:
            raise ParseError("The JSON is nested too deeply.") from None
        except ValueError as error:
            raise ParseError(f"This is not JSON: {error}") from None
        return parsed
