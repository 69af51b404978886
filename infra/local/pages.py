"""The web app of a laptop, as S3 and CloudFront serve it in the cloud: its files, and index.html for every address of a screen."""

from __future__ import annotations

import mimetypes
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

mimetypes.add_type("text/javascript", ".js")  # a machine's own table may say something that browsers refuse for modules


def policy(buckets: Sequence[str], sign_in: str = "") -> str:
    """The Content-Security-Policy. buckets: origins that files are sent to and fetched from; sign_in: origin of another service that people sign in with.

    Nothing is loaded from elsewhere, no inline code or style runs, and only DOMPurify makes HTML from text (Trusted Types).
    """
    own = " ".join(("'self'", *buckets))
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            f"img-src 'self' data: blob: {' '.join(buckets)}".rstrip(),
            f"media-src {own} blob:",
            f"connect-src {own} {sign_in}".rstrip(),
            "font-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            "object-src 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types dompurify",
        )
    )


class Pages(StaticFiles):
    """folder: of the web app; buckets, sign_in: see `policy`."""

    def __init__(self, folder: Path, buckets: Sequence[str], sign_in: str = "") -> None:
        super().__init__(directory=folder, html=True)
        self._headers = {
            "Content-Security-Policy": policy(buckets, sign_in),
            "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
            "Cross-Origin-Opener-Policy": "same-origin",
            # Checked each time, so that the parts of two releases never meet.
            "Cache-Control": "no-cache",
        }

    async def get_response(self, path: str, scope: Scope) -> Response:
        try:
            response = await super().get_response(path, scope)
        except HTTPException as missing:
            if missing.status_code != 404 or PurePosixPath(path).suffix:
                raise
            response = await super().get_response("index.html", scope)
        response.headers.update(self._headers)
        return response
