"""S3 and all that speak its protocol, through boto3.

pyarrow and obstore cannot read or list every key (pyarrow 26, obstore 0.12: "a//b.mp4"), and pyarrow writes without
conditions. Credentials, region and endpoint come from boto3's usual places, and go nowhere else.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, TypeVar

from facetally.errors import StorageError
from facetally.formatting import command
from facetally.storage.stores import ChangedError, GoneError, RefusedError, StoredObject, UnavailableError

ATTEMPTS = 5
"""For each request that is not the reading of an object, which is continued elsewhere."""
CONNECT_S, SILENCE_S = 10, 30
"""A connection, and a byte on it, may take so long."""
CONNECTIONS = 32
CHUNK_BYTES = 2**20
LAPSED = frozenset(("ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired", "InvalidToken"))
WRONG = frozenset(
    ("InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidClientTokenId", "UnrecognizedClientException")
)
MISSING = frozenset(("NoSuchKey", "NotFound", "404"))
BUSY = frozenset(("SlowDown", "RequestTimeout", "ServiceUnavailable", "InternalError", "Throttling", "503", "500"))
RENEW = "renew the credentials (aws sso login, AWS_PROFILE, AWS_ACCESS_KEY_ID, ...), then give the same command again"
Result = TypeVar("Result")


class S3Store:
    """A bucket; a `Store`.

    Args:
        bucket: its name.
    """

    def __init__(self, bucket: str) -> None:
        self._bucket = bucket

    def __reduce__(self) -> tuple[object, ...]:
        return S3Store, (self._bucket,)  # another process has its own connections

    @property
    def _client(self) -> Any:
        settings = tuple(sorted((name, value) for name, value in os.environ.items() if name.startswith("AWS_")))
        return _client(settings, SILENCE_S, ATTEMPTS)

    def listed(self, prefix: str) -> Iterator[StoredObject]:
        pages = iter(self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix))
        while page := self._asked(lambda: next(pages, None)):
            for one in page.get("Contents", ()):
                yield StoredObject(one["Key"], one["Size"], one["ETag"].strip('"'), one["LastModified"].timestamp())

    def info(self, key: str) -> StoredObject:
        return _described(key, self._asked(lambda: self._client.head_object(Bucket=self._bucket, Key=key)))

    def read(self, found: StoredObject, start: int) -> Iterator[bytes]:
        if start >= found.size_bytes > 0:
            return
        wanted: dict[str, Any] = {"Range": f"bytes={start}-"} if start else {}
        body = self._asked(
            lambda: self._client.get_object(Bucket=self._bucket, Key=found.key, IfMatch=f'"{found.stamp}"', **wanted)
        )["Body"]
        try:
            while chunk := self._asked(lambda: body.read(CHUNK_BYTES)):
                yield chunk
        finally:
            body.close()

    def get(self, key: str, unless: str = "") -> tuple[bytes, StoredObject] | None:
        condition = {"IfNoneMatch": f'"{unless}"'} if unless else {}
        for attempt in range(ATTEMPTS):
            try:
                answer = self._asked(lambda: self._client.get_object(Bucket=self._bucket, Key=key, **condition))
                content = self._asked(answer["Body"].read)
                return content, _described(key, answer)
            except _NotModifiedError:
                return None
            except UnavailableError:
                if attempt == ATTEMPTS - 1:
                    raise
        raise AssertionError("unreachable")

    def put(self, key: str, content: bytes, only_if: str | None = None) -> str:
        condition = {} if only_if is None else {"IfMatch": f'"{only_if}"'} if only_if else {"IfNoneMatch": "*"}
        answer = self._asked(lambda: self._client.put_object(Bucket=self._bucket, Key=key, Body=content, **condition))
        return str(answer["ETag"]).strip('"')

    def delete(self, key: str) -> None:
        self._asked(lambda: self._client.delete_object(Bucket=self._bucket, Key=key))

    def _asked(self, request: Callable[[], Result]) -> Result:
        """What a request returns, with errors of boto3 as ours."""
        from botocore.exceptions import (
            BotoCoreError,
            ClientError,
            ConnectionError,
            HTTPClientError,
            IncompleteReadError,
            NoCredentialsError,
            PartialCredentialsError,
            ReadTimeoutError,
            ResponseStreamingError,
        )
        from urllib3.exceptions import HTTPError

        try:
            return request()
        except ClientError as error:
            raise self._translated(error.response) from error
        except (NoCredentialsError, PartialCredentialsError) as error:
            fix = "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            raise StorageError(f"no credentials for s3://{self._bucket}: {error}", fix=fix) from error
        except (
            ConnectionError,
            HTTPClientError,
            IncompleteReadError,
            ReadTimeoutError,
            ResponseStreamingError,
        ) as error:
            raise UnavailableError(_without_query(str(error))) from error
        except (HTTPError, OSError) as error:
            raise UnavailableError(f"the connection was lost ({type(error).__name__})") from error
        except BotoCoreError as error:  # a token of single sign-on that ended, a name that no bucket can have
            raise StorageError(f"s3://{self._bucket} cannot be used: {error}", fix=RENEW) from error

    def _translated(self, response: dict[str, Any]) -> Exception:
        code = str(response.get("Error", {}).get("Code", ""))
        status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        place = f"s3://{self._bucket}"
        if code in ("NoSuchBucket", "InvalidBucketName"):
            listing = command("aws", "s3", "ls")
            return StorageError(f"there is no bucket {place}", fix=f"check the name, and AWS_ENDPOINT_URL: {listing}")
        if status == 304:
            return _NotModifiedError()
        if code in ("PreconditionFailed", "ConditionalRequestConflict") or status in (409, 412):
            return ChangedError(code)
        if code in MISSING or status == 404:
            return GoneError(code)
        if code in LAPSED:
            return StorageError(f"the credentials for {place} have ended ({code})", fix=RENEW)
        if code in WRONG:
            return StorageError(f"the credentials for {place} are refused ({code})", fix=RENEW)
        if code in BUSY or status >= 500:
            return UnavailableError(f"the server answers {status} {code}".rstrip())
        if code == "InvalidObjectState":
            return RefusedError("it is in an archive class of storage; restore it first")
        if status == 403:
            return RefusedError(f"no permission ({code})")
        if status in (301, 307, 400) and code in ("PermanentRedirect", "301", "AuthorizationHeaderMalformed"):
            return StorageError(
                f"{place} is in another region ({code})", fix="set AWS_REGION to the region of the bucket"
            )
        return StorageError(
            f"{place} answers {status} {code}", fix=RENEW if status in (400, 401) else "try again later"
        )


@lru_cache(maxsize=4)
def _client(_: tuple[tuple[str, str], ...], silence_s: float, attempts: int) -> Any:
    """A client of boto3, which all buckets share; another one when a variable changes.

    Raises:
        StorageError: boto3 is not installed, or its settings are not valid.
    """
    try:
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError
    except ImportError as error:
        fix = f"install it: {command('pip', 'install', 'facetally[s3]')}"
        raise StorageError("S3 addresses need the package boto3, which is not installed", fix=fix) from error
    settings = Config(
        connect_timeout=CONNECT_S,
        read_timeout=silence_s,
        max_pool_connections=CONNECTIONS,
        retries={"mode": "standard", "total_max_attempts": attempts},
    )
    try:
        session = boto3.Session()
        region = session.region_name or os.environ.get("AWS_REGION") or "us-east-1"
        return session.client("s3", region_name=region, config=settings)
    except (BotoCoreError, ValueError) as error:  # no such profile, an endpoint that is no address
        fix = "check AWS_PROFILE, AWS_ENDPOINT_URL and the file ~/.aws/config"
        raise StorageError(f"S3 cannot be used: {error}", fix=fix) from error


class _NotModifiedError(Exception):
    """The object has the stamp that was named."""


def _described(key: str, answer: dict[str, Any]) -> StoredObject:
    stamp = str(answer["ETag"]).strip('"')
    return StoredObject(key, int(answer["ContentLength"]), stamp, answer["LastModified"].timestamp())


def _without_query(text: str) -> str:
    """A message without what follows a question mark in addresses: it may be a signature."""
    return re.sub(r"\?[^\s\"']*", "", text)
