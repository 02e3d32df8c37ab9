"""Prints a page to a PDF file through a browser that is installed on this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from facetally.errors import OptionError, OutputError
from facetally.files import write_whole
from facetally.formatting import command

BROWSER_VARIABLE = "FACETALLY_BROWSER"
"""The environment variable with a browser's path."""
NAMES = (
    *("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"),
    *("microsoft-edge", "microsoft-edge-stable", "msedge"),
)
PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    "C:/Program Files/Google/Chrome/Application/chrome.exe",
    "C:/Program Files (x86)/Microsoft/Edge/Application/msedge.exe",
    "C:/Program Files/Microsoft/Edge/Application/msedge.exe",
)
"""Where browsers lie that are not on the search path."""
PATIENCE_S = 300.0
OPTIONS = ("--headless", "--disable-gpu", "--disable-extensions", "--no-first-run", "--no-pdf-header-footer")
PDF_MARK = b"%PDF-"


def find_browser() -> Path:
    """The browser that prints.

    Raises:
        OptionError: none is installed, or the one named in the environment is not there.
    """
    if named := os.environ.get(BROWSER_VARIABLE):
        if found := shutil.which(named):
            return Path(found)
        raise OptionError(
            f"{BROWSER_VARIABLE} is {named}, which is no program",
            fix=f"set it to the path of Chromium, Chrome or Edge, or unset it: unset {BROWSER_VARIABLE}",
        )
    for name in (*NAMES, *PLACES):
        if found := shutil.which(name):
            return Path(found)
    raise OptionError(
        "--pdf needs Chromium, Chrome or Edge, and none was found",
        fix=f"install one (apt install chromium), give its path in {BROWSER_VARIABLE}, or leave --pdf out, and print "
        "the page from any browser",
    )


def print_page(browser: Path, page: Path, pdf: Path) -> Path:
    """Prints a page, and returns the path of the PDF file, which is written completely or not at all.

    The browser's own files lie in a temporary folder beside the PDF file, for browsers that are packed as snaps do not
    see the system's folder of temporary files.

    Raises:
        OutputError: the browser fails, or the file cannot be written.
    """
    try:
        pdf.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="printing-", dir=pdf.parent, ignore_cleanup_errors=True) as folder:
            printed = Path(folder).resolve() / "page.pdf"
            complaint = _printed(browser, page, printed)
            content = printed.read_bytes() if printed.is_file() else b""
    except OSError as error:
        raise OutputError(
            f"cannot write {pdf}: {error.strerror or error}",
            fix="free space, fix the folder's permissions or choose another place with --pdf",
        ) from error
    if not content.startswith(PDF_MARK):
        fix = f"open the page in a browser and print it: {command(page)}"
        raise OutputError(f"{browser} printed no PDF file: {complaint or 'it gave no reason'}", fix=fix)
    write_whole(pdf, content)
    return pdf


def _printed(browser: Path, page: Path, printed: Path) -> str:
    """Runs the browser; returns the last line of what it complained about."""
    words = [str(browser), *OPTIONS, f"--user-data-dir={printed.parent / 'profile'}", f"--print-to-pdf={printed}"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        words.append("--no-sandbox")  # Chromium does not start for root otherwise; the page is our own
    words.append(page.resolve().as_uri())
    try:
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE_S, check=False)
    except subprocess.TimeoutExpired:
        return f"it did not end within {PATIENCE_S:.0f} s"
    lines = done.stderr.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else f"exit code {done.returncode}" if done.returncode else ""
