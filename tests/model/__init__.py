"""The model: a second, naive implementation of the design, and worlds to compare it on."""
