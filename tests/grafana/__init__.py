"""The dashboards: what they ask, how they look, and that a real Prometheus answers."""
