"""A forgotten password: the link, its mail and its single use."""

from __future__ import annotations

import re

import pytest

from antiphon.identity import letters
from antiphon.identity.mail import Kind, Mail, mail_of
from antiphon.identity.mail_memory import MemoryMailLog, MemoryMails, MemoryPost
from antiphon.identity.model import UserStatus
from antiphon.identity.reset import Reset, new_token, user_of
from antiphon.identity.send_mail import SendMail
from antiphon.identity.sign_in import Device
from antiphon.platform.errors import Invalid, Unauthorized
from tests.unit.conftest import HeldClock
from tests.unit.identity.conftest import GOOD, House

BETTER = "another good horse"
ANNA = "anna@example.com"
RESET = Mail(Kind.PASSWORD_RESET, email=ANNA)


class Office:
    def __init__(self, house: House) -> None:
        self.house = house
        self.mails, self.post = MemoryMails(), MemoryPost()
        self.mailer = SendMail(
            users=house.users,
            log=MemoryMailLog(house.clock),
            post=self.post,
            origin="https://app.example",
            clock=house.clock,
        )
        self.reset = Reset(
            users=house.users,
            mails=self.mails,
            hasher=house.hasher,
            attempts=house.attempts,
            clock=house.clock,
            min_length=12,
        )

    def link(self) -> str:
        to, letter = self.post.letters[-1]
        assert to == ANNA
        found = re.search(r"^https://app\.example/reset-password#token=(\S+)$", letter.text, re.MULTILINE)
        assert found
        return found[1]


@pytest.fixture
def office(house: House) -> Office:
    house.register()
    return Office(house)


def test_asking_is_the_same_for_everybody(office: Office) -> None:
    """A-30: one message, nothing is read."""
    office.reset.forgot(" ANNA@Example.com", "req_1")
    office.reset.forgot("nobody@example.com", "req_2")
    assert office.mails.asked == [RESET, Mail(Kind.PASSWORD_RESET, email="nobody@example.com")]
    assert office.mailer(office.mails.asked[1], "m2") == "nobody"
    assert office.post.letters == []


def test_the_link_sets_the_password_once_and_ends_all_sessions(office: Office, house: House) -> None:
    """A-31"""
    phone = house.login()
    assert office.mailer(RESET, "m1") == "sent"
    token = office.link()
    assert office.reset.reset(token, BETTER).email == ANNA
    with pytest.raises(Invalid) as refused:
        office.reset.reset(token, "a third good horse")
    assert refused.value.code == "invalid_reset_token"
    with pytest.raises(Unauthorized):
        house.refresh(phone.refresh_token, Device())
    with pytest.raises(Unauthorized):
        house.login(password=GOOD)
    assert house.login(password=BETTER)
    assert [e.type for e in house.users.events] == ["user.password_changed"]


def test_only_the_hash_of_the_link_is_kept(office: Office, house: House) -> None:
    """A-31"""
    office.mailer(RESET, "m1")
    token = office.link()
    assert token not in repr(house.users.by_email(ANNA))
    assert len(token) * 6 > 256


@pytest.mark.parametrize("why", ["too late", "a newer link", "a new password", "suspended", "forged", "no token"])
def test_a_link_that_is_not_good_changes_nothing(office: Office, house: House, clock: HeldClock, why: str) -> None:
    """A-31"""
    office.mailer(RESET, "m1")
    token = office.link()
    user = house.users.by_email(ANNA)
    assert user is not None
    match why:
        case "too late":
            clock.move(minutes=30)
        case "a newer link":
            office.mailer(RESET, "m2")
        case "a new password":
            session = house.session(house.login())
            office.house.users.change_password(
                user, house.hasher.hash(BETTER), session, house.users.events and house.users.events[0]
            )  # type: ignore[arg-type]
        case "suspended":
            house.users._users[user.id] = type(user)(**{**vars(user), "status": UserStatus.SUSPENDED})
        case "forged":
            token = new_token(user.id)
        case _:
            token = "rst_x"
    with pytest.raises(Invalid) as refused:
        office.reset.reset(token, "a third good horse")
    assert refused.value.code == "invalid_reset_token"


def test_a_weak_password_leaves_the_link_good(office: Office) -> None:
    office.mailer(RESET, "m1")
    with pytest.raises(Invalid) as refused:
        office.reset.reset(office.link(), "short")
    assert refused.value.fields[0].field == "new_password"
    assert office.reset.reset(office.link(), BETTER)


def test_a_repeated_message_sends_no_second_mail_and_leaves_the_link_good(office: Office) -> None:
    assert [office.mailer(RESET, "m1") for _ in range(3)] == ["sent", "sent before", "sent before"]
    assert len(office.post.letters) == 1
    assert office.reset.reset(office.link(), BETTER)


def test_a_mail_that_failed_is_sent_by_the_next_try(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(office.post, "deliver", lambda to, letter: (_ for _ in ()).throw(ConnectionError()))
        for _ in range(5):
            with pytest.raises(ConnectionError):
                office.mailer(RESET, "m1")
    assert office.mailer(RESET, "m1") == "sent"
    assert office.reset.reset(office.link(), BETTER)


def test_an_address_gets_three_mails_an_hour(office: Office, clock: HeldClock) -> None:
    """A-30"""
    assert [office.mailer(RESET, f"m{n}") for n in range(5)] == ["sent"] * 3 + ["too many"] * 2
    clock.move(hours=1)
    assert office.mailer(RESET, "m9") == "sent"


@pytest.mark.parametrize("kind", [Kind.SESSION_REUSED, Kind.PASSWORD_CHANGED])
def test_notices_go_to_the_owner(office: Office, house: House, kind: Kind) -> None:
    """A-07, A-23"""
    user = house.users.by_email(ANNA)
    assert user is not None
    assert office.mailer(mail_of({"kind": kind.value, "user_id": user.id}), "m1") == "sent"
    (to, letter), *_ = office.post.letters
    assert to == ANNA
    assert "https://app.example/forgot-password" in letter.text


def test_links_that_were_asked_for_keep_no_notice_away(office: Office, house: House) -> None:
    """A-07, A-23: whoever took an account over would else ask for three links first."""
    user = house.users.by_email(ANNA)
    assert user is not None
    for number in range(5):
        office.mailer(RESET, f"m{number}")
    assert office.mailer(Mail(Kind.PASSWORD_CHANGED, user_id=user.id), "m9") == "sent"


def test_a_letter_loads_nothing_and_says_the_same_in_both_forms() -> None:
    """A-32"""
    letter = letters.password_reset("https://app.example", "a<b", 30)
    assert "<img" not in letter.html
    assert "src=" not in letter.html
    assert "a&lt;b" in letter.html
    assert letter.html.count("href=") == 1


@pytest.mark.parametrize("token", ["", "rst_", "rst_" + "A" * 63, "x" * 68, "rst_é"])
def test_what_is_no_token_leads_to_nobody(token: str) -> None:
    assert user_of(token) is None
