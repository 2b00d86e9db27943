"""Prometheus rules from one typed source: what is recorded, what is alerted, and when.

`python -m streams.alerting` writes them. This package is pure but for that command.
"""
