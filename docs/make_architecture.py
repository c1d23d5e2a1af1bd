"""Draws the rooms into docs/images/rooms.svg and their table into docs/architecture.md; a test keeps both true."""

import sys
from collections.abc import Mapping
from pathlib import Path

from house import Room, between_rooms, rooms

DOCS = Path(__file__).parent
PAGE, PICTURE = DOCS / "architecture.md", DOCS / "images" / "rooms.svg"
BEGIN, END = "<!-- rooms: written by docs/make_architecture.py -->\n", "<!-- end of rooms -->\n"
WIDTH, ROW, HEIGHT, GAP, MARGIN, LABEL = 960, 84, 38, 18, 24, 64


def page() -> str:
    """Return the page with today's table."""
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    return before + BEGIN + _table(rooms()) + END + rest.partition(END)[2]


def _table(found: Mapping[str, Room]) -> str:
    lines = ["| floor | room | holds | may import |", "| --- | --- | --- | --- |"]
    for room in sorted(found.values(), key=lambda room: (-room.floor, room.name)):
        name = _shown(room.name) + (" (a shelf)" if room.shelf else "")
        allowed = ", ".join(f"`{other}`" for other in sorted(room.may_import))
        lines.append(f"| {room.floor} | {name} | {room.holds} | {allowed} |")
    return "\n".join(lines) + "\n"


def _shown(name: str) -> str:
    package = (DOCS.parent / "ganctl" / name).is_dir()
    return f"`{name}/`" if package else f"`{name}.py`"


def picture() -> str:
    """Return the rooms as SVG, a row for each floor. An arrow means: imports."""
    found = {name: room for name, room in rooms().items() if room.floor > 1}
    places, top = {}, max(room.floor for room in found.values())
    for floor in range(top, 1, -1):
        row = sorted(name for name, room in found.items() if room.floor == floor)
        width = (WIDTH - LABEL - MARGIN - GAP * (len(row) - 1)) / len(row)
        width = min(width, 190)
        start = LABEL + (WIDTH - LABEL - MARGIN - len(row) * width - GAP * (len(row) - 1)) / 2
        for number, name in enumerate(row):
            places[name] = (start + number * (width + GAP), MARGIN + (top - floor) * ROW, width)
    arrows = _needed({name: others & found.keys() for name, others in between_rooms().items() if name in found})
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{2 * MARGIN + (top - 2) * ROW + HEIGHT}" '
        'font-family="sans-serif" font-size="14">',
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0L8 4L0 8z" fill="#7a8699"/></marker></defs>',
    ]
    for floor in range(top, 1, -1):
        y = MARGIN + (top - floor) * ROW + HEIGHT / 2 + 5
        lines.append(f'<text x="{MARGIN}" y="{y:.0f}" fill="#7a8699">{floor}</text>')
    for name, others in sorted(arrows.items()):
        for other in sorted(others):
            (x, y, width), (to_x, to_y, to_width) = places[name], places[other]
            a, b, c, d = x + width / 2, y + HEIGHT, to_x + to_width / 2, to_y
            bend = (d - b) / 2
            lines.append(
                f'<path d="M{a:.0f} {b:.0f}C{a:.0f} {b + bend:.0f} {c:.0f} {d - bend:.0f} {c:.0f} {d:.0f}" fill="none" '
                'stroke="#7a8699" stroke-width="1.2" marker-end="url(#tip)"/>'
            )
    for name, (x, y, width) in places.items():
        fill = "#fdebc8" if found[name].shelf else "#dce9fb"
        lines.append(
            f'<rect x="{x:.0f}" y="{y:.0f}" width="{width:.0f}" height="{HEIGHT}" rx="6" fill="{fill}" '
            f'stroke="#4a5a75"/><text x="{x + width / 2:.0f}" y="{y + HEIGHT / 2 + 5:.0f}" text-anchor="middle" '
            f'fill="#1d2a44">{name}</text>'
        )
    return "\n".join([*lines, "</svg>"]) + "\n"


def _needed(edges: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """The arrows that no way of several arrows stands for: all that were drawn would be a hundred."""

    def reached(name: str) -> set[str]:
        return set().union(*({other, *reached(other)} for other in edges[name]))

    return {name: others - set().union(*map(reached, others)) for name, others in edges.items()}


if __name__ == "__main__":
    wanted = {PAGE: page(), PICTURE: picture()}
    if "--check" in sys.argv:
        sys.exit(0 if all(path.exists() and path.read_text("utf-8") == text for path, text in wanted.items()) else 1)
    for path, text in wanted.items():
        path.write_text(text, "utf-8")
