"""What the page says of the next night on which a slot may be trained by itself."""

from django.utils import timezone

from training.selectors.learning import SlotState
from training.services import policies, run_window


def told(state: SlotState, at=None):
    """Return one sentence about what happens by itself."""
    policy = state.policy
    if policy is None or not policy.enabled:
        return "Nothing is trained by itself."
    zone = policies.zone_of(policy)
    at = at or timezone.now()
    night = run_window.current(policy, zone, at) or run_window.following(policy, zone, at)
    begins, ends = night.begins.astimezone(zone), night.ends.astimezone(zone)
    when = f"{begins:%A %-d %B}, {begins:%H:%M} to {ends:%H:%M}"
    samples = f"{policy.min_samples} new {state.slot.sample}s"
    after = "deploys what passes the gate" if policy.auto_promote else "then asks a person"
    return f"Decides on {when}: trains with {samples} or more, {after}."
