"""Opens the page of a command in the user's browser."""

from __future__ import annotations

import rich_click as click


def announce(address: str, address_once: str, note: str, *, no_browser: bool) -> None:
    """Prints the address of a page, and opens it where there is a screen.

    Args:
        address: of the page.
        address_once: leads there once; other users of the machine may see with which one a browser is started.
        note: follows on stderr.
        no_browser: only print.
    """
    from facetally.local_page import has_display

    click.echo(address)
    click.echo(f"Open this address if no browser opens. {note}", err=True)
    if not no_browser and has_display():  # a browser for the terminal would take this one over
        import webbrowser

        webbrowser.open(address_once)
