"""An object in S3, read in one request and, where that breaks, one more from there on."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fsspec.asyn import sync

from flows.corpus.files import SourceFile
from flows.corpus.reading import http
from flows.corpus.reading.budget import Budget
from flows.corpus.reading.checksums import Checksums
from flows.corpus.reading.states import changed

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

piece_size = 2**20  # bytes


class S3Object:
    """Such an object, which has to have the same ETag in each request."""

    def __init__(self, file: SourceFile, budget: Budget) -> None:
        self._file = file
        self._budget = budget
        self._body: Any = None
        self._tag = ""
        self._size = 0
        self._checksums = Checksums({})

    def open(self, at: int) -> int:
        reply = sync(self._file.filesystem.loop, self._get, at)
        self._body = reply["Body"]
        tag, size = reply.get("ETag", ""), reply["ContentLength"]
        if at and "ContentRange" in reply:
            if (tag, size) != (self._tag, self._size - at):
                raise changed(self._file.url)
            return at
        if at and (tag, size) != (self._tag, self._size):  # some servers know no ranges
            raise changed(self._file.url)
        if not at:
            self._tag, self._size = tag, size
            self._budget.expect(size, self._file.url)
        self._checksums = Checksums(reply["ResponseMetadata"]["HTTPHeaders"])
        return 0

    def read(self) -> bytes:
        loop, content = self._file.filesystem.loop, self._body.raw_stream.content
        piece: bytes = sync(loop, http.next_piece, self._body.read, content, piece_size)
        self._checksums.update(piece)
        if not piece:
            self._checksums.compare(self._file.url)
        return piece

    def close(self) -> None:
        if self._body:
            self._file.filesystem.loop.call_soon_threadsafe(self._body.close)

    async def _get(self, at: int) -> Any:
        from botocore.exceptions import ClientError

        filesystem = self._file.filesystem
        bucket, key, version = filesystem.split_path(self._file.path)
        wanted = {"Bucket": bucket, "Key": key, **filesystem.req_kw}
        if version:
            wanted["VersionId"] = version
        if at:
            wanted |= {"Range": f"bytes={at}-", "IfMatch": self._tag}
        await filesystem.set_session()
        client = await filesystem.get_s3(bucket)
        options = filesystem._get_s3_method_kwargs(client.get_object, **wanted)  # noqa: SLF001
        try:
            return await client.get_object(**options)
        except ClientError as error:
            failure = _failure(error, self._file.url)
        raise failure


def _failure(error: ClientError, url: str) -> Exception:
    from s3fs.errors import translate_boto_error

    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if status == HTTPStatus.PRECONDITION_FAILED:
        return changed(url)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return ConnectionError(f"{status} {error.response.get('Error', {}).get('Message', '')}")
    translated: Exception = translate_boto_error(error)
    return translated
