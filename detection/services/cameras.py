"""Cameras and their zones and rules, from a person's configuration to rows and back."""

import re
from pathlib import Path

from django.conf import settings
from django.db import transaction

from detection.models import Camera, Rule, Zone
from hitlsite import audit, sites
from hitlsite.errors import Conflict, DomainError, NotFound
from hitlsite.models import Site

_TOLD_COLUMNS = (
    "name",
    "sampling_fps",
    "detector",
    "tracker",
    "lost_seconds",
    "estimates_poses",
    "classifies_tasks",
    "photo_on_detection",
    "photo_every_seconds",
    "is_enabled",
)
_SECRET_COLUMNS = ("detect_url", "record_url")
# Weights of other jobs that may lie in the same folder.
_NO_DETECTOR = re.compile(r"pose|face_detection|hand_landmarker|[_-](cls|seg)\b")


def find_site(name=""):
    """Return the named site; without a name the only one, or a new one called "Main"."""
    if name:
        site = Site.objects.filter(name=name).first()
        if site is None:
            raise NotFound(f"There is no site named {name}.", code="site_unknown")
        return site
    found = list(Site.objects.all()[:2])
    if len(found) > 1:
        raise DomainError("site_ambiguous", "There are several sites: say which with --site.")
    return found[0] if found else sites.save_site(Site(name="Main"))


def get_or_create_camera(site, name, **settings):
    """Return the site's camera of this name, made on first use, with ``settings`` applied."""
    if not name.strip() or "\x00" in name or len(name) > 100:
        raise DomainError("camera_name_invalid", "A camera needs a name of 1 to 100 characters.")
    with transaction.atomic():
        camera, is_new = Camera.objects.get_or_create(site=site, name=name, defaults=settings)
        changed = {key: value for key, value in settings.items() if getattr(camera, key) != value}
        if changed:
            Camera.objects.filter(pk=camera.pk).update(**changed)
            camera.refresh_from_db()
        if is_new or changed:
            action = "camera.added" if is_new else "camera.changed"
            audit.record(action, camera, site=site, detail={"name": name, **settings})
    return camera


@transaction.atomic
def apply_config(camera, config, *, actor=None):
    """Make the camera's zones and rules exactly those of ``config`` (a RulesConfig).

    Incidents keep the rules that they were made by, as they were then.
    """
    from detection.services import snapshots

    # One after another, and after a picture that is being stored: see ``snapshots``.
    Camera.objects.select_for_update(no_key=True).filter(pk=camera.pk).first()
    before, private = current_config(camera), private_polygons(camera)
    _replace_zones(camera, config.zones)
    _replace_rules(camera, config.rules)
    after = current_config(camera)
    if before != after:
        audit.record(
            "camera.rules_changed",
            camera,
            actor=actor,
            site=camera.site,
            detail={"before": before, "after": after},
        )
    if private != private_polygons(camera):
        snapshots.blacken(camera, private_polygons(camera), actor=actor)


def _replace_zones(camera, zones):
    camera.zones.exclude(name__in=[zone.name for zone in zones]).delete()
    for zone in zones:
        Zone.objects.update_or_create(
            camera=camera,
            name=zone.name,
            defaults={"kind": zone.kind, "polygon": [list(point) for point in zone.polygon]},
        )


def _replace_rules(camera, rules):
    from detection.rules.config import RulesConfig, dump_config

    camera.rules.exclude(name__in=[rule.name for rule in rules]).delete()
    dumped = dump_config(RulesConfig(zones=(), rules=tuple(rules)))["rules"]
    for position, (rule, entry) in enumerate(zip(rules, dumped, strict=True)):
        Rule.objects.update_or_create(
            camera=camera,
            name=rule.name,
            defaults={
                "kind": rule.kind,
                "position": position,
                "zones": list(rule.zones),
                "classes": list(rule.classes),
                "severity": rule.severity,
                "active_hours": entry.get("active_hours"),
                "parameters": dict(rule.parameters),
                "is_enabled": True,
            },
        )


def current_config(camera):
    """Return the camera's zones and enabled rules in the form that ``parse_config`` reads."""
    rules = camera.rules.filter(is_enabled=True).order_by("position", "name")
    return as_document(camera.zones.order_by("name"), rules)


def as_document(zones, rules):
    """Return rows of zones and rules in the form that ``parse_config`` reads."""
    return {
        "zones": [
            {"name": zone.name, "kind": zone.kind, "polygon": zone.polygon} for zone in zones
        ],
        "rules": [_rule_entry(rule) for rule in rules],
    }


def _rule_entry(rule):
    entry = {
        "name": rule.name,
        "kind": rule.kind,
        "zones": rule.zones,
        "classes": rule.classes,
        "severity": rule.severity,
        **rule.parameters,
    }
    if rule.active_hours is not None:
        entry["active_hours"] = rule.active_hours
    return entry


def session_configuration(camera):
    """Return everything that decides what a session of this camera finds, as JSON values."""
    return {
        **current_config(camera),
        "sampling_fps": camera.sampling_fps,
        "tracker": camera.tracker,
        "lost_seconds": camera.lost_seconds,
        "detector": camera.detector,
        "estimates_poses": camera.estimates_poses,
        "classifies_tasks": camera.classifies_tasks,
        "time_zone": camera.site.time_zone,
    }


def fixture_boxes(camera):
    """Return where people said that what stands there belongs there, boxes xyxy."""
    return [tuple(box) for box in camera.fixtures.values_list("box_xyxy", flat=True)]


def private_polygons(camera):
    """Return the polygons of the camera's private zones as they are now."""
    return list(camera.zones.filter(kind=Zone.Kind.PRIVATE).values_list("polygon", flat=True))


def require_same_content(footage, sha256):
    """Refuse another file under the name of a session that is already there."""
    if footage.sha256 != sha256:
        raise Conflict(
            f"Session {footage.session} of camera {footage.camera} holds another file.",
            code="session_taken",
        )


def find_camera(name, site_name=""):
    """Return the camera of this name, in the named site where there are several."""
    found = Camera.objects.filter(name=name).select_related("site")
    if site_name:
        found = found.filter(site=find_site(site_name))
    cameras = list(found[:2])
    if not cameras:
        where = f" at site {site_name}" if site_name else ""
        raise NotFound(f"There is no camera named {name[:100]}{where}.", code="camera_unknown")
    if len(cameras) > 1:
        message = f"Several sites have a camera named {name}: say which with --site."
        raise DomainError("camera_ambiguous", message)
    return cameras[0]


@transaction.atomic
def save_camera(camera, *, by, config=None):
    """Store a camera whose columns somebody has set, and its zones and rules where given.

    Addresses may carry passwords, so the audit says only that they changed.
    """
    before = Camera.objects.filter(pk=camera.pk).values(*_TOLD_COLUMNS, *_SECRET_COLUMNS).first()
    camera.save()
    after = {name: getattr(camera, name) for name in (*_TOLD_COLUMNS, *_SECRET_COLUMNS)}
    changed = [name for name in after if before is None or before[name] != after[name]]
    detail = {name: after[name] for name in changed if name in _TOLD_COLUMNS}
    detail |= {name: "set" if after[name] else "" for name in changed if name in _SECRET_COLUMNS}
    if changed:
        action = "camera.changed" if before else "camera.added"
        audit.record(action, camera, actor=by, site=camera.site, detail=detail)
    if config is not None:
        apply_config(camera, config, actor=by)


def weights_at_hand():
    """Return the names of files and folders in the model directory that may be detectors."""
    folder = Path(settings.MODEL_DIR)
    if not folder.is_dir():
        return []
    found = [*folder.glob("*.pt"), *folder.glob("*.onnx"), *folder.glob("*_openvino_model")]
    return sorted(path.name for path in found if not _NO_DETECTOR.search(path.name))
