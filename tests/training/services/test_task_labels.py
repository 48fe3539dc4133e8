"""What people call stretches of videos: versions that are never lost, and label sets."""

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as rules
from hypothesis import strategies as st

from hitlsite.errors import Conflict, DomainError, Forbidden, NotFound
from hitlsite.models import AuditEntry
from tests import factories
from training.learning.label_files import parse_labels
from training.models import LabelSet, SpanAnnotation
from training.services import task_labels

pytestmark = pytest.mark.django_db
SPANS = [[0.0, 4.0, "work"], [4.0, 10.0, "idle"]]


@pytest.fixture
def label_set(site, supervisor):
    return task_labels.add_label_set(site, "Table", ["work", "idle"], supervisor)


@pytest.fixture
def video(camera):
    return factories.footage(camera, duration_seconds=60.0)


def save(label_set, video, by, spans=SPANS, version=0, **kwargs):
    return task_labels.save(label_set.pk, video.pk, by=by, spans=spans, version=version, **kwargs)


def audited(action):
    return AuditEntry.objects.filter(action=action).count()


# Label sets


def test_labels_get_keys_from_1_on(label_set, site):
    assert label_set.labels == [{"name": "work", "key": "1"}, {"name": "idle", "key": "2"}]
    assert (label_set.site, audited("label_set_added")) == (site, 1)


def test_a_site_may_have_several_sets_of_different_names(site, label_set, supervisor):
    task_labels.add_label_set(site, "Tools", ["hammer"], supervisor)
    with pytest.raises(Conflict) as refusal:
        task_labels.add_label_set(site, "Table", ["a"], supervisor)
    assert refusal.value.code == "name_taken"
    assert LabelSet.objects.count() == 2


def test_given_keys_stay_and_others_fill_up(site, supervisor):
    labels = [{"name": "a", "key": "W"}, "b", {"name": "c", "key": "1"}, {"name": "d", "key": ""}]
    made = task_labels.add_label_set(site, "Mixed", labels, supervisor)
    assert [row["key"] for row in made.labels] == ["w", "2", "1", ""]


@pytest.mark.parametrize(
    ("labels", "field"),
    [
        ([], "labels"),
        ("work", "labels"),
        ([{"name": "a", "key": "ab"}], "labels.0"),
        ([{"name": "a", "key": " "}], "labels.0"),
        ([{"name": "a", "key": "i"}], "labels.0"),
        ([{"name": "a", "key": "x"}, {"name": "b", "key": "X"}], "labels.1"),
        (["a", " a "], "labels.1"),
        (["a", ""], "labels.1"),
        (["a", "b\x00"], "labels.1"),
        (["x" * 61], "labels.0"),
        ([7], "labels.0"),
        ([f"label {number}" for number in range(41)], "labels"),
    ],
)
def test_labels_that_cannot_be_are_named(labels, field, site, supervisor):
    with pytest.raises(DomainError) as refusal:
        task_labels.add_label_set(site, "Bad", labels, supervisor)
    assert (refusal.value.code, list(refusal.value.fields)) == ("label_set_invalid", [field])
    assert not LabelSet.objects.exists()


def test_who_may_make_and_change_label_sets(site, label_set, reviewer, outsider, supervisor):
    with pytest.raises(Forbidden):
        task_labels.add_label_set(site, "Mine", ["a"], reviewer)
    with pytest.raises(Forbidden):
        task_labels.extend(label_set.pk, ["a"], by=reviewer)
    with pytest.raises(NotFound):
        task_labels.extend(label_set.pk, ["a"], by=outsider)
    with pytest.raises(NotFound):
        task_labels.add_label_set(factories.site("Far"), "Mine", ["a"], supervisor)


def test_a_set_is_extended_and_renamed(label_set, supervisor):
    extended = task_labels.extend(label_set.pk, ["away", "work"], by=supervisor)
    assert extended.label_names == ["work", "idle", "away"]
    assert extended.labels[2]["key"] == "3"
    assert task_labels.rename(label_set.pk, "Desk", by=supervisor).name == "Desk"


def test_renaming_a_label_keeps_what_is_drawn(label_set, video, reviewer, supervisor):
    first = save(label_set, video, reviewer)
    other = factories.footage(video.camera)
    save(label_set, other, reviewer, [[1, 2, "idle"]])
    task_labels.change_label(label_set.pk, "work", by=supervisor, name="busy", key="b")
    label_set.refresh_from_db()
    assert label_set.labels[0] == {"name": "busy", "key": "b"}
    now = task_labels.current(label_set, video)
    assert (now.version, now.spans) == (2, [[0.0, 4.0, "busy"], [4.0, 10.0, "idle"]])
    first.refresh_from_db()
    assert (first.is_current, first.spans) == (False, SPANS)
    assert task_labels.current(label_set, other).version == 1, "it does not use the label"
    assert audited("label_changed") == 1


def test_a_label_in_use_cannot_be_deleted(label_set, video, reviewer, supervisor):
    save(label_set, video, reviewer, [[0, 4, "work"]])
    with pytest.raises(Conflict, match="1 video"):
        task_labels.remove_label(label_set.pk, "work", by=supervisor)
    task_labels.remove_label(label_set.pk, "idle", by=supervisor)
    label_set.refresh_from_db()
    assert label_set.label_names == ["work"]
    with pytest.raises(DomainError, match="at least one"):
        save(label_set, video, reviewer, [], version=1)
        task_labels.remove_label(label_set.pk, "work", by=supervisor)


# Spans


def test_every_save_is_a_version(label_set, video, reviewer, second_reviewer):
    first = save(label_set, video, reviewer)
    assert (first.version, first.spans, first.annotated_by) == (1, SPANS, reviewer)
    second = save(label_set, video, second_reviewer, [[1, 2, "idle"]], version=1)
    assert (second.version, second.spans) == (2, [[1.0, 2.0, "idle"]])
    assert task_labels.current(label_set, video) == second
    assert SpanAnnotation.objects.filter(is_current=True).count() == 1
    assert audited("spans_saved") == 2


def test_who_comes_second_is_told_who_was_first_and_when(
    label_set, video, reviewer, second_reviewer
):
    save(label_set, video, reviewer)
    with pytest.raises(Conflict) as refusal:
        save(label_set, video, second_reviewer, [[1, 2, "idle"]], version=0)
    assert refusal.value.code == "stale_version"
    assert refusal.value.message.startswith("reviewer saved version 1 of these labels on 20")
    assert refusal.value.fields == {"version": "1"}
    assert task_labels.current(label_set, video).spans == SPANS


def test_a_reply_that_was_lost_is_no_conflict(label_set, video, reviewer):
    first = save(label_set, video, reviewer)
    assert save(label_set, video, reviewer, list(reversed(SPANS)), version=0) == first
    assert SpanAnnotation.objects.count() == 1


def test_all_may_be_taken_away(label_set, video, reviewer):
    save(label_set, video, reviewer)
    assert save(label_set, video, reviewer, [], version=1).spans == []


def test_undo_is_an_earlier_version_again(label_set, video, reviewer):
    save(label_set, video, reviewer)
    save(label_set, video, reviewer, [], version=1)
    restored = task_labels.restore(label_set.pk, video.pk, 1, by=reviewer, version=2)
    assert (restored.version, restored.spans) == (3, SPANS)
    with pytest.raises(NotFound):
        task_labels.restore(label_set.pk, video.pk, 9, by=reviewer, version=3)


def test_an_earlier_version_with_a_label_that_is_gone_is_refused_by_its_name(
    label_set, video, reviewer, supervisor
):
    save(label_set, video, reviewer)
    task_labels.change_label(label_set.pk, "work", by=supervisor, name="busy")
    with pytest.raises(DomainError, match="'work' is no label"):
        task_labels.restore(label_set.pk, video.pk, 1, by=reviewer, version=2)


@pytest.mark.parametrize(
    "spans", [[[0, 61, "work"]], [[0, 2, "work"], [1, 3, "work"]], [[0, 1, "sleep"]], "work"]
)
def test_what_cannot_be_is_refused_and_nothing_is_stored(spans, label_set, video, reviewer):
    with pytest.raises(DomainError) as refusal:
        save(label_set, video, reviewer, spans)
    assert refusal.value.code == "spans_invalid"
    assert not SpanAnnotation.objects.exists()


@pytest.mark.parametrize("version", [-1, True, "0", None, 1.0])
def test_a_version_is_a_number(version, label_set, video, reviewer):
    with pytest.raises(DomainError) as refusal:
        save(label_set, video, reviewer, version=version)
    assert refusal.value.code == "version_invalid"


def test_a_version_of_what_nobody_labelled_is_a_conflict(label_set, video, reviewer):
    with pytest.raises(Conflict):
        save(label_set, video, reviewer, version=3)


def test_who_may_save(label_set, video, reviewer, outsider, device_user):
    with pytest.raises(NotFound):
        save(label_set, video, outsider)
    with pytest.raises(Forbidden):
        save(label_set, video, device_user)
    elsewhere = factories.footage(factories.camera(factories.site("Far")))
    with pytest.raises(NotFound):
        save(label_set, elsewhere, reviewer)
    with pytest.raises(DomainError):
        save(label_set, video, reviewer, source="guess")


def test_a_label_set_of_one_site_is_not_put_on_videos_of_another(label_set, superuser):
    elsewhere = factories.footage(factories.camera(factories.site("Far")))
    with pytest.raises(NotFound):
        save(label_set, elsewhere, superuser)


# Files


@pytest.mark.parametrize(
    ("text", "frames"),
    [
        ("frame_index,label\n0,work\n1,idle\n", ((0, "work"), (1, "idle"))),
        ("0,work\n1,idle", ((0, "work"), (1, "idle"))),
        ("\ufefflabel;frame_index\r\nwork;0\r\n;1\r\n", ((0, "work"), (1, ""))),
        ('frame_index,label,note\n0,"work, hard",x\n', ((0, "work, hard"),)),
        ("\n0 , work \n\n", ((0, "work"),)),
    ],
)
def test_labels_of_frames_are_read(text, frames):
    assert parse_labels(text).frames == frames


@pytest.mark.parametrize(
    "text", ["start,end,label\n0,1.5,work\n", "0,1.5,work", "label\tstart\tend\nwork\t0\t1.5"]
)
def test_spans_are_read(text):
    assert parse_labels(text).spans == ((0.0, 1.5, "work"),)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no lines"),
        ("frame_index,label\n", "no line below"),
        ("time,what\n1,work", "Line 1: this is neither"),
        ("work,idle", "Line 1: this is neither"),
        ("0,work\n1", "Line 2: it has 1 cells"),
        ("0,work\nx,idle", "Line 2: 'x' is no number of a frame"),
        ("0,work\n1.5,idle", "Line 2"),
        ("0,work\n-1,idle", "Line 2"),
        ("0,work\ninf,idle", "Line 2"),
        ("start,end,label\n0,1,work\n1,nan,idle", "Line 3: 'nan' is no time"),
        ("0,1,", "Line 1: it has no label"),
        ("2,1,work", "Line 1: it does not end after its start"),
        ("label,label,frame_index\na,b,0", "twice"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_its_line(text, words):
    with pytest.raises(DomainError, match=words) as refusal:
        parse_labels(text)
    assert refusal.value.code == "labels_unreadable"


@given(st.text(max_size=60))
@rules(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
def test_no_text_breaks_the_reader(text):
    try:
        file = parse_labels(text)
    except DomainError:
        return
    assert (file.frames is None) != (file.spans is None)


TIMES = {index: index / 10 for index in range(600)}


def test_labels_of_frames_are_imported(label_set, video, reviewer):
    text = "".join(f"{index},{'work' if index < 300 else 'idle'}\n" for index in TIMES)
    saved = task_labels.import_labels(label_set, video, text, by=reviewer, frame_times=TIMES)
    assert saved.spans == [[0.0, 30.0, "work"], [30.0, 60.0, "idle"]]
    assert saved.source == SpanAnnotation.Source.FILE


def test_spans_are_imported_in_place_of_what_is_there(label_set, video, reviewer):
    save(label_set, video, reviewer)
    text = "start,end,label\n30,40,idle\n0,30,work\n"
    saved = task_labels.import_labels(label_set, video, text, by=reviewer)
    assert (saved.version, saved.spans) == (2, [[0.0, 30.0, "work"], [30.0, 40.0, "idle"]])


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("0,work\n600,work\n700,idle\n", "frames_missing", "Frame 600 does not exist"),
        ("0,work\n0,idle\n", "frame_twice", "Frame 0"),
        ("0,sleep\n1,nap\n", "labels_unknown", "no label sleep, nap"),
        ("0,61,work\n", "spans_invalid", "after the video"),
        ("0,2,work\n1,3,work\n", "spans_invalid", "lies over"),
    ],
)
def test_files_that_do_not_fit_are_refused(text, code, words, label_set, video, reviewer):
    with pytest.raises(DomainError, match=words) as refusal:
        task_labels.import_labels(label_set, video, text, by=reviewer, frame_times=TIMES)
    assert refusal.value.code == code
    assert not SpanAnnotation.objects.exists()


def test_frames_of_a_video_that_nobody_measured_are_unknown(label_set, video, reviewer):
    with pytest.raises(DomainError) as refusal:
        task_labels.import_labels(label_set, video, "0,work", by=reviewer)
    assert refusal.value.code == "frames_unknown"


def test_whoever_runs_commands_may_everything(site, video):
    made = task_labels.add_label_set(site, "Table", ["work", "idle"], None)
    save(made, video, None)
    task_labels.change_label(made.pk, "work", by=None, name="busy")
    with pytest.raises(Conflict, match="The operator saved version 2"):
        save(made, video, None, [], version=0)
