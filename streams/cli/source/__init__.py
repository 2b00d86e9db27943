"""`closeknit source`: one command for each kind of live source."""

from streams.cli.source.command import source

__all__ = ["source"]
