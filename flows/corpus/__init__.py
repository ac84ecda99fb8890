"""From URLs to text: find the files of a corpus, read them, tell whether they have changed."""

from flows.corpus.files import SourceFile
from flows.corpus.finding import find_files
from flows.corpus.fingerprint import fingerprints
from flows.corpus.reading import read_corpus

__all__ = ["SourceFile", "find_files", "fingerprints", "read_corpus"]
