"""The review API: what it answers, and that nothing a stranger sends makes it stumble."""

import json

import pytest

from review.models import Decision, TrainingItem
from tests import factories

pytestmark = pytest.mark.django_db
ITEMS = "/api/v1/items/"


@pytest.fixture(autouse=True)
def _files(data_dir):
    """Keep every file of these tests in a folder of their own."""


@pytest.fixture
def item(camera):
    return factories.item(factories.incident(camera))


@pytest.fixture
def get(client):
    def getting(user, address, **query):
        client.force_login(user)
        return client.get(address, query)

    return getting


@pytest.fixture
def post(client):
    def posting(user, address, body=None, raw=None):
        client.force_login(user)
        content = json.dumps(body or {}) if raw is None else raw
        return client.post(address, content, content_type="application/json")

    return posting


def error(response):
    envelope = response.json()
    assert list(envelope) == ["error"]
    assert sorted(envelope["error"]) == ["code", "fields", "message"]
    return response.status_code, envelope["error"]["code"], list(envelope["error"]["fields"])


def test_a_list_shows_the_queue(get, camera, item, reviewer):
    urgent = factories.item(factories.incident(camera, with_files=False, severity="critical"))
    answer = get(reviewer, ITEMS).json()

    assert [one["id"] for one in answer["results"]] == [urgent.pk, item.pk]
    assert answer["next_cursor"] is None
    shown = answer["results"][1]
    assert shown["camera"] == {"id": camera.pk, "name": "Gate", "site": "Harbour"}
    assert shown["incident"]["why"] == item.incident.why
    assert shown["incident"]["duration_seconds"] == 6.0
    assert {one["kind"] for one in shown["evidence"]} == {
        "frame_open",
        "frame_peak",
        "frame_last",
        "clip",
    }
    assert all(one["url"].startswith("/media/evidence/") for one in shown["evidence"])


def test_pages_follow_their_cursor(get, camera, reviewer):
    made = [factories.item(factories.incident(camera, with_files=False)) for _ in range(5)]
    seen, cursor = [], ""
    while cursor is not None:
        answer = get(reviewer, ITEMS, size=2, cursor=cursor).json()
        seen += [one["id"] for one in answer["results"]]
        cursor = answer["next_cursor"]

    assert seen == [one.pk for one in made]


def test_a_list_costs_the_same_for_many(client, camera, reviewer, django_assert_max_num_queries):
    for _ in range(20):
        factories.item(factories.incident(camera, with_files=False))
    client.force_login(reviewer)
    with django_assert_max_num_queries(12):
        client.get(ITEMS, {"status": "pending_review"})


@pytest.mark.parametrize(
    ("query", "status", "code", "fields"),
    [
        ({"status": "open"}, 422, "filter_invalid", ["status"]),
        ({"status": "confirmed,open"}, 422, "filter_invalid", ["status"]),
        ({"camera": "99"}, 422, "filter_invalid", ["camera"]),
        ({"camera": "9" * 30}, 422, "filter_invalid", ["camera"]),
        ({"camera": "gate\x00"}, 422, "filter_invalid", ["camera"]),
        ({"camera": "٣"}, 422, "filter_invalid", ["camera"]),
        ({"category": "party"}, 422, "filter_invalid", ["category"]),
        ({"reason": "ugly"}, 422, "filter_invalid", ["reason"]),
        ({"since": "yesterday"}, 422, "filter_invalid", ["since"]),
        ({"until": "2026-13-01"}, 422, "filter_invalid", ["until"]),
        ({"until": "9999-12-31"}, 422, "filter_invalid", ["until"]),
        ({"since": "0001-01-01T00:00:00"}, 422, "filter_invalid", ["since"]),
        ({"since": "x", "status": "y"}, 422, "filter_invalid", ["status", "since"]),
        ({"size": "0"}, 422, "size_invalid", ["size"]),
        ({"size": "201"}, 422, "size_invalid", ["size"]),
        ({"size": "many"}, 422, "size_invalid", ["size"]),
        ({"cursor": "x"}, 400, "cursor_invalid", []),
        ({"cursor": "W10"}, 400, "cursor_invalid", []),
        ({"cursor": "é"}, 400, "cursor_invalid", []),
        ({"cursor": "WzEsdHJ1ZV0"}, 400, "cursor_invalid", []),
        ({"cursor": "W05hTiwxXQ"}, 400, "cursor_invalid", []),
        ({"cursor": "W" * 4000}, 400, "cursor_invalid", []),
    ],
)
def test_a_query_that_makes_no_sense_is_named(get, reviewer, query, status, code, fields):
    assert error(get(reviewer, ITEMS, **query)) == (status, code, fields)


def test_an_item_shows_rules_provenance_and_history(get, item, reviewer):
    factories.decision(item, reviewer, verdict="needs_review")
    answer = get(reviewer, f"{ITEMS}{item.pk}/").json()

    assert answer["rules"][0]["numbers"] == {"dwell_seconds": 31.2}
    assert answer["provenance"]["deployment"]["backend"] == "onnxruntime"
    assert [(one["reviewer"], one["verdict"]) for one in answer["history"]] == [
        ("Ada Byron", "needs_review")
    ]


@pytest.mark.parametrize(("status", "is_shown"), [("pending_review", True), ("rejected", False)])
def test_files_with_faces_are_named_only_to_who_may_see_them(
    get, camera, reviewer, supervisor, status, is_shown
):
    made = factories.item(factories.incident(camera), privacy="faces", status=status)

    for user, sees in ((reviewer, is_shown), (supervisor, True)):
        evidence = get(user, f"{ITEMS}{made.pk}/").json()["evidence"]
        assert all(bool(one["url"]) is sees for one in evidence)


def test_deciding_answers_item_and_decision(post, item, reviewer):
    body = {"verdict": "rejected", "reason": "other", "note": "a flag", "version": item.version}
    answer = post(reviewer, f"{ITEMS}{item.pk}/decide/", body)

    assert answer.status_code == 200
    assert answer.json()["item"]["status"] == "rejected"
    assert answer.json()["decision"]["note"] == "a flag"
    assert error(post(reviewer, f"{ITEMS}{item.pk}/decide/", body))[:2] == (409, "already_decided")


def test_claim_redact_undo_and_reopen(post, camera, reviewer, supervisor):
    made = factories.item(factories.incident(camera), privacy="faces")
    address = f"{ITEMS}{made.pk}/"

    assert post(reviewer, f"{address}claim/").json()["claimed_by"] == "Ada Byron"
    redacted = post(reviewer, f"{address}redact/")
    assert (redacted.status_code, redacted.json()["privacy"]) == (200, "redacted")
    post(reviewer, f"{address}decide/", {"verdict": "confirmed"})
    undone = post(reviewer, f"{address}undo/").json()
    assert (undone["item"]["status"], undone["decision"]["verdict"]) == (
        "pending_review",
        "undone",
    )
    post(reviewer, f"{address}decide/", {"verdict": "confirmed"})
    assert error(post(reviewer, f"{address}reopen/", {"note": "no"}))[0] == 403
    opened = post(supervisor, f"{address}reopen/", {"note": "look again"}).json()
    assert opened["item"]["status"] == "pending_review"


@pytest.mark.parametrize("body", [{"method": "mask"}, {"regions": [{"box_xyxy": [0, 0, 1, 1]}]}])
def test_a_redaction_of_another_kind_is_accepted_and_prepared(post, camera, reviewer, body):
    made = factories.item(factories.incident(camera), privacy="faces")

    answer = post(reviewer, f"{ITEMS}{made.pk}/redact/", body)

    assert (answer.status_code, answer.json()["proposal"]) == (202, "waiting")
    assert answer.json()["privacy"] == "faces"


def test_undo_belongs_to_the_item(post, camera, item, reviewer):
    other = factories.item(factories.incident(camera, with_files=False))
    given = post(reviewer, f"{ITEMS}{item.pk}/decide/", {"verdict": "confirmed"}).json()
    body = {"decision": given["decision"]["id"]}

    assert error(post(reviewer, f"{ITEMS}{other.pk}/undo/", body))[0] == 404
    assert error(post(reviewer, f"{ITEMS}{other.pk}/undo/"))[:2] == (409, "nothing_to_undo")
    assert post(reviewer, f"{ITEMS}{item.pk}/undo/", body).status_code == 200


ACTS = ("claim", "decide", "redact", "undo", "reopen")
BODIES = {"decide": {"verdict": "confirmed"}, "reopen": {"note": "why"}}


@pytest.mark.parametrize("who", ["outsider", "device_user"])
def test_strangers_find_nothing(get, post, item, who, request):
    user = request.getfixturevalue(who)

    assert get(user, ITEMS).json() == {"results": [], "next_cursor": None}
    assert set(get(user, f"{ITEMS}stats/").json().values()) == {0, 100}
    assert error(get(user, f"{ITEMS}{item.pk}/"))[:2] == (404, "not_found")
    for act in ACTS:
        answer = post(user, f"{ITEMS}{item.pk}/{act}/", BODIES.get(act))
        assert error(answer)[:2] == (404, "not_found")
    assert get(user, ITEMS, camera=item.camera_id).status_code == 422 or who == "device_user"


@pytest.mark.parametrize("path", ["", "stats/", "1/", "1/claim/", "1/decide/"])
def test_nothing_without_login(client, path):
    assert client.get(ITEMS + path).status_code in (401, 403)


def test_stats_count_by_status(get, camera, item, reviewer):
    for status in ("confirmed", "confirmed", "rejected", "needs_review"):
        factories.item(factories.incident(camera, with_files=False), status=status)

    assert get(reviewer, f"{ITEMS}stats/").json() == {
        "pending_review": 1,
        "confirmed": 2,
        "rejected": 1,
        "needs_review": 1,
        "fine_tune_ready": 2,
        "min_confirmed": 100,
        "is_capped": False,
    }


NESTED = b'{"verdict": "confirmed", "boxes": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"", 422),
        (b"{", 400),
        (b"\xff\xfe", 400),
        (b"NaN", 400),
        (NESTED, 400),
        (b'{"verdict": "\\ud800"}', 400),
        (b'{"\\ud800": 1}', 400),
        (b" " * 1_000_001, 413),
        (b"[]", 422),
        (b"null", 422),
        (b'"confirmed"', 422),
        (b"{}", 422),
        (b'{"verdict": {"a": 1}}', 422),
        (b'{"verdict": ["confirmed"]}', 422),
        (b'{"verdict": null}', 422),
        (b'{"verdict": "confirmed", "note": "a\\u0000b"}', 422),
        (b'{"verdict": "confirmed", "note": {"a": 1}}', 422),
        (b'{"verdict": "confirmed", "note": "' + b"x" * 2001 + b'"}', 422),
        (b'{"verdict": "confirmed", "boxes": {"a": 1}}', 422),
        (b'{"verdict": "confirmed", "boxes": [[0, 0, 1, 1]]}', 422),
        (b'{"verdict": "confirmed", "boxes": [{"box_xyxy": [-5000, 0, 1, 1]}]}', 422),
        (b'{"verdict": "confirmed", "boxes": [{"box_xyxy": [0, 0, 1e999, 1]}]}', 422),
        (b'{"verdict": "confirmed", "boxes": [{"box_xyxy": "0,0,1,1"}]}', 422),
        (b'{"verdict": "confirmed", "version": "x"}', 422),
        (b'{"verdict": "confirmed", "version": ' + b"9" * 400 + b"}", 409),
        (b'{"verdict": "confirmed", "version": ' + b"9" * 5000 + b"}", 400),
        (b'{"verdict": "confirmed", "seconds_taken": ' + b"9" * 400 + b"}", 422),
        (b'{"verdict": "confirmed", "seconds_taken": 1e999}', 422),
        (b'{"verdict": "confirmed", "verdct": "x"}', 422),
        (b'{"verdict": "rejected"}', 422),
    ],
)
def test_bodies_that_make_no_sense_are_refused(post, item, reviewer, raw, status):
    answer = post(reviewer, f"{ITEMS}{item.pk}/decide/", raw=raw)

    assert error(answer)[0] == status
    assert TrainingItem.objects.get().status == "pending_review"
    assert not Decision.objects.exists()


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b'{"method": "smudge"}', 422),
        (b'{"regions": [{"box_xyxy": [0, 0, 2, 1]}]}', 422),
        (b'{"regions": [{"box_xyxy": [0, 0, 1, 1], "evidence": 99}]}', 422),
        (b'{"regions": [{"box_xyxy": [0, 0, 1, 1], "at_seconds": -1}]}', 422),
        (b'{"regions": [{"box_xyxy": [0, 0, 1, 1], "at_seconds": ' + b"9" * 400 + b"}]}", 422),
        (b'{"regions": [null]}', 422),
    ],
)
def test_regions_that_make_no_sense_are_refused(post, item, reviewer, raw, status):
    assert error(post(reviewer, f"{ITEMS}{item.pk}/redact/", raw=raw))[0] == status


def test_other_types_than_json_are_refused(client, item, reviewer):
    client.force_login(reviewer)
    answer = client.post(f"{ITEMS}{item.pk}/decide/", {"verdict": "confirmed"})

    assert error(answer)[0] == 415


@pytest.mark.parametrize("pk", ["0", "999", str(2**63), "9" * 30])
def test_an_item_that_is_not_there(get, post, reviewer, pk):
    assert error(get(reviewer, f"{ITEMS}{pk}/"))[:2] == (404, "not_found")
    for act in ACTS:
        assert error(post(reviewer, f"{ITEMS}{pk}/{act}/", BODIES.get(act)))[0] == 404


@pytest.mark.parametrize("slash", ["", "/"])
def test_paths_work_with_and_without_the_final_slash(post, get, item, reviewer, slash):
    assert get(reviewer, f"{ITEMS}{item.pk}{slash}").status_code == 200
    answer = post(reviewer, f"{ITEMS}{item.pk}/decide{slash}", {"verdict": "confirmed"})
    assert answer.status_code == 200
