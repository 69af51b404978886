"""Sign in with an account of another service: the user that is linked to it, or the one whose verified address it is, or a new one."""

from __future__ import annotations

from antiphon.identity.firebase import FirebaseVerifier, Vouched
from antiphon.identity.model import User, normal_email
from antiphon.identity.ports import Changed, EmailTaken, FederatedStore, KeyStore, UserStore
from antiphon.identity.refresh import notice
from antiphon.identity.sign_in import Desk, Device, SignedIn, entry
from antiphon.platform.audit import AuditLog
from antiphon.platform.clock import Clock
from antiphon.platform.errors import Conflict, NotFound, Unauthorized
from antiphon.platform.ids import new_id


class Federate:
    def __init__(
        self,
        *,
        verifier: FirebaseVerifier,
        users: UserStore,
        links: FederatedStore,
        keys: KeyStore,
        desk: Desk,
        audit: AuditLog,
        clock: Clock,
    ) -> None:
        self._verifier = verifier
        self._users = users
        self._links = links
        self._keys = keys
        self._desk = desk
        self._audit = audit
        self._clock = clock

    def __call__(self, id_token: str, device: Device) -> SignedIn:
        """Raises NotFound ``not_configured``, Unauthorized, Conflict ``email_taken`` or ``email_required``."""
        if not self._verifier.project:
            raise NotFound("Signing in with Firebase is not set up here.", code="not_configured")
        vouched = self._verifier.verify(id_token)
        user = self._links.by_federated(vouched.issuer, vouched.subject) or self._first_time(vouched, device)
        if not user.active:
            raise Unauthorized("This account may not sign in.", code="wrong_credentials")
        self._audit.append(entry(user.id, "user.firebase", "signed_in", device, self._clock()))
        return self._desk.welcome(user, device)

    def _first_time(self, vouched: Vouched, device: Device) -> User:
        """Who they are is issuer and subject; an address alone is nobody."""
        if vouched.email is None:
            raise Conflict("This Firebase account has no e-mail address; add one there.", code="email_required")
        address = normal_email(vouched.email)
        known = self._users.by_email(address)
        if known is None:
            user = User(new_id("usr"), address, "", self._clock(), vouched.name, email_verified=vouched.email_verified)
            try:
                self._links.create_linked(user, vouched.issuer, vouched.subject)
            except (EmailTaken, Changed):
                # Somebody was faster; perhaps this very person, twice.
                linked = self._links.by_federated(vouched.issuer, vouched.subject)
                if linked is None:
                    raise _taken() from None
                return linked
            return user
        if not vouched.email_verified:
            raise _taken()
        if not known.active:
            return known  # refused like anybody who may not sign in
        try:
            if known.email_verified:
                self._links.link(known, vouched.issuer, vouched.subject)
            else:
                self._take_over(known, vouched, device)
        except Changed as changed:
            raise Conflict("The account was changed at the same time; repeat.", code="account_changed") from changed
        return self._users.get(known.id) or known

    def _take_over(self, known: User, vouched: Vouched, device: Device) -> None:
        """Whoever registered with this address never showed that it is theirs; here is who did. Nobody else keeps a way in: password, sessions,
        keys and other links end. What can be repeated comes first, for the crash between two lines; keys may have been made meanwhile."""
        event = notice(known.id, "account_linked", known.id, self._clock(), {}, device.request_id)
        self._links.unlink(known.id)
        self._end_keys(known)
        self._links.link(known, vouched.issuer, vouched.subject, event)
        self._end_keys(known)
        self._audit.append(entry(known.id, "user.taken_over", "linked", device, self._clock()))

    def _end_keys(self, user: User) -> None:
        while page := self._keys.page(user.id, 100).items:
            for key in page:
                self._keys.delete(key)


def _taken() -> Conflict:
    return Conflict(
        "There is an account with this address, and Firebase has not verified that it is yours; log in with its password.",
        code="email_taken",
    )
