"""Things are broken on a real Apache Kafka, and what is left is compared with the recount."""
