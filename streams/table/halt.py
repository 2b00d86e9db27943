"""Why a worker stops at once.

A worker whose changelog write failed, or whose state may not be its own any more, must not write
again. All that matters is in Kafka, so the process ends then and there and whoever supervises it
starts a new one, which recovers. The exit codes follow ``sysexits.h``.
"""


class Halt(Exception):
    """The process must end now, without another write. `code` is its exit status."""

    code = 70


class TooManyInvalid(Halt):
    """Most of what arrives in a source topic is invalid: a person must look before it goes on."""

    code = 65


class BrokenInvariant(Halt):
    """What must hold does not: a defect of ours, or a log that changed under us."""

    code = 70


class Stalled(Halt):
    """The worker gets nowhere: no records, no partitions, no broker."""

    code = 69


class RecoveryStuck(Halt):
    """The changelog could not be read to its end in time."""

    code = 71


class SourceReplaced(Halt):
    """A source topic is no longer the one whose offsets we hold."""

    code = 72


class Unreadable(Halt):
    """A batch of records is damaged, or of a kind that we do not know."""

    code = 74


class Fenced(Halt):
    """Another worker has taken over a partition that this one still held."""

    code = 75


class FlushFailed(Halt):
    """A transaction failed; what it held is recovered from the changelog by the next owner."""

    code = 76


class UnfitState(Halt):
    """The changelog was written with settings, or in a format, that this worker does not have.

    The one that is raised and not carried out on the spot: nothing was applied to that state, so
    the worker leaves the group in good order first.
    """

    code = 78
