"""Exports over the API: parse, call the service, answer."""

from django.db import transaction
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.response import Response
from rest_framework.views import APIView

from hitlsite.api.serializers import refusals
from hitlsite.bounds import as_id
from hitlsite.errors import DomainError
from training import selectors, tasks, views
from training.api.serializers import (
    ExportPageSerializer,
    ExportRunSerializer,
    NewExportSerializer,
)
from training.services import exports

PAGE_SIZE = 50


class ExportsView(APIView):
    @extend_schema(
        operation_id="exports_list",
        summary="List exports, the newest first",
        parameters=[OpenApiParameter("cursor", description="next_cursor of the page before")],
        responses={200: ExportPageSerializer, **refusals(400)},
    )
    def get(self, request):
        runs = selectors.export_runs(request.user).order_by("-pk")
        cursor = request.query_params.get("cursor")
        if cursor:
            runs = runs.filter(pk__lt=_read_cursor(cursor))
        found = list(runs[: PAGE_SIZE + 1])
        following = str(found[PAGE_SIZE - 1].pk) if len(found) > PAGE_SIZE else None
        results = ExportRunSerializer(found[:PAGE_SIZE], many=True).data
        return Response({"results": results, "next_cursor": following})

    @extend_schema(
        operation_id="exports_create",
        summary="Queue an export of confirmed items",
        request=NewExportSerializer,
        responses={202: ExportRunSerializer, **refusals(400, 404, 409, 413, 415, 422)},
    )
    def post(self, request):
        # Who may not export is told so before anything that was sent is looked at.
        selectors.export_runs(request.user)
        given = NewExportSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        wanted = given.validated_data
        site = selectors.site_for(request.user, wanted.get("site"))
        with transaction.atomic():
            run = exports.start(
                by=request.user,
                site=site,
                filters=wanted.get("filters"),
                image_form=wanted["image_form"],
                variant=wanted["variant"],
                formats=wanted["formats"],
            )
            tasks.run_soon(run)
        return Response(ExportRunSerializer(run).data, status=202)


def _read_cursor(text):
    """Return the id in a cursor that a page gave."""
    pk = as_id(text)
    if pk is None:
        raise DomainError("cursor_invalid", "The cursor is not one that a page gave.", status=400)
    return pk


class ExportView(APIView):
    @extend_schema(
        operation_id="exports_retrieve",
        summary="State, progress and files of an export",
        responses={200: ExportRunSerializer, **refusals(404)},
    )
    def get(self, request, pk):
        return Response(ExportRunSerializer(selectors.export_run(request.user, pk)).data)


class ExportFileView(APIView):
    @extend_schema(
        operation_id="exports_file",
        summary="Download a file of an export, or all of it",
        description="`export_{name of the export}.zip` holds every file, the pictures included.",
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY, **refusals(404)},
    )
    def get(self, request, pk, name):
        return views.download(request._request, request.user, pk, name)
