"""Which incident of one replay is which of another.

Rules under another name, or with another threshold, find the same happening under another key:
an incident is the same when it is about the same subject at the same time.
"""


def match(before, after):
    """Return pairs of Replayed that are the same happening, in the order of ``before``.

    Of several candidates the one with the same key wins, then the same subject, then the same
    tracks, and of equals the one that they share most time with.
    """
    mates, taken = {}, set()
    for *_, old, new in sorted(_candidates(before, after)):
        if old not in mates and new not in taken:
            mates[old] = new
            taken.add(new)
    return [(before[old], after[mates[old]]) for old in sorted(mates)]


def _candidates(before, after):
    """Yield (how unlike, negative shared seconds, position before, position after)."""
    sides = (before, after)
    timeline = sorted(
        (one.footage_id, one.opened_at_seconds, side, at)
        for side, incidents in enumerate(sides)
        for at, one in enumerate(incidents)
    )
    footage_id, running = None, ([], [])
    for in_footage, at_seconds, side, position in timeline:
        if in_footage != footage_id:
            footage_id, running = in_footage, ([], [])
        one, others = sides[side][position], sides[1 - side]
        rivals = running[1 - side]
        rivals[:] = [at for at in rivals if others[at].closed_at_seconds >= at_seconds]
        for at in rivals:
            unlike = _unlikeness(one, others[at])
            if unlike is not None:
                ends = min(one.closed_at_seconds, others[at].closed_at_seconds)
                pair = (position, at) if side == 0 else (at, position)
                yield unlike, at_seconds - ends, *pair
        running[side].append(position)


def _unlikeness(one, other):
    """Return 0, 1 or 2 for the same key, subject or tracks, and None for nothing of these."""
    if one.key == other.key:
        return 0
    subjects = _subject_of(one), _subject_of(other)
    if subjects[0] == subjects[1]:
        return 1
    are_alike = subjects[0].isdigit() == subjects[1].isdigit()
    return 2 if are_alike and set(one.track_ids) & set(other.track_ids) else None


def _subject_of(incident):
    """Return whom a key is about: a track's number, or a text such as "crowd:entrance"."""
    rest = incident.key.removeprefix(f"{incident.hits[0]['rule_name']}:")
    moment = f":{round(incident.opened_at_seconds * 1000)}"
    return rest.removesuffix(moment).partition(f"{moment}:")[0]
