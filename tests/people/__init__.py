"""Lists of people, and one relationship explained."""
