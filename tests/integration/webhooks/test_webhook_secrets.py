"""Secrets through the real handlers: rotated, sealed in the table, and taken by the verifiers that receivers have."""

from __future__ import annotations

import json
from collections.abc import Callable

import boto3
import openai
import pytest
import replicate.webhook
import svix.webhooks
from standardwebhooks import Webhook

from tests.contract.conftest import REGION
from tests.integration.webhooks.conftest import System
from tests.integration.webhooks.receivers import answers, receiver
from tests.integration.webhooks.test_webhook_path import OTHER, USER, call, create, deliver, happened, publish

Headers = dict[str, str]


def standard(secret: str, body: bytes, headers: Headers) -> None:
    Webhook(secret).verify(body, headers)


def svix_(secret: str, body: bytes, headers: Headers) -> None:
    svix.webhooks.Webhook(secret).verify(body, headers)


def openai_(secret: str, body: bytes, headers: Headers) -> None:
    client = openai.OpenAI(api_key="x")
    client.webhooks.verify_signature(body, headers, secret=secret)
    assert client.webhooks.unwrap(body, headers, secret=secret).type == "transcription.succeeded"


def replicate_(secret: str, body: bytes, headers: Headers) -> None:
    key = replicate.webhook.WebhookSigningSecret(key=secret)
    replicate.webhook.Webhooks.validate(headers=headers, body=body.decode(), secret=key, tolerance=300)


VERIFIERS: list[Callable[[str, bytes, Headers], None]] = [standard, svix_, openai_, replicate_]


def test_one_delivery_is_accepted_by_four_stock_verifiers_with_each_secret_that_signs(system: System) -> None:
    """W-01, W-06: old and new secret sign the same request, and each verifies alone."""
    with receiver(answers(200)) as place:
        endpoint = create(system, place.url, "*")
        status, rotated = call(system, "POST", f"/v1/webhooks/{endpoint['id']}/rotate-secret")
        assert status == 200
        third = call(system, "POST", f"/v1/webhooks/{endpoint['id']}/rotate-secret")[1]
        publish(system, happened())
        deliver(system)
    (got,) = place.got
    headers = dict(got.headers)
    assert len(got.all("webhook-signature")[0].split(" ")) == 3
    assert len({endpoint["secret"], rotated["secret"], third["secret"]}) == 3
    for verify in VERIFIERS:
        for secret in (endpoint["secret"], rotated["secret"], third["secret"]):
            verify(secret, got.body, headers)
        with pytest.raises(Exception, match=r"[Ss]ignature"):
            verify("whsec_" + "A" * 43 + "=", got.body, headers)


def whole_table() -> str:
    client = boto3.client("dynamodb", region_name=REGION)
    return json.dumps([page["Items"] for page in client.get_paginator("scan").paginate(TableName="antiphon")])


def test_no_secret_is_stored_or_logged_in_the_clear_nor_shown_again(
    system: System, caplog: pytest.LogCaptureFixture
) -> None:
    """W-02: also not where a repeat of the request is kept."""
    with receiver(answers(200)) as place:
        made = create(system, place.url, "*", key="create")
        path = f"/v1/webhooks/{made['id']}"
        rotated = call(system, "POST", f"{path}/rotate-secret", key="rotate")[1]
        account = call(system, "POST", "/v1/me/webhook-secret/rotate", key="account")[1]
        publish(system, happened(callback_url=place.url))
        deliver(system)
    again = [
        create(system, place.url, "*", key="create"),
        call(system, "POST", f"{path}/rotate-secret", key="rotate")[1],
        call(system, "POST", "/v1/me/webhook-secret/rotate", key="account")[1],
    ]
    secrets = [answer["secret"] for answer in (made, rotated, account)]
    assert [answer["secret"] for answer in again] == secrets
    shown = [
        call(system, "GET", path)[1],
        call(system, "GET", "/v1/webhooks")[1],
        call(system, "GET", f"/v1/webhook_endpoints/{made['id']}")[1],
        call(system, "PATCH", path, {"description": "x"})[1],
        call(system, "GET", f"{path}/deliveries")[1],
        call(system, "GET", "/v1/webhooks/callback/deliveries")[1],
    ]
    assert len(shown[4]["data"]) == len(shown[5]["data"]) == 1
    written = repr([vars(record) for record in caplog.records])
    for secret in secrets:
        assert secret not in json.dumps(shown)
        assert secret not in whole_table()
        assert secret not in written


def test_the_secret_of_an_account_can_be_read_and_rotated_by_its_owner(system: System) -> None:
    """D8."""
    first = call(system, "GET", "/v1/me/webhook-secret")[1]
    assert call(system, "GET", "/v1/me/webhook-secret")[1] == first
    assert first["previous_until"] is None
    second = call(system, "POST", "/v1/me/webhook-secret/rotate")[1]
    assert second["previous_until"] is not None
    assert call(system, "GET", "/v1/me/webhook-secret")[1] == second
    assert call(system, "GET", "/v1/me/webhook-secret", user=OTHER)[1]["secret"] not in (
        first["secret"],
        second["secret"],
    )
    with receiver(answers(200)) as place:
        publish(system, happened(callback_url=place.url))
        deliver(system)
    for secret in (first["secret"], second["secret"]):
        standard(secret, place.got[0].body, dict(place.got[0].headers))


def test_who_is_not_the_owner_rotates_nothing(system: System) -> None:
    made = create(system, "https://hooks.example.com", "*")
    assert call(system, "POST", f"/v1/webhooks/{made['id']}/rotate-secret", user=OTHER)[0] == 404
    assert call(system, "POST", "/v1/webhooks/whk_none/rotate-secret", user=USER)[0] == 404


def test_the_eleventh_secret_is_a_409(system: System) -> None:
    """W-06."""
    path = f"/v1/webhooks/{create(system, 'https://hooks.example.com', '*')['id']}/rotate-secret"
    answers_ = [call(system, "POST", path) for _ in range(10)]
    assert [status for status, _ in answers_] == [200] * 9 + [409]
    assert answers_[-1][1]["code"] == "too_many_secrets"
