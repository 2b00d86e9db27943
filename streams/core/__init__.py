"""The pure core: no clock, no I/O, no Faust. `relationship` is the law, `partition` runs it."""
