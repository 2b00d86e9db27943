"""Mutants of live sources: what is delivered, remembered, acknowledged, told again."""

from tests.mutants.mutant import Chapter, Mutant

DELIVERY, GATEWAY, WATCH = (
    "streams/sources/live/delivery.py",
    "streams/sources/live/webhooks.py",
    "streams/sources/jetstream.py",
)
OF_DELIVERY, OF_WEBHOOKS, OF_BLUESKY = (
    f"tests/sources/live/test_{name}.py::test_" for name in ("delivery", "webhooks", "bluesky")
)
OF_NOTICES = "tests/sources/test_jetstream.py::test_"
PUT = "                await self._put(outbox, batches)\n"
ALL_OR_NONE = (f"{OF_DELIVERY}a_transaction_that_fails_leaves_nothing_and_is_not_gone_on_with",)


def in_two(first: str, second: str) -> str:
    """What is put, in a transaction each for two parts of every batch."""
    return (
        f"                await self._put(outbox, [one._replace({first}) for one in batches])\n"
        "                await outbox.flush()\n"
        "                await outbox.delivered()\n"
        "                await self._producer.commit_transaction()\n"
        "                await self._producer.begin_transaction()\n"
        f"                await self._put(outbox, [one._replace({second}) for one in batches])\n"
    )


DELIVERED = Chapter(
    "Live sources",
    (
        Mutant(
            "cursor-before-its-events",
            DELIVERY,
            PUT,
            in_two("events=()", "cursor=None, memory={}"),
            "killed between the two, a source goes on behind events that nobody has",
            ALL_OR_NONE,
        ),
        Mutant(
            "memory-after-its-events",
            DELIVERY,
            PUT,
            in_two("memory={}", "events=(), cursor=None"),
            "killed between the two, what was delivered can never be taken back",
            ALL_OR_NONE,
        ),
        Mutant(
            "future-done-when-taken",
            DELIVERY,
            "        self._waiting.append(_Waiting(batch, committed))\n",
            "        self._waiting.append(_Waiting(batch, committed))\n"
            "        committed.set_result(None)\n",
            "whoever waits for the commit is told of it before there is one",
            (f"{OF_DELIVERY}a_batch_is_committed_when_its_future_is_done",),
        ),
        Mutant(
            "acknowledged-before-it-is-committed",
            GATEWAY,
            "        await _committed(inlet.delivery, batch)\n",
            "        await inlet.delivery.submit(batch)\n",
            "a sender is thanked for events that a kill -9 loses",
            (f"{OF_WEBHOOKS}nothing_is_acknowledged_before_it_is_committed",),
        ),
        Mutant(
            "told-again-counts-again",
            WATCH,
            "if known is not None and commit.rev <= known.rev:",
            "if False:",
            "what a reconnection reads again is delivered again: what was undone comes back",
            (
                f"{OF_NOTICES}what_is_told_again_changes_nothing",
                f"{OF_BLUESKY}no_misfortune_loses_an_event_or_doubles_one",
            ),
        ),
        Mutant(
            "deleted-and-forgotten",
            WATCH,
            "Deed(rev, notice.time_us) if self._keeps_gone else None",
            "None",
            "a like that was taken back and is read again after a reconnection stays for ever",
            (f"{OF_BLUESKY}no_misfortune_loses_an_event_or_doubles_one",),
        ),
    ),
)

CHAPTERS = (DELIVERED,)
