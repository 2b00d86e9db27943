"""Mutants of the core: what a relationship is, how it is counted, and when."""

from tests.mutants.mutant import Chapter, Mutant

LAW, PACKING = (f"streams/core/{name}.py" for name in ("relationship", "packing"))
FILING, SERIES, CENSUS = (f"streams/core/{name}.py" for name in ("filing", "series", "census"))
PARTITION, ADMISSION = "streams/core/partition.py", "streams/core/admission.py"
PLACEMENT, TIME = "streams/core/placement.py", "streams/core/time.py"

# The independent recount is asked of most; a test of the rule itself says which rule it is.
WORLDS = "tests/model/test_agreement.py::test_core_and_recount_agree_on_a_world_and_ever_after"
OF_CRASHES = "tests/model/test_crashes.py::test_crashes_and_takeovers_change_nothing"
OF_THE_LAW, OF_PARTITIONS, OF_CENSUSES, OF_ADMISSION, OF_PLACES = (
    f"tests/core/test_{name}.py::test_"
    for name in ("relationship", "partition", "census", "admission", "placement")
)

REMEMBERED = Chapter(
    "What a relationship remembers",
    (
        Mutant(
            "kinds-share-their-ids",
            PACKING,
            "_DIGITS[code] + id.encode()",
            "id.encode()",
            "a like whose id a reply already has is taken for a duplicate and lost",
            (f"{OF_PARTITIONS}each_event_has_one_outcome", WORLDS),
        ),
        Mutant(
            "late-is-today",
            PARTITION,
            "value = relationships.get(key)",
            "at = clock * HOUR_MS if at < late else at\n            value = relationships.get(key)",
            "what happened months ago looks like engagement of this very hour",
            (WORLDS,),
        ),
        Mutant(
            "removal-moves-no-count",
            LAW,
            "return code, hour_of(at), -1",
            "return code, hour_of(at), 0",
            "an unlike leaves its like in the counts by hour until the next restart",
            (f"{OF_THE_LAW}a_change_says_which_count_by_hour_it_moves", WORLDS),
        ),
        Mutant(
            "log-of-65",
            LAW,
            "KEPT = 64",
            "KEPT = 65",
            "workers of two versions disagree about what is a duplicate",
            (WORLDS,),
        ),
        Mutant(
            "newest-evicted",
            LAW,
            "logged.index(code)",
            "logged.rindex(code)",
            "the latest interactions can no longer be removed, and the oldest are kept for ever",
            (f"{OF_THE_LAW}the_log_keeps_64_of_each_kind_and_direction", WORLDS),
        ),
        Mutant(
            "evicted-days-forgotten",
            LAW,
            "cells = hourly.count(self.cells, hour_of(at), code, clock - DEPTH)",
            "cells = self.cells",
            "the busiest relationships lose their active days, and a restart their counts",
            (f"{OF_THE_LAW}what_is_evicted_still_counts", WORLDS),
        ),
        Mutant(
            "evicted-never-fades",
            LAW,
            "    remaining *= decay(today - until, strength)\n",
            "",
            "who was close years ago stays at the top of every list",
            (f"{OF_THE_LAW}strength_does_not_notice_eviction", WORLDS),
        ),
        Mutant(
            "followed-at-kept",
            LAW,
            "            self.followed_at = None\n",
            "",
            "who has left is still counted among the followers by tenure",
            (f"{OF_THE_LAW}a_follow_lasts_from_its_first_open_id_to_its_last", WORLDS),
        ),
        Mutant(
            "ended-follow-never-began",
            LAW,
            "hour_of(self.followed_at), hourly.STARTED, floor)",
            "hour_of(self.followed_at), hourly.STARTED, clock)",
            "after a restart everybody who came and left again had never come",
            (f"{OF_PARTITIONS}a_follow_that_ended_is_still_a_start_after_recovery", WORLDS),
        ),
        Mutant(
            "seeded-follow-starts",
            LAW,
            "if ids or seeded:",
            "if ids:",
            "loading a list of followers looks like a burst of new ones",
            (f"{OF_THE_LAW}a_follow_lasts_from_its_first_open_id_to_its_last", WORLDS),
        ),
        Mutant(
            "every-open-id-starts",
            LAW,
            "if ids or seeded:",
            "if seeded:",
            "a follow told twice, under two ids, is two new followers",
            (f"{OF_THE_LAW}a_change_says_which_count_by_hour_it_moves", WORLDS),
        ),
        Mutant(
            "tie-awaits",
            LAW,
            "seen.reply_in > seen.reply_out",
            "seen.reply_in >= seen.reply_out",
            "people whom we answered in the same millisecond are listed as waiting",
            (f"{OF_THE_LAW}awaiting_is_whose_turn_it_is", WORLDS),
        ),
        Mutant(
            "horizon-an-hour-longer",
            LAW,
            "hour_of(at) > clock - HORIZON",
            "hour_of(at) >= clock - HORIZON",
            "a stage lasts an hour longer in the export than in the census",
            (f"{OF_THE_LAW}the_stage_is_the_first_rule_that_holds", WORLDS),
        ),
    ),
)

COUNTED = Chapter(
    "How the census counts",
    (
        Mutant(
            "ring-not-moved",
            FILING,
            "moves[filed] = moves.get(filed, 0) - 1",
            "moves[filed] = moves.get(filed, 0)",
            "a relationship stays where it was and is counted again where it is now",
            (
                "tests/core/test_filing.py"
                "::test_a_change_moves_a_relationship_from_where_it_was_to_where_it_is",
                WORLDS,
            ),
        ),
        Mutant(
            "day-off-by-one",
            FILING,
            "last_hour(active_days[-days])",
            "last_hour(active_days[1 - days])",
            "active on 4 days means active on 3: committed members are made up",
            (f"{OF_CENSUSES}a_day_counts_while_its_last_hour_does", WORLDS),
        ),
        Mutant(
            "tie-unanswered",
            FILING,
            "if seen.reply_out >= seen.reply_in:",
            "if seen.reply_out > seen.reply_in:",
            "the census counts as waiting whom the export calls answered",
            (f"{OF_CENSUSES}who_waits_is_counted_by_how_long", WORLDS),
        ),
        Mutant(
            "one-reply-day-connects",
            FILING,
            "second = last_hour(sorted(seen.reply_days)[-2])",
            "second = last_hour(sorted(seen.reply_days)[-1])",
            "one old exchange and a reply today pass for a connection",
            (f"{OF_CENSUSES}a_connection_needs_a_second_reply_day_in_the_horizon", WORLDS),
        ),
        Mutant(
            "windows-an-hour-longer",
            SERIES,
            "bisect_right(EDGES, age) - 1",
            "bisect_right(EDGES, max(age - 1, 0)) - 1",
            "every window, band and previous period is an hour off",
            (f"{OF_CENSUSES}who_waits_is_counted_by_how_long", WORLDS),
        ),
        Mutant(
            "previous-is-now",
            SERIES,
            "slots = _plain(code, WINDOWS[window], _hours(ago))",
            "slots = _plain(code, WINDOWS[window])",
            "no week ever differs from the weeks before it: the main alert is dead",
            (WORLDS,),
        ),
        Mutant(
            "recovery-forgets-hours",
            FILING,
            "for hour, thing, n in cells.each(parts.cells):",
            "for hour, thing, n in ():",
            "after each restart the counts of the busiest relationships fall",
            (WORLDS, OF_CRASHES),
        ),
        Mutant(
            "purged-too-early",
            CENSUS,
            "OLDEST = 2160",
            "OLDEST = 1344",
            "followers of two months are shown as followers of years",
            (WORLDS,),
        ),
        Mutant(
            "never-purged",
            CENSUS,
            "if known.purged <= floor - PURGE_EVERY:",
            "if False:",
            "memory grows with history, until there is none left",
            (f"{OF_CENSUSES}touching_an_account_purges_what_is_behind_the_floor",),
        ),
        Mutant(
            "old-reading-served",
            CENSUS,
            "if read_at != clock or moves_then != moves:",
            "if moves_then != moves:",
            "an account that falls silent keeps its numbers for ever",
            (WORLDS,),
        ),
    ),
)

DECIDED = Chapter(
    "Time, placement, admission",
    (
        Mutant(
            "times-rounded",
            TIME,
            'int((fraction or "0")[:3].ljust(3, "0"))',
            'round(int(fraction or "0") * 1000 / 10 ** len(fraction or "0"))',
            "the last half millisecond of an hour, a day, a window belongs to the next one",
            ("tests/core/test_time.py::test_a_time_is_read_to_the_millisecond", WORLDS),
        ),
        Mutant(
            "events-move-the-wall-clock",
            PARTITION,
            "if events_move_clock and at >= next_hour:",
            "if at >= next_hour:",
            "one event with a wrong date ages everybody, and no clock goes back",
            (f"{OF_PARTITIONS}the_wall_clock_is_not_moved_by_events", OF_CRASHES),
        ),
        Mutant(
            "removals-stop-the-clock",
            PARTITION,
            "if events_move_clock and at >= next_hour:",
            "if events_move_clock and at >= next_hour "
            'and not (isinstance(event, Event) and event.op == "remove"):',
            "partitions that read the same log disagree about what time it is",
            (f"{OF_PARTITIONS}the_event_clock_is_the_highest_hour_of_any_valid_record", WORLDS),
        ),
        Mutant(
            "sign-not-masked",
            PLACEMENT,
            "(murmur2(key) & 0x7FFFFFFF) % partitions",
            "murmur2(key) % partitions",
            "half of all records are sent to another partition than where producers put them",
            (f"{OF_PLACES}many_keys_are_placed_as_each_of_them",),
        ),
        Mutant(
            "sign-not-masked-in-a-row",
            PLACEMENT,
            "(hashed & 0x7FFFFFFF) % partitions",
            "hashed % partitions",
            "half of all relationships are thought misplaced, and sent to and fro",
            (f"{OF_PLACES}many_keys_are_placed_as_each_of_them", WORLDS),
        ),
        Mutant(
            "rerouted-for-ever",
            ADMISSION,
            "if name == REROUTED_FROM:",
            "if False:",
            "two workers that disagree about places send a record to each other for ever",
            (f"{OF_ADMISSION}misplaced_again_it_is_refused_and_says_where_it_came_from",),
        ),
        Mutant(
            "ignored-once-known",
            ADMISSION,
            "elif ignored and event.member in ignored:",
            "elif ignored and event.member in ignored and keys[i] in homes:",
            "staff who were followers before they were listed are counted for ever",
            (f"{OF_ADMISSION}what_changes_nothing_is_passed_by",),
        ),
        Mutant(
            "tombstones-ignored",
            PARTITION,
            "self.relationships.pop(key, None)",
            "pass",
            "what was erased returns with the next restart",
            (f"{OF_PARTITIONS}recovery_forgets_what_a_tombstone_took",),
        ),
        Mutant(
            "recovery-at-no-hour",
            PARTITION,
            "        self.clock = clock\n        self.census = Census()\n",
            "        self.census = Census()\n",
            "after a restart nobody has been silent for any time",
            (f"{OF_PARTITIONS}a_census_rebuilt_from_the_values_is_the_live_one", OF_CRASHES),
        ),
    ),
)

CHAPTERS = (REMEMBERED, COUNTED, DECIDED)
