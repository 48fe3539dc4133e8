"""The whole loop on one machine: render a scene, watch it, and serve what it found for review."""

import json
import secrets

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command

from detection.services import cameras
from hitlsite import people
from hitlsite.commands import Command as DoorCommand
from review import selectors
from training.management.learning_demo import LearningDemo
from training.services import demo_comparison

CAMERA = "Demo hall"
USERS = (
    ("riley", people.REVIEWER),
    ("sam", people.SUPERVISOR),
    ("alex", people.ADMIN),
)
# Without classes, so that the motion detector of a machine without weights fires them too.
RULES = [
    {"kind": "loitering", "zones": ["waiting area"], "threshold_seconds": 10},
    {"kind": "restricted_zone_entry", "zones": ["staff door"], "severity": "high"},
]


class Command(DoorCommand):
    help = (
        "Set up a demo: people, a rendered scene, its incidents; with --learn also how a detector"
        " learns from what is confirmed; then serve the review pages."
    )

    def add_arguments(self, parser):
        parser.add_argument("--no-serve", action="store_true", help="end after the summary")
        parser.add_argument(
            "--learn", action="store_true", help="show learning as well: about ten minutes"
        )
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument("--site", default="", help="needed where there are several sites")

    def handle(self, *args, no_serve, port, site, learn, **options):
        call_command("migrate", verbosity=0)
        site = cameras.find_site(site)
        credentials = self._make_people(site)
        scene, config = self._make_scene(with_truth=learn)
        self.stdout.write(f"Watching {scene.name}, a rendered scene with three visitors.")
        watch = {"video": str(scene), "camera": CAMERA, "site": site.name, "config": config}
        call_command("watch", **watch, stdout=self.stdout)
        if learn:
            self._learn(site, scene, watch)
        self._summarise(credentials)
        if not no_serve:
            call_command("up", port=port)

    def _make_people(self, site):
        """Return [(name, role, password)] of the people that this run made."""
        made = []
        for name, role in USERS:
            password = secrets.token_urlsafe(9)
            _, is_new = people.add_member(site, name, role, password)
            if is_new:
                made.append((name, role, password))
        return made

    def _make_scene(self, *, with_truth):
        """Return (the film, its rules); with its truth, a film of an earlier demo is made anew."""
        from detection.vision import scenes

        folder = settings.DATA_DIR / "demo"
        folder.mkdir(parents=True, exist_ok=True)
        scene, config = folder / "scene.mp4", folder / "rules.json"
        zones = [
            {"name": zone.name, "kind": zone.kind, "polygon": zone.polygon} for zone in scenes.ZONES
        ]
        config.write_text(json.dumps({"zones": zones, "rules": RULES}, indent=2))
        truth = scene.with_suffix(".json")
        if not scene.exists() or (with_truth and not truth.exists()):
            self.stdout.write("Rendering the scene.")
            demo_comparison.keep_truth(scenes.render_scene(scene), truth)
        return scene, config

    def _learn(self, site, scene, watch):
        reviewer, _, admin = (name for name, _ in USERS)
        LearningDemo(
            self,
            site,
            reviewer=reviewer,
            admin=admin,
            watch=watch,
            truth=scene.with_suffix(".json"),
            folder=scene.parent,
        ).run()

    def _summarise(self, credentials):
        counts = selectors.counts(get_user_model().objects.get(username=USERS[-1][0]))
        self.stdout.write("")
        self.stdout.write(
            f"{counts['pending_review']} items wait for review; "
            f"{counts['fine_tune_ready']} of {counts['min_confirmed']} are ready for fine-tuning."
        )
        for name, role, password in credentials:
            self.stdout.write(f"  sign in as {name:<6} password {password}   ({role})")
        if not credentials:
            self.stdout.write("  the demo people exist already; their passwords were shown once")
