"""Mutants of what is around the core: applying, flushing, taking over, reading, showing."""

from tests.mutants.mutant import Chapter, Mutant

TABLE, LEASE, TRANSACTION, TAKEOVER, RECOVERY, RESUME = (
    f"streams/table/{name}.py"
    for name in ("table", "lease", "transaction", "takeover", "recovery", "resume")
)
CONSUMER, REBALANCE, AGENT, PAGE = (
    "streams/transport/consumer.py",
    "streams/transport/rebalance.py",
    "streams/agents/relationships.py",
    "streams/metrics/collector.py",
)
OF_TABLES, OF_ORDER, OF_RESUMING = (
    f"tests/table/test_{name}.py::test_" for name in ("table", "order", "resume")
)
OF_EPOCHS, OF_REBALANCES = (
    f"tests/transport/test_{name}.py::test_" for name in ("epoch", "rebalance")
)
OF_AGENTS = "tests/agents/test_relationships.py::test_"
OF_PAGES = "tests/metrics/test_page.py::test_"
OF_CRASHES = "tests/model/test_crashes.py::test_crashes_and_takeovers_change_nothing"

FLUSHED = Chapter(
    "Applying and flushing",
    (
        Mutant(
            "prefix-not-skipped",
            TABLE,
            "if records[0].offset < position.offset:",
            "if False:",
            "records read again are applied again: removals and old follows count twice",
            (
                f"{OF_TABLES}records_that_were_skipped_stop_the_worker"
                "_and_repeated_ones_are_passed_over",
                OF_CRASHES,
            ),
        ),
        Mutant(
            "hole-not-noticed",
            TABLE,
            "if chunk.start > position.offset:",
            "if False:",
            "a fetch that was lost is a hole in the tables, and nobody is told",
            (
                f"{OF_TABLES}records_that_were_skipped_stop_the_worker"
                "_and_repeated_ones_are_passed_over",
            ),
        ),
        Mutant(
            "position-goes-back",
            TABLE,
            "offset=max(chunk.end, position.offset)",
            "offset=chunk.end",
            "a chunk read again moves the offsets back behind the values: the rest counts twice",
            (OF_CRASHES,),
        ),
        Mutant(
            "settled-after-the-offsets",
            TABLE,
            "size, lease.reached = await commit(",
            "await asyncio.sleep(0.001)\n"
            "                snapshot.values.extend(lease.state.settle())\n"
            "                size, lease.reached = await commit(",
            "a chunk applied meanwhile is in the values and not in the offsets: a crash doubles it",
            (f"{OF_ORDER}each_transaction_holds_exactly_the_chunks_that_its_offsets_say",),
        ),
        Mutant(
            "record-left-out",
            LEASE,
            "[*snapshot.values, (KEY, snapshot.record.encode())]",
            "[*snapshot.values]",
            "the changelog holds values and no offsets: everything is applied once more",
            (
                f"{OF_TABLES}the_next_owner_finds_what_was_flushed_and_reads_on_from_there",
                OF_CRASHES,
            ),
        ),
        Mutant(
            "clock-not-stored",
            LEASE,
            "clock=self.state.clock,",
            "clock=-1,",
            "after a restart nobody has been silent for any time",
            (
                f"{OF_TABLES}the_next_owner_finds_what_was_flushed_and_reads_on_from_there",
                OF_CRASHES,
            ),
        ),
        Mutant(
            "outgoing-sent-again",
            LEASE,
            "outgoing, self.outgoing = self.outgoing, []",
            "outgoing = list(self.outgoing)",
            "every dead letter is written with every flush",
            (
                f"{OF_ORDER}what_is_sent_beside_the_values_is_sent_once",
                OF_CRASHES,
            ),
        ),
        Mutant(
            "outgoing-left-out",
            TRANSACTION,
            "for record in snapshot.outgoing:",
            "for record in ():",
            "refused and misplaced records are gone without a trace",
            (f"{OF_TABLES}dead_letters_and_re_sent_records_go_with_the_flush_of_their_chunk",),
        ),
        Mutant(
            "deliveries-not-awaited",
            TRANSACTION,
            "        await asyncio.gather(*deliveries)\n",
            "",
            "a value that the broker refused is missing, and its offsets are committed",
            (
                f"{OF_ORDER}a_transaction_that_fails_ends_the_process"
                "_with_76_and_is_never_gone_on_with",
            ),
        ),
        Mutant(
            "flush-not-awaited",
            TABLE,
            "await asyncio.shield(asyncio.ensure_future(self._flush_now(lease, forced=forced)))",
            "self._unawaited = asyncio.ensure_future(self._flush_now(lease, forced=forced))",
            "what is said to be committed may never be: a worker that stops in good order loses it",
            (f"{OF_ORDER}a_flush_returns_when_it_is_committed",),
        ),
        Mutant(
            "flush-not-shielded",
            TABLE,
            "await asyncio.shield(asyncio.ensure_future(self._flush_now(lease, forced=forced)))",
            "await self._flush_now(lease, forced=forced)",
            "a flush that is cancelled has emptied the dirty set and written nothing",
            (f"{OF_ORDER}a_flush_whose_asker_is_cancelled_is_committed_all_the_same",),
        ),
        Mutant(
            "two-flushes-at-once",
            TABLE,
            "async with lease.flushing:",
            "if lease.flushing:",
            "two transactions of one producer run into each other, and the worker ends",
            (f"{OF_ORDER}a_partition_is_flushed_once_at_a_time",),
        ),
        Mutant(
            "failure-gone-on-with",
            TABLE,
            "            except Halt as reason:\n                self._halt(reason)\n"
            "            except Exception as error:\n"
            "                # What",
            "            except Halt:\n                return\n"
            "            except Exception as error:\n"
            "                # What",
            "what a failed flush had taken is missing from the next one",
            (f"{OF_TABLES}an_owner_that_was_replaced_can_write_no_more_and_is_told_to_stop",),
        ),
        Mutant(
            "error-passed-over",
            AGENT,
            "                halt(\n",
            "                print(\n",
            "a chunk that could not be applied is a hole in the tables",
            (f"{OF_AGENTS}an_unexpected_error_ends_the_process_and_says_where",),
        ),
    ),
)

TAKEN = Chapter(
    "Taking over",
    (
        Mutant(
            "earlier-owner-not-fenced",
            TAKEOVER,
            'transactional_id=f"{settings.app}-{number}"',
            'transactional_id=f"{settings.app}-{number}-{id(settings)}"',
            "a worker that was only paused writes its old values over the new owner's",
            (
                f"{OF_TABLES}an_owner_that_was_replaced_can_write_no_more_and_is_told_to_stop",
                f"{OF_TABLES}a_partition_that_seems_kept_is_proven_even_with_nothing_to_write",
            ),
        ),
        Mutant(
            "fenced-too-late",
            TAKEOVER,
            "            await lease.producer.start()\n",
            "            asyncio.get_running_loop().call_later(\n"
            "                2, lambda: asyncio.ensure_future(lease.producer.start())\n"
            "            )\n",
            "an earlier owner adds to the changelog behind what has just been read of it",
            (f"{OF_ORDER}an_earlier_owner_is_shut_out_before_the_changelog_is_read",),
        ),
        Mutant(
            "uncommitted-recovered",
            TAKEOVER,
            'isolation_level="read_committed"',
            'isolation_level="read_uncommitted"',
            "values of a flush that never was are recovered, without its offsets",
            ("tests/table/test_uncommitted.py::test_what_was_never_committed_is_not_recovered",),
        ),
        Mutant(
            "kept-not-proven",
            TABLE,
            "forced=True) for lease",
            "forced=False) for lease",
            "an idle worker that slept through its replacement shows old numbers beside the new",
            (f"{OF_TABLES}a_partition_that_seems_kept_is_proven_even_with_nothing_to_write",),
        ),
        Mutant(
            "lost-and-kept",
            TABLE,
            "if number not in numbers or not lease.recovered:",
            "if not lease.recovered:",
            "two workers export the same partition: twice as many people",
            (f"{OF_TABLES}a_partition_that_was_lost_is_dropped_and_read_anew_when_it_returns",),
        ),
        Mutant(
            "half-recovered-and-kept",
            TABLE,
            "if number not in numbers or not lease.recovered:",
            "if number not in numbers:",
            "what an abandoned takeover had read of a partition is taken for all of it",
            (
                f"{OF_TABLES}a_takeover_that_a_rebalance_overtakes_is_abandoned"
                "_and_can_be_done_again",
            ),
        ),
        Mutant(
            "offsets-forgotten",
            TAKEOVER,
            "resume(name, lease.positions.get(topic), log_now)",
            "resume(name, None, log_now)",
            "every takeover applies the whole log once more",
            (
                f"{OF_TABLES}the_next_owner_finds_what_was_flushed_and_reads_on_from_there",
                f"{OF_TABLES}a_partition_that_was_lost_is_dropped_and_read_anew_when_it_returns",
            ),
        ),
        Mutant(
            "overtaken-and-gone-on",
            RECOVERY,
            "        if not still_current():\n            return False\n        now",
            "        now",
            "a takeover goes on with a partition that has another owner by now",
            (f"{OF_ORDER}a_takeover_stops_after_the_very_await_in_which_it_was_overtaken",),
        ),
        Mutant(
            "settings-mixed",
            TAKEOVER,
            "if differing := misfit(lease.flushed.settings, value_settings(settings.rules)):",
            "if differing := misfit(lease.flushed.settings, lease.flushed.settings):",
            "strengths made with two half-lives are added up",
            (f"{OF_TABLES}values_written_with_other_settings_stop_the_worker_and_both_are_named",),
        ),
        Mutant(
            "recreated-topic-not-noticed",
            RESUME,
            "if known and stored.topic_id != log.topic_id:",
            "if False:",
            "the records of a new topic up to the old one's offset are never read",
            (
                f"{OF_RESUMING}reading_resumes_at_the_stored_offset_of_the_same_topic"
                "_and_says_so_if_it_cannot",
            ),
        ),
        Mutant(
            "recreated-topic-read-on",
            TABLE,
            "                await self._confirm_sources(snapshot.record.next, deadline)\n",
            "",
            "the records of a new topic are written down under the old one's id and offset",
            (
                "tests/table/test_sources.py::test_what_was_read_of_a_new_topic_is_not_written"
                "_under_the_old_one_s_id",
            ),
        ),
        Mutant(
            "round-not-asked",
            REBALANCE,
            "app.rounds == number and ",
            "",
            "a takeover that slept through a rebalance takes what is somebody else's",
            (f"{OF_REBALANCES}a_takeover_that_wakes_after_its_round_is_over_does_nothing",),
        ),
    ),
)

READ = Chapter(
    "Reading",
    (
        Mutant(
            "groups-offsets-resumed",
            CONSUMER,
            "        await self.seek_wait(self._chain)\n",
            "",
            "reading goes on at the group's offsets, which are not those of the values",
            (f"{OF_EPOCHS}a_seek_begins_an_epoch_and_a_chain_at_the_ledgers_positions",),
        ),
        Mutant(
            "groups-offsets-not-refused",
            CONSUMER,
            "        raise BrokenChain(\"asked to resume from the group's offsets, "
            'which only feed lag tools")',
            "        return {}",
            "Faust may choose the group's offsets, and nobody is told",
            (f"{OF_EPOCHS}the_groups_offsets_are_never_resumed_from",),
        ),
        Mutant(
            "epochs-not-checked",
            CONSUMER,
            "return chunk.epoch == self.epoch",
            "return True",
            "a chunk read before a seek is applied after it: out of its order",
            (f"{OF_EPOCHS}a_seek_begins_an_epoch_and_a_chain_at_the_ledgers_positions",),
        ),
        Mutant(
            "epoch-not-asked-between-chunks",
            CONSUMER,
            "            if epoch != self.epoch:\n                return\n",
            "",
            "the rest of a fetch is delivered after the seek that made it old",
            (f"{OF_EPOCHS}delivery_ends_with_the_epoch_even_within_one_fetch",),
        ),
        Mutant(
            "old-chunks-applied",
            AGENT,
            "if not app.consumer.is_current(chunk):",
            "if False:",
            "a chunk that waited through a rebalance is applied to a partition read anew",
            (f"{OF_AGENTS}a_chunk_of_an_epoch_that_is_over_is_passed_by",),
        ),
        Mutant(
            "chain-not-checked",
            CONSUMER,
            "if start is None or part[0].offset < start:",
            "if start is None:",
            "records that were delivered are delivered once more",
            (f"{OF_EPOCHS}records_that_do_not_follow_end_the_worker",),
        ),
        Mutant(
            "deleted-records-skipped",
            CONSUMER,
            'auto_offset_reset="none"',
            'auto_offset_reset="earliest"',
            "records deleted before they were read are passed over in silence",
            (
                "tests/faults/test_topics.py"
                "::test_records_deleted_before_they_were_read_are_not_passed_over_in_silence",
            ),
            kafka=True,
        ),
        Mutant(
            "aborted-events-read",
            CONSUMER,
            'isolation_level="read_committed"',
            'isolation_level="read_uncommitted"',
            "records that a producer took back are counted",
            ("tests/engine/test_worker.py::test_events_that_were_never_committed_are_not_counted",),
        ),
    ),
)

SHOWN = Chapter(
    "Showing",
    (
        Mutant(
            "unrecovered-exported",
            PAGE,
            "ready = [partition for partition in self._view.partitions() if partition.ready]",
            "ready = list(self._view.partitions())",
            "half a table looks like people who have fallen silent",
            (f"{OF_PAGES}nothing_of_a_partition_is_told_before_its_recovery_ends",),
        ),
        Mutant(
            "revoked-still-exported",
            TABLE,
            "        lease = self._leases.pop(number)\n",
            "        lease = self._leases[number]\n",
            "a partition that was taken away is exported here and at its new owner",
            (f"{OF_TABLES}a_partition_that_was_lost_is_dropped_and_read_anew_when_it_returns",),
        ),
        Mutant(
            "partition-left-out",
            PAGE,
            "slots if others is None else both(others, slots)",
            "slots",
            "an account shows the members of one partition for all of its audience",
            (f"{OF_PAGES}an_account_is_the_sum_of_its_partitions",),
        ),
        Mutant(
            "negative-counts-shown",
            PAGE,
            "if len(slots) != SLOTS or min(slots) < 0:",
            "if len(slots) != SLOTS:",
            "a partition that counts below zero takes from what the others count",
            (f"{OF_PAGES}a_partition_below_zero_is_noticed_though_another_makes_up_for_it",),
        ),
        Mutant(
            "contradictions-shown",
            PAGE,
            "if min(counts) < 0:",
            "if False:",
            "a census that contradicts itself is drawn as a number",
            (f"{OF_PAGES}a_broken_census_is_left_out_whole_and_loudly",),
        ),
    ),
)

CHAPTERS = (FLUSHED, TAKEN, READ, SHOWN)
