"""The Faust agents: thin, one step each."""

from streams.agents.relationships import consume_relationships

__all__ = ["consume_relationships"]
