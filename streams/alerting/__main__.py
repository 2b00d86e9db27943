"""`python -m streams.alerting`: write the rules that Prometheus reads."""

import sys
from pathlib import Path

import click

from streams.alerting.build import files
from streams.alerting.levels import level_files
from streams.alerting.thresholds import InvalidThresholds, read


@click.command()
@click.argument("thresholds", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--past", is_flag=True, help="Write them as deploy/prometheus/past.sh takes them.")
def main(thresholds: Path, folder: Path, *, past: bool) -> None:
    """Write the rules with the THRESHOLDS of a TOML file into FOLDER."""
    try:
        settings = read(thresholds.read_text(encoding="utf-8"))
        built = dict(level_files(settings)) if past else files(settings)
    except InvalidThresholds as error:
        click.echo(f"{thresholds}: {error}", err=True)
        sys.exit(2)
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in built.items():
        (folder / name).write_text(text, encoding="utf-8")
        click.echo(folder / name)


if __name__ == "__main__":
    main()
