"""The API for several items at once, and what nobody should send it."""

import json
import uuid

import pytest

from review.models import Decision, TrainingItem
from review.services import queue
from tests import factories

pytestmark = pytest.mark.django_db
ITEMS = "/api/v1/items/"


@pytest.fixture(autouse=True)
def _files(data_dir):
    """Keep every file of these tests in a folder of their own."""


@pytest.fixture
def items(camera):
    return [factories.item(factories.incident(camera, with_files=False)) for _ in range(4)]


@pytest.fixture
def get(client):
    def getting(user, address, **query):
        client.force_login(user)
        return client.get(address, query)

    return getting


@pytest.fixture
def post(client):
    def posting(user, act, body=None, raw=None):
        client.force_login(user)
        content = json.dumps(body or {}) if raw is None else raw
        return client.post(f"{ITEMS}{act}/", content, content_type="application/json")

    return posting


def error(response):
    envelope = response.json()["error"]
    return response.status_code, list(envelope["fields"])


def ids(answer):
    return [one["id"] for one in answer.json()["results"]]


def test_a_claim_hands_out_five(post, camera, items, reviewer, second_reviewer):
    more = [factories.item(factories.incident(camera, with_files=False)) for _ in range(3)]
    everything = [item.pk for item in [*items, *more]]

    assert ids(post(reviewer, "claim")) == everything[:5]
    assert ids(post(second_reviewer, "claim", {"count": 1})) == everything[5:6]
    answer = post(second_reviewer, "claim", {"count": 9, "camera": camera.pk})
    assert ids(answer) == everything[5:]
    assert answer.json()["results"][0]["claimed_by"] == "Grace Hopper"


def test_a_claim_keeps_to_its_filters(post, camera, items, reviewer):
    yard = factories.camera(camera.site, "Yard")
    served = factories.deployment()
    there = factories.item(
        factories.incident(yard, with_files=False, deployment=served, origin="import")
    )

    for wanted in ({"camera": yard.pk}, {"deployment": served.pk}, {"origin": "import"}):
        assert ids(post(reviewer, "claim", wanted)) == [there.pk]


def test_a_batch_tells_what_became_of_each(post, items, reviewer, second_reviewer):
    queue.claim_item(items[0].pk, by=second_reviewer)
    chosen = [item.pk for item in items]

    answer = post(reviewer, "decide", {"ids": chosen, "verdict": "confirmed"})

    assert answer.status_code == 200
    told = answer.json()
    assert [one["item"] for one in told["decisions"]] == chosen[1:]
    assert [one["item"] for one in told["refused"]] == chosen[:1]
    assert "Grace Hopper" in told["refused"][0]["message"]
    undone = post(reviewer, "undo", {"batch": told["batch"]})
    assert len(undone.json()["decisions"]) == 3
    assert set(TrainingItem.objects.values_list("status", flat=True)) == {"pending_review"}
    assert error(post(reviewer, "undo", {"batch": told["batch"]}))[0] == 409


DEEP = b"[" * 100_000 + b"]" * 100_000


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"", 422),
        (b"{", 400),
        (b"[]", 422),
        (b'{"verdict": "confirmed"}', 422),
        (b'{"ids": [1]}', 422),
        (b'{"ids": [], "verdict": "confirmed"}', 422),
        (b'{"ids": 1, "verdict": "confirmed"}', 422),
        (b'{"ids": "12", "verdict": "confirmed"}', 422),
        (b'{"ids": {"1": 2}, "verdict": "confirmed"}', 422),
        (b'{"ids": ["1"], "verdict": "confirmed"}', 422),
        (b'{"ids": [1.0], "verdict": "confirmed"}', 422),
        (b'{"ids": [1.5], "verdict": "confirmed"}', 422),
        (b'{"ids": [true], "verdict": "confirmed"}', 422),
        (b'{"ids": [null], "verdict": "confirmed"}', 422),
        (b'{"ids": [-1], "verdict": "confirmed"}', 422),
        (b'{"ids": [1e999], "verdict": "confirmed"}', 422),
        (b'{"ids": [NaN], "verdict": "confirmed"}', 400),
        (b'{"ids": [' + b"9" * 400 + b'], "verdict": "confirmed"}', 422),
        (b'{"ids": [' + b"9" * 5000 + b'], "verdict": "confirmed"}', 400),
        (b'{"ids": [[1]], "verdict": "confirmed"}', 422),
        (b'{"ids": ["a\\u0000"], "verdict": "confirmed"}', 422),
        (b'{"ids": ["\\ud800"], "verdict": "confirmed"}', 400),
        (b'{"ids": ' + DEEP + b', "verdict": "confirmed"}', 400),
        (b'{"ids": [' + b"1," * 100_000 + b'1], "verdict": "confirmed"}', 422),
        (b'{"ids": [' + b"1," * 500_000 + b'1], "verdict": "confirmed"}', 413),
        (b'{"ids": [1], "verdict": "maybe"}', 422),
        (b'{"ids": [1], "verdict": ["confirmed"]}', 422),
        (b'{"ids": [1], "verdict": "rejected"}', 422),
        (b'{"ids": [1], "verdict": "rejected", "reason": "other"}', 422),
        (b'{"ids": [1], "verdict": "confirmed", "note": "a\\u0000b"}', 422),
        (b'{"ids": [1], "verdict": "confirmed", "note": "' + b"x" * 2001 + b'"}', 422),
        (b'{"ids": [1], "verdict": "confirmed", "boxes": []}', 422),
        (b'{"ids": [1], "verdict": "confirmed", "batch": "x"}', 422),
    ],
)
def test_batches_that_make_no_sense(post, items, reviewer, raw, status):
    assert error(post(reviewer, "decide", raw=raw))[0] == status
    assert not Decision.objects.exists()


def test_two_hundred_at_once_and_no_more(post, reviewer):
    many = {"ids": list(range(1, 202)), "verdict": "confirmed"}
    assert error(post(reviewer, "decide", many)) == (422, ["ids"])
    answer = post(reviewer, "decide", {**many, "ids": many["ids"][:200]})
    assert (answer.status_code, len(answer.json()["refused"])) == (200, 200)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"count": 0}, "count"),
        ({"count": 51}, "count"),
        ({"count": "5"}, "count"),
        ({"count": 5.0}, "count"),
        ({"count": True}, "count"),
        ({"count": None}, "count"),
        ({"count": 10**30}, "count"),
        ({"camera": "gate"}, "camera"),
        ({"camera": 10**9}, "camera"),
        ({"camera": -1}, "camera"),
        ({"camera": [1]}, "camera"),
        ({"deployment": 1.5}, "deployment"),
        ({"deployment": 10**9}, "deployment"),
        ({"origin": "heaven"}, "origin"),
        ({"mode": "gold"}, "mode"),
        ({"since": "yesterday"}, "since"),
        ({"until": {"a": 1}}, "until"),
        ({"category": "party\x00"}, "category"),
        ({"status": "confirmed"}, "status"),
    ],
)
def test_claims_that_make_no_sense(post, items, reviewer, body, field):
    assert error(post(reviewer, "claim", body)) == (422, [field])
    assert not TrainingItem.objects.filter(claimed_by=reviewer).exists()


@pytest.mark.parametrize(
    ("body", "status"),
    [({}, 422), ({"batch": "x"}, 422), ({"batch": 5}, 404), ({"batch": None}, 422)]
    + [({"batch": [1]}, 422), ({"batch": str(uuid.uuid4())}, 404), ({"batch": "a\x00"}, 422)],
)
def test_undoing_what_is_no_batch(post, reviewer, body, status):
    assert error(post(reviewer, "undo", body))[0] == status


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"deployment": "x"}, "deployment"),
        ({"deployment": "9" * 30}, "deployment"),
        ({"deployment": "1\x00"}, "deployment"),
        ({"origin": "heaven"}, "origin"),
        ({"held": "you"}, "held"),
        ({"mode": "gold"}, "mode"),
        ({"mode": "\x00"}, "mode"),
    ],
)
def test_filters_that_make_no_sense(get, reviewer, query, field):
    assert error(get(reviewer, ITEMS, **query)) == (422, [field])
    assert error(get(reviewer, f"{ITEMS}stats/", **query)) == (422, [field])


def test_the_list_is_filtered(get, camera, items, reviewer, supervisor, outsider):
    served = factories.deployment()
    sampled = {"origin": "audit_minute", "inclusion_probability": 0.1, "deployment": served}
    made = factories.item(factories.incident(camera, with_files=False, **sampled))
    TrainingItem.objects.filter(pk=items[1].pk).update(mode="double")
    queue.claim_item(items[2].pk, by=reviewer)

    assert ids(get(reviewer, ITEMS, deployment=served.pk)) == [made.pk]
    assert ids(get(reviewer, ITEMS, origin="audit_minute")) == [made.pk]
    assert ids(get(reviewer, ITEMS, held="me")) == [items[2].pk]
    assert ids(get(supervisor, ITEMS, held="me")) == []
    assert ids(get(supervisor, ITEMS, mode="double")) == [items[1].pk]
    assert (
        get(reviewer, ITEMS, origin="audit_minute").json()["results"][0]["incident"]["origin"]
        == "audit_minute"
    )
    assert get(reviewer, f"{ITEMS}stats/", origin="audit_minute").json()["pending_review"] == 1
    assert error(get(outsider, ITEMS, deployment=served.pk)) == (422, ["deployment"])


def test_stacks_are_listed(get, items, reviewer, outsider):
    head, *others = items
    TrainingItem.objects.filter(pk__in=[one.pk for one in others]).update(stack=head)

    told = get(reviewer, f"{ITEMS}stacks/").json()
    assert told["next_cursor"] is None
    assert [(one["id"], one["waiting"], one["zone"]) for one in told["results"]] == [
        (head.pk, 4, "entrance")
    ]
    assert told["results"][0]["camera"]["name"] == "Gate"
    assert get(outsider, f"{ITEMS}stacks/").json()["results"] == []
    assert error(get(reviewer, f"{ITEMS}stacks/", cursor="x\x00"))[0] == 400


@pytest.mark.parametrize("who", ["outsider", "device_user"])
def test_strangers_get_nothing(get, post, items, who, request):
    user = request.getfixturevalue(who)
    claimed = post(user, "claim")
    decided = post(user, "decide", {"ids": [items[0].pk], "verdict": "confirmed"})

    if who == "outsider":
        assert ids(claimed) == []
        assert decided.json()["decisions"] == []
    else:
        assert (claimed.status_code, decided.status_code) == (403, 403)
    assert get(user, f"{ITEMS}stacks/").json()["results"] == []
    assert not Decision.objects.exists()


@pytest.mark.parametrize("act", ["claim", "decide", "undo", "stacks"])
def test_nothing_without_login(client, act):
    send = client.get if act == "stacks" else client.post
    assert send(f"{ITEMS}{act}/").status_code in (401, 403)
