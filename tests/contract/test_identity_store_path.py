"""Register, log in, be let in: the real handlers over a real SDK, with the table and the signing key under moto."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

import boto3
import jwt
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from moto.kms.utils import ECDSAPrivateKey

from antiphon.identity.dynamo import DynamoUsers
from antiphon.identity.kms import KmsKeys, KmsSigner, jwks, key_id_of
from antiphon.identity.model import User
from antiphon.identity.tokens import Issuer, Verifier
from antiphon.platform.audit import Entry
from antiphon.platform.audit_dynamo import DynamoAuditLog
from antiphon.platform.clock import from_rfc3339
from antiphon.platform.errors import Unauthorized
from antiphon.platform.table import Table
from antiphon.platform.telemetry import make_logger
from tests.contract.conftest import REGION
from tests.faults import Crash, Faults
from tests.integration.webhooks.functions import loaded

GOOD = {"email": "Anna@Example.com", "password": "correct horse battery", "display_name": "Anna"}
OURS = {"issuer": "https://here.example", "audience": "antiphon"}
ARN = "arn:aws:execute-api:us-east-1:123456789012:api1/live/GET/v1/transcriptions/job_1"


def sign_digest(key: Any, message: bytes, signing_algorithm: str) -> bytes:
    assert (len(message), signing_algorithm) == (32, "ECDSA_SHA_256")
    return key.private_key.sign(message, ec.ECDSA(Prehashed(hashes.SHA256())))


@pytest.fixture
def kms(aws: None, monkeypatch: pytest.MonkeyPatch) -> Any:
    # moto says of itself that it does not know MessageType DIGEST and would hash what is hashed; KMS and ministack do know it.
    monkeypatch.setattr(ECDSAPrivateKey, "sign", sign_digest)
    return boto3.client("kms", region_name=REGION)


@pytest.fixture
def key(kms: Any) -> str:
    return kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]


@pytest.fixture(autouse=True)
def environment(table: Table, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "TABLE_NAME": table.name,
        "SIGNING_KEY_ID": key,
        "ISSUER": OURS["issuer"],
        "AUDIENCE": OURS["audience"],
        "PASSWORD_MIN_LENGTH": "12",
        "AUTH_REQUESTS_PER_MINUTE": "1000",
        "MAILS_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/123456789012/mails",
        "UPLOADS_BUCKET": "uploads-bucket",
        "FIREBASE_PROJECT": "our-project",
        "FIREBASE_KEYS_URL": "http://127.0.0.1:9/keys",
        "FIREBASE_API_KEY": "",
        "FIREBASE_PROVIDERS": "google.com,password",
        "FIREBASE_SIGN_IN_URL": "https://identitytoolkit.googleapis.com",
        "RESULTS_BUCKET": "results-bucket",
        "ERASURES_QUEUE_URL": "https://sqs.invalid/erasures",
        "VECTOR_INDEX": "",
    }.items():
        monkeypatch.setenv(name, value)


@dataclass(frozen=True)
class Function:
    """printed: all that the function has written to its log."""

    module: ModuleType
    printed: io.StringIO

    def __call__(
        self, method: str, path: str, body: Any = None, admitted: dict[str, Any] | None = None, **headers: str
    ) -> tuple[int, dict[str, Any], dict[str, str]]:
        """admitted: what the authorizer said of the caller."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        event = {
            "httpMethod": method,
            "path": path,
            "resource": path,
            "headers": sent,
            "multiValueHeaders": {k: [v] for k, v in sent.items()},
            "queryStringParameters": None,
            "requestContext": {"stage": "live", "identity": {"sourceIp": "192.0.2.1"}, "authorizer": admitted},
            "body": body if body is None or isinstance(body, str) else json.dumps(body),
            "isBase64Encoded": False,
        }
        found = self.module.handler(event, None)
        return found["statusCode"], json.loads(found["body"]), {k: v[0] for k, v in found["multiValueHeaders"].items()}

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.printed.getvalue().splitlines()]


@contextlib.contextmanager
def function(name: str) -> Iterator[Function]:
    """Loaded while its log goes to a text: Powertools keeps the stream that it finds first, one per service and process."""
    printed = io.StringIO()
    logging.Logger.manager.loggerDict.pop(name, None)
    with contextlib.redirect_stdout(printed):
        make_logger(name)
    with loaded(name) as module:
        yield Function(module, printed)


@pytest.fixture
def auth() -> Iterator[Function]:
    with function("auth") as made:
        yield made


@pytest.fixture
def authorizer() -> Iterator[Function]:
    with function("authorizer") as made:
        yield made


def asked(header: str | None) -> dict[str, Any]:
    return {
        "type": "REQUEST",
        "methodArn": ARN,
        "resource": "/v1/x",
        "requestContext": {"identity": {"sourceIp": "192.0.2.1"}},
        "headers": {"AUTHORIZATION": header} if header else None,
    }


def rows() -> list[dict[str, Any]]:
    """All of the table but what is counted."""
    found = boto3.client("dynamodb", region_name=REGION).scan(TableName="antiphon")["Items"]
    return [row for row in found if row["row"]["S"] not in ("limit", "attempts")]


def users() -> set[str]:
    return {row["pk"]["S"] for row in rows() if row["row"]["S"] == "user"}


def test_who_registers_is_answered_in_the_shape_that_clients_rely_on(auth: Function) -> None:
    """A-45"""
    status, body, headers = auth("POST", "/v1/auth/register", GOOD)
    assert (status, headers["Cache-Control"]) == (201, "no-store")
    assert set(body) == {"user", "access_token", "refresh_token", "token_type", "expires_in"}
    assert set(body["user"]) == {"id", "email", "display_name", "tier", "role", "created_at"}
    assert (body["token_type"], body["expires_in"]) == ("bearer", 900)
    assert {k: body["user"][k] for k in ("email", "display_name", "tier", "role")} == {
        "email": "anna@example.com",
        "display_name": "Anna",
        "tier": "free",
        "role": "user",
    }
    status, again, _ = auth("POST", "/v1/auth/login", {k: GOOD[k] for k in ("email", "password")})
    assert (status, again["user"]) == (200, body["user"])
    assert again["refresh_token"] != body["refresh_token"]


def test_both_tokens_let_their_user_in_with_all_that_functions_need(auth: Function) -> None:
    """The answer holds for the whole stage: the gateway remembers it for the token, not for the route."""
    _, body, _ = auth("POST", "/v1/auth/register", GOOD)
    with function("authorizer") as authorizer:
        found = authorizer.module.handler(asked(f"Bearer {body['access_token']}"), None)
        assert [(line["message"], line["user_id"]) for line in authorizer.lines] == [("admitted", body["user"]["id"])]
        assert body["access_token"] not in authorizer.printed.getvalue()
    assert found["principalId"] == body["user"]["id"]
    assert found["policyDocument"]["Statement"] == [
        {
            "Action": "execute-api:Invoke",
            "Effect": "Allow",
            "Resource": "arn:aws:execute-api:us-east-1:123456789012:api1/live/*",
        }
    ]
    context = dict(found["context"])
    assert context.pop("session_id").startswith("ses_")
    assert from_rfc3339(context.pop("expires_at")) > datetime.now(UTC)
    assert context == {
        "user_id": body["user"]["id"],
        "tier": "free",
        "role": "user",
        "scopes": "",
        "key_id": "",
        "budget": "",
    }


def test_two_users_who_alternate_are_each_taken_for_themselves(auth: Function) -> None:
    """A-49: by a warm authorizer and by the warm function that knows who somebody is, 200 times; with a token, and with a key."""
    shown, users = {}, {}
    for name in ("anna", "boris"):
        _, made, _ = auth("POST", "/v1/auth/register", {**GOOD, "email": f"{name}@example.com", "display_name": name})
        shown[name], users[name] = made["access_token"], made["user"]["id"]
    with function("authorizer") as authorizer:

        def context(credential: str) -> dict[str, Any]:
            return dict(authorizer.module.handler(asked(f"Bearer {credential}"), None)["context"])

        keys = {}
        for name in users:
            wanted = {"name": name, "scopes": ["account:read"]}
            status, key, _ = auth("POST", "/v1/api-keys", wanted, context(shown[name]))
            assert status == 201, key
            keys[name] = key["key"]
        for number in range(200):
            name = ("anna", "boris")[number % 2]
            admitted = context((shown, keys)[number // 2 % 2][name])
            assert admitted["user_id"] == users[name]
            route = (
                ("/v1/me", "/v1/auth/sessions", "/v1/api-keys")[number // 4 % 3] if number // 2 % 2 == 0 else "/v1/me"
            )
            status, body, _ = auth("GET", route, None, admitted)
            assert status == 200
            if route == "/v1/me":
                assert (body["id"], body["display_name"]) == (users[name], name)
            elif route == "/v1/api-keys":
                assert [found["name"] for found in body["data"]] == [name]
            else:
                assert [found["id"] for found in body["data"]] == [admitted["session_id"]]


def test_the_audit_log_shows_a_year_though_rows_may_stay_longer(auth: Function, table: Table) -> None:
    """U-33: the table removes late."""
    _, made, _ = auth("POST", "/v1/auth/register", GOOD)
    log, user, now = DynamoAuditLog(table), made["user"]["id"], datetime.now(UTC)
    for days in range(355, 376):
        log.append(Entry(user, user, "thing.change", f"{days} days", "succeeded", now - timedelta(days=days)))
    admitted = {"user_id": user, "tier": "free", "role": "user", "session_id": "ses_1"}
    status, body, _ = auth("GET", "/v1/me/audit", None, admitted)
    assert status == 200
    shown = [entry["target"] for entry in body["data"] if entry["action"] == "thing.change"]
    assert shown == [f"{days} days" for days in range(355, 365)]
    assert body["next_cursor"] is None


@pytest.mark.parametrize(
    "header", [None, "Bearer", "Basic YTpi", "Bearer ap_live_0123", "Bearer rt_0123", "Bearer a.b.c"]
)
def test_anything_else_is_refused_by_the_text_that_the_gateway_knows(authorizer: Function, header: str | None) -> None:
    """A-16: also a refresh token, and a key of a kind that is not known yet."""
    with pytest.raises(Exception, match=r"\AUnauthorized\Z") as refused:
        authorizer.module.handler(asked(header), None)
    assert type(refused.value) is Exception
    assert refused.value.__suppress_context__, "a log of the refusal must not show where it failed"
    assert [line["message"] for line in authorizer.lines] == ["refused"]


@pytest.mark.parametrize("ended", ["session", "profile"])
def test_an_ended_session_or_user_is_out_at_the_next_request(auth: Function, ended: str) -> None:
    """A-24, D7"""
    _, body, _ = auth("POST", "/v1/auth/register", GOOD)
    (row,) = [row for row in rows() if row["sk"]["S"].startswith(ended)]
    with function("authorizer") as authorizer:
        assert authorizer.module.handler(asked(f"Bearer {body['access_token']}"), None)
        boto3.client("dynamodb", region_name=REGION).delete_item(
            TableName="antiphon", Key={name: row[name] for name in ("pk", "sk")}
        )
        with pytest.raises(Exception, match=r"\AUnauthorized\Z"):
            authorizer.module.handler(asked(f"Bearer {body['access_token']}"), None)


def test_where_the_table_is_gone_nobody_is_let_in_and_nobody_is_refused(auth: Function) -> None:
    """A-48: an error, which the gateway answers with a 503; a 401 would sign everybody out."""
    _, body, _ = auth("POST", "/v1/auth/register", GOOD)
    boto3.client("dynamodb", region_name=REGION).delete_table(TableName="antiphon")
    with function("authorizer") as authorizer, pytest.raises(Exception, match="ResourceNotFound"):
        authorizer.module.handler(asked(f"Bearer {body['access_token']}"), None)


def test_a_taken_address_is_a_409_and_changes_nothing(auth: Function) -> None:
    """A-09"""
    auth("POST", "/v1/auth/register", GOOD)
    before = sorted(json.dumps(row, sort_keys=True) for row in rows())
    status, body, _ = auth("POST", "/v1/auth/register", {**GOOD, "email": "ANNA@example.com", "password": "x" * 12})
    assert (status, body["code"], body["errors"][0]["field"]) == (409, "email_taken", "email")
    assert sorted(json.dumps(row, sort_keys=True) for row in rows()) == before


def test_wrong_logins_look_alike(auth: Function) -> None:
    """A-08: unknown, wrong and suspended; status, body and headers, but for the ids of the requests."""
    _, made, _ = auth("POST", "/v1/auth/register", GOOD)
    auth("POST", "/v1/auth/register", {**GOOD, "email": "gone@example.com"})
    (gone,) = users() - {f"user#{made['user']['id']}"}
    boto3.client("dynamodb", region_name=REGION).update_item(
        TableName="antiphon",
        Key={"pk": {"S": gone}, "sk": {"S": "profile"}},
        UpdateExpression="SET #s = :s",
        ExpressionAttributeNames={"#s": "status"},
        ExpressionAttributeValues={":s": {"S": "suspended"}},
    )
    found = []
    for email, password in (
        ("anna@example.com", "wrong horse battery"),
        ("nobody@example.com", GOOD["password"]),
        ("gone@example.com", GOOD["password"]),
    ):
        status, body, headers = auth("POST", "/v1/auth/login", {"email": email, "password": password})
        assert body.pop("request_id") == headers.pop("X-Request-Id")
        assert headers.pop("RateLimit")
        found.append((status, body, headers))
    assert found[0][0] == 401
    assert found[0][1]["code"] == "wrong_credentials"
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"email": "anna"}, "email"),
        ({"password": "short"}, "password"),
        ({"password": "x" * 1025}, "password"),
        ({"display_name": "x" * 101}, "display_name"),
        ({"display_name": "\ud800"}, "display_name"),
        ({"role": "admin"}, "role"),
        ({"tier": "enterprise"}, "tier"),
        ({"user_id": "usr_1"}, "user_id"),
    ],
    ids=str,
)
def test_a_registration_that_cannot_be_is_a_422_that_names_the_field(
    auth: Function, change: dict[str, Any], field: str
) -> None:
    """A-03, A-04, A-44"""
    status, body, _ = auth("POST", "/v1/auth/register", GOOD | change)
    assert (status, [wrong["field"] for wrong in body["errors"]]) == (422, [field])
    assert rows() == []


def test_a_repeated_registration_is_the_same_user_with_tokens_that_work(auth: Function) -> None:
    first = auth("POST", "/v1/auth/register", GOOD, idempotency_key="k1")
    second = auth("POST", "/v1/auth/register", GOOD, idempotency_key="k1")
    assert (first[0], second[0], first[1]["user"]) == (201, 201, second[1]["user"])
    assert len(users()) == 1
    with function("authorizer") as authorizer:
        for _, body, _ in (first, second):
            assert (
                authorizer.module.handler(asked(f"Bearer {body['access_token']}"), None)["principalId"]
                == body["user"]["id"]
            )


def test_the_record_of_a_registration_holds_no_token_and_nothing_to_test_passwords_against(auth: Function) -> None:
    """A-01: a fast hash of the request in the same table would make the slow one of the password worth nothing."""
    _, body, _ = auth("POST", "/v1/auth/register", GOOD, idempotency_key="k1")
    (record,) = [row for row in rows() if row["row"]["S"] == "idempotency"]
    kept = json.dumps(record)
    for secret in (body["access_token"], body["refresh_token"], GOOD["password"], "anna", "Anna", "k1"):
        assert secret not in kept
    raw = json.dumps(GOOD).encode()
    assert record["fingerprint"]["S"] not in {
        hashlib.new(name, raw).hexdigest() for name in ("sha256", "sha512", "md5")
    }


def test_the_same_key_with_another_password_is_a_mismatch_and_gives_no_tokens(auth: Function) -> None:
    auth("POST", "/v1/auth/register", GOOD, idempotency_key="k1")
    status, body, _ = auth("POST", "/v1/auth/register", {**GOOD, "password": "another good one"}, idempotency_key="k1")
    assert (status, body["code"]) == (409, "idempotency_mismatch")
    assert "access_token" not in body


@pytest.mark.parametrize("kind", ["before", "after"])
def test_a_registration_that_died_at_any_call_can_be_repeated_as_the_same_user(
    auth: Function, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Q-20: with its key, once the lock of the dead one has ended; never a second user, never "taken" by oneself."""
    faults, tried = Faults(monkeypatch), 0
    for at in range(1, 20):
        new, headers = {**GOOD, "email": f"a{at}@example.com"}, {"idempotency_key": f"k{at}"}
        before = users()
        faults.arm(at, kind)
        try:
            with faults.watched():
                auth("POST", "/v1/auth/register", new, **headers)
        except Crash:
            tried += 1
        else:
            break
        unlock()
        status, body, _ = auth("POST", "/v1/auth/register", new, **headers)
        assert status == 201, (faults.struck, body)
        assert users() - before == {f"user#{body['user']['id']}"}, faults.struck
    assert tried >= 4


def unlock() -> None:
    """What 35 seconds do."""
    client = boto3.client("dynamodb", region_name=REGION)
    for row in rows():
        if row["row"]["S"] == "idempotency" and "answer" not in row:
            client.put_item(TableName="antiphon", Item={**row, "locked_until": {"N": "0"}})


def test_each_request_is_one_line_of_log_without_a_secret(auth: Function) -> None:
    """O-04"""
    _, made, _ = auth("POST", "/v1/auth/register", GOOD, idempotency_key="k1", user_agent="secret-agent")
    auth("POST", "/v1/auth/login", {"email": GOOD["email"], "password": GOOD["password"]})
    auth("POST", "/v1/auth/login", {"email": GOOD["email"], "password": "wrong horse battery"})
    auth("POST", "/v1/auth/register", GOOD)
    boto3.client("dynamodb", region_name=REGION).delete_table(TableName="antiphon")
    assert auth("POST", "/v1/auth/login", {"email": GOOD["email"], "password": GOOD["password"]})[0] == 500
    assert [(line["level"], line["status"]) for line in auth.lines] == [
        ("INFO", 201),
        ("INFO", 200),
        ("INFO", 401),
        ("INFO", 409),
        ("ERROR", 500),
    ]
    printed = auth.printed.getvalue().lower()
    for secret in ("anna", "horse", "secret-agent", made["access_token"], made["refresh_token"]):
        assert secret.lower() not in printed


@pytest.mark.parametrize(
    ("project", "key"), [("", "AIzaSy-web-key"), ("our-project", ""), ("our-project", "AIzaSy-web-key")]
)
def test_firebase_is_offered_where_it_is_set_up(
    project: str, key: str, auth: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIREBASE_PROJECT", project)
    monkeypatch.setenv("FIREBASE_API_KEY", key)
    status, body, headers = auth("GET", "/v1/auth/providers")
    assert (status, headers["Cache-Control"]) == (200, "public, max-age=300")
    offered = {
        "project": "our-project",
        "api_key": "AIzaSy-web-key",
        "url": "https://identitytoolkit.googleapis.com",
        "providers": ["google.com", "password"],
    }
    assert body == {"firebase": offered if project and key else None}


def test_the_published_keys_verify_a_token_and_hold_nothing_private(auth: Function) -> None:
    """A-20: by a library that knows nothing of us."""
    _, made, _ = auth("POST", "/v1/auth/register", GOOD)
    status, body, headers = auth("GET", "/v1/auth/jwks.json")
    assert (status, headers["Cache-Control"]) == (200, "public, max-age=300")
    (published,) = body["keys"]
    assert set(published) == {"kty", "crv", "x", "y", "kid", "alg", "use"}
    found = jwt.decode(made["access_token"], jwt.PyJWK(published), algorithms=["ES256"], audience="antiphon")
    assert (found["sub"], found["exp"] - found["iat"]) == (made["user"]["id"], 900)
    header = jwt.get_unverified_header(made["access_token"])
    assert header == {"alg": "ES256", "typ": "at+jwt", "kid": published["kid"]}


def clock() -> datetime:
    return datetime.now(UTC)


def test_every_signature_of_kms_becomes_64_bytes(kms: Any, key: str) -> None:
    """A-15: also where a half begins with zeros, which DER leaves out (one in 128 signatures)."""
    signer, public = KmsSigner(kms, key), KmsKeys(kms, key).public_keys()[key_id_of(key)]
    for number in range(300):
        message = b"%d" % number
        made = signer.sign(message)
        assert len(made) == 64
        assert jwt.algorithms.ECAlgorithm(jwt.algorithms.ECAlgorithm.SHA256).verify(message, public, made)


def test_during_a_rotation_the_tokens_of_both_keys_are_good_and_of_a_third_are_not(kms: Any, key: str) -> None:
    """A-15, A-20"""
    other, third = (
        kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"] for _ in range(2)
    )
    keys = KmsKeys(kms, key, other)
    verifier, user = Verifier(keys, **OURS, clock=clock), User("usr_1", "a@example.com", "x", clock())
    for good in (key, other):
        made = Issuer(KmsSigner(kms, good), **OURS, clock=clock).access_token(user, "ses_1")
        assert verifier.verify(made).user_id == "usr_1"
    with pytest.raises(Unauthorized):
        verifier.verify(Issuer(KmsSigner(kms, third), **OURS, clock=clock).access_token(user, "ses_1"))
    assert len(jwks(keys.public_keys())["keys"]) == 2


def test_the_public_key_is_fetched_once(kms: Any, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched = []
    real = kms.get_public_key
    monkeypatch.setattr(kms, "get_public_key", lambda **wanted: fetched.append(wanted) or real(**wanted))
    keys = KmsKeys(kms, key)
    for _ in range(3):
        assert keys.public_keys()
    assert fetched == [{"KeyId": key}]


def test_a_key_has_one_name_by_id_and_by_arn_that_tells_no_account(key: str) -> None:
    assert key_id_of(key) == key_id_of(key.rsplit("/", 1)[-1])
    assert "123456789012" not in key_id_of(key)


def test_being_let_in_costs_two_reads(auth: Function, monkeypatch: pytest.MonkeyPatch) -> None:
    _, body, _ = auth("POST", "/v1/auth/register", GOOD)
    with function("authorizer") as authorizer:
        authorizer.module.handler(asked(f"Bearer {body['access_token']}"), None)
        faults = Faults(monkeypatch)
        with faults.watched():
            authorizer.module.handler(asked(f"Bearer {body['access_token']}"), None)
    assert faults.calls == 2


def test_lost_answers_while_signing_in_are_not_seen(auth: Function, monkeypatch: pytest.MonkeyPatch) -> None:
    """Q-10"""
    auth("POST", "/v1/auth/register", GOOD)
    faults, struck = Faults(monkeypatch), []
    for at in range(1, 20):
        faults.arm(at, "answer lost")
        with faults.watched():
            assert auth("POST", "/v1/auth/login", {"email": GOOD["email"], "password": GOOD["password"]})[0] == 200
        if not faults.struck:
            break
        struck.append(faults.struck)
    assert struck == [
        *["UpdateItem"] * 3,  # allowance, attempts of the network and of the account
        *["GetItem"] * 2,
        *["UpdateItem", "DeleteItem"],  # the attempts were right
        *["PutItem", "Sign", "TransactWriteItems"],
    ]


def test_sessions_of_a_user_are_found_with_the_user(auth: Function) -> None:
    _, body, _ = auth("POST", "/v1/auth/register", GOOD, user_agent="x" * 300)
    (row,) = [row for row in rows() if row["row"]["S"] == "session"]
    found = DynamoUsers(Table("antiphon", REGION)).session(body["user"]["id"], row["sk"]["S"].removeprefix("session#"))
    assert found is not None
    assert found.device == "x" * 200
    assert (found.expires_at - found.created_at).days == 30
