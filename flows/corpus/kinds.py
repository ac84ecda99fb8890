"""stub"""


def check_is_text(head: bytes, name: str) -> None:
    """Stub"""
