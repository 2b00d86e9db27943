"""The demo: an invented world, a broker and a worker of its own, watched from outside."""

from streams.cli.demo.command import demo

__all__ = ["demo"]
