"""Files that are no text, known by their first bytes: refused, not learned."""

from __future__ import annotations

import re

from flows.exceptions import CorpusError

head_size = 4096  # bytes that a file is known by
tar_header = 512
checksum = slice(148, 156)  # of a tar's header, in octal digits
archives = "name the texts in it, such as {protocol}://*.txt::{name}"
unpack = "unpack it, and name the texts in it"
export = "save it as plain text"
convert = "export its text to a text file, Parquet, CSV or JSON Lines"
decompress = "decompress it first"
texts_only = "name a text"
binary = rb"[\x00-\x08\x0e-\x1f]"  # a text that begins with the same letters goes on without these

# Beginnings, what has them, what to do. Beginnings of letters alone need something that no text has.
beginnings: tuple[tuple[bytes, str, str], ...] = (
    (rb"PK\x03\x04.{26}mimetypeapplication/epub", "an e-book", export),
    (rb"PK\x03\x04.{26}mimetypeapplication/vnd", "an OpenDocument file", export),
    (rb"PK\x03\x04.{26}(\[Content_Types\]|_rels/|docProps/)", "an Office document", export),
    (rb"PK(\x03\x04|\x05\x06|\x07\x08)", "a zip archive", archives.replace("{protocol}", "zip")),
    (rb"7z\xbc\xaf\x27\x1c", "a 7z archive", unpack),
    (rb"Rar!\x1a\x07", "a RAR archive", unpack),
    (rb"!<arch>\n.{16}[0-9 ]{12}", "an archive (ar)", unpack),
    (rb"\x1f\x8b\x08", "compressed (gzip)", decompress),
    (rb"BZh[1-9]1AY&SY", "compressed (bzip2)", decompress),
    (rb"\xfd7zXZ\x00", "compressed (xz)", decompress),
    (rb"\x28\xb5\x2f\xfd", "compressed (Zstandard)", decompress),
    (rb"\x04\x22\x4d\x18", "compressed (LZ4)", decompress),
    (rb"%PDF-[0-9]\.[0-9]\s*[\r\n]", "a PDF", export),
    (rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Office document", export),
    (rb"PAR[1E](?![\s.,:;!?'\")-])", "a Parquet file", "give reading.corpus_column"),
    (rb"ARROW1\x00\x00", "an Arrow file", convert),
    (rb"FEA1.{0,60}?" + binary, "a Feather file", convert),
    (rb"ORC.{0,60}?" + binary, "an ORC file", convert),
    (rb"Obj\x01", "an Avro file", convert),
    (rb"SQLite format 3\x00", "an SQLite database", convert),
    (rb".{8}DUCK.{0,8}\x00", "a DuckDB database", convert),
    (rb"\x89HDF\r\n\x1a\n", "an HDF5 file", convert),
    (rb"\x93NUMPY[\x01-\x03]\x00", "a numpy array", convert),
    (rb"\x80[\x02-\x05](\x95|[(\]}c])", "a Python pickle", convert),
    (rb"\x89PNG\r\n\x1a\n", "an image (PNG)", texts_only),
    (rb"\xff\xd8\xff[\xc0-\xfe]", "an image (JPEG)", texts_only),
    (rb"GIF8[79]a.{0,20}?" + binary, "an image (GIF)", texts_only),
    (rb"II\*\x00|MM\x00\*", "an image (TIFF)", texts_only),
    (rb"RIFF.{4}(WAVEfmt |WEBPVP8|AVI LIST)", "a sound, image or film (RIFF)", texts_only),
    (rb"OggS\x00", "a sound (Ogg)", texts_only),
    (rb"\x00\x00\x00.ftyp", "a film (MP4)", texts_only),
    (rb"\x7fELF[\x01\x02]", "a program (ELF)", texts_only),
    (rb"\x00asm\x01", "a program (WebAssembly)", texts_only),
)
patterns = [(re.compile(pattern, re.DOTALL), what, advice) for pattern, what, advice in beginnings]


def check_is_text(head: bytes, name: str) -> None:
    """Refuse a file that begins with `head` (`head_size` bytes, decompressed) and is no text.

    Only what is certain: a text may begin with the letters PK, BM or ORC.
    """
    if _is_tar(head[:tar_header]):
        raise _refusal(name, "a tar archive", archives.replace("{protocol}", "tar"))
    for pattern, what, advice in patterns:
        if pattern.match(head):
            raise _refusal(name, what, advice)


def _refusal(name: str, what: str, advice: str) -> CorpusError:
    return CorpusError(f"{name} is {what}, not a text: {advice.replace('{name}', name)}")


def _is_tar(header: bytes) -> bool:
    """Whether these are the first 512 bytes of a tar: their sum is in them, its own place as blanks."""
    field = header[checksum].strip(b"\x00 ")
    if len(header) < tar_header or not re.fullmatch(rb"[0-7]+", field):
        return False
    rest = header[: checksum.start] + header[checksum.stop :]
    unsigned = sum(rest) + 8 * ord(" ")
    signed = unsigned - 256 * sum(byte > 127 for byte in rest)  # noqa: PLR2004 - of some old programs
    return int(field, 8) in {unsigned, signed}
