"""The life of one account, day by day: who likes, shares, talks, is answered, comes and goes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from schemas.events import Event, Kind
from streams.core.time import DAY_MS, MINUTE_MS, SECOND_MS
from streams.synthetic import rhythm
from streams.synthetic.audience import Follow, Followers, Urn
from streams.synthetic.cast import Cast, World
from streams.synthetic.course import Day, course
from streams.synthetic.people import strangers
from streams.synthetic.rhythm import delay, moment, times

_AT_FIRST: Final = (8, 1.5)
"""How many people there are when the world begins: so many, and so many per weekly interaction."""

_FOLLOWING: Final = 0.75
"""Which part of them follows."""

_VISITORS: Final = 0.07
"""People who begin to like without following, per interaction."""

_CONVERTS: Final = 0.4
"""Which part of the followers that do not stay hollow had come by before."""

_UNLIKES, _DELETES = 0.02, 0.01
"""Chances that a like (or share), and a reply, is taken back."""

_TIRED: Final = 0.0012
"""The chance that a follower leaves on any day."""

_LEAVING_DAYS: Final = (1, 14)
"""After how many days somebody leaves who came for the campaign: between the two."""


class Life:
    """One account in one world. Each day is lived once, in order."""

    def __init__(self, world: World, cast: Cast) -> None:
        random = world.random(f"life of {cast.id}")
        self._dice = random.random
        self._start, self._cast = world.start, cast
        self._habits = world.scenario(cast).habits
        self._course = course(world, cast)
        self._hours = rhythm.hours_of_day(int(random.random() * 24) - 12)
        self._stamp = rhythm.Stamps().at
        self._strangers = strangers(self._dice, world.accounts.index(cast), len(world.accounts))
        self._admirers, self._talkers = Urn(self._dice), Urn(self._dice)
        self._followers = Followers(self._dice)
        self._leaving: dict[int, list[Follow]] = defaultdict(list)
        self._agenda: dict[int, list[Event]] = defaultdict(list)
        self._ids = 0

    def days(self) -> Iterator[list[Event]]:
        """The events of each day, in no order."""
        self._begin()
        for number, day in enumerate(self._course):
            midnight = self._start + number * DAY_MS
            self._unfollow(number, midnight)
            self._follow(number, midnight, day)
            self._visit(number, day)
            # Moods: nobody posts equally well every day.
            self._like("like", number, midnight, day.likes * self._mood())
            self._like("share", number, midnight, day.shares * self._mood())
            self._talk(number, midnight, day.replies * self._mood())
            events = self._agenda.pop(number, [])
            if day.lost:
                events = [event for event in events if event.kind not in day.lost]
            yield events

    def _begin(self) -> None:
        """The audience that was there before we looked: its follows have no date."""
        fixed, per_interaction = _AT_FIRST
        start = self._stamp(self._start)
        cast = self._cast
        for _ in range(int(fixed + per_interaction * cast.weekly)):
            member = next(self._strangers)
            if self._dice() >= self._habits.hollow:
                self._join(member, 0)
            if self._dice() < _FOLLOWING:
                id = self._id()
                self._followers.add(member, id)
                self._agenda[0].append(Event("follow", start, id, cast.id, member, seeded=True))

    def _join(self, member: str, day: int) -> None:
        self._admirers.join(member, day)
        if self._dice() < self._habits.talkers:
            self._talkers.join(member, day)

    def _id(self) -> str:
        self._ids += 1
        return f"{self._cast.id}-{self._ids}"

    def _mood(self) -> float:
        return 0.75 + 0.5 * self._dice()

    def _unfollow(self, number: int, midnight: int) -> None:
        """Who came for a campaign leaves when its time has come, others when they are tired."""
        for until, member in self._leaving.pop(number, ()):
            self._leave(number, until, member)
        for _ in range(times(self._dice, self._followers.now * _TIRED)):
            if tired := self._followers.any():
                self._leave(number, midnight + moment(self._dice, self._hours), tired)

    def _leave(self, number: int, at: int, member: str) -> None:
        if id := self._followers.leave(member):
            event = Event("follow", self._stamp(at), id, self._cast.id, member, "remove")
            self._agenda[number].append(event)

    def _follow(self, number: int, midnight: int, day: Day) -> None:
        dice = self._dice
        for _ in range(times(dice, day.follows * self._mood())):
            at = midnight + moment(dice, self._hours)
            member = self._follower(number, at, dice() >= day.hollow)
            id = self._id()
            self._followers.add(member, id)
            event = Event("follow", self._stamp(at), id, self._cast.id, member)
            self._agenda[number].append(event)
            if dice() < day.leaves:
                low, high = _LEAVING_DAYS
                until = at + int((low + (high - low) * dice()) * DAY_MS)
                self._leaving[(until - self._start) // DAY_MS].append(Follow(until, member))

    def _follower(self, number: int, at: int, speaks: bool) -> str:
        """Somebody who is about to follow; who will speak has come by before, or does so now."""
        if speaks and self._dice() < _CONVERTS:
            admirer = self._admirers.draw(number)
            if admirer and admirer not in self._followers:
                return admirer
        member = next(self._strangers)
        if speaks:
            self._join(member, number)
            self._emit("like", at + SECOND_MS + int(self._dice() * 40 * MINUTE_MS), member)
        return member

    def _visit(self, number: int, day: Day) -> None:
        for _ in range(times(self._dice, day.likes * _VISITORS)):
            self._join(next(self._strangers), number)

    def _somebody(self, urn: Urn, number: int) -> str:
        member = urn.draw(number)
        if member is None:
            member = next(self._strangers)
            urn.join(member, number)
        return member

    def _like(self, kind: Kind, number: int, midnight: int, rate: float) -> None:
        dice, hours, urn = self._dice, self._hours, self._admirers
        for _ in range(times(dice, rate)):
            member = self._somebody(urn, number)
            self._emit(kind, midnight + moment(dice, hours), member, taken_back=_UNLIKES)

    def _emit(self, kind: Kind, at: int, member: str, taken_back: float = 0.0) -> None:
        """A like or share of the post of its day."""
        number = (at - self._start) // DAY_MS
        account = self._cast.id
        post = f"{account}-post-{number}"
        event = Event(kind, self._stamp(at), self._id(), account, member, post=post)
        self._agenda[number].append(event)
        if self._dice() < taken_back:
            self._take_back(event, at)

    def _take_back(self, event: Event, at: int) -> None:
        later = at + delay(self._dice, rhythm.REGRET_MINUTES)
        number = (later - self._start) // DAY_MS
        removal = Event(
            event.kind, self._stamp(later), event.id, event.account, event.member, "remove"
        )
        self._agenda[number].append(removal)

    def _talk(self, number: int, midnight: int, replies: float) -> None:
        """Begin as many conversations as bring so many replies: who is answered may come back."""
        dice, returns = self._dice, self._habits.returns
        begun = replies * (1 - self._course[number].answers * returns)
        for _ in range(times(dice, begun)):
            member = self._somebody(self._talkers, number)
            self._converse(member, midnight + moment(dice, self._hours), number)

    def _converse(self, member: str, at: int, number: int) -> None:
        """One thread, over hours or days: reply, answer, reply, answer."""
        dice, account, days = self._dice, self._cast.id, self._course
        answered = f"{account}-post-{number}"
        while True:
            id = self._id()
            reply = Event("reply", self._stamp(at), id, account, member, in_reply_to=answered)
            self._agenda[number].append(reply)
            if dice() < _DELETES:
                self._take_back(reply, at)
                return
            then = at + delay(dice, rhythm.ANSWER_MINUTES)
            day = (then - self._start) // DAY_MS
            if day >= len(days) or dice() >= min(days[number].answers, days[day].answers):
                return
            answered = self._id()
            answer = Event(
                "reply",
                self._stamp(then),
                answered,
                account,
                member,
                direction="outbound",
                in_reply_to=id,
            )
            self._agenda[day].append(answer)
            self._talkers.warm(member, number)
            at = then + delay(dice, rhythm.RETURN_MINUTES)
            number = (at - self._start) // DAY_MS
            if number >= len(days) or dice() >= self._habits.returns:
                return
