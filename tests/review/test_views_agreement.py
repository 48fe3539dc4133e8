"""The pages of agreement and guidelines, and what the API says of agreement."""

import pytest
from django.template import Context, Template
from django.urls import reverse

from review.guideline_texts import TEXTS
from review.models import Guideline, GuidelineExample
from review.services import decisions, gold, guidelines
from review.views.agreement import panel
from review.views.intervals import WIDTH, interval
from tests import factories

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}
API = "/api/v1/items/agreement/"


@pytest.fixture(autouse=True)
def _files(data_dir):
    """Keep every file of these tests in a folder of their own."""


@pytest.fixture
def look(client):
    def looked(user, name, *args, query="", **options):
        client.force_login(user)
        return client.get(f"{reverse(f'review:{name}', args=args)}{query}", **options)

    return looked


def text_of(answer):
    assert answer.status_code == 200, answer
    return answer.content.decode()


@pytest.fixture
def disputed(camera, reviewer, second_reviewer):
    item = factories.item(factories.incident(camera), mode="double")
    decisions.decide(item.pk, by=reviewer, verdict="confirmed")
    decisions.decide(
        item.pk, by=second_reviewer, verdict="rejected", reason="other", note="<b>a hat</b>"
    )
    return item


def test_a_supervisor_sees_everybody_and_what_waits(look, disputed, supervisor):
    shown = text_of(look(supervisor, "agreement"))

    assert "Two blind verdicts differ" in shown
    assert "0 of 1 pairs agree" in shown
    assert shown.index("Ada Byron") < shown.index("Grace Hopper")
    assert "&lt;b&gt;a hat&lt;/b&gt;" in shown and "<b>a hat" not in shown
    assert reverse("review:item", args=[disputed.pk]) in shown


def test_a_reviewer_sees_only_their_own(look, disputed, reviewer):
    shown = text_of(look(reviewer, "agreement"))
    assert "Your own figures" in shown and "Ada Byron" in shown
    assert "Grace Hopper" not in shown
    assert "Waits for a supervisor" not in shown


def test_before_anybody_has_judged(look, site, supervisor, reviewer):
    shown = text_of(look(supervisor, "agreement"))
    assert "Nothing waits" in shown
    assert "No item was judged by two people" in shown
    assert "Nobody has judged anything" in shown
    text_of(look(reviewer, "agreement"))


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("?since=2020-01-01&until=2020-01-31", "No item was judged by two people"),
        ("?since=2020-01-01", "0 of 1 pairs agree"),
        ("?since=yesterday", "This end is left open."),
        ("?until=9999-12-31", "This end is left open."),
        ("?since=0001-01-01", "This end is left open."),
    ],
)
def test_a_period(look, disputed, supervisor, query, says):
    assert says in text_of(look(supervisor, "agreement", query=query))


def test_strangers_are_sent_away(client, look, device_user):
    assert client.get(reverse("review:agreement")).status_code == 302
    for name, args in (("agreement", ()), ("guidelines", ()), ("guideline", ("loitering",))):
        assert look(device_user, name, *args).status_code == 403


def test_the_dashboard_s_panel(disputed, supervisor, reviewer):
    assert panel(reviewer) == {}
    found = panel(supervisor)
    assert (found["agreement"].pairs, found["agreement_differs"]) == (1, 1)
    shown = Template('{% include "review/_dashboard_agreement.html" %}')
    assert "1 item judged differently" in shown.render(Context(found))
    assert shown.render(Context({})).strip() == ""


def test_intervals_stay_on_their_scale():
    from review.agreement import Kappa, cohens_kappa, wilson

    assert interval(None) is None
    assert interval(Kappa(0, 0)) is None
    drawn = interval(cohens_kappa([("a", "b"), ("b", "a"), ("a", "a")]), least=-0.25)
    assert 0 < drawn.low <= drawn.at <= drawn.high < WIDTH
    assert "95 % interval" in interval(wilson(1, 2)).says


# The API


def test_the_api_answers_supervisors(client, disputed, supervisor):
    client.force_login(supervisor)
    answer = client.get(API).json()
    assert answer["everybody"]["pairs"] == 1
    assert [row["name"] for row in answer["reviewers"]] == ["Ada Byron", "Grace Hopper"]
    assert answer["categories"][0]["category"] == "loitering"
    assert client.get(API, {"until": "2020-01-01"}).json()["everybody"]["pairs"] == 0


@pytest.mark.parametrize("query", [{"since": "x"}, {"until": "9999-12-31"}])
def test_the_api_refuses_what_is_no_day(client, supervisor, query):
    client.force_login(supervisor)
    answer = client.get(API, query)
    assert (answer.status_code, list(answer.json()["error"]["fields"])) == (422, list(query))


def test_the_api_is_not_for_reviewers(client, reviewer):
    client.force_login(reviewer)
    assert client.get(API).status_code == 403


def test_a_verdict_s_answer_says_what_became_of_it(client, camera, reviewer, second_reviewer):
    item = factories.item(factories.incident(camera, with_files=False), mode="double")
    client.force_login(reviewer)
    address = f"/api/v1/items/{item.pk}/decide/"
    answer = client.post(address, {"verdict": "confirmed"}, content_type="application/json").json()
    assert (answer["decision"]["effect"], answer["item"]["status"]) == ("held", "pending_review")
    assert "a second person" in answer["message"]
    again = client.post(address, {"verdict": "confirmed"}, content_type="application/json")
    assert (again.status_code, again.json()["error"]["code"]) == (409, "already_judged")


# Verdicts on the pages


def test_a_page_says_what_became_of_a_verdict(client, camera, reviewer, supervisor):
    item = factories.item(factories.incident(camera, with_files=False))
    gold.set_gold(item.pk, by=supervisor, verdict="rejected", reason="duplicate", note="Twice.")
    client.force_login(reviewer)
    answer = client.post(
        reverse("review:decide", args=[item.pk]), {"verdict": "confirmed"}, follow=True
    )
    assert "it is another: rejected, duplicate. Twice." in answer.content.decode()


# Known answers


def test_a_supervisor_sets_and_retires_an_answer(client, camera, supervisor):
    item = factories.item(factories.incident(camera))
    client.force_login(supervisor)
    address = reverse("review:item", args=[item.pk])
    assert reverse("review:gold", args=[item.pk]) in client.get(address).content.decode()

    answer = client.post(
        reverse("review:gold", args=[item.pk]), {"verdict": "rejected:duplicate"}, follow=True
    )
    assert "The answer is known" in answer.content.decode()
    client.post(reverse("review:retire_gold", args=[item.pk]))
    item.refresh_from_db()
    assert (item.status, item.mode) == ("rejected", "single")


@pytest.mark.parametrize("name", ["gold", "retire_gold", "example"])
def test_reviewers_and_strangers_do_not(client, camera, reviewer, outsider, name):
    item = factories.item(factories.incident(camera, with_files=False), status="rejected")
    address = reverse(f"review:{name}", args=[item.pk])
    values = {"verdict": "confirmed", "kind": "right"}
    client.force_login(reviewer)
    assert client.post(address, values).status_code == 403
    client.force_login(outsider)
    assert client.post(address, values).status_code == 404


# Guidelines


def test_the_list_names_every_category(look, reviewer, site):
    shown = text_of(look(reviewer, "guidelines"))
    assert shown.count("As brought along") == len(TEXTS)


def test_one_guideline_as_a_page(look, reviewer, supervisor, site):
    guidelines.write(site, "loitering", "Right:\n- <b>him</b>\n\nSo it is.", by=supervisor)
    shown = text_of(look(reviewer, "guideline", "loitering"))
    assert "<h3>Right</h3><ul><li>&lt;b&gt;him&lt;/b&gt;</li></ul><p>So it is.</p>" in shown
    assert "Write a new version" not in shown
    assert "Write a new version" in text_of(look(supervisor, "guideline", "loitering"))


def test_the_dialog_gets_the_text_alone(look, reviewer, site):
    answer = look(reviewer, "guideline", "loitering", headers=HTMX)
    shown = text_of(answer)
    assert shown.lstrip().startswith("<article") and "<html" not in shown
    assert "HX-Push-Url" not in answer


@pytest.mark.parametrize(
    ("args", "query"),
    [(("robbery",), ""), (("loitering",), "?site=999"), (("loitering",), "?site=x")],
)
def test_a_guideline_that_is_not_there(look, reviewer, args, query):
    assert look(reviewer, "guideline", *args, query=query).status_code == 404


def test_another_site_s_guidelines_are_not_there(look, outsider, site):
    query = f"?site={site.pk}"
    assert look(outsider, "guideline", "loitering", query=query).status_code == 404
    assert look(outsider, "guidelines", query=query).status_code == 404


def test_a_version_is_written(client, supervisor, site):
    client.force_login(supervisor)
    address = reverse("review:guideline", args=["loitering"])
    answer = client.post(address, {"text": "New text", "version": 0}, follow=True)
    assert "New text" in answer.content.decode()
    assert Guideline.objects.get().version == 1


@pytest.mark.parametrize(
    ("values", "status"),
    [({"text": "", "version": 1}, 422), ({"text": "Mine", "version": 0}, 409)],
)
def test_what_was_typed_is_not_lost(client, supervisor, site, values, status):
    guidelines.write(site, "loitering", "Theirs", by=supervisor)
    client.force_login(supervisor)
    answer = client.post(reverse("review:guideline", args=["loitering"]), values)
    assert answer.status_code == status
    assert f">{values['text']}</textarea>" in answer.content.decode()


def test_reviewers_write_nothing(client, reviewer, site):
    client.force_login(reviewer)
    answer = client.post(reverse("review:guideline", args=["loitering"]), {"text": "Mine"})
    assert answer.status_code == 403


def test_an_example_is_shown_and_removed(client, camera, supervisor):
    item = factories.item(factories.incident(camera), status="confirmed")
    client.force_login(supervisor)
    address = reverse("review:example", args=[item.pk])

    answer = client.post(
        address, {"kind": "borderline", "note": "See the <i>left</i>"}, follow=True
    )

    shown = answer.content.decode()
    assert "See the &lt;i&gt;left&lt;/i&gt;" in shown and "In pictures: borderline" in shown
    picture = item.incident.evidence.get(kind="frame_peak")
    assert reverse("review:evidence_thumb", args=[picture.pk]) in shown
    client.post(address, {"remove": GuidelineExample.objects.get().pk})
    assert not GuidelineExample.objects.exists()


def test_who_has_judged_is_told_so(look, client, camera, reviewer, second_reviewer):
    item = factories.item(factories.incident(camera), mode="double")
    decisions.decide(item.pk, by=reviewer, verdict="needs_review")
    assert "You have judged this: needs review" in text_of(look(reviewer, "item", item.pk))
    shown = text_of(look(second_reviewer, "item", item.pk))
    assert "You have judged this" not in shown and 'value="confirmed"' in shown


def test_a_supervisor_reads_on_the_item_how_two_differ(look, disputed, supervisor):
    shown = text_of(look(supervisor, "item", disputed.pk))
    assert "Two blind verdicts differ" in shown and "asks for a second opinion" not in shown
    decisions.decide(disputed.pk, by=supervisor, verdict="confirmed")
    assert "Two blind verdicts differ" not in text_of(look(supervisor, "item", disputed.pk))
