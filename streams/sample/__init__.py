"""Eight weeks of invented events, to try Closeknit out: who made them is in `make`."""

from pathlib import Path

PATH = Path(__file__).with_name("weeks.jsonl.gz")
"""Canonical events, one JSON object per line, in the order of their times."""
