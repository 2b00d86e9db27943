"""The tests: a package, so that they can share the model and the brokers."""
