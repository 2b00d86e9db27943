"""`closeknit backfill`."""

from streams.cli.backfill.command import backfill

__all__ = ["backfill"]
