"""Rows of measures: stored once each, all of a batch or none, by those who may."""

import json
import threading

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from hitlsite import people
from hitlsite.errors import DomainError, Forbidden, NotFound
from hitlsite.models import AuditEntry
from tests import factories
from tests.cast import person
from tests.detection.uploading import Phone
from tests.training.measured import SLOT, csv_text, sample
from training.models import TabularSample
from training.services import samples

pytestmark = pytest.mark.django_db
SAMPLES = "/api/v1/samples/"


def add(by, site, rows):
    told = samples.add(SLOT, site, rows, by)
    return told.stored, told.known


def test_a_batch_is_stored_once(admin_user, site):
    rows = [sample(number) for number in range(3)]
    assert add(admin_user, site, rows) == (3, 0)
    assert add(admin_user, site, [*rows, sample(3), sample(3)]) == (1, 4)
    kept = TabularSample.objects.order_by("at").first()
    assert (kept.sequence, kept.created_by, kept.measures["deviceFPS"]) == (
        "walk",
        admin_user,
        0.5,
    )
    assert AuditEntry.objects.filter(action="samples.stored").count() == 2


def test_the_same_name_at_another_site_is_another_row(admin_user, superuser, site):
    other = factories.site()
    assert add(superuser, other, [sample()]) == add(admin_user, site, [sample()]) == (1, 0)


@pytest.mark.parametrize(
    ("columns", "label", "source"),
    [
        ({"label": "3"}, "3", "human"),
        ({"label": "3", "label_source": "outcome"}, "3", "outcome"),
        ({"label": "3", "label_source": "decision"}, "3", "decision"),
        ({}, "1", "decision"),
        ({"label_source": "decision"}, "1", "decision"),
        ({"decisionLOD": -1}, "", ""),
        ({"decisionLOD": -1, "label": "0"}, "0", "human"),
    ],
)
def test_where_a_label_comes_from(admin_user, site, columns, label, source):
    add(admin_user, site, [sample(**columns)])
    kept = TabularSample.objects.get()
    assert (kept.label, kept.label_source) == (label, source)


@pytest.mark.parametrize(
    ("columns", "field"),
    [
        ({"deviceFPS": None}, "deviceFPS"),
        ({"decisionLOD": None}, "decisionLOD"),
        ({"client_id": None}, "client_id"),
        ({"client_id": ""}, "client_id"),
        ({"client_id": 7}, "client_id"),
        ({"client_id": "x" * 101}, "client_id"),
        ({"sequence": "a\x00b"}, "sequence"),
        ({"timestamp": None}, "timestamp"),
        ({"timestamp": "now"}, "timestamp"),
        ({"timestamp": 1772442000}, "timestamp"),
        ({"timestamp": "9999-12-31T23:59:59Z"}, "timestamp"),
        ({"deviceFPS": "fast"}, "deviceFPS"),
        ({"deviceFPS": True}, "deviceFPS"),
        ({"deviceFPS": float("nan")}, "deviceFPS"),
        ({"deviceFPS": 10**400}, "deviceFPS"),
        ({"latencyMs": [1]}, "latencyMs"),
        ({"decisionLOD": 1.5}, "decisionLOD"),
        ({"decisionLOD": -2}, "decisionLOD"),
        ({"label": 3}, "label"),
        ({"label": "x" * 61}, "label"),
        ({"label": "3", "label_source": "rumour"}, "label_source"),
        ({"label_source": "human"}, "label_source"),
        ({"deviceFps": 3}, "deviceFps"),
    ],
)
def test_a_wrong_value_is_named_by_its_path_and_nothing_is_stored(admin_user, site, columns, field):
    with pytest.raises(DomainError) as refused:
        add(admin_user, site, [sample(0), sample(1, **columns), sample(2)])
    assert (refused.value.code, refused.value.status) == ("samples_invalid", 422)
    assert list(refused.value.fields) == [f"samples.1.{field}"]
    assert not TabularSample.objects.exists()


@pytest.mark.parametrize("rows", [[], {}, "rows", [sample(n) for n in range(1001)], None])
def test_a_batch_has_limits(admin_user, site, rows):
    with pytest.raises(DomainError, match="1 to 1000"):
        add(admin_user, site, rows)


@pytest.mark.parametrize("row", [None, [], "row", 3])
def test_a_row_is_an_object(admin_user, site, row):
    with pytest.raises(DomainError) as refused:
        add(admin_user, site, [row])
    assert list(refused.value.fields) == ["samples.0"]


@pytest.mark.parametrize(
    ("slot", "code", "status"),
    [("object-detector", "slot_not_tabular", 422), ("nonsense", "slot_unknown", 404)],
)
def test_only_a_tabular_slot_takes_rows(admin_user, site, slot, code, status):
    with pytest.raises(DomainError) as refused:
        samples.add(slot, site, [sample()], admin_user)
    assert (refused.value.code, refused.value.status) == (code, status)


def test_who_may_send(site, reviewer, supervisor, outsider):
    for by in (reviewer, supervisor):
        with pytest.raises(Forbidden):
            add(by, site, [sample()])
    with pytest.raises(NotFound):
        add(outsider, site, [sample()])


def test_a_device_sends_for_the_site_of_its_camera_alone(device_user, site):
    assert add(device_user, samples.site_for(device_user), [sample()]) == (1, 0)
    with pytest.raises(NotFound):
        samples.site_for(device_user, factories.site().pk)
    device_user.device.revoked_at = timezone.now()
    device_user.device.save()
    with pytest.raises(NotFound):
        samples.site_for(device_user, site.pk)


@pytest.mark.sql
@pytest.mark.django_db(transaction=True)
def test_a_batch_that_is_sent_twice_at_once_is_counted_once(site, admin_user):
    told, rows = [], [sample(number) for number in range(50)]

    def send():
        told.append(add(admin_user, site, rows))
        connection.close()

    threads = [threading.Thread(target=send) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told) == [(0, 50), (0, 50), (50, 0)]


class TestApi:
    @pytest.fixture
    def post(self, client):
        def posting(user, body, address=SAMPLES):
            if user:
                client.force_login(user)
            content = body if isinstance(body, str) else json.dumps(body)
            return client.post(address, content, content_type="application/json")

        return posting

    def test_rows_are_taken_and_known_again(self, post, admin_user, site):
        body = {"samples": [sample(0), sample(1)]}
        first, again = post(admin_user, body), post(admin_user, body, SAMPLES.rstrip("/"))
        assert (first.status_code, first.json()) == (201, {"stored": 2, "known": 0})
        assert (again.status_code, again.json()) == (200, {"stored": 0, "known": 2})

    def test_a_phone_sends_with_its_token(self, camera):
        phone = Phone(camera)
        answer = phone.client.post(SAMPLES, {"samples": [sample()]}, format="json")
        assert (answer.status_code, answer.json()) == (201, {"stored": 1, "known": 0})
        assert TabularSample.objects.get().site == camera.site
        foreign = {"site": factories.site().pk, "samples": [sample(1)]}
        assert phone.client.post(SAMPLES, foreign, format="json").status_code == 404

    @pytest.mark.parametrize(
        ("change", "status", "field"),
        [
            ({"samples": [sample(), sample(1, deviceFPS="x")]}, 422, "samples.1.deviceFPS"),
            ({"samples": []}, 422, "samples"),
            ({"samples": [3]}, 422, "samples.0"),
            ({"samples": [sample(number) for number in range(1001)]}, 422, "samples"),
            ({"slot": "nonsense"}, 404, "slot"),
            ({"slot": "object-detector"}, 422, "slot"),
            ({"site": 10**6}, 404, "site"),
            ({"sites": 1}, 422, "sites"),
        ],
    )
    def test_bad_input_is_named(self, post, admin_user, change, status, field):
        answer = post(admin_user, {"samples": [sample()]} | change)
        assert (answer.status_code, list(answer.json()["error"]["fields"])) == (status, [field])
        assert not TabularSample.objects.exists()

    @pytest.mark.parametrize(
        ("body", "status"), [("{", 400), ('{"samples": [{"a": NaN}]}', 400), ("[]", 422)]
    )
    def test_what_is_no_request(self, post, admin_user, body, status):
        assert post(admin_user, body).status_code == status

    def test_whoever_has_several_sites_names_one(self, post, site):
        second = factories.site()
        admin = person("both", people.ADMIN, site, second)
        assert post(admin, {"samples": [sample()]}).status_code == 404
        named = post(admin, {"site": second.pk, "samples": [sample()]})
        assert named.status_code == 201

    def test_who_may_not_send_is_told_so(self, post, reviewer, outsider, site):
        assert post(None, {"samples": [sample()]}).status_code == 401
        assert post(reviewer, {"samples": [sample()]}).status_code == 403
        foreign = {"site": site.pk, "samples": [sample()]}
        assert post(outsider, foreign).status_code == 404


class TestCsv:
    @pytest.fixture
    def file(self, tmp_path):
        path = tmp_path / "walk.csv"
        path.write_text(csv_text(rows=600))
        return path

    def test_a_file_is_imported_once(self, file, site):
        told = samples.import_csv(file, SLOT, site, "human")
        assert (told.stored, told.known, told.labelled) == (600, 0, 600)
        kept = TabularSample.objects.all()
        assert set(kept.values_list("label", "label_source").distinct()) == {
            ("0", "human"),
            ("2", "human"),
            ("5", "human"),
        }
        assert set(kept.values_list("sequence", flat=True)) == {
            f"walk {number}" for number in range(6)
        }
        file.write_text(csv_text(rows=610))
        again = samples.import_csv(file, SLOT, site, "human")
        assert (again.stored, again.known) == (10, 600)

    def test_decisions_are_the_devices_own_unless_somebody_says_otherwise(self, file, site):
        samples.import_csv(file, SLOT, site)
        assert set(TabularSample.objects.values_list("label_source", flat=True)) == {"decision"}

    def test_a_file_of_labels_says_whose_they_are(self, tmp_path, site):
        path = tmp_path / "labels.csv"
        lines = csv_text(rows=3).splitlines()
        ends = ("label,label_source", "0,outcome", "2,", ",")
        path.write_text("\n".join(map(",".join, zip(lines, ends, strict=True))))
        samples.import_csv(path, SLOT, site)
        found = TabularSample.objects.order_by("at").values_list("label", "label_source")
        decided = lines[3].split(",")[9]
        assert list(found) == [("0", "outcome"), ("2", "human"), (decided, "decision")]

    def test_rows_without_times_keep_their_order(self, tmp_path, site):
        from training.learning.sample_tables import REQUIRED

        path = tmp_path / "bare.csv"
        body = [",".join(REQUIRED), *(f"{n},0,0,0,0,-1" for n in range(5))]
        path.write_text("\n".join(body))
        samples.import_csv(path, SLOT, site)
        found = [one.measures["frustumCoverage"] for one in TabularSample.objects.order_by("at")]
        assert found == [0, 1, 2, 3, 4]

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            (b"\xff\xfe\x00", "no text in UTF-8"),
            (b"a,b\n1,2\n", "Line 1: the column frustumCoverage is missing"),
            (csv_text(3).replace("0.5", "much", 1).encode(), "Line 2, column frustumCoverage"),
            (
                b"label_source," + csv_text(1).replace("\n", "\nrumour,", 1).encode(),
                "Line 2, column label_source: 'rumour'",
            ),
        ],
    )
    def test_a_file_that_is_wrong_is_refused_whole(self, tmp_path, site, content, said):
        path = tmp_path / "wrong.csv"
        path.write_bytes(content)
        with pytest.raises(DomainError, match=said):
            samples.import_csv(path, SLOT, site)
        assert not TabularSample.objects.exists()

    def test_an_unknown_source_is_refused(self, file, site):
        with pytest.raises(DomainError) as refused:
            samples.import_csv(file, SLOT, site, "rumour")
        assert refused.value.code == "label_source_unknown"

    def test_the_command_tells_what_it_did(self, file, site, tmp_path, capsys):
        file.write_text(csv_text(3).replace("memoryMB", "memoryMb", 1))
        report = tmp_path / "report.json"
        call_command("import_samples", csv=file, site=site.name, label_source="human", json=report)
        said = capsys.readouterr()
        assert "3 rows stored, 3 of them labelled; 0 rows known already" in said.out
        assert "The column memoryMb is not known" in said.err
        assert json.loads(report.read_text())["ignored"] == ["memoryMb"]

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            ({"csv": "nowhere.csv"}, "nowhere.csv cannot be read"),
            ({"slot": "object-detector"}, "takes no rows of numbers"),
            ({"slot": "nonsense"}, "There is no slot nonsense"),
            ({"site": "Atlantis"}, "Atlantis"),
        ],
    )
    def test_the_command_refuses_in_one_line(self, file, site, options, said):
        with pytest.raises(CommandError, match=said) as refused:
            call_command("import_samples", **({"csv": file} | options))
        assert refused.value.returncode == 2
