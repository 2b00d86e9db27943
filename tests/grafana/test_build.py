"""The files are what the code builds, and what Grafana's own kit understands."""

import json
from itertools import combinations

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from grafana.build import DASHBOARDS, built
from tests.grafana.boards import BOARDS, PANELS

each_board = pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
each_panel = pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.title)


def test_the_files_are_what_the_code_builds():
    """`make dashboards` writes them."""
    found = {path.name: path.read_text(encoding="utf-8") for path in DASHBOARDS.glob("*")}
    assert found == built()


@each_board
def test_grafanas_kit_knows_every_field(board):
    """It drops what it does not know, so nothing may be missing after a round trip.

    Where a link stands is the one thing that it always says, and that we take out.
    """
    again = json.loads(json.dumps(Dashboard.from_json(board), cls=JSONEncoder))
    for link in again["links"]:
        assert link.pop("placement") == "inControlsMenu"
    assert again == board


@each_board
def test_addresses_never_change(board):
    """Alerts and bookmarks lead to them."""
    assert {board["title"]: board["uid"] for board in BOARDS.values()} == {
        "Engagement over growth": "closeknit-engagement",
        "Accounts compared": "closeknit-accounts",
        "Pipeline health": "closeknit-pipeline",
    }


@each_board
def test_each_dashboard_leads_to_the_others(board):
    """With the range and the choices that were made."""
    (link,) = board["links"]
    assert link["type"] == "dashboards"
    assert set(link["tags"]) <= set(board["tags"])
    assert link["keepTime"]
    assert link["includeVars"]


@each_board
def test_panels_have_ids_and_places_of_their_own(board):
    """Grafana's grid is 24 wide, and a row without a hole is filled to its end."""
    places = [panel["gridPos"] for panel in board["panels"]]
    assert len({panel["id"] for panel in board["panels"]}) == len(places)
    for row in {place["y"] for place in places}:
        widths = [place["w"] for place in places if place["y"] == row]
        assert sum(widths) == 24
        assert len({place["h"] for place in places if place["y"] == row}) == 1
    for a, b in combinations(places, 2):
        beside = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
        assert beside or a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]
