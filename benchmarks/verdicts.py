"""From a verdict's key to the next item on the screen, in a browser, by keyboard alone.

A server of its own serves rendered items; Chromium signs in and decides one after the other. A
verdict is timed in the page: from the key's own time stamp to the frame after the one in which the
next item stands there with its filmstrip decoded. Between two verdicts there is a pause, as short
as a quick reviewer's look; the page fetches the next items in it. The other side is the same page
that is kept from fetching ahead.

    python benchmarks/verdicts.py [--items N] [--quick] [--look SECONDS]
"""

import argparse
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MOST_P95_MS = 150.0
FILMS, CLIP_SECONDS, FPS = 16, 6, 10
WITHOUT_AHEAD = 24
NAME, PASSWORD = "benchmark", "benchmark-only-9"
# What a reviewer's day is made of; the last key of each is the verdict.
TURNS = (["c"], ["c"], ["r", "2"], ["s"], ["c"], ["n"], ["r", "5"], ["c"])
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
WATCH = """
const seen = { id: null, key: 0, at: 0 };
window.verdictTimes = seen;
addEventListener("keydown", (event) => { seen.key = event.timeStamp; }, true);
const look = () => {
  const root = document.querySelector("[data-item]");
  const strip = root?.querySelector("[data-filmstrip] img");
  if (root && root.dataset.item !== seen.id && strip?.complete && strip.naturalWidth) {
    seen.id = root.dataset.item;
    const { id, key } = seen;
    strip.decode().then(() => requestAnimationFrame(() => requestAnimationFrame(() => {
      seen.painted = { id, milliseconds: performance.now() - key };
    })));
  }
  requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""
PAINTED = """before => new Promise((done, refuse) => {
  const since = performance.now();
  const look = () => {
    const { painted } = window.verdictTimes;
    if (painted && painted.id !== before) done(painted);
    else if (performance.now() - since > 30000) refuse(document.getElementById("main").innerText);
    else requestAnimationFrame(look);
  };
  look();
})"""


def films(folder):
    """Render one scene and return (stills, clip, seconds) of stretches of it, each another file."""
    import av

    from detection.vision import scenes
    from tests import factories

    scenes.render_scene(folder / "scene.mp4", seconds=FILMS + CLIP_SECONDS)
    with av.open(str(folder / "scene.mp4")) as container:
        pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    made = []
    for start in range(FILMS):
        part = pictures[start * FPS : (start + CLIP_SECONDS) * FPS]
        stills = [factories.jpeg(part[place * FPS]) for place in (1, 3, 5)]
        made.append((stills, factories.clip([one.copy() for one in part]), part[0].shape[:2]))
    return made


def add_items(count, made):
    """Store ``count`` pending items; every fifth shows faces and has its redaction ready."""
    from detection.models import Evidence
    from hitlsite import people
    from review.services import filmstrips
    from tests import factories

    site = factories.site("Benchmark")
    user, _ = people.add_member(site, NAME, people.REVIEWER, PASSWORD)
    source = factories.footage(factories.camera(site, "Lobby"))
    part, served = factories.segment(source), factories.deployment()
    kinds = (Evidence.Kind.FRAME_OPEN, Evidence.Kind.FRAME_PEAK, Evidence.Kind.FRAME_LAST)
    for number in range(count):
        incident = factories.incident(
            footage=source, segment=part, deployment=served, with_files=False
        )
        stills, clip, (height, width) = made[number % len(made)]
        size = {"width": width, "height": height}
        for place, (kind, content) in enumerate(zip(kinds, stills, strict=True)):
            at_seconds = 30.0 + 2 * place
            factories.evidence(incident, kind, content, at_seconds=at_seconds, **size)
        ends = {"end_seconds": 29.0 + CLIP_SECONDS, **size}
        factories.evidence(incident, Evidence.Kind.CLIP, clip, at_seconds=29.0, **ends)
        item = factories.item(incident, privacy="clear" if number % 5 else "faces")
        filmstrips.prepare(item)
    return user


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def serve(port, log):
    """Start the web process that people start, and wait until it answers."""
    command = [sys.executable, str(ROOT / "manage.py"), "up", "--no-worker", "--port", str(port)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT)
    ends = time.monotonic() + 60
    while time.monotonic() < ends and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/livez", timeout=2):
                return process
        except OSError:
            time.sleep(0.2)
    raise SystemExit(f"The server did not start; see {log.name}")


def sign_in(page, address):
    page.add_init_script(WATCH)
    page.goto(f"{address}/accounts/login/")
    for key in (NAME, "Tab", PASSWORD, "Enter"):
        page.keyboard.press(key) if key in ("Tab", "Enter") else page.keyboard.type(key)
    page.wait_for_url(f"{address}/")
    page.keyboard.press("Enter")  # Start reviewing
    page.wait_for_url("**/items/**")
    page.wait_for_load_state("networkidle")


def decide(page, count, look_seconds):
    """Give ``count`` verdicts by key; return the milliseconds of each."""
    times, shown = [], page.locator("[data-item]").get_attribute("data-item")
    for number in range(count):
        page.wait_for_timeout(look_seconds * 1000)
        for key in TURNS[number % len(TURNS)]:
            page.keyboard.press(key)
        painted = page.evaluate(PAINTED, shown)
        shown = painted["id"]
        times.append(painted["milliseconds"])
    return times


def measure(address, count, look_seconds):
    """Return the times with the next items at hand, how many were, and the times without."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which(os.environ.get("CHROMIUM", "chromium"))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        at_hand = []
        page.on("request", lambda one: at_hand.append(one) if "prefer" in one.headers else None)
        sign_in(page, address)
        ahead = decide(page, count, look_seconds)
        page.wait_for_load_state("networkidle")
        used = len(at_hand)
        page.route("**/queue/next/**", lambda route: route.abort())
        page.reload(wait_until="networkidle")
        waiting = decide(page, WITHOUT_AHEAD, look_seconds)
        page.wait_for_load_state("networkidle")
        browser.close()
    return ahead, used, waiting


def share(times, at):
    ordered = sorted(times)
    return ordered[min(int(at * len(ordered)), len(ordered) - 1)]


def report(ahead, used, waiting, stored):
    from benchmarks import reporting

    p50, p95 = share(ahead, 0.5), share(ahead, 0.95)
    plain = share(waiting, 0.5)
    rows = [
        ("verdicts by keyboard", f"{len(ahead)}, {used} of them with the next item at hand"),
        ("key to the next item painted", f"median {p50:.0f} ms, p95 {p95:.0f} ms"),
        ("slowest", f"{max(ahead):.0f} ms"),
        ("without fetching ahead", f"median {plain:.0f} ms, p95 {share(waiting, 0.95):.0f} ms"),
        ("stored", f"{stored} decisions, each of another item"),
    ]
    figures = {
        "verdicts": len(ahead),
        "at_hand": used,
        "p50_ms": round(p50, 1),
        "p95_ms": round(p95, 1),
        "slowest_ms": round(max(ahead), 1),
        "without_ahead_p50_ms": round(plain, 1),
        "stored": stored,
    }
    marks = {
        "p95_ms": (p95, "<=", MOST_P95_MS),
        "stored": (stored, ">=", len(ahead) + len(waiting)),
    }
    reporting.finish("verdicts", rows, figures, marks)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--items", type=int, default=600, help="verdicts to give (600)")
    parser.add_argument("--quick", action="store_true", help="60 verdicts")
    parser.add_argument("--look", type=float, default=0.6, help="seconds between verdicts (0.6)")
    options = parser.parse_args()
    count = 60 if options.quick else options.items
    sys.path.insert(0, str(ROOT))
    from benchmarks.product import prepare

    folder = prepare(SECOND_REVIEW_SHARE="0")
    add_items(count + WITHOUT_AHEAD + 4, films(folder))
    port = free_port()
    with (folder / "server.log").open("w") as log:
        server = serve(port, log)
        try:
            ahead, used, waiting = measure(f"http://127.0.0.1:{port}", count, options.look)
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(timeout=20)
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"  # the browser's loop has been in this thread
    from review.models import Decision

    stored = Decision.objects.values("item").distinct().count()
    report(ahead, used, waiting, stored)


if __name__ == "__main__":
    main()
