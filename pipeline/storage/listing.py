"""Finds the videos below an address, by one listing and by the endings of their names: nothing is opened."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from facetally.errors import OptionError, PipelineError
from facetally.storage.addresses import Address, parsed_address
from facetally.storage.copies import RemoteVideo
from facetally.storage.opening import open_store
from facetally.storage.stores import GoneError, RefusedError, Store, StoredObject, UnavailableError
from facetally.video_files import LARGE_PREFIXES, LARGE_SUFFIXES, SMALL_COPIES, VIDEO_SUFFIXES, name_passed_over

GLOB = re.compile(r"[*?[]")


@dataclass(frozen=True, slots=True)
class ListedVideo:
    """An object below an address."""

    name: str
    """Relative to the address, or the last part of the key where that is given itself."""
    video: RemoteVideo
    reason: str = ""
    """Why it is passed over; empty for a video. The name then ends with a slash if it is a folder."""


def listed_videos(text: str, store: Store | None = None) -> list[ListedVideo]:
    """The videos that an address stands for: one object, all below a folder, or those that a glob fits.

    Raises:
        OptionError: there is nothing, or the address is not valid.
        StorageError: the storage gives no answer.
    """
    address = parsed_address(text)
    store = store or open_store(address)
    try:
        found = list(_found(address, store))
    except UnavailableError as error:
        raise OptionError(f"{text} cannot be listed: {error}", fix="check AWS_ENDPOINT_URL and the network") from error
    except RefusedError as error:
        raise OptionError(
            f"{text} cannot be listed: {error}",
            fix="allow your credentials to list it and to read the objects in it (s3:ListBucket, s3:GetObject)",
        ) from error
    if not found:
        raise OptionError(f"there is nothing at {text}", fix="check the address; names are case-sensitive")
    return found


def is_there(text: str) -> bool:
    """Whether there is an object at an address; False if that cannot be found out."""
    try:
        address = parsed_address(text)
        open_store(address).info(address.key)
    except (PipelineError, GoneError, RefusedError, UnavailableError):
        return False
    return True


def _found(address: Address, store: Store) -> Iterator[ListedVideo]:
    if address.key and not address.key.endswith("/"):
        try:
            yield ListedVideo(address.name, _video(address, store.info(address.key)))
            return
        except GoneError:
            pass
        except RefusedError:  # without the right to list, S3 says "no permission" of what is not there
            pass
    if GLOB.search(address.key):
        yield from _matching(address, store)
        return
    folder = address.key if address.key.endswith("/") or not address.key else f"{address.key}/"
    objects = {found.key.removeprefix(folder): found for found in store.listed(folder) if found.key != folder}
    results = {name.removesuffix("run.json") for name in objects if PurePosixPath(name).name == "run.json"}
    results = {name for name in results if any(key.startswith(f"{name}videos/") for key in objects)}
    seen: set[str] = set()
    for name, found in objects.items():
        if name.endswith("/") and not found.size_bytes:  # a folder, made by a program that thinks in folders
            continue
        shown, reason = _passed_over(name, objects, results)
        if shown not in seen:
            seen.add(shown)
            yield ListedVideo(shown, _video(address, found), reason)


def _matching(address: Address, store: Store) -> Iterator[ListedVideo]:
    start = GLOB.split(address.key, maxsplit=1)[0]
    fits = re.compile(_as_regex(address.key))
    for found in store.listed(start):
        if fits.fullmatch(found.key) and not found.key.endswith("/"):
            yield ListedVideo(PurePosixPath(found.key).name, _video(address, found))


def _as_regex(pattern: str) -> str:
    """A glob as a regular expression: ** crosses slashes, * and ? do not."""
    parts = re.split(r"(\*\*/?|\*|\?|\[!?[^\]]+\])", pattern)
    known = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return "".join(
        known.get(part) or (part.replace("[!", "[^") if part[:1] == "[" and part[-1] == "]" else re.escape(part))
        for part in parts
    )


def _video(address: Address, found: StoredObject) -> RemoteVideo:
    place = Address(address.scheme, address.bucket, found.key)
    return RemoteVideo(str(place), found.size_bytes, found.stamp)


def _passed_over(name: str, objects: Collection[str], results: Collection[str]) -> tuple[str, str]:
    """The name of what is passed over, which may be a folder around the object, and why; empty for a video."""
    *folders, last = name.split("/")
    for depth, folder in enumerate(folders):
        outer = "/".join(folders[: depth + 1]) + "/"
        if reason := name_passed_over(folder) or ("results of facetally" if outer in results else ""):
            return outer, reason
    if reason := name_passed_over(last):
        return name, reason
    suffix = PurePosixPath(last).suffix.lower()
    if suffix in SMALL_COPIES and (large := _large_copy(name, objects)):
        return name, f"low-resolution copy of {large}"
    return name, "" if suffix in VIDEO_SUFFIXES else "no video by its ending; give it itself to process it"


def _large_copy(name: str, objects: Collection[str]) -> str:
    folder, _, last = name.rpartition("/")
    stem = PurePosixPath(last).stem
    stems = [stem, *(prefix + stem[2:] for prefix in LARGE_PREFIXES.get(stem[:2], ()))]
    names = (one + suffix for one in stems for suffix in LARGE_SUFFIXES)
    return next((one for one in names if (f"{folder}/{one}" if folder else one) in objects), "")
