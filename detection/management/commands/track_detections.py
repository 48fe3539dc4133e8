"""Give public detections an identity over time, with the trackers that the cameras use."""

from pathlib import Path

from detection.services import detection_tracks
from hitlsite.commands import Command as DoorCommand
from hitlsite.commands import write_json


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
        info = detection_tracks.describe_sequence(
            sequence, frame_size=options["frame_size"], fps=options["fps"]
        )
        report = detection_tracks.track_file(
            detections or sequence / "det" / "det.txt",
            output,
            info,
            tracker=tracker,
            scale=scores,
            show_progress=lambda total: self.progress(total, "frame"),
        )
        if options["json"]:
            write_json(options["json"], report)
        self.stdout.write("{tracks} tracks, {rows} boxes in {output}".format(**report))
