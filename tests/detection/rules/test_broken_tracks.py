"""The truth, the breaks and the judgement that the figures of dwell rest on."""

import numpy as np
import pytest

from benchmarks import broken_tracks
from benchmarks.broken_tracks import Scene, Stay
from detection.vision import mot
from tests.detection.rules.scenes import Visit, film

LOWER = broken_tracks.make_grid(1, 2)
SEQUENCES = ("PETS09-S2L1", "TUD-Campus", "TUD-Stadtmitte")


def make_scene(*visits):
    frames = film(visits)
    owners = {(o.at_seconds, o.track_id): o.track_id for f in frames for o in f.observations}
    return Scene(frames, owners, 5.0, 16 / 9)


def test_without_breaks_the_engine_reports_the_stays_by_definition():
    scene = make_scene(Visit(1, 0, 10), Visit(2, 2, 9, x=0.2), Visit(3, 4, 5, x=0.8))

    stays = broken_tracks.find_stays(scene, LOWER, 4.0)
    reports = broken_tracks.report_stays(scene, LOWER, 4.0)

    assert [(stay.who, stay.start, stay.end) for stay in stays] == [((1,), 0, 10), ((2,), 2, 9)]
    counts = broken_tracks.judge(stays, reports, scene.owners)
    assert (counts["stays"], counts["missed"], counts["duplicates"], counts["false"]) == (
        2,
        0,
        0,
        0,
    )
    assert counts["lost"] == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize(
    ("reports", "expected"),
    [
        ([], (1, 0, 0, 10.0)),
        ([Stay((1,), "hall", 0, 10)], (0, 0, 0, 0.0)),
        ([Stay((1,), "hall", 0, 4), Stay((1,), "hall", 6, 10)], (0, 1, 0, 2.0)),
        ([Stay((1,), "hall", 2, 8), Stay((1,), "hall", 4, 9)], (0, 1, 0, 3.0)),
        ([Stay((1,), "yard", 0, 10)], (1, 0, 1, 10.0)),
        ([Stay((2,), "hall", 0, 10)], (1, 0, 1, 10.0)),
        ([Stay((1,), "hall", 12, 20)], (1, 0, 1, 10.0)),
    ],
)
def test_reports_are_laid_beside_stays(reports, expected):
    stays = [Stay((1,), "hall", 0.0, 10.0)]
    owners = {(at, who): who for at in np.arange(0, 20.1, 0.5) for who in (1, 2)}

    counts = broken_tracks.judge(stays, reports, owners)

    assert tuple(counts[k] for k in ("missed", "duplicates", "false", "lost")) == expected


def test_a_break_changes_ids_and_leaves_gaps_and_forgets_nobody():
    whole = make_scene(Visit(1, 0, 30), Visit(2, 0, 30, x=0.2))

    broken = broken_tracks.break_tracks(
        whole, 0.5, longest_gap=1.5, jitter=0.0, random=np.random.default_rng(3)
    )

    assert {number for _, number in broken.owners} == {1, 2, 3}
    assert set(broken.owners.values()) == {1, 2}
    assert len(whole.owners) - 20 < len(broken.owners) < len(whole.owners)
    again = broken_tracks.break_tracks(
        whole, 0.5, longest_gap=1.5, jitter=0.0, random=np.random.default_rng(3)
    )
    assert again == broken


def test_stitching_heals_the_breaks_of_people_who_stand():
    whole = make_scene(Visit(1, 0, 30), Visit(2, 0, 30, x=0.2), Visit(3, 0, 30, x=0.8))
    broken = broken_tracks.break_tracks(
        whole, 1.0, longest_gap=1.5, jitter=0.02, random=np.random.default_rng(5)
    )

    counts = broken_tracks.judge_stitching(broken)

    assert counts["switches"] == counts["healed"] == 3
    assert counts["strangers"] == 0
    plain = broken_tracks.judge_stitching(whole)
    assert (plain["switches"], plain["strangers"], plain["tracks"]) == (0, 0, 3)


def test_real_people_who_come_and_go_are_not_taken_for_each_other(material):
    strangers = tracks = 0
    for name in SEQUENCES:
        folder = material / "tracks" / "mot15" / name
        info, truth = mot.read_sequence_info(folder), mot.read_rows(folder / "gt" / "gt.txt")
        every = max(1, round(info.fps / 5))
        scene = broken_tracks.make_scene(
            truth.select(truth.scores > 0),
            range(1, info.length + 1, every),
            fps=info.fps,
            sampling_fps=info.fps / every,
            frame_size=info.frame_size,
        )
        counts = broken_tracks.judge_stitching(scene)
        strangers, tracks = strangers + counts["strangers"], tracks + counts["tracks"]

    assert tracks == 37
    assert strangers <= 2
