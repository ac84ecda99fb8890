"""From URLs to text: find the files of a corpus, read them, tell whether they have changed."""

from flows.corpus.files import SourceFile
from flows.corpus.finding.find import find_files
from flows.corpus.fingerprint import fingerprints, strong_fingerprints
from flows.corpus.outside import check_outside
from flows.corpus.reading.states import changed
from flows.corpus.request import CorpusRequest
from flows.corpus.texts import Text, Texts

__all__ = [
    "CorpusRequest",
    "SourceFile",
    "Text",
    "Texts",
    "changed",
    "check_outside",
    "find_files",
    "fingerprints",
    "strong_fingerprints",
]
