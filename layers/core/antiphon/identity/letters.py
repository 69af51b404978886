"""The texts of mails. Nothing in them is loaded from anywhere, and nothing tells us that they were read."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape


@dataclass(frozen=True)
class Letter:
    subject: str
    text: str

    @property
    def html(self) -> str:
        """The same text; lines that are a link become one."""
        parts = []
        for block in self.text.split("\n\n"):
            shown = escape(block)
            parts.append(f'<p><a href="{shown}">{shown}</a></p>' if block.startswith("http") else f"<p>{shown}</p>")
        return "<!doctype html><html><body>" + "".join(parts) + "</body></html>"


def password_reset(origin: str, token: str, minutes: int) -> Letter:
    """The token is behind the #: it reaches the page, and no server's log on the way."""
    return Letter(
        "Choose a new password",
        "Somebody, probably you, asked for a new password for your Antiphon account.\n\n"
        f"{origin}/reset-password#token={token}\n\n"
        f"The link works once, for {minutes} minutes. All devices will be signed out. "
        "If it was not you, do nothing: your password stays as it is.",
    )


def password_changed(origin: str) -> Letter:
    return Letter(
        "Your password was changed",
        "The password of your Antiphon account was changed, and all other devices were signed out.\n\n"
        "If it was not you, ask for a new password now:\n\n"
        f"{origin}/forgot-password",
    )


def session_reused(origin: str) -> Letter:
    return Letter(
        "A device was signed out",
        "A sign-in of yours was used a second time, from another place: it may have been copied. We have ended it on both sides.\n\n"
        "Sign in again where you need it. If you do not know why this happened, choose a new password:\n\n"
        f"{origin}/forgot-password",
    )


def account_linked(origin: str) -> Letter:
    return Letter(
        "Your Antiphon account was linked to Firebase",
        "Somebody signed in with Firebase, which vouches for this address. There was an account with it whose address had never been "
        "confirmed, so its password, its signed-in devices and its API keys have ended.\n\n"
        "If the account is yours, look through its webhooks, and ask for a new password if you want one:\n\n"
        f"{origin}/forgot-password",
    )


def webhook_gone(origin: str, webhook_id: str) -> Letter:
    return _webhook_off(
        origin, f"Your webhook {webhook_id} answered 410 Gone, which means that nobody wants its events any more."
    )


def webhook_failing(origin: str, webhook_id: str) -> Letter:
    return _webhook_off(origin, f"Your webhook {webhook_id} has only failed for five days.")


def _webhook_off(origin: str, why: str) -> Letter:
    return Letter(
        "A webhook was switched off",
        f"{why} It has been switched off, and what waited for another attempt has ended.\n\n"
        "Its deliveries with every attempt are listed here. Once it works, switch it on again and replay what it missed: events are kept for 7 days.\n\n"
        f"{origin}/webhooks",
    )
