"""Turn what was gathered into splits that judge honestly.

A group is never torn apart, a copy of what validates or tests never trains, what was rendered and
what was chosen because a model failed on it never judges, and no track or camera is most of it.
What stays behind is counted with its reason.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace

from hitlsite.errors import DomainError
from training.learning import balancing, caps, manifest, splits
from training.models import DatasetEntry
from training.services.slot_work import Candidate, Gathered

TRAIN, VAL, TEST, MARKED = (str(one) for one in DatasetEntry.Split)
SYNTHETIC = str(DatasetEntry.Origin.SYNTHETIC)
PINNABLE = (TRAIN, VAL, TEST)
MOST_EXAMPLES = 50
_WHOLE_HINT = (
    " What is not exhaustive has no class listed as boxed whole; for imported pictures that are,"
    " the option whole_imports=yes, or its tick on the page, says so."
)


@dataclass
class Draft:
    """A dataset that is not stored yet.

    Attributes:
        rows: (split, candidate) in the order of the manifest.
        entries: what the manifest says of each.
        new_pins: {group: split} of groups that had none.
        capped: {"track": how many, "camera": how many}.
        capped_cameras: {camera id: how many of it the cap left out}.
        copies: {split: near-copies left out of it}; ``copy_examples`` has pairs of content hashes.
    """

    taxonomy: list
    rows: list = field(default_factory=list)
    entries: list = field(default_factory=list)
    new_pins: dict = field(default_factory=dict)
    left_out: Counter = field(default_factory=Counter)
    capped: Counter = field(default_factory=Counter)
    capped_cameras: Counter = field(default_factory=Counter)
    copies: Counter = field(default_factory=Counter)
    copy_examples: list = field(default_factory=list)

    def of(self, *wanted):
        return [candidate for split, candidate in self.rows if split in wanted]


def draft(slot: str, gathered: Gathered, pinned: dict, options: dict) -> Draft:
    """Split what was gathered.

    Args:
        pinned: {group: split} of all earlier datasets of the slot.
        options: ``frames_per_track`` and ``camera_share`` where they differ from the usual.

    Raises:
        DomainError: nothing_to_freeze, box_outside, no_boxes, one_class, one_group,
            no_training_group, no_validation_group, no_test_group.
    """
    made = Draft(gathered.taxonomy, left_out=Counter(gathered.left_out))
    _require_sound(gathered)
    candidates = _of_few_frames(slot, gathered.candidates, options, made)
    groups = _groups(candidates)
    _require_groups(groups)
    given = splits.assign(groups, pinned, key=slot, shares=_shares(options))
    made.new_pins = {name: split for name, split in given.items() if name not in pinned}
    by_split = defaultdict(list)
    for candidate in candidates:
        split = _split_of(candidate, given[candidate.group])
        if split is None:
            made.left_out["synthetic_beside_what_judges"] += 1
        else:
            by_split[split].append(candidate)
    _refuse_copies(by_split, made)
    by_split[TRAIN] = _of_many_cameras(slot, by_split[TRAIN], options, made)
    by_split[TRAIN] = _balanced(by_split[TRAIN], options, made)
    _require_splits(by_split)
    _order(by_split, made)
    return made


def weights(candidate: Candidate) -> dict:
    """Return what a candidate counts for: every class that it shows, "" where it shows none."""
    if "boxes" in candidate.label:
        shown = {box[0] for box in candidate.label["boxes"]}
    else:
        shown = {candidate.label.get("label", "")}
    return dict.fromkeys(shown or {""}, 1)


def key_of(candidate) -> str:
    """Return by what a candidate or entry is known from dataset to dataset."""
    if candidate.evidence_id:
        return f"evidence {candidate.evidence_id}"
    if candidate.sample_id:
        return f"sample {candidate.sample_id}"
    if candidate.feature_set_id:
        turn = candidate.label.get("repeat", "")
        return f"window {candidate.feature_set_id} {candidate.label['start']} {turn}".rstrip()
    if candidate.item_id:
        return f"item {candidate.item_id}"
    return f"content {candidate.sha256}"


def _require_sound(gathered):
    """Refuse what nothing can be learned from, and boxes that lie outside their pictures."""
    if not gathered.candidates:
        told = ", ".join(f"{key.replace('_', ' ')} {n}" for key, n in gathered.left_out.items())
        reason = f" Left out: {told}." if told else ""
        hint = _WHOLE_HINT if "not_exhaustive" in gathered.left_out else ""
        raise DomainError(
            "nothing_to_freeze",
            f"There is nothing that a dataset could hold.{reason} Label and confirm something"
            f" first.{hint}",
        )
    for candidate in gathered.candidates:
        for name, *box in candidate.label.get("boxes", ()):
            x1, y1, x2, y2 = box
            if not (0.0 <= x1 < x2 <= 1.0 and 0.0 <= y1 < y2 <= 1.0):
                where = f"item {candidate.item_id}" if candidate.item_id else candidate.sha256[:12]
                raise DomainError(
                    "box_outside",
                    f"A box of {name} on {where} is empty or lies outside its picture: {box}. Draw"
                    " it anew.",
                )
    _require_something_to_tell(gathered)


def _require_something_to_tell(gathered):
    names = {name for one in gathered.candidates for name in weights(one)}
    if any("boxes" in one.label for one in gathered.candidates):
        if names == {""}:
            raise DomainError(
                "no_boxes",
                f"None of {len(gathered.candidates)} pictures has a box of a class that is listed"
                " as labelled whole: there is nothing to learn. Draw boxes and list their class.",
            )
    elif len(names) < 2:
        raise DomainError(
            "one_class",
            f"Everything is labelled {', '.join(names)}: two classes are the fewest that can be"
            " told apart. Label examples of another one.",
        )


def _of_few_frames(slot, candidates, options, made):
    rows = [caps.Row(f"{one.sha256} {key_of(one)}", track=one.track) for one in candidates]
    most = options.get("frames_per_track", caps.FRAMES_A_TRACK)
    gone = caps.over_tracks(rows, key=slot, most=most)
    made.capped["track"] = len(gone)
    return [one for position, one in enumerate(candidates) if position not in gone]


def _shares(options):
    """Return what each split is to have; a slot that takes no ratios has the usual ones."""
    return {split: options.get(f"{split}_ratio", share) for split, share in splits.SHARES.items()}


def _may_judge(candidate):
    return candidate.origin != SYNTHETIC and not candidate.is_marked


def _groups(candidates):
    counted, judging = defaultdict(Counter), set()
    for candidate in candidates:
        counted[candidate.group].update(weights(candidate))
        if _may_judge(candidate):
            judging.add(candidate.group)
    return [splits.Group(name, held, name in judging) for name, held in counted.items()]


def _require_groups(groups):
    judging = [group for group in groups if group.may_judge]
    if len(groups) > 1 and judging:
        return
    if not judging:
        raise DomainError(
            "no_test_group",
            "Everything is rendered or was marked because a model failed on it: none of it may"
            " validate or test. Label ordinary material of at least two more days or videos.",
        )
    raise DomainError(
        "one_group",
        f"Everything belongs to one group, {groups[0].name}: what is trained on cannot be tested"
        " on. Label something of at least two more days, cameras or videos.",
    )


def _split_of(candidate, group_split):
    """Return where a candidate of a group goes; None for what may not go with its group."""
    if candidate.origin == SYNTHETIC:
        return TRAIN if group_split == TRAIN else None
    if candidate.is_marked and group_split != TRAIN:
        return MARKED
    return group_split


def _refuse_copies(by_split, made):
    """Leave out of validation what tests, and out of training what judges."""
    for split, judging in ((VAL, (TEST,)), (TRAIN, (VAL, TEST, MARKED))):
        others = [one for name in judging for one in by_split[name]]
        found = _near_copies(by_split[split], others)
        made.copies[split] = len(found)
        for position, other in sorted(found.items()):
            if len(made.copy_examples) < MOST_EXAMPLES:
                pair = by_split[split][position].sha256, others[other].sha256
                made.copy_examples.append(list(pair))
        kept = [one for position, one in enumerate(by_split[split]) if position not in found]
        by_split[split] = kept


def _near_copies(candidates, others):
    """Return {position: position of its near-copy} of those that have pictures."""
    from training.learning.duplicates import Print, near_copies

    mine, theirs = (
        [position for position, one in enumerate(rows) if one.phash]
        for rows in (candidates, others)
    )
    prints = [
        [Print(rows[at].phash, rows[at].signature, rows[at].camera_id) for at in positions]
        for rows, positions in ((candidates, mine), (others, theirs))
    ]
    return {mine[row]: theirs[other] for row, other in near_copies(*prints).items()}


def _of_many_cameras(slot, candidates, options, made):
    rows = [caps.Row(f"{one.sha256} {key_of(one)}", camera=one.camera_id) for one in candidates]
    share = options.get("camera_share", caps.CAMERA_SHARE)
    gone = caps.over_cameras(rows, key=slot, share=share)
    made.capped["camera"] = len(gone)
    made.capped_cameras.update(candidates[position].camera_id for position in gone)
    return [one for position, one in enumerate(candidates) if position not in gone]


def _balanced(candidates, options, made):
    """Return what trains with as much of every class as of another, where that was asked for."""
    how = options.get("balance", balancing.NONE)
    if how == balancing.NONE or not candidates:
        return candidates
    names = [f"{one.sha256} {key_of(one)}" for one in candidates]
    labels = [one.label["label"] for one in candidates]
    chosen = balancing.balanced(names, labels, how, seed=options.get("seed", 0))
    gone = len(candidates) - len({position for position, _ in chosen})
    made.left_out.update({"balanced": gone} if gone else {})
    return [_repeated(candidates[position], number) for position, number in chosen]


def _repeated(candidate, number):
    """Return a candidate, or with a number above 0 that repetition of it."""
    if not number:
        return candidate
    return replace(candidate, label={**candidate.label, "repeat": number})


def _require_splits(by_split):
    told = {
        TRAIN: ("no_training_group", "trains", "What there is judges already."),
        VAL: ("no_validation_group", "validates", "What there is trains or tests already."),
        TEST: ("no_test_group", "tests", "What there is trains or validates already."),
    }
    for split, (code, verb, why) in told.items():
        if by_split[split]:
            continue
        raise DomainError(
            code,
            f"No group {verb}. {why} Label something of at least one more day, camera or video:"
            " groups keep their splits for ever.",
        )
    train = by_split[TRAIN]
    if any("boxes" in one.label for one in train) and not any(one.label["boxes"] for one in train):
        raise DomainError(
            "no_boxes",
            "No picture that trains has a box: all that have one judge. Label further days or"
            " videos.",
        )


def _order(by_split, made):
    told = {}
    for split, candidates in by_split.items():
        for candidate in candidates:
            entry = _entry(split, candidate)
            told[manifest.canonical_json(entry)] = (split, candidate)
    made.entries = manifest.ordered([_entry(*row) for row in told.values()])
    made.rows = [told[manifest.canonical_json(entry)] for entry in made.entries]


def _entry(split, candidate):
    at = candidate.captured_at
    # Only where there is one, so that datasets of other slots keep their identity.
    features = {"feature_set": candidate.feature_set_id} if candidate.feature_set_id else {}
    return {
        **features,
        "split": split,
        "sha256": candidate.sha256,
        "group": candidate.group,
        "origin": candidate.origin,
        "label": candidate.label,
        "site": candidate.site_id,
        "camera": candidate.camera_id,
        "item": candidate.item_id,
        "evidence": candidate.evidence_id,
        "sample": candidate.sample_id,
        "captured_at": at.isoformat() if at else None,
        "is_night": candidate.is_night,
        "phash": candidate.phash,
    }
