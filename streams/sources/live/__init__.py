"""Where events come from while they happen: one module per platform, each a process of its own."""
