"""When the card has no memory left."""

from __future__ import annotations

_SAID = ("out of memory", "cublas_status_alloc_failed", "cudnn_status_alloc_failed")


def is_out_of_memory(error: BaseException) -> bool:
    """torch has a type for it; CTranslate2 and the CUDA libraries raise a bare RuntimeError that only its text tells from others."""
    if isinstance(error, MemoryError):
        return True
    if type(error).__name__ == "OutOfMemoryError":  # torch.OutOfMemoryError, also as torch.cuda names it
        return True
    return isinstance(error, RuntimeError) and any(said in str(error).lower() for said in _SAID)
