"""The queue's page, batches from it, saved filters and stacks, without a browser."""

import uuid

import pytest
from django.urls import reverse
from django.utils import timezone

from review.models import Decision, GoldAnswer, SavedFilter, TrainingItem
from review.services import queue, saved_filters
from tests import factories

pytestmark = pytest.mark.django_db
QUEUE = "review:queue"


@pytest.fixture(autouse=True)
def _files(data_dir):
    """Keep every file of these tests in a folder of their own."""


@pytest.fixture
def items(camera):
    return [factories.item(factories.incident(camera, with_files=False)) for _ in range(4)]


@pytest.fixture
def stack(items):
    TrainingItem.objects.filter(pk__in=[item.pk for item in items[1:]]).update(stack=items[0])
    return items


@pytest.fixture
def get(client, reviewer):
    def getting(name, /, *args, user=reviewer, **query):
        client.force_login(user)
        return client.get(reverse(name, args=args), query)

    return getting


@pytest.fixture
def post(client, reviewer):
    def posting(name, /, *args, user=reviewer, follow=True, query="", **values):
        client.force_login(user)
        return client.post(reverse(name, args=args) + query, values, follow=follow)

    return posting


def text(response):
    return response.content.decode()


def statuses():
    return list(TrainingItem.objects.order_by("pk").values_list("status", flat=True))


def test_the_page_shows_kept_numbers_and_what_may_be_chosen(get, items, second_reviewer):
    queue.claim_item(items[0].pk, by=second_reviewer)
    page = get(QUEUE)

    rows = page.context["rows"]
    assert [row.may_choose for row in rows] == [False, True, True, True]
    assert page.context["counts"]["pending_review"] == 4
    assert text(page).count("data-choose>") == 3


def test_nobody_chooses_what_they_may_not_decide(get, items, reviewer, supervisor):
    TrainingItem.objects.update(status="needs_review")

    assert "data-choose" not in text(get(QUEUE, status="needs_review"))
    assert "data-choose" in text(get(QUEUE, status="needs_review", user=supervisor))
    TrainingItem.objects.update(status="confirmed")
    assert "data-choose" not in text(get(QUEUE, status="confirmed", user=supervisor))


@pytest.mark.parametrize("count", [2, 12])
def test_the_page_costs_the_same_for_many(
    client, camera, reviewer, count, django_assert_max_num_queries
):
    for number in range(count):
        factories.item(factories.incident(camera, with_files=False))
        saved_filters.save(f"Filter {number}", {"camera": camera.pk}, by=reviewer)
    client.force_login(reviewer)
    with django_assert_max_num_queries(20):
        client.get(reverse(QUEUE))


def test_a_batch_is_decided_and_taken_back(post, items):
    page = post("review:bulk", ids=[item.pk for item in items[:3]], verdict="rejected:duplicate")

    assert statuses() == ["rejected"] * 3 + ["pending_review"]
    assert "3 items rejected." in text(page)
    batch = Decision.objects.first().batch
    assert f'value="{batch}"' in text(page)
    assert "3 items at once" in text(page)

    page = post("review:undo_batch", batch=batch)
    assert statuses() == ["pending_review"] * 4
    assert "Taken back: 3 verdicts." in text(page)


def test_what_was_refused_is_told_once(post, get, items, second_reviewer):
    queue.claim_item(items[0].pk, by=second_reviewer)
    page = post("review:bulk", ids=[item.pk for item in items[:2]], verdict="confirmed")

    assert "1 item was left as it was" in text(page)
    assert "Grace Hopper has claimed item" in text(page)
    assert "left as it was" not in text(get(QUEUE))


def test_a_batch_keeps_its_filters(post, items, camera):
    answer = post(
        "review:bulk",
        query=f"?camera={camera.pk}",
        ids=[items[0].pk],
        verdict="confirmed",
        follow=False,
    )
    assert answer.url == f"{reverse(QUEUE)}?camera={camera.pk}"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"verdict": "confirmed"}, "Choose at least one item"),
        ({"ids": [1]}, "verdict"),
        ({"ids": [1], "verdict": "rejected"}, "reason"),
        ({"ids": [1], "verdict": "rejected:other"}, "note"),
        ({"ids": ["x"], "verdict": "confirmed"}, "no item"),
        ({"ids": ["1\x00"], "verdict": "confirmed"}, "no item"),
        ({"ids": [2**80], "verdict": "confirmed"}, "no item"),
        ({"ids": range(1, 300), "verdict": "confirmed"}, "At most 200"),
        ({"ids": [1], "verdict": "confirmed", "note": "x" * 2001}, "2000"),
    ],
)
def test_a_batch_that_makes_no_sense(post, items, values, said):
    answer = post("review:bulk", **values)

    assert answer.status_code == 422
    assert said in text(answer)
    assert not Decision.objects.exists()


def test_the_same_batch_twice(post, items):
    values = {"ids": [item.pk for item in items], "verdict": "confirmed"}
    post("review:bulk", **values)
    page = post("review:bulk", **values)

    assert "4 items were left as they were" in text(page)
    assert Decision.objects.count() == 4


def test_a_session_that_ended_in_between(client, items):
    answer = client.post(reverse("review:bulk"), {"ids": [items[0].pk], "verdict": "confirmed"})
    assert answer.status_code == 302
    assert answer.url.startswith(reverse("login"))


@pytest.mark.parametrize("name", ["review:bulk", "review:undo_batch"])
def test_signing_in_again_leads_to_the_queue(get, name):
    assert get(name).url == reverse(QUEUE)


@pytest.mark.parametrize(("batch", "status"), [("x", 422), ("", 422), (uuid.uuid4(), 404)])
def test_undoing_what_is_no_batch(post, batch, status):
    assert post("review:undo_batch", batch=batch).status_code == status


def test_filters_that_can_no_longer_be_read_say_so(get, items, outsider):
    page = get(QUEUE, camera="99", deployment="x", origin="heaven", held="you")

    assert page.status_code == 200
    for sentence in (
        "There is no camera &#x27;99&#x27; any more.",
        "There is no model &#x27;x&#x27; any more.",
        "&#x27;heaven&#x27; is nothing that origin can be.",
        "&#x27;you&#x27; is nothing that held can be.",
    ):
        assert sentence in text(page)
    assert len(page.context["rows"]) == 4


def test_filters_narrow_the_page(get, camera, items, reviewer, supervisor):
    served = factories.deployment(name="yolo11n")
    drawn = {"origin": "audit_minute", "inclusion_probability": 0.1, "deployment": served}
    made = factories.item(factories.incident(camera, with_files=False, **drawn))
    queue.claim_item(items[1].pk, by=reviewer)
    TrainingItem.objects.filter(pk=items[2].pk).update(mode="double")

    def shown(user=reviewer, **query):
        return [row.item for row in get(QUEUE, user=user, **query).context["rows"]]

    assert shown(deployment=served.pk) == shown(origin="audit_minute") == [made]
    assert shown(held="me") == [items[1]]
    assert shown(user=supervisor, mode="double") == [items[2]]
    assert len(shown(mode="double")) == 5
    assert "yolo11n, onnxruntime 416" in text(get(QUEUE))
    assert 'name="mode"' not in text(get(QUEUE))
    assert 'name="mode"' in text(get(QUEUE, user=supervisor))


def test_what_one_has_judged_does_not_wait_for_one(get, items, reviewer, supervisor):
    TrainingItem.objects.filter(pk=items[0].pk).update(mode="gold")
    GoldAnswer.objects.create(
        item=items[0], verdict="confirmed", set_by=supervisor, set_at=timezone.now()
    )
    assert len(get(QUEUE).context["rows"]) == 4
    factories.decision(items[0], reviewer, effect="counted")

    assert [row.item for row in get(QUEUE).context["rows"]] == items[1:]


def test_filters_are_saved_and_deleted(post, get, reviewer, camera):
    page = post("review:save_filter", name="Gate", filters=f"camera={camera.pk}&after=x&x=1")

    kept = SavedFilter.objects.get()
    assert (kept.name, kept.query) == ("Gate", f"camera={camera.pk}")
    assert page.redirect_chain[-1][0] == f"{reverse(QUEUE)}?camera={camera.pk}"
    assert 'aria-label="Delete the saved filter Gate"' in text(get(QUEUE))
    assert "Gate is deleted." in text(post("review:delete_filter", kept.pk))
    assert not SavedFilter.objects.exists()


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ({"name": "", "filters": ""}, 422),
        ({"name": "x" * 61, "filters": ""}, 422),
        ({"name": "x", "filters": "camera=99"}, 422),
        ({"name": "x", "filters": "camera=1%00"}, 422),
        ({"name": "x\x00", "filters": ""}, 422),
        ({}, 422),
    ],
)
def test_what_cannot_be_saved(post, values, status):
    assert post("review:save_filter", **values).status_code == status
    assert not SavedFilter.objects.exists()


def test_names_are_text_and_no_markup(post, get, camera):
    post("review:save_filter", name="<script>1</script>", filters=f"camera={camera.pk}")
    assert "<script>1" not in text(get(QUEUE))


def test_another_s_saved_filter_is_not_there(post, reviewer, second_reviewer, camera):
    kept = saved_filters.save("Mine", {}, by=second_reviewer)
    assert post("review:delete_filter", kept.pk).status_code == 404
    assert SavedFilter.objects.exists()


def test_reviewing_starts_with_what_is_filtered(post, camera, items):
    yard = factories.camera(camera.site, "Yard")
    there = factories.item(factories.incident(yard, with_files=False))
    answer = post("review:start", query=f"?camera={yard.pk}", follow=False)

    assert answer.url == f"{reverse('review:item', args=[there.pk])}?camera={yard.pk}"


def test_stacks_and_their_sheet(get, post, stack):
    page = text(get("review:stacks"))
    assert reverse("review:stack", args=[stack[0].pk]) in page
    assert "4 wait" in page
    assert text(get("review:stack", stack[0].pk)).count("data-choose>") == 4
    assert get("review:stack", stack[2].pk).url == reverse("review:stack", args=[stack[0].pk])

    page = post("review:stack", stack[0].pk, ids=[stack[0].pk, stack[1].pk], verdict="confirmed")
    assert page.redirect_chain[-1][0] == reverse("review:stack", args=[stack[0].pk])
    page = post("review:stack", stack[0].pk, ids=[stack[2].pk, stack[3].pk], verdict="confirmed")
    assert page.redirect_chain[-1][0] == reverse("review:stacks")
    assert "No stacks wait." in text(page)
    represented = TrainingItem.objects.order_by("pk").values_list("represented_by", flat=True)
    assert list(represented) == [None, *[stack[0].pk] * 3]
    assert "Nothing here waits for you." in text(get("review:stack", stack[0].pk))


def test_a_sheet_keeps_what_was_chosen_when_it_is_refused(post, stack):
    page = post("review:stack", stack[0].pk, ids=[stack[1].pk], verdict="rejected:other")

    assert page.status_code == 422
    assert [one.is_chosen for one in page.context["prints"]] == [False, True, False, False]
    assert not Decision.objects.exists()


def test_stacks_of_another_site_are_not_there(get, post, stack, outsider):
    pk = stack[0].pk
    assert "No stacks wait." in text(get("review:stacks", user=outsider))
    assert get("review:stack", pk, user=outsider).status_code == 404
    refused = post("review:stack", pk, user=outsider, ids=[pk], verdict="confirmed")
    assert refused.status_code == 404
    assert get("review:stack", 10**9).status_code == 404
    assert get("review:stacks", after="x\x00").status_code == 400
    assert not Decision.objects.exists()


def test_a_stack_costs_the_same_for_many(client, reviewer, camera, django_assert_max_num_queries):
    head = factories.item(factories.incident(camera))
    for _ in range(8):
        factories.item(factories.incident(camera), stack=head)
    client.force_login(reviewer)
    for name, args in (("review:stacks", ()), ("review:stack", [head.pk])):
        with django_assert_max_num_queries(18):
            client.get(reverse(name, args=args))


def test_a_phone_sees_none_of_it(get, post, device_user, stack):
    for name, args in ((QUEUE, ()), ("review:stacks", ()), ("review:stack", [stack[0].pk])):
        assert get(name, *args, user=device_user).status_code == 403
    for name in ("review:bulk", "review:save_filter"):
        assert post(name, user=device_user).status_code == 403
