"""What can happen between an account and a member: eight codes, one per kind and direction.

The codes are part of the packed encoding (`packing.FORMAT`): never renumber them. Inbound
interactions come first, so that `code <= REPLY_IN` reads "inbound" and `code <= SHARE_OUT`
reads "an interaction".
"""

LIKE_IN, SHARE_IN, REPLY_IN, REPLY_OUT, LIKE_OUT, SHARE_OUT, FOLLOW_IN, FOLLOW_OUT = range(8)

INTERACTIONS = (
    ("like", "inbound"),
    ("share", "inbound"),
    ("reply", "inbound"),
    ("reply", "outbound"),
    ("like", "outbound"),
    ("share", "outbound"),
)
"""Kind and direction of each interaction, at the place of its code."""

SIDES = ((LIKE_IN, SHARE_IN, REPLY_IN), (REPLY_OUT, LIKE_OUT, SHARE_OUT))
"""The interactions of the member (inbound), and those of the account (outbound)."""

CODES = {
    "like": {"inbound": LIKE_IN, "outbound": LIKE_OUT},
    "share": {"inbound": SHARE_IN, "outbound": SHARE_OUT},
    "reply": {"inbound": REPLY_IN, "outbound": REPLY_OUT},
    "follow": {"inbound": FOLLOW_IN, "outbound": FOLLOW_OUT},
}
"""Code by kind and direction, in the words of the wire."""
