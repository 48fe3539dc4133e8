"""Give public detections an identity over time, with the trackers that the cameras use."""

import time
from pathlib import Path

from hitlsite.commands import Command as DoorCommand
from hitlsite.commands import write_json
from hitlsite.errors import DomainError


class Command(DoorCommand):
    help = "Track detections in MOT text format, and write the tracks in the same format."

    def add_arguments(self, parser):
        source = parser.add_mutually_exclusive_group(required=True)
        source.add_argument("--detections", type=Path, metavar="DET.txt", help="detections")
        source.add_argument(
            "--sequence", type=Path, metavar="DIR", help="folder with seqinfo.ini and det/det.txt"
        )
        parser.add_argument("--tracker", choices=("botsort", "bytetrack"), default="botsort")
        parser.add_argument("--frame-size", metavar="WxH", help="px, such as 1920x1080")
        parser.add_argument("--fps", type=float, help="frames a second of the detections")
        parser.add_argument(
            "--scores",
            choices=("auto", "given", "minmax", "logistic"),
            default="auto",
            help="how scores come to 0..1: as given, by the file's least and greatest, or from "
            "logits; auto takes them as given where they lie in 0..1, else minmax",
        )
        parser.add_argument("--output", type=Path, required=True, metavar="OUT.txt")
        parser.add_argument("--json", type=Path, metavar="OUT", help="write a report here")

    def handle(self, *args, sequence, detections, tracker, scores, output, **options):
        from detection.vision import mot
        from detection.vision.tracking import make_tracker

        info = self._info(sequence, options["frame_size"], options["fps"])
        source = detections or sequence / "det" / "det.txt"
        if output.resolve() == source.resolve():
            raise DomainError("results_unwritable", f"{output} is the file of the detections.")
        rows = mot.read_rows(source, length=info.length)
        scaled, scale = mot.scale_scores(rows.scores, scores)
        rows = mot.Rows(rows.frames, rows.ids, rows.boxes, scaled)
        started = time.perf_counter()
        size = info.frame_size
        ours = make_tracker(tracker, sampling_fps=info.fps, frame_size=size)
        frames = mot.find_frames(rows, info.fps)
        with self.progress(len(frames), "frame") as bar:
            found = mot.track(
                rows, ours, fps=info.fps, frame_size=size, frames=frames, progress=bar.update
            )
        seconds = time.perf_counter() - started
        mot.write_rows(output, found)
        report = {
            "sequence": info.name,
            "tracker": tracker,
            "scores": scale,
            "detections": len(rows),
            "frames": int(rows.frames[-1]),
            "tracks": len(set(found.ids.tolist())),
            "rows": len(found),
            "seconds": round(seconds, 3),
            "output": str(output),
        }
        if options["json"]:
            write_json(options["json"], report)
        self.stdout.write("{tracks} tracks, {rows} boxes in {output}".format(**report))

    def _info(self, sequence, frame_size, fps):
        from detection.vision import mot

        if sequence is None:
            if frame_size is None or fps is None:
                message = "--detections needs --frame-size and --fps; a --sequence knows its own."
                raise DomainError("arguments_missing", message)
            return mot.SequenceInfo("", checked_fps(fps), parse_frame_size(frame_size), None)
        if frame_size is not None or fps is not None:
            message = "--frame-size and --fps go with --detections; a --sequence knows its own."
            raise DomainError("arguments_contradict", message)
        return mot.read_sequence_info(sequence)


def parse_frame_size(text):
    """Read "WxH" into two whole numbers above 0."""
    parts = text.lower().split("x")
    if len(parts) != 2 or not all(part.isascii() and part.isdigit() for part in parts):
        raise DomainError("frame_size_invalid", f"--frame-size must be WxH in px, not {text!r}.")
    width, height = map(int, parts)
    if not (0 < width <= 100_000 and 0 < height <= 100_000):
        raise DomainError("frame_size_invalid", f"--frame-size {text} is no size of a picture.")
    return width, height


def checked_fps(fps):
    """Return the frame rate, which must be a number above 0."""
    if not 0 < fps <= 10_000:
        raise DomainError("fps_invalid", f"--fps must be a number above 0, not {fps:g}.")
    return fps
