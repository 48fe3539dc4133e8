"""The API's schema as a page for people: docs/api.md is written from here and never by hand."""

INTRODUCTION = """# The API

Written by `make api-docs` from the schema at `/api/schema/`; `/api/docs/` shows the same to people
who are signed in, to try out.

Devices send `Authorization: Token <token>` (`manage.py add_device` makes one). People use their
session, with a CSRF token for everything but GET. Every path works with and without its final
slash. Times are ISO 8601 in UTC unless they carry an offset, boxes are shares of the picture.

Whatever goes wrong answers `{"error": {"code", "message", "fields"}}`.
"""
EMPTY = "BlankEnum"  # the schema's word for a choice that may be left empty


def reference(schema):
    """Return Markdown of an OpenAPI schema (a dict as drf_spectacular makes it)."""
    parts = [INTRODUCTION]
    shown_tag = ""
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            if operation["tags"][0] != shown_tag:
                shown_tag = operation["tags"][0]
                parts.append(f"## {shown_tag.capitalize()}\n")
            parts.append(_operation(method, path, operation))
    parts.append("## Shapes\n")
    for name, shape in sorted(schema["components"]["schemas"].items()):
        if name != EMPTY:
            parts.append(_shape(name, shape))
    return "\n".join(parts)


def _operation(method, path, operation):
    lines = [f"### {operation['summary']}", "", f"    {method.upper()} {path}", ""]
    if operation.get("description"):
        lines += [operation["description"], ""]
    lines += _parameters(operation.get("parameters", ()))
    body = operation.get("requestBody", {}).get("content", {})
    lines += [f"Body: {_type(part['schema'])} as `{kind}`\n" for kind, part in body.items()]
    lines += ["| answer | |", "|---|---|"]
    lines += [_answer(status, answer) for status, answer in sorted(operation["responses"].items())]
    return "\n".join([*lines, ""])


def _parameters(parameters):
    if not parameters:
        return []
    rows = [
        f"| `{one['name']}` | {one['in']} | {_type(one['schema'])} "
        f"| {_cell(one.get('description', ''))} |"
        for one in parameters
    ]
    return ["| parameter | in | | |", "|---|---|---|---|", *rows, ""]


def _answer(status, answer):
    shapes = [_type(part["schema"]) for part in answer.get("content", {}).values()]
    # Every refusal has the one shape that the page begins with.
    shown = [] if status >= "400" else shapes
    told = [_cell(text) for text in (answer.get("description", ""), *shown) if text]
    return f"| {status} | {' '.join(told)} |"


def _shape(name, shape):
    lines = [f"### {name}", ""]
    if "enum" in shape:
        return "\n".join([*lines, _values(shape["enum"]), ""])
    if shape.get("description"):
        lines += [shape["description"], ""]
    fields = shape.get("properties", {})
    # Answers hold every field; only of what is sent some may be left out.
    may_lack = set(fields) - set(shape.get("required", ())) if name.endswith("Request") else ()
    lines += ["| field | | |", "|---|---|---|"]
    for field, told in fields.items():
        notes = [
            told.get("description", ""),
            _limits(told),
            "optional" if field in may_lack else "",
        ]
        text = "; ".join(note for note in notes if note)
        lines.append(f"| `{field}` | {_type(told)} | {_cell(text)} |")
    return "\n".join([*lines, ""])


def _type(schema):
    """Return the type of a value in words, linked where it is a shape of its own."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return "empty" if name == EMPTY else f"[{name}](#{name.lower()})"
    suffix = " or null" if schema.get("nullable") else ""
    for kind in ("allOf", "oneOf", "anyOf"):
        if kind in schema:
            return " or ".join(_type(part) for part in schema[kind]) + suffix
    if "enum" in schema:
        return _values(schema["enum"]) + suffix
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}{suffix}"
    if "additionalProperties" in schema and isinstance(schema["additionalProperties"], dict):
        inner = _type(schema["additionalProperties"])
        return f"object of {inner}{suffix}" if inner != "any" else f"object{suffix}"
    name = schema.get("format") or schema.get("type") or "any"
    return f"{'number' if name == 'double' else name}{suffix}"


def _values(values):
    return ", ".join(f"`{value}`" if value not in ("", None) else "empty" for value in values)


def _limits(schema):
    words = {"minimum": "at least", "maximum": "at most", "maxLength": "at most"}
    units = {"maxLength": " characters"}
    found = [
        f"{word} {schema[key]:g}{units.get(key, '')}"
        for key, word in words.items()
        if key in schema and abs(schema[key]) < 1_000_000
    ]
    return ", ".join(found)


def _cell(text):
    return " ".join(text.split()).replace("|", "\\|")
