"""Reading what a page says."""

import re


def text_of(response):
    """Return the HTML of a response with every run of white space as one space."""
    return re.sub(r"\s+", " ", response.content.decode())
