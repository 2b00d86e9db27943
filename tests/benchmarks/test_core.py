"""The micro-benchmarks run, and measure every stage; how fast is for a person to read."""

from benchmarks import core


def test_every_stage_is_measured(capsys):
    """A handful of events go the whole way: decoded, applied, written, restored, shown."""
    core.main(["--events", "300", "--flush", "100", "--accounts", "3"])
    said = capsys.readouterr().out
    stages = ("decode", "admit", "apply", "settle", "encode", "restore", "export", "read", "page")
    assert [stage for stage in stages if stage not in said] == []
