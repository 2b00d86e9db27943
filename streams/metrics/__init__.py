"""What Prometheus scrapes: the names, the meters that the engine turns, the page, its server."""
