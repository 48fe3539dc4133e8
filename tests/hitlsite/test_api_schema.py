"""The API describes itself: wholly, without warnings, and the same on every page."""

import io
import re

import pytest
from django.contrib.staticfiles import finders
from django.core.management import CommandError, call_command
from django.urls import get_resolver
from drf_spectacular.generators import SchemaGenerator

from hitlsite.management.commands import describe_api

METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture(scope="module")
def schema():
    return SchemaGenerator().get_schema(request=None, public=True)


def operations(schema):
    for path, described in schema["paths"].items():
        for method in METHODS & set(described):
            yield path, method, described[method]


def test_the_schema_is_valid_and_complete(tmp_path):
    call_command("spectacular", validate=True, fail_on_warn=True, file=str(tmp_path / "schema.yml"))

    assert (tmp_path / "schema.yml").read_text().startswith("openapi: 3")


def test_every_address_of_the_api_is_in_it(schema):
    addresses = {
        re.sub(r"<(?:\w+:)?\w+>", "{}", str(outer.pattern) + str(inner.pattern))
        for outer in get_resolver().url_patterns
        if str(outer.pattern).startswith("api/v1")
        for inner in outer.url_patterns
    }
    described = {re.sub(r"\{\w+\}", "{}", path).lstrip("/") for path in schema["paths"]}

    assert described == addresses


def test_every_operation_says_what_it_does_and_how_it_refuses(schema):
    for path, method, operation in operations(schema):
        assert operation["summary"] and operation["security"], (path, method)
        assert operation["tags"] == [path.split("/")[3]]
        assert {"401", "403", "429"} <= set(operation["responses"])
        for status, answer in operation["responses"].items():
            shapes = [part["schema"] for part in answer.get("content", {}).values()]
            if status >= "400":
                assert shapes == [{"$ref": "#/components/schemas/Error"}], (path, status)
                assert answer["description"], (path, status)
        if method == "post" and "application/json" in operation.get("requestBody", {}).get(
            "content", {}
        ):
            assert {"400", "413", "415", "422"} <= set(operation["responses"]), path


@pytest.mark.django_db
def test_every_path_works_with_and_without_its_final_slash(client, schema, superuser):
    client.force_login(superuser)
    for path, method, _ in operations(schema):
        address = re.sub(r"\{\w+\}", "7", path)
        assert address.endswith("/")
        answers = [
            client.generic(method, one, "{}", content_type="application/json")
            for one in (address, address.rstrip("/"))
        ]
        first, second = ((answer.status_code, answer.json()) for answer in answers)
        assert first == second
        # This is what no view answers.
        assert first[0] != 405
        assert first[1].get("error", {}).get("message") != "Not found."


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/api/schema", "/api/schema/", "/api/docs", "/api/docs/"])
def test_so_do_the_pages_that_describe_it(client, superuser, address):
    client.force_login(superuser)

    assert client.get(address).status_code == 200


@pytest.mark.django_db
def test_the_docs_need_nobody_elses_server(client, superuser):
    client.force_login(superuser)
    page = client.get("/api/docs/").content.decode()
    script = client.get("/api/docs/?script=").content.decode()

    assets = re.findall(r'(?:src|href)="(/static/[^"]+)"', page)
    assert len(assets) >= 4
    assert all(finders.find(asset.removeprefix("/static/")) for asset in assets)
    assert "/api/schema/" in script
    assert '"validatorUrl": null' in script
    assert not re.search(r"https?://", page)


def test_the_reference_page_is_up_to_date():
    call_command("describe_api", check=True)


def test_a_page_that_is_not_is_named(tmp_path, monkeypatch):
    page = tmp_path / "api.md"
    monkeypatch.setattr(describe_api, "PAGE", page)
    with pytest.raises(CommandError, match="run make api-docs"):
        call_command("describe_api", check=True)

    call_command("describe_api", stdout=io.StringIO())
    call_command("describe_api", check=True)
    page.write_text(page.read_text() + "\nby hand\n")
    with pytest.raises(CommandError, match="run make api-docs"):
        call_command("describe_api", check=True)


def test_the_reference_page_links_to_shapes_that_are_there():
    text = describe_api.PAGE.read_text(encoding="utf-8")
    shapes = {name.lower() for name in re.findall(r"^### (\w+)$", text, re.M)}

    assert set(re.findall(r"\(#(\w+)\)", text)) <= shapes
    assert "| any |" not in text
