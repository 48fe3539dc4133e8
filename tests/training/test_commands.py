"""``manage.py export`` and ``manage.py verify_export``: what they print and how they end."""

import json

import pytest
from django.core.management import CommandError, call_command

from tests import factories

pytestmark = pytest.mark.django_db


def test_an_export_is_written_and_proved(items, tmp_path, capsys):
    call_command("export", out=tmp_path / "out", json=tmp_path / "report.json")
    printed = capsys.readouterr().out
    report = json.loads((tmp_path / "report.json").read_text())

    assert f"4 items with 4 pictures in {tmp_path / 'out'}; left out: 0" in printed
    assert (report["items"], report["images"], report["rejected"]) == (4, 4, {})
    assert len(report["files"]) == 4
    assert report["warned_lines"] == 4

    call_command("verify_export", tmp_path / "out", json=tmp_path / "proof.json")
    assert "1 export, 4 items, 4 pictures: all proved" in capsys.readouterr().out
    assert json.loads((tmp_path / "proof.json").read_text())["is_proved"] is True


def test_formats_and_a_variant_are_chosen_on_the_command_line(items, tmp_path, capsys):
    call_command("export", "--out", tmp_path / "out", "--formats", "yolo,csv, parquet")
    assert "4 of 4 lines show people" in capsys.readouterr().out
    call_command("export", "--out", tmp_path / "dark", "--variant", "masked")
    assert "show people" not in capsys.readouterr().out

    names = {path.name.split("_")[0] for path in (tmp_path / "out").iterdir()}
    assert {"data", "labels", "training", "yolo"} <= names
    for folder in ("out", "dark"):
        call_command("verify_export", tmp_path / folder)
    with pytest.raises(CommandError, match="formats"):
        call_command("export", "--out", tmp_path / "no", "--formats", "xml")


def test_a_problem_is_a_line_and_exit_code_1(items, tmp_path, capsys):
    call_command("export", out=tmp_path / "out")
    (tmp_path / "out/extra.txt").write_text("")
    with pytest.raises(CommandError) as ended:
        call_command("verify_export", tmp_path / "out")

    assert ended.value.returncode == 1
    assert "extra.txt: no manifest names this file." in capsys.readouterr().out


def test_too_few_items_end_the_command(exports_here, site, tmp_path):
    with pytest.raises(CommandError, match="Only 0 of 3") as ended:
        call_command("export", out=tmp_path / "out")

    assert ended.value.returncode == 2
    assert not (tmp_path / "out").exists()


def test_a_face_that_nobody_hid_ends_the_command(items, tmp_path):
    items[0].redactions.update(state="undone")
    with pytest.raises(CommandError, match=f"Item {items[0].pk} may not leave") as ended:
        call_command("export", out=tmp_path / "out")

    assert ended.value.returncode == 2
    assert not (tmp_path / "out").exists()


def test_of_several_sites_one_must_be_named(items, tmp_path, capsys):
    factories.site("Elsewhere")
    with pytest.raises(CommandError, match="Elsewhere, Harbour"):
        call_command("export", out=tmp_path / "out")
    with pytest.raises(CommandError, match="There is no site 'Nowhere'"):
        call_command("export", out=tmp_path / "out", site="Nowhere")

    call_command("export", out=tmp_path / "out", site="Harbour")
    assert "4 items" in capsys.readouterr().out


def test_nonsense_is_refused(items, tmp_path):
    with pytest.raises(CommandError, match="since"):
        call_command("export", out=tmp_path / "out", since="soon")
    with pytest.raises(CommandError, match="is not a folder"):
        call_command("verify_export", tmp_path / "nowhere")
