"""Pages that ask the database again for every row fail their test.

Only what is read is watched: an act on several things may go through them one by one.
"""

from zeal import zeal_context

SAFE = ("GET", "HEAD")


def watching(get_response):
    """Return a middleware under which a repeated query raises ``zeal.NPlusOneError``."""

    def answer(request):
        if request.method not in SAFE:
            return get_response(request)
        with zeal_context():
            return get_response(request)

    return answer
