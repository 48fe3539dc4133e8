"""Plain text as people type it, shown as paragraphs and lists; nothing in it is ever HTML."""

from django import template
from django.utils.html import format_html, format_html_join

register = template.Library()
BULLET = "- "


@register.filter
def prose(text):
    """Show a text: blank lines part paragraphs, lines that start with "- " are a list."""
    blocks = str(text or "").replace("\r\n", "\n").split("\n\n")
    return format_html_join("", "{}", ((_block(block),) for block in blocks if block.strip()))


def _block(block):
    parts, lines = [], [line.rstrip() for line in block.strip().split("\n")]
    while lines:
        is_list = lines[0].startswith(BULLET)
        taken = _take(lines, is_list)
        parts.append(_list(taken) if is_list else _paragraph(taken))
    return format_html_join("", "{}", ((part,) for part in parts))


def _take(lines, is_list):
    taken = []
    while lines and lines[0].startswith(BULLET) == is_list:
        taken.append(lines.pop(0))
    return taken


def _list(lines):
    rows = ((line.removeprefix(BULLET).strip(),) for line in lines)
    return format_html("<ul>{}</ul>", format_html_join("", "<li>{}</li>", rows))


def _paragraph(lines):
    text = " ".join(line.strip() for line in lines)
    # "Right:" above a list is what the list is about.
    if len(lines) == 1 and text.endswith(":") and len(text) < 60:
        return format_html("<h3>{}</h3>", text.removesuffix(":"))
    return format_html("<p>{}</p>", text)


@register.filter
def opening(text):
    """Return the first paragraph of a text on one line, for lists."""
    first = str(text or "").replace("\r\n", "\n").strip().partition("\n\n")[0]
    return " ".join(line.strip().removeprefix(BULLET) for line in first.split("\n"))
