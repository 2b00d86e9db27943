"""The consumer group of the workers: who is in it, and forgetting where it stood."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kafka import KafkaAdminClient


class NotForgotten(Exception):
    """The broker did not delete the group; the message says why."""


def describe(admin: KafkaAdminClient, group: str) -> Mapping[str, Any]:
    """What the broker says of the group: `members`, `group_state`, and our rights if it tells."""
    described: Mapping[str, Any] = admin.describe_groups([group])[group]
    return described


def live_members(admin: KafkaAdminClient, group: str) -> list[str]:
    """Who is in the group now: client id and host of each member."""
    members = describe(admin, group)["members"]
    return [f"{member['client_id']} at {member['client_host']}" for member in members]


def lingering(admin: KafkaAdminClient, group: str) -> bool:
    """Whether all who are in the group have static names: these stay for a while after they end."""
    members = describe(admin, group)["members"]
    return bool(members) and all(member.get("group_instance_id") for member in members)


def forget(admin: KafkaAdminClient, group: str) -> None:
    """Delete the group and its offsets; fine if there is none.

    Raises:
        NotForgotten: a member joined meanwhile, or we may not.
    """
    answer = admin.delete_groups([group])[group]
    if answer not in {"OK", "GroupIdNotFoundError"}:
        raise NotForgotten(f"the consumer group {group} was not deleted: {answer}")
