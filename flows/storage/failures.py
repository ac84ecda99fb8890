"""What a backend raised: in words that a person can act on, without secrets; transient or not."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from http import HTTPStatus

from flows.exceptions import StoreError, StoreUnavailable
from flows.storage.urls import public_text

# By the code of an S3 server's reply, or by the name of the client's own exception.
explanations = {
    "403": "access forbidden: check the keys, what they permit, and this machine's clock",
    "AccessDenied": "permission denied: give the owner of the keys access to it",
    "EndpointConnectionError": "the server does not answer: check AWS_ENDPOINT_URL, or try later",
    "ExpiredToken": "the session's token has expired: renew AWS_SESSION_TOKEN",
    "InvalidAccessKeyId": "the server does not know the access key: check AWS_ACCESS_KEY_ID",
    "NoCredentialsError": "no keys found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "NoSuchBucket": "the bucket does not exist: make it, or check its name",
    "QuotaExceeded": "the quota is used up: make room, or raise it",
    "RequestTimeTooSkewed": "this machine's clock and the server's differ too much: set it right",
    "SignatureDoesNotMatch": "the secret key is not the access key's: check AWS_SECRET_ACCESS_KEY",
}
transient_errnos = {errno.EAGAIN, errno.EIO, errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ESTALE}
not_files = {errno.ELOOP, errno.ENXIO, errno.ENODEV}  # links in a circle, sockets, devices
unwritable = {errno.EACCES, errno.EPERM, errno.EROFS}
# Nobody listens, or hangs up before it says what it is; by name, since it may not be installed.
of_paramiko = {"NoValidConnectionsError", "SSHException"}
transient_statuses = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}


def store_error(message: str, cause: Exception) -> StoreError:
    """The error to raise from what a backend raised: transient if that is."""
    return (StoreUnavailable if is_transient(cause) else StoreError)(message)


def reason(error: Exception) -> str:
    """What went wrong, in one line: the first, since Azure's client appends a whole reply."""
    words = (isinstance(error, OSError) and error.strerror) or str(error)
    first = words.strip().partition("\n")[0]
    return explanation(error) or public_text(first) or type(error).__name__


def advice(error: OSError) -> str:
    """What to do if this user cannot write to a local store; empty for other errors."""
    return ": name a store that this user can write" if error.errno in unwritable else ""


def explanation(error: Exception) -> str | None:
    """What a person should know of an object store's error, where it is one of the usual ones."""
    return explanations.get(reply_code(error) or type(error).__name__)


def reply_code(error: BaseException) -> str | None:
    """The code in the reply behind an error of s3fs, which names it only in the cause."""
    return _reply(error).get("Error", {}).get("Code")


def reply_status(error: BaseException) -> int | None:
    """The HTTP status of the reply behind an error of s3fs."""
    status = _reply(error).get("ResponseMetadata", {}).get("HTTPStatusCode")
    return None if status is None else int(status)


def is_transient(error: BaseException) -> bool:
    """Whether a foreign error, or a cause of it, is of networks, servers and disks that recover."""
    chain = list(causes(error))
    return any(map(_may_recover, chain)) and not any(map(_is_unknown_host, chain))


def _may_recover(error: BaseException) -> bool:
    from aiohttp import ClientConnectionError  # here, since few runs fail and it is slow to load

    if isinstance(error, (ConnectionError, TimeoutError, ClientConnectionError)):
        return True
    if type(error).__name__ in of_paramiko:
        return True
    if isinstance(error, OSError) and error.errno in transient_errnos:
        return True
    status = getattr(error, "status", None)  # of aiohttp's replies
    return status in transient_statuses or (
        isinstance(status, int) and status >= HTTPStatus.INTERNAL_SERVER_ERROR
    )


def _is_unknown_host(error: BaseException) -> bool:
    """Whether there is no host of that name: most likely a typo."""
    return isinstance(error, socket.gaierror) and error.errno == socket.EAI_NONAME


def causes(error: BaseException) -> Iterator[BaseException]:
    """`error`, what it was raised from or while handling what, and so on."""
    found: BaseException | None = error
    while found:
        yield found
        found = found.__cause__ or found.__context__


def _reply(error: BaseException) -> dict[str, dict[str, str]]:
    response = getattr(error.__cause__, "response", None)
    return response if isinstance(response, dict) else {}
