"""One look at the database a second for everybody who watches, however many that are.

Everything here runs on an event loop. A watcher costs a queue and a task of the loop: no thread,
and no connection to the database. The look runs in a thread of the loop's pool, which gives its
connection back before it returns, and only while somebody watches.
"""

import asyncio
import logging
from collections import Counter, OrderedDict
from dataclasses import dataclass, field

from asgiref.sync import sync_to_async
from django.db import DatabaseError, connection

from review.selectors import live

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
# How often sessions and memberships are asked about, in looks.
LOOKS_BETWEEN_CHECKS = 5
MOST_A_PERSON = 6
MOST_WAITING = 200
MOST_REMEMBERED = 1000


class TooMany(Exception):
    """One person watches from too many places."""


@dataclass(eq=False)
class Watcher:
    """Somebody who has a page open.

    Attributes:
        sites: ids of the sites that the person may review; empty ends the watch.
        waiting: (event, told, Place or None) to send; None ends the watch.
    """

    session: str
    person: str
    sites: frozenset
    waiting: asyncio.Queue = field(default_factory=lambda: asyncio.Queue(MOST_WAITING))
    counts: dict | None = None
    told: OrderedDict = field(default_factory=OrderedDict)

    def tell(self, news):
        """Put an event into the queue unless it is foreign or was told before."""
        if news.site not in self.sites or news.key in self.told:
            return
        self.told[news.key] = True
        if len(self.told) > MOST_REMEMBERED:
            self.told.popitem(last=False)
        self._put((news.kind, news.told, news.place))

    def tell_counts(self, counts):
        """Tell how many items stand where, if that has changed."""
        totals = Counter()
        for site in self.sites:
            totals.update(counts.get(site, {}))
        if totals != self.counts:
            self.counts = totals
            self._put(("counts", dict(totals), None))

    def end(self):
        self._put(None)

    def _put(self, message):
        try:
            self.waiting.put_nowait(message)
        except asyncio.QueueFull:
            # Whoever reads so slowly starts anew from the last event that arrived.
            while not self.waiting.empty():
                self.waiting.get_nowait()
            self.waiting.put_nowait(None)


class Board:
    """The watchers of one process and the look that they share.

    Attributes:
        looks: how often the database was looked at.
    """

    def __init__(self, *, look_seconds=LOOK_SECONDS):
        self.looks = 0
        self._look_seconds = look_seconds
        self._watchers = set()
        self._starting = asyncio.Lock()
        self._task = None
        self._place = None
        self._seen = OrderedDict()

    async def join(self, session, *, place=None):
        """Return a Watcher for a session, None where the session may not watch.

        Args:
            place: how far the client had read before, to be told what came since.

        Raises:
            TooMany: the person watches from MOST_A_PERSON places already.
        """
        sites, person = await _in_thread(live.who, session)
        if not sites:
            return None
        if sum(one.person == person for one in self._watchers) >= MOST_A_PERSON:
            raise TooMany
        watcher = Watcher(session, person, sites)
        self._watchers.add(watcher)
        try:
            await self._start()
            if place is not None:
                for one in await _in_thread(live.missed, place, sites):
                    watcher.tell(one)
        except BaseException:
            self.leave(watcher)
            raise
        return watcher

    def leave(self, watcher):
        self._watchers.discard(watcher)

    async def _start(self):
        """Begin to look, from here on: what is there already is no news."""
        async with self._starting:
            if self._task is None or self._task.done():
                found = await _in_thread(_first_look)
                self._place = found.place
                self._seen = OrderedDict.fromkeys(one.key for one in found.news)
                self._task = asyncio.create_task(self._keep_looking())

    async def _keep_looking(self):
        """Look once a second until nobody watches any more."""
        while self._watchers:
            is_check = self.looks % LOOKS_BETWEEN_CHECKS == 0
            sessions = {one.session for one in self._watchers} if is_check else None
            self.looks += 1
            try:
                found = await _in_thread(live.look, self._place, sessions=sessions)
            except DatabaseError as error:
                logger.warning("What is new could not be read: %s", error)
            else:
                self._place = found.place
                found.news = [one for one in found.news if one.key not in self._seen]
                self._seen.update(dict.fromkeys(one.key for one in found.news))
                while len(self._seen) > MOST_REMEMBERED:
                    self._seen.popitem(last=False)
                self._tell(found, is_check)
            await asyncio.sleep(self._look_seconds)

    def _tell(self, found, is_check):
        for watcher in list(self._watchers):
            if is_check:
                # Who joined since the look began was asked about then.
                watcher.sites = found.allowed.get(watcher.session, watcher.sites)
                if not watcher.sites:
                    watcher.end()
                    continue
            for one in found.news:
                watcher.tell(one)
            watcher.tell_counts(found.counts)


def _first_look():
    return live.look(live.newest_place())


async def _in_thread(function, *args, **options):
    """Run a function of the database in a thread, which keeps no connection afterwards."""

    def run():
        try:
            return function(*args, **options)
        finally:
            connection.close()

    return await sync_to_async(run, thread_sensitive=False)()
