"""Closeknit: from likes, replies, follows and shares in Kafka to relationships and metrics."""

from streams.kernel import load

load()
