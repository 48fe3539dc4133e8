"""Charts are drawn by the server: points become paths, and a table says the same."""

import re

import pytest
from django.template import Context, Template

from training.templatetags import figures_shown
from training.templatetags.charts import Axis, Bars, Lines, Series, axis_for
from training.views import plots

DRAW = Template("{% load charts %}{% lines chart %}")


def drawn(chart):
    return " ".join(DRAW.render(Context({"chart": chart})).split())


def chart(points, **columns):
    axes = {"x": Axis("recall"), "y": Axis("precision")}
    return Lines("A title", "What it says.", series=[Series("one", points)], **axes | columns)


def test_points_become_a_path_and_a_table():
    html = drawn(chart([[0.0, 1.0], [0.5, 0.75], [1.0, 0.0]]))
    assert 'd="M0.0 0.0L500.0 125.0 1000.0 500.0"' in html
    assert '<title id="chart-a-title-title">A title</title>' in html
    assert "<desc" in html and "What it says." in html
    assert '<th scope="row" class="num">0.5</th><td class="num">0.750</td>' in html
    assert "style=" not in html and "<script" not in html


def test_a_line_ends_where_nothing_is_known_and_at_a_break():
    html = drawn(chart([[0.0, 1.0], [0.25, 1.0], [0.5, None], [0.75, 0.5], [1.0, 0.5]]))
    assert 'd="M0.0 0.0L250.0 0.0M750.0 250.0L1000.0 250.0"' in html
    broken = drawn(chart([[0.0, 1.0], [0.5, 1.0], [1.0, 0.5]], breaks=((0.75, "other split"),)))
    assert 'd="M0.0 0.0L500.0 0.0"' in broken
    assert 'd="M1000.0 250.0h0.01"' in broken
    assert "<title>other split</title>" in broken


def test_a_name_is_never_html():
    odd = Lines("<b>", "<i>", Axis("x"), Axis("y"), [Series("<script>", [[0, 1]])], note="<u>")
    html = drawn(odd)
    assert not re.search(r"<(b|i|u|script)>", html)


def test_a_table_of_many_points_has_some_from_end_to_end():
    html = drawn(chart([[number / 100, 0.5] for number in range(101)]))
    assert html.count('<tr><th scope="row"') == 21
    assert '<th scope="row" class="num">1</th>' in html


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([0.0, 3.7], ("0", "1", "2", "3", "4")),
        ([12.0, 37.0], ("0", "10", "20", "30", "40")),
        ([0.002, 0.0004], ("0", "0.0005", "0.001", "0.0015", "0.002")),
        ([], ("0", "0.25", "0.5", "0.75", "1")),
        ([0.0], ("0", "0.25", "0.5", "0.75", "1")),
        ([None, 8.0], ("0", "2", "4", "6", "8")),
    ],
)
def test_an_axis_has_round_ends(values, labels):
    axis = axis_for("loss", values)
    assert axis.labels == labels
    assert axis.low <= min((value for value in values if value is not None), default=0)
    assert axis.high >= max((value for value in values if value is not None), default=0)


def test_bars_go_up_and_down_by_the_root_of_their_counts():
    bars = Bars("Scores", "Two bins.", Axis("score"), [0.0, 0.5, 1.0], [100, 0], [25, 1])
    html = Template("{% load charts %}{% bars chart %}").render(Context({"chart": bars}))
    heights = re.findall(r'class="bar-(up|down)"[^>]*height="([\d.]+)"', html)
    assert heights[-3:] == [("up", "250.0"), ("down", "125.0"), ("down", "25.0")]


def test_epochs_are_drawn_by_what_falls_and_what_rises():
    history = [
        {"epoch": 1, "box_loss": 2.5, "map50": None, "learning_rate": 0.1},
        {"epoch": 2, "box_loss": 2.0, "map50": 0.3, "seconds": 12.0},
    ]
    loss, figures = plots.of_epochs(history)
    assert [one.name for one in loss.series] == ["box loss"]
    assert [one.name for one in figures.series] == ["mAP50"]
    assert drawn(loss) and drawn(figures)
    assert plots.of_epochs([]) == []
    (alone,) = plots.of_epochs(history[:1])
    assert drawn(alone)


def test_of_many_classes_the_busiest_are_shown():
    names = [f"class {number}" for number in range(40)]
    rows = [[number if row == number else 0 for number in range(41)] for row in range(41)]
    found = plots.confusion({"confusion": {"names": [*names, "background"], "rows": rows}})
    assert len(found["names"]) == plots.MOST_CELLS
    assert found["names"][-1] == "background" and "class 0" not in found["names"]
    assert found["left_out"] == 41 - plots.MOST_CELLS
    assert plots.confusion({}) is None


@pytest.mark.parametrize(
    ("value", "words"),
    [(None, "–"), (0.5, "0.500"), (1234, "1,234"), (1234.5, "1,234"), ("x", "x"), (0.0, "0.000")],
)
def test_figures_are_written_short(value, words):
    assert figures_shown.digits(value) == words


@pytest.mark.parametrize(("share", "words"), [(None, "–"), (0.042, "+4.2"), (-0.1, "−10.0")])
def test_differences_are_points_with_their_sign(share, words):
    assert figures_shown.points(share) == words


def test_a_share_has_one_of_nine_shades():
    assert [figures_shown.heat(part) for part in (None, 0, 0.001, 0.5, 1)] == [None, None, 1, 4, 9]
