"""The retraining policies: one row a slot, made when it is first looked for, changed by admins."""

from zoneinfo import ZoneInfo

from django.db import transaction

from detection.slots import ALGORITHM_ALIASES, SLOTS
from hitlsite import audit
from hitlsite.errors import DomainError, Forbidden
from hitlsite.models import Site
from training.models import RetrainingPolicy

CHANGE = "training.change_retrainingpolicy"
TOLD = (
    "enabled",
    "interval_hours",
    "min_samples",
    "algorithm",
    "parameters",
    "auto_promote",
    "auto_rollback",
    "window_from",
    "window_until",
    "clock_of_id",
    "label_source",
    "purpose",
)


def ensure_policies():
    """Make the rows that are missing; return the policies of all slots, in the slots' order."""
    return [policy_of(slot) for slot in SLOTS]


def policy_of(slot):
    """Return the policy of a slot.

    Raises:
        DomainError: slot_unknown.
    """
    if slot not in SLOTS:
        raise slot_unknown(slot)
    return RetrainingPolicy.objects.select_related("clock_of").get_or_create(slot=slot)[0]


def slot_unknown(slot):
    """Return the DomainError for a name that is no slot's."""
    sentence = f"There is no slot {str(slot)[:40]}; the slots are: {', '.join(SLOTS)}."
    return DomainError("slot_unknown", sentence, fields={"slot": sentence})


def zone_of(policy):
    """Return the ZoneInfo that the policy's hours are meant in."""
    site = policy.clock_of or Site.objects.order_by("pk").first()
    return ZoneInfo(site.time_zone if site else "UTC")


def algorithm_of(policy):
    """Return what the policy trains by; "" where nothing is trained."""
    return policy.algorithm or next(iter(SLOTS[policy.slot].algorithms), "")


def check(policy):
    """Refuse a policy that could not train; its parameters are read by the slot's own work.

    Raises:
        DomainError: invalid; ``fields`` names the columns at fault.
    """
    from training.services import slot_work

    known, fields = SLOTS[policy.slot].algorithms, {}
    if policy.enabled and not known:
        fields["enabled"] = "Nothing learns in this slot yet."
    if policy.algorithm and policy.algorithm not in known:
        usable = f"it takes {', '.join(known)}" if known else "nothing learns in it yet"
        fields["algorithm"] = f"This slot is not trained by {policy.algorithm}: {usable}."
    elif not isinstance(policy.parameters, dict):
        fields["parameters"] = 'This is an object of names and values, such as {"epochs": 20}.'
    elif any(name.endswith("path") for name in policy.parameters):
        fields["parameters"] = "Paths are named on the command line only."
    elif policy.parameters:
        try:
            slot_work.of(policy.slot).clean_parameters(algorithm_of(policy), policy.parameters)
        except DomainError as error:
            fields["parameters"] = error.message
    if policy.auto_promote and not policy.purpose.strip():
        fields["purpose"] = "What is deployed alone needs a purpose for its model card."
    if fields:
        named = "; ".join(f"{name}: {sentence}" for name, sentence in fields.items())
        raise DomainError("invalid", named, fields=fields)


@transaction.atomic
def save(policy, *, by=None):
    """Store a changed policy and record what changed; return the names of the changed columns.

    Args:
        by: None for the operator of this machine.

    Raises:
        Forbidden; DomainError: invalid.
    """
    if by is not None and not by.has_perm(CHANGE):
        raise Forbidden("Only admins change how models are trained.")
    policy.algorithm = ALGORITHM_ALIASES.get(policy.algorithm, policy.algorithm)
    check(policy)
    before = RetrainingPolicy.objects.filter(pk=policy.pk).values(*TOLD).first() or {}
    after = {name: getattr(policy, name) for name in TOLD}
    changed = {name: value for name, value in after.items() if before.get(name) != value}
    if not changed:
        return []
    policy.changed_by = by
    # Not decided_for: a night may be decided while somebody looks at the form.
    policy.save(update_fields=[*TOLD, "changed_by", "changed_at"] if policy.pk else None)
    told = {name: {"from": before.get(name), "to": value} for name, value in changed.items()}
    audit.record("retraining.changed", policy, actor=by, detail={"slot": policy.slot, **told})
    return sorted(changed)
