"""Mutants: defects that must not survive the tests.

A mutant is one small change of the source that would lose, double or misplace something. Each is
tried on a copy of the project, and the tests that are there for it must fail. So a promise that no
test keeps any more is noticed, and not only one that the code has stopped keeping.
"""
