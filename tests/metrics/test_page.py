"""The page that Prometheus scrapes says what is so, whole parts at a time."""

import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.events import Reason
from streams.core.filing import REPLIER, place
from streams.core.kinds import REPLY_IN
from streams.core.partition import Outcome
from streams.core.series import FAMILIES, SERIES, SLOTS, slots
from streams.metrics.accounts import MAX_ACCOUNTS, Account
from streams.metrics.meters import Meters
from streams.metrics.names import METRICS, TOPICS
from tests.conftest import Promtool
from tests.metrics.world import FakeCensus, label_values, page, partition, samples, shown, value

HOSTILE = Account('quo"te\\back', 'Line\nfeed "and" \\', "grüße ☃ \u2028\r")


def busy_meters() -> Meters:
    """Meters of which every family has a sample."""
    meters = Meters()
    meters.count("likes", {Outcome.APPLIED: 3, Outcome.LATE: 1})
    meters.dead_letter(Reason.NOT_JSON)
    meters.event_seen("likes", 0, 1_500)
    meters.position("likes", 0, position=5, end=9, now_ms=2_000, written_ms=1_000)
    meters.flushed(0.02, 10, 2_000, 3_000)
    meters.rebalanced()
    return meters


def census_of(found, account):
    """The values of one account's gauges, in the order of SERIES; None where one is absent."""
    return [value(found, s.name, account=account, **dict(s.labels)) for s in SERIES]


def test_the_page_holds_exactly_the_families_of_the_tables():
    """Every metric named is exported, and none is exported that is not named."""
    text = page(partition(counts={"brand": 1}), meters=busy_meters())().decode()
    exported = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}
    ours = {name for name in exported if name.startswith("closeknit_")}
    assert ours == METRICS.keys() | FAMILIES.keys()
    # The rest is client_python's own: the process, Python and its garbage collector.
    assert {name.split("_")[0] for name in exported - ours} == {"process", "python"}


def test_every_sample_bears_the_labels_that_the_table_gives_it():
    """No label more, none less, in any sample of ours; and never a member."""
    found = samples(page(partition(counts={"brand": 1}), meters=busy_meters())())
    given_labels = {metric.name: set(metric.labels) for metric in METRICS.values()}
    given_labels |= {s.name: {"account", *dict(s.labels)} for s in SERIES}
    for part, extra in ("_bucket", {"le"}), ("_sum", set()), ("_count", set()):
        given_labels["closeknit_flush_duration_seconds" + part] = extra
    ours = {(name, frozenset(dict(at))) for name, at in found if name.startswith("closeknit_")}
    assert all(given_labels[name] == labels for name, labels in ours)
    assert not any("member" in labels for _, labels in ours)


@pytest.mark.prometheus
def test_promtool_finds_nothing_to_say_about_the_page(promtool: Promtool):
    """Names, types and help follow Prometheus's own rules, hostile account names included."""
    counts = {"brand": 1, HOSTILE.id: 2}
    promtool(page(partition(counts=counts), listed=[HOSTILE], meters=busy_meters())().decode())


def test_every_counter_begins_at_zero_for_every_combination_of_labels():
    """A counter that first appears at 100 would look like a rise to an alert."""
    found = samples(page()())
    for topic in TOPICS:
        for outcome in Outcome:
            assert value(found, "closeknit_events_total", topic=topic, outcome=outcome) == 0
    for reason in Reason:
        assert value(found, "closeknit_dead_letters_total", reason=reason) == 0
    plain = [m for m in METRICS.values() if m.type == "counter" and not m.labels]
    assert len(plain) == 4
    assert all(value(found, metric.name) == 0 for metric in plain)
    assert value(found, "closeknit_flush_duration_seconds_count") == 0


def test_an_account_is_the_sum_of_its_partitions():
    """A relationship lives in one partition, so counts only ever add."""
    found = samples(
        page(partition(0, {"brand": 1, "shop": 5}), partition(1, {"brand": 20}), partition(2))()
    )
    assert census_of(found, "brand") == shown(21)
    assert census_of(found, "shop") == shown(5)


@pytest.mark.parametrize(
    ("listed", "limit"),
    [
        (None, 500),  # each account under its own name
        (None, 2),  # some beyond the limit
        ([Account("a"), Account("z")], 500),  # a list, one of them unknown
        ([], 500),  # an empty list: all are others
    ],
)
def test_no_way_of_naming_accounts_loses_a_count(listed, limit):
    """Own series and `_other` add up to what the partitions hold."""
    found = samples(
        page(
            partition(0, {"a": 1, "b": 10, "c": 100}),
            partition(1, {"a": 1_000, "d": 10_000}),
            listed=listed,
            limit=limit,
        )()
    )
    accounts = label_values(found, "account")
    assert sum(value(found, "closeknit_followers", account=a) for a in accounts) == 11_111


def test_nothing_of_a_partition_is_told_before_its_recovery_ends():
    """Except how far its recovery is."""
    meters = busy_meters()
    found = samples(page(partition(0, {"brand": 1}, ready=False), meters=meters)())
    about = {name for name, labels in found if ("partition", "0") in labels}
    assert about == {"closeknit_recovery_records_read", "closeknit_recovery_records_to_read"}
    assert label_values(found, "account") == set()
    assert value(found, "closeknit_partitions") == 12


def test_a_lost_partition_disappears_from_the_next_page():
    """Its new owner exports it now; twice would look like twice as many people."""
    kept, lost = partition(0, {"brand": 1}), partition(1, {"brand": 20, "shop": 5})
    table_page = page(kept, lost, meters=busy_meters())
    assert value(samples(table_page()), "closeknit_followers", account="brand") == 21
    table_page._view.now = (kept,)
    found = samples(table_page())
    assert value(found, "closeknit_followers", account="brand") == 1
    assert label_values(found, "account") == {"brand"}
    assert label_values(found, "partition") == {"0"}


def test_a_listed_account_exports_zeros_when_nothing_is_known_of_it():
    """A chart of a quiet account shows 0, not a hole; even before any partition is here."""
    found = samples(page(listed=[Account("brand", "Brand", "shoes")])())
    assert census_of(found, "brand") == shown(0)
    assert census_of(found, "_other") == shown(0)
    assert value(found, "closeknit_account_info", account="brand", name="Brand", group="shoes") == 1


def test_an_account_without_a_name_is_called_by_its_id():
    """A dashboard may show `name` whether there is a list or not."""
    found = samples(page(partition(counts={"brand": 1}))())
    assert value(found, "closeknit_account_info", account="brand", name="brand", group="") == 1


def test_accounts_over_the_limit_share_other_and_are_told_of():
    """So that account alerts can stay silent instead of comparing half an account."""
    found = samples(page(partition(counts={"a": 1, "b": 2, "c": 4}), limit=1)())
    assert census_of(found, "a") == shown(1)
    assert census_of(found, "_other") == shown(6)
    assert value(found, "closeknit_accounts_over_limit") == 1
    found = samples(page(partition(counts={"a": 1, "b": 2, "c": 4}), limit=3)())
    assert value(found, "closeknit_accounts_over_limit") == 0


def test_an_account_that_calls_itself_other_breaks_nothing():
    """A stranger may send any id: no sample comes twice, and the limit is not thereby passed."""
    found = samples(page(partition(counts={"_other": 3, "a": 1}), limit=1)())
    assert census_of(found, "_other") == shown(3)
    assert value(found, "closeknit_accounts_over_limit") == 0


TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@settings(deadline=None)  # a page asks the operating system about the process
@given(TEXT, TEXT, TEXT)
def test_any_text_in_a_label_is_read_back_as_it_was(account, name, group):
    """Quotes, backslashes and line feeds are escaped, in the census and beside it."""
    listed = [] if account == "_other" else [Account(account, name, group)]
    found = samples(page(listed=listed)())
    assert label_values(found, "account") == {account, "_other"}
    if listed:
        labels = {"account": account, "name": name, "group": group}
        assert value(found, "closeknit_account_info", **labels) == 1


def test_times_are_timestamps():
    """Seconds since the epoch, so that their age keeps growing when we stop."""
    found = samples(page(partition(clock=495_000), meters=busy_meters())())
    assert value(found, "closeknit_clock_timestamp_seconds", partition="0") == 495_000 * 3600
    last = value(found, "closeknit_last_event_timestamp_seconds", topic="likes", partition="0")
    assert last == 1.5
    assert value(found, "closeknit_last_flush_timestamp_seconds") == 3


def test_a_partition_that_has_read_nothing_has_no_clock():
    """-1 hours would be the last hour of 1969."""
    found = samples(page(partition(clock=-1))())
    assert value(found, "closeknit_clock_timestamp_seconds", partition="0") is None


def test_the_lag_grows_while_nothing_is_read():
    """A stream that hangs shows, though the engine no longer tells us anything."""
    lag = [
        value(
            samples(page(partition(), meters=busy_meters(), now=now)()),
            "closeknit_consumer_lag_seconds",
            topic="likes",
            partition="0",
        )
        for now in (2.0, 62.0)
    ]
    assert lag == [1.0, 61.0]


class Broken(FakeCensus):
    """One of three accounts cannot be read."""

    def __init__(self, answer):
        super().__init__({"a": 1, "b": 2, "c": 4})
        self.answer = answer

    def slots(self, account, clock):
        return self.answer() if account == "b" else super().slots(account, clock)


@pytest.mark.parametrize(
    "answer",
    [
        lambda: 1 // 0,  # it raises
        lambda: [-1] * SLOTS,  # filed less often than unfiled
        lambda: [1] * (SLOTS - 1),  # a slot too few would shift all that follow
        lambda: slots({place(0, REPLIER): 1}, 0),  # somebody replied, and nobody was active
    ],
)
def test_a_broken_census_is_left_out_whole_and_loudly(answer, caplog):
    """Neither a wrong number nor a partial sum, nor readiness without sums; the rest stays."""
    with caplog.at_level(logging.ERROR):
        found = samples(page(partition(census=Broken(answer)), meters=busy_meters())())
    assert label_values(found, "account") == set()
    assert value(found, "closeknit_partition_ready", partition="0") is None
    assert value(found, "closeknit_scrape_success", part="census") == 0
    assert value(found, "closeknit_scrape_success", part="pipeline") == 1
    assert value(found, "closeknit_events_total", topic="likes", outcome="applied") == 3
    (record,) = caplog.records
    assert "'census'" in record.getMessage()
    assert record.exc_info


def test_a_partition_below_zero_is_noticed_though_another_makes_up_for_it():
    """The sum would be a number like any other."""
    broken = Broken(lambda: slots({place(0, REPLY_IN): -1}, 0))
    found = samples(page(partition(0, census=broken), partition(1, {"b": 5}))())
    assert value(found, "closeknit_scrape_success", part="census") == 0
    assert label_values(found, "account") == set()


def test_a_whole_page_says_so():
    """All parts succeed, and each tells how long it took."""
    found = samples(page(partition(counts={"brand": 1}))())
    for part in "census", "pipeline", "process":
        assert value(found, "closeknit_scrape_success", part=part) == 1
        assert value(found, "closeknit_scrape_duration_seconds", part=part) >= 0


def test_the_page_of_a_full_worker_keeps_its_budget():
    """Prometheus pays per series: 500 named accounts and 12 partitions stay under 60,000."""
    counts = {f"account-{i}": i for i in range(MAX_ACCOUNTS)}
    text = page(*(partition(number, counts) for number in range(12)))()
    assert sum(not line.startswith(b"#") for line in text.splitlines()) < 60_000
