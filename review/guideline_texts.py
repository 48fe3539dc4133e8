"""What the product says about each category until a site writes its own text.

Plain text: blank lines part paragraphs, "- " starts a line of a list.
"""

_PERSON = """\
Right:
- A living person is in the box when the rule fired, however little of them shows.
- Part of a person behind a counter, a pillar or a car.

Wrong, class:
- A poster, a mannequin, a reflection, a shadow, a coat on a hook.

Borderline:
- Only a hand or a foot for the whole clip: confirm if you are sure, hand it on if you are not.
- A person on a screen or behind glass in another room: baseline noise."""

_VEHICLE = """\
Right:
- A car, lorry, bus, motorcycle or bicycle is in the zone at the time at which the rule watches it.
- It stands or it drives; both count.

Wrong, class:
- A trolley, a bin, a pushchair, a headlight on a wall.

Wrong, baseline noise:
- A vehicle that belongs there and is always there at this hour.

Borderline:
- Only part of it stands in the zone: go by where its wheels are, not by its roof."""

TEXTS = {
    "loitering": """\
Somebody stays in the zone for longer than the rule allows, with nothing that keeps them there.

Right:
- The same person stays in the zone throughout; small steps away and back are part of staying.
- Walking to and fro in front of the same door, watching it or waiting.

Wrong, baseline noise:
- Staff at their work, a queue that moves, somebody who is being served.
- Sitting where people are meant to sit and wait.

Wrong, class:
- Two people who came one after the other and were taken for one who stayed.

Borderline:
- On the telephone, looking for the way, waiting to be let in: confirm if it is longer than that \
takes, and say what you saw in the note.""",
    "restricted_zone_entry": """\
Somebody is where nobody should be at that time.

Right:
- Their feet are inside the zone, if only for a moment longer than the rule allows.
- It does not matter whether they meant to; a lost visitor is right, too.

Wrong, baseline noise:
- Somebody who plainly belongs there: in the clothes of staff, at their work, with a key.

Wrong, class:
- They pass in front of or behind the zone and only their picture overlaps with it.
- A shadow, a reflection in the floor, a door that swings.

Borderline:
- One foot over the line and back: confirm if their weight was inside.""",
    "object_left_unattended": """\
A thing was put down and the person who brought it went away.

Right:
- A bag, a case, a parcel or a box that somebody brought, and nobody is with it any more.
- Whoever brought it stands further off than they would if they were looking after it.

Wrong, baseline noise:
- What belongs there: a bin, a sign, a plant, a trolley in its place, a chair that was moved. \
The camera stops reporting it at this place.

Wrong, class:
- A patch of light, a puddle, a door left open, a person who sits still.

Borderline:
- Its owner is in view and turned away: watch whether they look back or reach for it.
- A group puts its bags on one heap and one of them stays: not unattended.""",
    "rapid_movement": """\
Somebody runs or is moved much faster than people walk here.

Right:
- Running, being chased, falling.
- A sudden start, even if it is over after a second.

Wrong, baseline noise:
- Children at play, somebody who runs for a lift or a bus, exercise where it is usual.

Wrong, class:
- The box jumps from one person to another; the person in it does not run.
- Somebody close to the camera, whose every step covers much of the picture.

Borderline:
- A brisk walk: go by the feet. Both off the floor at once is running.""",
    "aggression": """\
People are in each other's reach and at least one of them uses force or threatens to.

Right:
- Hitting, kicking, pushing, holding fast, tearing at clothes or things.
- A raised arm or a step into somebody's face that makes the other give way.

Wrong, baseline noise:
- Embraces, dancing, play on both sides, lively talk with the hands.

Wrong, class:
- Two people who only pass one another in the picture, one well behind the other.

Borderline:
- Horseplay that one of them does not share: confirm. If you cannot tell whether they do, hand it \
on.""",
    "crowd_formation": """\
More people stand together than the rule allows, for longer than it allows.

Right:
- Count the people whose feet are in the zone; at least as many as the rule says.
- They need not know one another.

Wrong, baseline noise:
- The usual rush: a train, the end of an event, a queue where queues are usual.

Wrong, class:
- Reflections, posters or one person counted twice make up the number.

Borderline:
- One fewer than the rule says for part of the clip: confirm if the number was reached for most of \
it.""",
    "pose_anomaly": """\
Somebody's posture or movement is not what is usual at this place.

Right:
- Lying on the floor, collapsing, crawling, climbing, crouching out of sight.
- Reaching where nobody has to reach: under a counter, into somebody else's bag.

Wrong, baseline noise:
- Tying a shoe, picking something up, stretching, kneeling to a child.

Wrong, class:
- The skeleton is not that of the person: limbs on furniture, two people taken for one.

Borderline:
- Sitting on the floor: confirm where nobody sits on the floor, reject where people do.""",
    "person_detected": "A person is where the rule watches for people at that time.\n\n" + _PERSON,
    "vehicle_detected": "A vehicle is where the rule watches for vehicles.\n\n" + _VEHICLE,
    "unknown": """\
Nobody has said yet what this is: a marked photo, or a minute that was drawn at random.

Right:
- Something in it should have been reported. Confirm it, and choose the category it should have had.

Wrong, baseline noise:
- Nothing in it calls for anybody's attention. Most random minutes are like that.

Borderline:
- Something is going on and no category fits: hand it on and say in the note what you see.""",
}
