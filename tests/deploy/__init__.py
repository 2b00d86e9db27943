"""What is shipped to run Closeknit: checked without a Docker engine."""
