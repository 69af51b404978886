"""What the functions of this small system share."""


def greet(word: str, name: str) -> str:
    return f"{word}, {name}"
