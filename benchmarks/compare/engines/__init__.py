"""What is compared, each file a program of its own; the peers run in environments of their own."""
