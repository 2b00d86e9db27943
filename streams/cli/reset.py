"""`closeknit reset`."""

from __future__ import annotations

import click

from streams.cli.running import Failure, plain_errors, planned_topics, read_settings
from streams.group import NotForgotten, forget, live_members
from streams.topics import administration, find, recreate


@click.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
def reset(*, yes: bool) -> None:
    """Forget the tables, to rebuild them from the topics.

    Deletes the changelog and where the workers stood. The next worker reads the source topics
    from their start: what they no longer hold is lost. Dead letters stay.
    """
    settings = read_settings()
    changelog = next(t for t in planned_topics(settings) if t.name == settings.changelog)
    with plain_errors(settings), administration(settings.connection()) as admin:
        if not find(admin, [changelog.name]):
            raise Failure(
                f"there is nothing of {settings.app} at {settings.broker}: no topic "
                f"{changelog.name}. Is CLOSEKNIT_APP right? "
                "For a new app, run `closeknit topics create`"
            )
        if members := live_members(admin, settings.app):
            raise Failure(
                f"the consumer group {settings.app} has live members ({', '.join(members)}): stop "
                "the workers first; one that was killed leaves the group after "
                f"{settings.session_timeout:g} s"
            )
        if not yes:
            click.confirm(
                f"Delete {changelog.name} at {settings.broker} and rebuild from the source topics?",
                abort=True,
            )
        try:
            forget(admin, settings.app)
        except NotForgotten as error:
            raise Failure(str(error)) from None
        recreate(admin, changelog)
    click.echo(f"{changelog.name} is empty: the next worker rebuilds it from the source topics.")
