"""Deploying a version, going back, and letting a challenger look on or take a share of cameras.

Each act changes the ledger and enters who did it and why, as one. None of them needs anything that
trains: going back works on a machine that never could.
"""

from django.db import transaction
from django.utils import timezone

from detection.models import Deployment
from detection.services import deployments, serving
from hitlsite import audit
from hitlsite.errors import Conflict, DomainError, Forbidden, NotFound
from training.learning.gate import Outcome
from training.models import ModelVersion, Promotion
from training.services import evaluations, model_cards, subjects

PROMOTE = "training.promote_modelversion"
MOST_PURPOSE, MOST_NOTES = 300, 5000
Act = Promotion.Act


def promote(version_id, *, by, purpose, notes="", reason="", at=None):
    """Let a version serve its slot from now on; return the Promotion.

    Args:
        by: None for the policy of the slot, or an operator at the machine.
        purpose: what the model is for; it stands on the model card.
        reason: why a person deploys what the gate could not decide for want of data.

    Raises:
        NotFound, Forbidden; DomainError: the purpose is empty or too long.
        Conflict: not_judged, gate_keeps, gate_unsure without a reason, gate_outdated,
            already_serving, deployed_meanwhile.
    """
    version = _version(version_id, by)
    purpose = _text("purpose", purpose, MOST_PURPOSE)
    if not purpose:
        raise _invalid("purpose", "Say what the model is for: it stands on its card.")
    notes, reason = _text("notes", notes, MOST_NOTES), _text("reason", reason, MOST_NOTES)
    decision = _passed(version, reason)
    now = at or timezone.now()
    present = serving.champion(version.slot)
    if present is not None and present.model_version_uuid == version.uuid:
        raise Conflict(f"{version} serves already.", code="already_serving")
    with transaction.atomic():
        _retire_same_challenger(version, now)
        deployment = deployments.activate(version.slot, at=now, **_columns(version))
        return _entered(
            Act.PROMOTE,
            version.slot,
            by=by,
            at=now,
            version=version,
            deployment=deployment,
            gate=decision,
            purpose=purpose,
            notes=notes,
            detail={"reason": reason} if reason else {},
            card=model_cards.write(version, decision, purpose=purpose, notes=notes, by=by, at=now),
        )


def rollback(slot, *, by, notes="", reason="", at=None):
    """Let what served before the present version serve again; return the Promotion.

    Args:
        by: None for the policy, which says in ``reason`` what it saw.

    Raises:
        Forbidden; Conflict: nothing_deployed, deployed_meanwhile.
    """
    _require(by)
    notes, now = _text("notes", notes, MOST_NOTES), at or timezone.now()
    with transaction.atomic():
        deployment, before = deployments.roll_back(slot, at=now)
        detail = {"from": before.name, "to": deployment.name if deployment else ""}
        return _entered(
            Act.ROLLBACK,
            slot,
            by=by,
            at=now,
            version=_version_of(deployment),
            deployment=deployment,
            notes=notes,
            detail={**detail, "reason": reason} if reason else detail,
        )


def shadow(version_id, *, by, at=None):
    """Let a version look on beside the champion, without any effect; return the Promotion.

    Raises:
        NotFound, Forbidden; Conflict.
    """
    return _challenge(version_id, Act.SHADOW, 0.0, by, at)


def share(version_id, *, by, share, at=None):
    """Let a version serve a share of the cameras instead of the champion; return the Promotion.

    Raises:
        NotFound, Forbidden; DomainError: the share is none; Conflict.
    """
    try:
        share = float(share)
    except (TypeError, ValueError):
        share = 0.0
    if not 0.0 < share < 1.0:
        raise _invalid("share", "A share is more than 0 and less than 1.")
    return _challenge(version_id, Act.SHARE, share, by, at)


def retire_challenger(slot, *, by, at=None):
    """End the time of a slot's challenger; return the Promotion.

    Raises:
        Forbidden; Conflict: no_challenger.
    """
    _require(by)
    now = at or timezone.now()
    with transaction.atomic():
        found = deployments.retire_challenger(slot, at=now)
        return _entered(
            Act.RETIRE, slot, by=by, at=now, version=_version_of(found), deployment=found
        )


def _challenge(version_id, act, part, by, at):
    version, now = _version(version_id, by), at or timezone.now()
    present = serving.champion(version.slot)
    if present is not None and present.model_version_uuid == version.uuid:
        raise Conflict(f"{version} serves already.", code="already_serving")
    with transaction.atomic():
        deployment = deployments.activate(
            version.slot,
            role=Deployment.Role.CHALLENGER,
            share=part,
            at=now,
            **_columns(version),
        )
        return _entered(
            act,
            version.slot,
            by=by,
            at=now,
            version=version,
            deployment=deployment,
            detail={"share": part},
        )


def _passed(version, reason):
    """Return the GateDecision that a version may be deployed by.

    What the gate keeps out stays out, whoever asks. Where it cannot tell for want of data, a person
    may answer for it with a reason; a policy has none.
    """
    decision = version.judgements.select_related("champion", "version").first()
    if decision is None:
        raise Conflict(f"{version} has not been judged.", code="not_judged")
    if decision.outcome == Outcome.KEEP:
        raise Conflict(
            f"The gate keeps {version} out: {' '.join(decision.report['reasons'])}",
            code="gate_keeps",
        )
    if decision.outcome == Outcome.NOT_ENOUGH_DATA and not reason:
        raise Conflict(
            f"The gate has too little data to tell whether {version} is better;"
            " whoever deploys it says why.",
            code="gate_unsure",
            fields={"reason": "Say why it should serve although nothing is proved."},
        )
    if evaluations.is_outdated(decision):
        raise Conflict(
            f"{version} was compared with a champion that serves no longer: judge it again.",
            code="gate_outdated",
        )
    return decision


def _columns(version):
    form = version.serving_form
    return {
        "name": version.name,
        "files": subjects.files_of(version, form),
        "sha256": form["sha256"],
        "backend": form["backend"],
        "input_size": form["input_size"],
        "precision": form["precision"],
        "class_names": version.class_names,
        "threshold": form.get("threshold") or 0.0,
        "model_version_uuid": version.uuid,
    }


def _retire_same_challenger(version, now):
    second = serving.challenger(version.slot)
    if second is not None and second.model_version_uuid == version.uuid:
        deployments.retire_challenger(version.slot, at=now)


def _entered(act, slot, *, by, at, version, deployment, detail=None, **columns):
    promotion = Promotion.objects.create(
        slot=slot,
        act=act,
        version=version,
        deployment=deployment,
        decided_by=by,
        decided_at=at,
        detail=detail or {},
        **columns,
    )
    told = {"slot": slot, "version": version.name if version else "", **promotion.detail}
    audit.record(f"model.{act}", promotion, actor=by, detail=told, at=at)
    return promotion


def _version(pk, by):
    found = ModelVersion.objects.select_related("run", "dataset").filter(pk=pk)
    version = (found.visible_to(by) if by else found).first()
    if version is None:
        raise NotFound(f"There is no model version {pk}.")
    _require(by)
    if not any(form["serves"] for form in version.forms):
        raise Conflict(f"{version} has not been judged.", code="not_judged")
    return version


def _version_of(deployment):
    if deployment is None:
        return None
    return ModelVersion.objects.filter(uuid=deployment.model_version_uuid).first()


def _require(by):
    if by is not None and not by.has_perm(PROMOTE):
        raise Forbidden("Only admins deploy models.")


def _text(field, given, most):
    text = " ".join(str(given or "").split()) if field == "purpose" else str(given or "").strip()
    if "\0" in text or len(text) > most:
        raise _invalid(field, f"This is text of at most {most} characters.")
    return text


def _invalid(field, sentence):
    return DomainError("invalid", f"{field}: {sentence}", fields={field: sentence})
