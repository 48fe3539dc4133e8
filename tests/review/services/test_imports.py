"""Importing another system's incidents: what is taken, what is refused, and twice the same."""

import io
import json
from datetime import UTC, datetime

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from detection.models import Deployment, Evidence, Footage, Incident, RuleHit
from detection.selectors import active_deployments
from hitlsite.errors import DomainError
from hitlsite.models import AuditEntry
from review.models import TrainingItem
from review.services import imports
from review.services.import_lines import category_of, read_line
from tests import factories

pytestmark = pytest.mark.django_db
LINE = {
    "incident_id": "INC-7",
    "class_name": "person",
    "triggered_rules": ["loitering", "restricted_zone"],
    "reason": "stood at the door for 42 s",
    "duration_seconds": 42.0,
    "max_confidence": 0.91,
    "zone_presence": {"entrance": 40.5},
    "start_time": "2026-03-02T10:00:00",
    "end_time": "2026-03-02T10:00:42",
}


@pytest.fixture
def folder(tmp_path, data_dir, settings):
    """Return a folder for evidence, on a machine that has no weights."""
    settings.DETECTOR = "motion"
    settings.MODEL_DIR = data_dir / "models"
    path = tmp_path / "evidence"
    path.mkdir()
    return path


def picture(shade=90, size=(64, 48)):
    return factories.jpeg(np.full((size[1], size[0], 3), shade, np.uint8))


def lay_out(folder, incident_id="INC-7", frames=3, *, clip=False):
    for number in range(frames):
        # Numbers that sort wrongly as text.
        (folder / f"{incident_id}_frame_{number + 9}.jpg").write_bytes(picture(50 + number))
    if clip:
        content = factories.clip([np.full((48, 64, 3), 70, np.uint8)] * 10)
        (folder / f"{incident_id}_clip.mp4").write_bytes(content)


def write(tmp_path, *lines):
    path = tmp_path / "incidents.jsonl"
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("\n".join(texts) + "\n")
    return path


def test_a_line_becomes_an_item_with_its_evidence(tmp_path, folder, camera):
    lay_out(folder, clip=True)
    path = write(tmp_path, LINE)
    report = imports.import_incidents(path, camera=camera, evidence_dir=folder)

    item = TrainingItem.objects.get()
    incident = item.incident
    assert report.imported == [(1, "INC-7", item.pk)]
    assert (item.collection_method, item.category) == ("import", "loitering")
    assert (incident.origin, incident.footage.kind) == ("import", "import")
    assert incident.opened_at == datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
    assert (incident.duration_seconds, incident.peak_score) == (42.0, 0.91)
    kinds = Evidence.objects.order_by("at_seconds", "pk").values_list("kind", "at_seconds")
    assert list(kinds) == [
        ("frame_open", 0.0),
        ("clip", 0.0),
        ("frame_peak", 21.0),
        ("frame_last", 42.0),
    ]
    hits = RuleHit.objects.values_list("rule_name", "kind", "zone")
    assert list(hits) == [
        ("loitering", "loitering", "entrance"),
        ("restricted_zone", "restricted_zone_entry", "entrance"),
    ]
    assert item.provenance["rules"][0]["numbers"]["zone_presence"] == {"entrance": 40.5}
    assert item.privacy != "unscanned"
    assert AuditEntry.objects.filter(action="incident.imported").count() == 1


def test_the_same_again_changes_nothing(tmp_path, folder, camera):
    lay_out(folder)
    path = write(tmp_path, LINE)
    imports.import_incidents(path, camera=camera, evidence_dir=folder)
    counts = (Incident.objects.count(), Evidence.objects.count(), AuditEntry.objects.count())
    again = imports.import_incidents(
        write(tmp_path, LINE, LINE), camera=camera, evidence_dir=folder
    )

    assert [row[:2] for row in again.unchanged] == [(1, "INC-7"), (2, "INC-7")]
    assert again.imported == again.refused == []
    assert counts == (
        Incident.objects.count(),
        Evidence.objects.count(),
        AuditEntry.objects.count(),
    )


@pytest.mark.parametrize("what", ["line", "picture"])
def test_the_same_id_with_other_content_is_refused(tmp_path, folder, camera, what):
    lay_out(folder)
    imports.import_incidents(write(tmp_path, LINE), camera=camera, evidence_dir=folder)
    if what == "picture":
        (folder / "INC-7_frame_9.jpg").write_bytes(picture(200))
    line = LINE if what == "picture" else {**LINE, "class_name": "dog"}
    report = imports.import_incidents(write(tmp_path, line), camera=camera, evidence_dir=folder)

    ((number, key, sentence),) = report.refused
    assert (number, key) == (1, "incident_id")
    assert "INC-7 was imported before, with other content" in sentence
    assert Incident.objects.get().class_name == "person"


def test_an_import_cut_short_is_finished_by_the_next(tmp_path, folder, camera, monkeypatch):
    lay_out(folder)
    path = write(tmp_path, LINE)

    def cut(*args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("review.services.conversion.convert", cut)
        with pytest.raises(KeyboardInterrupt):
            imports.import_incidents(path, camera=camera, evidence_dir=folder)
    assert not TrainingItem.objects.exists()
    report = imports.import_incidents(path, camera=camera, evidence_dir=folder)

    assert TrainingItem.objects.get().collection_method == "import"
    assert len(report.unchanged) == 1


def test_a_worker_that_is_faster_knows_an_import_too(tmp_path, folder, camera, monkeypatch):
    from review.services import conversion

    lay_out(folder)
    with monkeypatch.context() as patch:
        patch.setattr("review.services.imports._Importer._item", lambda *given: TrainingItem(pk=1))
        imports.import_incidents(write(tmp_path, LINE), camera=camera, evidence_dir=folder)
    conversion.convert_ready()

    assert TrainingItem.objects.get().collection_method == "import"


def test_imports_are_never_chosen_to_serve(tmp_path, folder, camera):
    lay_out(folder)
    imports.import_incidents(write(tmp_path, LINE), camera=camera, evidence_dir=folder)

    made = Deployment.objects.get()
    assert made.retired_at is not None
    assert list(active_deployments()) == list(active_deployments("import")) == []


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"incident_id": "../../etc/passwd"}, "incident_id"),
        ({"incident_id": "a/b"}, "incident_id"),
        ({"incident_id": ".."}, "incident_id"),
        ({"incident_id": "*"}, "incident_id"),
        ({"incident_id": ""}, "incident_id"),
        ({"incident_id": "x" * 81}, "incident_id"),
        ({"incident_id": None}, "incident_id"),
        ({"incident_id": "a\n"}, "incident_id"),
        ({"class_name": ""}, "class_name"),
        ({"class_name": "a\x00"}, "class_name"),
        ({"triggered_rules": "loitering"}, "triggered_rules"),
        ({"triggered_rules": [7]}, "triggered_rules"),
        ({"zone_presence": 7}, "zone_presence"),
        ({"zone_presence": {"door": -1}}, "zone_presence"),
        ({"max_confidence": 1.5}, "max_confidence"),
        ({"max_confidence": True}, "max_confidence"),
        ({"duration_seconds": "long", "end_time": None}, "duration_seconds"),
        ({"duration_seconds": None, "end_time": None}, "end_time"),
        ({"start_time": "yesterday"}, "start_time"),
        ({"start_time": 1e300}, "start_time"),
        ({"start_time": "1970-01-01T00:00:00"}, "start_time"),
        ({"end_time": "2026-03-02T09:00:00"}, "end_time"),
        ({"reason": ["x"]}, "reason"),
    ],
)
def test_a_bad_line_names_its_key_and_the_others_go_on(tmp_path, folder, camera, change, key):
    lay_out(folder, "good")
    path = write(tmp_path, {**LINE, **change}, "", {**LINE, "incident_id": "good"})
    report = imports.import_incidents(path, camera=camera, evidence_dir=folder)

    assert [row[:2] for row in report.refused] == [(1, key)]
    assert [row[:2] for row in report.imported] == [(3, "good")]
    assert Footage.objects.get().session == "import:good"


@pytest.mark.parametrize("text", ["{", "[]", '"x"', "[" * 100_000, '{"a": NaN}', "x" * 1_200_000])
def test_what_is_no_line_is_named_by_its_number(tmp_path, folder, camera, text):
    lay_out(folder, "good")
    path = write(tmp_path, text, {**LINE, "incident_id": "good"})
    report = imports.import_incidents(path, camera=camera, evidence_dir=folder)

    assert [row[:2] for row in report.refused] == [(1, "line")]
    assert len(report.imported) == 1


def bomb():
    stream = io.BytesIO()
    Image.new("1", (9000, 9000)).save(stream, "PNG")
    return stream.getvalue()


SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("INC-7_frame_9.jpg", SVG, "not a photo of a supported type"),
        ("INC-7_frame_9.jpg", b"", "empty"),
        ("INC-7_frame_9.jpg", b"\xff\xd8\xff" + b"x" * 100, "INC-7_frame_9.jpg"),
        ("INC-7_frame_9.jpg", bomb, "INC-7_frame_9.jpg"),
        ("INC-7_clip.mp4", b"not a film at all", "not a video of a supported type"),
        ("INC-7_clip.mp4", b"\x00\x00\x00\x18ftypmp42" + b"x" * 200, "INC-7_clip.mp4"),
    ],
)
def test_a_file_that_is_not_what_it_should_be_keeps_its_line_out(
    tmp_path, folder, camera, settings, name, content, said
):
    lay_out(folder)
    (folder / name).write_bytes(content() if callable(content) else content)
    report = imports.import_incidents(write(tmp_path, LINE), camera=camera, evidence_dir=folder)

    ((_, key, sentence),) = report.refused
    assert key == "evidence"
    assert said in sentence
    assert not Incident.objects.exists()
    stored = [path for path in settings.MEDIA_ROOT.rglob("*") if path.is_file()]
    assert stored == []


def test_a_link_is_not_followed(tmp_path, folder, camera):
    (tmp_path / "secret.jpg").write_bytes(picture())
    (folder / "INC-7_frame_1.jpg").symlink_to(tmp_path / "secret.jpg")
    report = imports.import_incidents(write(tmp_path, LINE), camera=camera, evidence_dir=folder)

    assert "is not a plain file" in report.refused[0][2]


def test_a_line_without_files_is_refused(tmp_path, folder, camera):
    lay_out(folder, "INC-7_more")
    report = imports.import_incidents(write(tmp_path, LINE), camera=camera, evidence_dir=folder)

    assert report.refused[0][:2] == (1, "evidence")


def test_private_zones_are_black_before_anything_is_stored(tmp_path, folder, camera, settings):
    camera.zones.create(name="desk", kind="private", polygon=[[0, 0], [0.5, 0], [0.5, 1], [0, 1]])
    lay_out(folder, frames=1, clip=True)
    imports.import_incidents(write(tmp_path, LINE), camera=camera, evidence_dir=folder)

    still = Evidence.objects.get(kind="frame_peak")
    shown = np.asarray(Image.open(settings.MEDIA_ROOT / still.path))
    assert shown[:, :28].max() < 20 < shown[:, 36:].min()


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2026-07-01T12:00:00", "2026-07-01T12:00:42", datetime(2026, 7, 1, 10, tzinfo=UTC)),
        ("2026-07-01T12:00:00Z", "2026-07-01T12:01:00Z", datetime(2026, 7, 1, 12, tzinfo=UTC)),
        ("2026-07-01T12:00:00+05:00", None, datetime(2026, 7, 1, 7, tzinfo=UTC)),
        (1782900000, None, datetime(2026, 7, 1, 10, tzinfo=UTC)),
    ],
)
def test_a_time_without_a_zone_is_the_sites(start, end, expected):
    line = {**LINE, "start_time": start, "end_time": end}
    read = read_line(json.dumps(line).encode(), time_zone="Europe/Berlin")

    assert read.opened_at == expected
    assert read.seconds in (42.0, 60.0)


@pytest.mark.parametrize(
    ("name", "category"),
    [
        ("loitering", "loitering"),
        ("Unattended-Object", "object_left_unattended"),
        ("restricted_zone", "restricted_zone_entry"),
        ("zone violation", "restricted_zone_entry"),
        ("crowd_formation", "crowd_formation"),
        ("dancing", "unknown"),
        ("", "unknown"),
    ],
)
def test_rules_are_known_by_the_names_of_other_systems(name, category):
    assert category_of(name) == category


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists, max_leaves=5))
def test_no_value_of_any_key_is_more_than_a_refusal(value):
    for key in LINE:
        text = json.dumps({**LINE, key: value}).encode()
        try:
            read = read_line(text, time_zone="UTC")
        except DomainError as refused:
            assert refused.code == "line_invalid"
        else:
            assert read.opened_at <= read.closed_at
            assert "/" not in read.incident_id


def test_the_command_tells_and_ends_with_1_where_a_line_is_bad(tmp_path, folder, camera, capsys):
    lay_out(folder)
    path = write(tmp_path, LINE, {**LINE, "incident_id": "a/b"})
    wanted = {"camera": camera.name, "evidence": folder, "json": tmp_path / "report.json"}
    with pytest.raises(CommandError) as ended:
        call_command("import_incidents", path, **wanted)

    printed = capsys.readouterr().out
    assert ended.value.returncode == 1
    assert "line 2: incident_id:" in printed
    assert "1 imported, 0 unchanged, 1 refused" in printed
    told = json.loads((tmp_path / "report.json").read_text())
    assert (told["lines"], told["imported"][0]["incident_id"]) == (2, "INC-7")


def test_the_command_names_what_is_not_there(tmp_path, folder, camera):
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("import_incidents", tmp_path / "no", camera=camera.name, evidence=folder)
    with pytest.raises(CommandError, match="is not a folder"):
        call_command(
            "import_incidents", write(tmp_path, LINE), camera=camera.name, evidence=tmp_path / "no"
        )
    with pytest.raises(CommandError, match="no camera named"):
        call_command("import_incidents", tmp_path / "no", camera="Nowhere", evidence=folder)
