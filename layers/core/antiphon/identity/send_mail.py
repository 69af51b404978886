"""What the mailer does with a message."""

from __future__ import annotations

from antiphon.identity import letters, reset
from antiphon.identity.letters import Letter
from antiphon.identity.mail import Kind, Mail, MailLog, Post
from antiphon.identity.model import User, normal_email
from antiphon.identity.ports import UserStore
from antiphon.platform.clock import Clock
from antiphon.platform.errors import Invalid


class SendMail:
    """origin: where the web app is, for links; never taken from a request."""

    def __init__(self, *, users: UserStore, log: MailLog, post: Post, origin: str, clock: Clock) -> None:
        self._users = users
        self._log = log
        self._post = post
        self._origin = origin
        self._clock = clock

    def __call__(self, mail: Mail, message_id: str) -> str:
        """Gives what was done, for the log: sent, nobody, sent before or too many. message_id: the same when the queue repeats itself."""
        user = self._to(mail)
        if user is None or not user.active:
            return "nobody"
        if self._log.was_sent(user.email, message_id):
            return "sent before"
        # Links are asked for by anybody; a notice must not be kept away by asking for three of them first.
        if mail.kind is Kind.PASSWORD_RESET and not self._log.may_send(user.email, message_id):
            return "too many"
        letter = self._letter(mail, user)
        if letter is None:
            return "nobody"
        self._post.deliver(user.email, letter)
        self._log.sent(user.email, message_id)
        return "sent"

    def _to(self, mail: Mail) -> User | None:
        if mail.user_id:
            return self._users.get(mail.user_id)
        try:
            return self._users.by_email(normal_email(mail.email or ""))
        except Invalid:
            return None

    def _letter(self, mail: Mail, user: User) -> Letter | None:
        match mail.kind:
            case Kind.PASSWORD_CHANGED:
                return letters.password_changed(self._origin)
            case Kind.SESSION_REUSED:
                return letters.session_reused(self._origin)
            case Kind.ACCOUNT_LINKED:
                return letters.account_linked(self._origin)
            case Kind.WEBHOOK_GONE:
                return letters.webhook_gone(self._origin, mail.about)
            case Kind.WEBHOOK_FAILING:
                return letters.webhook_failing(self._origin, mail.about)
            case Kind.PASSWORD_RESET:
                token = reset.new_token(user.id)
                # Kept before it is sent. If the mail is lost, the next try makes another one, and this one ends.
                if not self._users.begin_reset(user.id, reset.hash_of(token), self._clock() + reset.VALID_FOR):
                    return None
                return letters.password_reset(self._origin, token, int(reset.VALID_FOR.total_seconds() // 60))
