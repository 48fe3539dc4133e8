"""Labels in and out through the services: nothing unsafe leaves, nothing comes in twice."""

import json

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command

from detection.models import Photo
from hitlsite import audit
from hitlsite.errors import DomainError, NotFound
from hitlsite.models import AuditEntry
from review.models import Annotation, LabelClass, TrainingItem
from review.services import annotation, label_classes, labels_export, labels_import
from tests import factories, photos
from tests.review.labels.test_yolo import picture, write

pytestmark = pytest.mark.django_db

PERSON = [0.40, 0.30, 0.534, 0.90]


@pytest.fixture(autouse=True)
def _files(data_dir):
    """Keep the files of each test by themselves."""


def empty_room(number):
    return factories.jpeg(factories.picture(number * 0.9, has_person=False))


def looked_at(item):
    """Scan an item, as it were, with the one detector that these tests have."""
    photos.looked_at(item)
    item.scans.update(detectors=[])


def annotated(camera, by, *, name="", boxes=((0, PERSON),), **said):
    """Return the confirmed item of a photo with boxes; nobody is in the picture."""
    number = Photo.objects.count() + 1
    columns = {"origin": "import", "client_id": name} if name else {}
    photo = photos.photo(camera, found=(), content=empty_room(number), **columns)
    _, item = photos.marked(photo, by)
    looked_at(item)
    drawn = [{"label": label, "box_xyxy": box} for label, box in boxes]
    annotation.save(item.pk, photo.evidence.pk, by=by, boxes=drawn, version=0, **said)
    item.refresh_from_db()
    return item


def out_and_in(tmp_path, site, scanner, form="yolo"):
    """Export a site, import it into a new one, export that; return both folders."""
    first, second = tmp_path / f"{form}1", tmp_path / f"{form}2"
    labels_export.export_labels(first, site=site, form=form, scanner=scanner)
    camera = factories.camera()
    labels_import.import_labels(labels_import.read(first), camera=camera, scanner=scanner)
    labels_export.export_labels(second, site=camera.site, form=form, scanner=scanner)
    return first, second


@pytest.mark.parametrize("form", ["yolo", "coco"])
def test_what_went_out_and_came_in_goes_out_the_same(
    tmp_path, camera, site, reviewer, scanner, form
):
    boxes = [(0, [0.123456, 0.3, 0.5, 0.987654]), (24, [0.0, 0.0, 0.333333, 1.0])]
    annotated(camera, reviewer, name="a b", boxes=boxes, exhaustive=[0, 24])
    annotated(camera, reviewer, name="nothing", boxes=(), is_negative=True)
    annotated(camera, reviewer, name="third", boxes=[(2, [0.3, 0.2, 0.7, 0.55])])
    first, second = out_and_in(tmp_path, site, scanner, form)

    names = sorted(str(path.relative_to(first)) for path in first.rglob("*") if path.is_file())
    assert names == sorted(
        str(path.relative_to(second)) for path in second.rglob("*") if path.is_file()
    )
    texts = [name for name in names if not name.startswith("images/")]
    assert {name: (first / name).read_bytes() for name in texts} == {
        name: (second / name).read_bytes() for name in texts
    }
    assert len(names) == len(texts) + 3


def test_an_export_is_what_other_programs_read(tmp_path, camera, site, reviewer, scanner):
    item = annotated(camera, reviewer, exhaustive=[0])
    empty = annotated(camera, reviewer, boxes=(), is_negative=True)
    report = labels_export.export_labels(tmp_path / "out", site=site, scanner=scanner)

    line = (tmp_path / f"out/labels/item-{item.pk}-photo.txt").read_text()
    assert line == "0 0.467000 0.600000 0.134000 0.600000\n"
    assert (tmp_path / f"out/labels/item-{empty.pk}-photo.txt").read_bytes() == b""
    assert (report.pictures, report.boxes, report.negatives, report.left_out) == (2, 1, 1, [])
    assert (tmp_path / "out/data.yaml").read_text().splitlines()[4] == "  0: person"
    item.refresh_from_db()
    assert item.used_at is not None
    assert AuditEntry.objects.filter(action="labels_exported").count() == 1
    assert audit.verify().is_whole


def test_pictures_that_show_people_stay(tmp_path, camera, site, reviewer, scanner):
    """A scan that was clear once does not let a picture out that looks otherwise today."""
    _, item = photos.marked(photos.photo(camera), reviewer)
    looked_at(item)
    row = item.photo.evidence
    box = {"label": 0, "box_xyxy": PERSON}
    annotation.save(item.pk, row.pk, by=reviewer, boxes=[box], version=0)
    annotated(camera, reviewer)
    report = labels_export.export_labels(tmp_path / "out", site=site, scanner=scanner)

    assert report.pictures == 1
    [(pk, reason)] = report.left_out
    assert pk == item.pk
    assert "a face is seen" in reason
    assert len(list((tmp_path / "out/images").iterdir())) == 1
    item.refresh_from_db()
    assert item.used_at is None


def test_an_altered_file_stays(tmp_path, camera, site, reviewer, scanner):
    item = annotated(camera, reviewer)
    from django.core.files.storage import default_storage

    with default_storage.open(item.photo.evidence.path, "ab") as stored:
        stored.write(b"more")
    with pytest.raises(DomainError, match="1 may not leave"):
        labels_export.export_labels(tmp_path / "out", site=site, scanner=scanner)
    assert list(tmp_path.iterdir()) == [] or not (tmp_path / "out").exists()


def test_rejected_items_and_other_sites_stay(tmp_path, camera, site, reviewer, scanner):
    kept = annotated(camera, reviewer)
    gone = annotated(camera, reviewer)
    TrainingItem.objects.filter(pk=gone.pk).update(status="rejected")
    annotated(factories.camera(), get_user_model().objects.create_superuser("root"))
    labels_export.export_labels(tmp_path / "out", site=site, scanner=scanner)
    assert [path.stem for path in (tmp_path / "out/labels").iterdir()] == [f"item-{kept.pk}-photo"]


def test_boxes_that_stay_for_want_of_a_verdict_are_counted(
    tmp_path, camera, site, reviewer, scanner
):
    annotated(camera, reviewer)
    open_item = annotated(camera, reviewer, boxes=((0, PERSON), (1, PERSON)))
    TrainingItem.objects.filter(pk=open_item.pk).update(status="pending_review")
    report = labels_export.export_labels(tmp_path / "out", site=site, scanner=scanner)

    assert (report.pictures, report.unconfirmed) == (1, 2)


def test_a_merge_is_applied_on_the_way_out(tmp_path, camera, site, reviewer, supervisor, scanner):
    item = annotated(camera, reviewer, boxes=[(2, PERSON)])
    classes = label_classes.ensure(site)
    label_classes.merge(classes[2].pk, classes[7].pk, by=supervisor)
    labels_export.export_labels(tmp_path / "out", site=site, scanner=scanner)
    text = (tmp_path / f"out/labels/item-{item.pk}-photo.txt").read_text()
    assert text.startswith("7 ")
    assert "2: car (merged)" in (tmp_path / "out/data.yaml").read_text()


def test_a_folder_in_use_is_left_alone(tmp_path, camera, site, reviewer, scanner):
    annotated(camera, reviewer)
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(DomainError, match="is there already"):
        labels_export.export_labels(tmp_path, site=site, scanner=scanner)
    assert [path.name for path in tmp_path.iterdir()] == ["data", "mine.txt"] or (
        tmp_path / "mine.txt"
    ).read_text() == "mine"


def test_nothing_to_export_says_so(tmp_path, site, scanner):
    with pytest.raises(DomainError, match="no boxes"):
        labels_export.export_labels(tmp_path / "out", site=site, scanner=scanner)
    assert not (tmp_path / "out").exists()


def labelled_folder(folder, *, line="0 0.5 0.5 0.2 0.2\n", names=("person", "unicorn")):
    write(folder, picture("a"), picture("b"), names=dict(enumerate(names)))
    for number, name in enumerate("ab"):
        (folder / f"images/{name}.jpg").write_bytes(empty_room(number))
    (folder / "labels/a.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    (folder / "labels/b.txt").write_text(line)
    return folder


def test_an_import_makes_photos_with_boxes(tmp_path, camera, scanner):
    folder = labels_import.read(labelled_folder(tmp_path / "in"))
    report = labels_import.import_labels(folder, camera=camera, scanner=scanner)

    assert (report.imported, report.boxes, report.problems) == (2, 2, [])
    assert set(Photo.objects.values_list("origin", "client_id")) == {
        ("import", "a"),
        ("import", "b"),
    }
    item = TrainingItem.objects.first()
    assert (item.status, item.privacy, item.collection_method) == (
        "pending_review",
        "clear",
        "import",
    )
    said = Annotation.objects.first()
    assert said.boxes[0]["origin"] == "imported"
    assert said.boxes[0]["box_xyxy"] == pytest.approx([0.4, 0.4, 0.6, 0.6])
    assert not said.annotated_by.is_active
    assert audit.verify().is_whole


def test_an_import_done_again_changes_nothing(tmp_path, camera, reviewer, scanner):
    folder = labels_import.read(labelled_folder(tmp_path / "in"))
    labels_import.import_labels(folder, camera=camera, scanner=scanner)
    item = TrainingItem.objects.first()
    corrected = [{"label": 0, "box_xyxy": [0.1, 0.1, 0.5, 0.5]}]
    row = item.photo.evidence
    annotation.save(item.pk, row.pk, by=reviewer, boxes=corrected, version=1)
    report = labels_import.import_labels(folder, camera=camera, scanner=scanner)

    assert (report.imported, report.known) == (0, 2)
    assert Photo.objects.count() == TrainingItem.objects.count() == 2
    assert Annotation.objects.get(evidence=row, is_current=True).boxes[0]["box_xyxy"] == [
        0.1,
        0.1,
        0.5,
        0.5,
    ]


def test_people_in_an_imported_picture_are_hidden_before_it_leaves(
    tmp_path, camera, scanner, reviewer
):
    source = labelled_folder(tmp_path / "in")
    (source / "images/a.jpg").write_bytes(factories.jpeg(factories.picture()))
    labels_import.import_labels(labels_import.read(source), camera=camera, scanner=scanner)
    item = TrainingItem.objects.get(photo__client_id="a")
    assert (item.privacy, item.proposal) == ("faces", "waiting")
    report = labels_export.export_labels(tmp_path / "out", site=camera.site, scanner=scanner)
    assert [pk for pk, _ in report.left_out] == [item.pk]


def test_a_bad_file_is_named_and_the_others_come_in(tmp_path, camera, scanner):
    source = labelled_folder(tmp_path / "in", line="0 0.5 0.5 0.2 0.2\n0 0.5 0.5 0.2\n")
    report = labels_import.import_labels(labels_import.read(source), camera=camera, scanner=scanner)
    assert report.imported == 1
    assert report.problems[0].startswith("labels/b.txt, line 2: ")
    assert Photo.objects.count() == 1


def test_an_unknown_class_is_added_only_when_asked(tmp_path, camera, site, scanner):
    source = labelled_folder(tmp_path / "in", line="1 0.5 0.5 0.2 0.2\n")
    report = labels_import.import_labels(labels_import.read(source), camera=camera, scanner=scanner)
    assert report.imported == 1
    assert "no class unicorn; --add-classes" in report.problems[0]
    assert Photo.objects.count() == 1
    report = labels_import.import_labels(
        labels_import.read(source), camera=camera, add_classes=True, scanner=scanner
    )
    assert (report.imported, report.known, report.added_classes) == (1, 1, ["unicorn"])
    assert LabelClass.objects.get(site=site, name="unicorn").index == 80


def test_no_class_is_added_for_pictures_that_are_there_already(tmp_path, camera, site, scanner):
    source = labelled_folder(tmp_path / "in", line="1 0.5 0.5 0.2 0.2\n")
    folder = labels_import.read(source)
    asked = {"camera": camera, "add_classes": True, "scanner": scanner}
    labels_import.import_labels(folder, **asked)
    LabelClass.objects.filter(site=site, name="unicorn").update(name="horse with horn")
    report = labels_import.import_labels(folder, **asked)

    assert (report.imported, report.known) == (0, 2)
    assert (report.added_classes, report.problems) == ([], [])
    assert not LabelClass.objects.filter(site=site, name="unicorn").exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "b.jpg"),
        (b"\xff\xd8\xff\xe0 and then nothing", "b.jpg"),
    ],
)
def test_what_is_no_picture_is_refused_by_name(tmp_path, camera, scanner, content, said):
    source = labelled_folder(tmp_path / "in")
    (source / "images/b.jpg").write_bytes(content)
    report = labels_import.import_labels(labels_import.read(source), camera=camera, scanner=scanner)
    assert report.imported == 1
    assert said in report.problems[0]


def test_a_bomb_is_refused(tmp_path, camera, scanner, settings):
    settings.UPLOAD_MAX_PHOTO_PIXELS = 1000
    source = labelled_folder(tmp_path / "in")
    report = labels_import.import_labels(labels_import.read(source), camera=camera, scanner=scanner)
    assert (report.imported, len(report.problems)) == (0, 2)
    assert not Photo.objects.exists()


def test_the_commands_carry_labels_both_ways(tmp_path, camera, site, scanner, monkeypatch, capsys):
    for service in (labels_import, labels_export):
        monkeypatch.setattr(service, "face_scanner", lambda: scanner)
    source = labelled_folder(tmp_path / "in", line="7 0.5 0.5 0.2 0.2\n")
    with pytest.raises(CommandError, match="1 problem;"):
        call_command("import_labels", str(source), camera=camera.name, json=tmp_path / "in.json")
    assert json.loads((tmp_path / "in.json").read_text())["imported"] == 1
    out = tmp_path / "out"
    call_command("export_labels", out=out, site=site.name, json=tmp_path / "out.json")
    assert "1 picture with 1 box in" in capsys.readouterr().out
    assert json.loads((tmp_path / "out.json").read_text())["pictures"] == 1
    assert (out / "labels/a.txt").exists()
    with pytest.raises(CommandError, match="already"):
        call_command("export_labels", out=out, site=site.name)


def test_the_commands_name_what_they_cannot_find(tmp_path, camera, site):
    with pytest.raises(CommandError, match="no camera named"):
        call_command("import_labels", str(tmp_path), camera="Nowhere")
    with pytest.raises(CommandError, match=r"no data.yaml"):
        call_command("import_labels", str(tmp_path), camera=camera.name)
    with pytest.raises(CommandError, match="nobody called"):
        call_command("import_labels", str(tmp_path), camera=camera.name, by="nobody")
    with pytest.raises(CommandError, match="no site named"):
        call_command("export_labels", out=tmp_path / "out", site="Nowhere")
    with pytest.raises(NotFound):
        labels_import.find_person("nobody")
