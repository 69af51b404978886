"""I-04: the HTTPS API lets in whom the authorizer knows, and answers in one shape even where no function is reached."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from antiphon.platform import errors, openai_errors
from antiphon.platform.access import ROUTES, Who
from antiphon.platform.gate import SECURITY_HEADERS
from infra.local.streaming import ROUTES as PASSED_ON
from tests.infra.system import System

METHODS = ("get", "post", "put", "patch", "delete")

OPEN = {
    *(tuple(route.split(" ", 1)) for route, access in ROUTES.items() if access.who is Who.PUBLIC),
    *((method.upper(), "/{proxy+}") for method in METHODS),
}
"""Methods without an authorizer: as the table of access has it, and what says that there is nothing here."""

RESPONSES = [
    "UNAUTHORIZED",
    "ACCESS_DENIED",
    "MISSING_AUTHENTICATION_TOKEN",
    "AUTHORIZER_FAILURE",
    "AUTHORIZER_CONFIGURATION_ERROR",
    "REQUEST_TOO_LARGE",
    "THROTTLED",
    "INTEGRATION_TIMEOUT",
    "DEFAULT_4XX",
    "DEFAULT_5XX",
]
STREAMED = {
    "GET /v1/models",
    "GET /v1/audio/voices",
    "POST /v1/audio/speech",
    "POST /v1/audio/transcriptions",
    "POST /v1/audio/translations",
    "POST /v1/chat/completions",
    "GET /v1/conversations/{id}/export",
    "POST /v1/conversations/{id}/export",
    "POST /v1/conversations/{id}/messages",
    "POST /v1/conversations/{id}/messages/stream",
    "GET /v1/transcriptions/{id}/events",
    "GET /v1/speech/{id}/events",
}
"""Routes whose answers come piece by piece."""


def methods(system: System) -> Iterator[tuple[str, str, list[dict[str, list[str]]], str]]:
    """Method, path, what it asks for, and the function that answers."""
    (api,) = system.all("AWS::ApiGateway::RestApi")
    for path, item in api.properties["Body"]["paths"].items():
        for method, operation in item.items():
            uri = operation["x-amazon-apigateway-integration"]["uri"]
            found = re.search(r"<(\w+/\w+)Aliaslive>", uri)
            assert found, uri
            yield method, path, operation["security"], found[1]


def test_every_method_asks_the_authorizer_except_those_that_are_named(cloud: System) -> None:
    unasked = {(method.upper(), path) for method, path, security, _ in methods(cloud) if security != [{"Token": []}]}
    assert unasked == OPEN


def test_every_route_has_an_entry_in_the_table_of_access_and_every_entry_a_route(cloud: System) -> None:
    """A-60: a route without an entry lets nobody in."""
    there = {f"{method.upper()} {path}" for method, path, *_ in methods(cloud) if path != "/{proxy+}"}
    assert there == set(ROUTES)


def test_no_route_takes_any_method(cloud: System) -> None:
    used = {method for method, *_ in methods(cloud)}
    assert used == set(METHODS)


def test_the_authorizer_is_ours_and_its_answer_is_kept_no_longer_than_a_minute(cloud: System) -> None:
    """D7, A-49: a sign-out holds everywhere after at most the time for which an answer is kept; it is kept for the very token or key."""
    (api,) = cloud.all("AWS::ApiGateway::RestApi")
    scheme = api.properties["Body"]["components"]["securitySchemes"]["Token"]
    authorizer = scheme["x-amazon-apigateway-authorizer"]
    assert "<api/AuthorizerAliaslive>" in authorizer["authorizerUri"]
    assert authorizer["identitySource"] == "method.request.header.Authorization"
    assert authorizer["authorizerResultTtlInSeconds"] == cloud.parameters["AuthorizerTtl"]
    assert cloud.templates["template"]["Parameters"]["AuthorizerTtl"]["MaxValue"] <= 60


def test_the_gateway_keeps_no_answer_of_a_function(cloud: System) -> None:
    """A-49: its cache knows a path and no user."""
    for stage in cloud.all("AWS::ApiGateway::Stage"):
        assert not stage.properties.get("CacheClusterEnabled")
        assert not [each for each in stage.properties["MethodSettings"] if each.get("CachingEnabled")]
    (api,) = cloud.all("AWS::ApiGateway::RestApi")
    for path, item in api.properties["Body"]["paths"].items():
        for operation in item.values():
            assert not {"cacheKeyParameters", "cacheNamespace"} & set(operation["x-amazon-apigateway-integration"]), (
                path
            )


def test_the_api_is_bounded_and_does_not_log_what_people_say(cloud: System) -> None:
    (stage,) = cloud.all("AWS::ApiGateway::Stage")
    (all_methods,) = stage.properties["MethodSettings"]
    assert (all_methods["HttpMethod"], all_methods["ResourcePath"]) == ("*", "/*")
    assert all_methods["ThrottlingBurstLimit"] > 0
    assert all_methods["ThrottlingRateLimit"] > 0
    assert all_methods["DataTraceEnabled"] is False


def error_logs(system: System) -> set[tuple[str, str]]:
    """(level, stage), of both gateways."""
    (stage,) = system.all("AWS::ApiGateway::Stage")
    (sockets,) = system.all("AWS::ApiGatewayV2::Stage")
    (settings,) = stage.properties["MethodSettings"]
    return {
        (settings["LoggingLevel"], stage.name),
        (sockets.properties["DefaultRouteSettings"]["LoggingLevel"], sockets.name),
    }


def test_what_goes_wrong_in_the_gateway_is_logged_where_it_ends_and_without_what_was_said(cloud: System) -> None:
    """I-07, api_gw_execution_logging_enabled: the gateway would make the group itself, for ever, if the stage did not wait for ours."""
    (stage,) = cloud.all("AWS::ApiGateway::Stage")
    (sockets,) = cloud.all("AWS::ApiGatewayV2::Stage")
    assert error_logs(cloud) == {("ERROR", stage.name), ("ERROR", sockets.name)}
    assert sockets.properties["DefaultRouteSettings"]["DataTraceEnabled"] is False
    for waiting, name in (
        (
            stage.properties["Variables"]["errors"],
            f"API-Gateway-Execution-Logs_<api/Api>/{stage.properties['StageName']}",
        ),
        (
            sockets.properties["StageVariables"]["errors"],
            f"/aws/apigateway/<realtime/Sockets>/{sockets.properties['StageName']}",
        ),
    ):
        assert cloud.of(waiting).properties["LogGroupName"] == name


def test_where_the_gateways_errors_are_not_wanted_there_is_no_group_for_them() -> None:
    quiet = System({"GatewayErrorLogs": "false"})
    assert {level for level, _ in error_logs(quiet)} == {"OFF"}
    assert not {"api/ErrorLogs", "realtime/SocketsErrorLogs"} & set(quiet.resources)


def test_a_stack_that_goes_takes_no_logs_from_the_others_of_its_account(cloud: System) -> None:
    """I-07: an account has one role for the logs of all its gateways."""
    for name in ("api/GatewayLogs", "api/GatewayLogsRole"):
        assert cloud.resources[name].policies == ("Retain", "Retain")


SAID = re.compile(r"\$context\.([A-Za-z.]+)")


def test_who_asked_for_which_route_is_logged_and_nothing_of_what_was_said(cloud: System) -> None:
    """I-04: the route as the template has it, so that no id and no query is written; and the requests are traced."""
    (stage,) = cloud.all("AWS::ApiGateway::Stage")
    (sockets,) = cloud.all("AWS::ApiGatewayV2::Stage")
    assert stage.properties["TracingEnabled"] is True
    for setting in (stage.properties["AccessLogSetting"], sockets.properties["AccessLogSettings"]):
        assert cloud.of(setting["DestinationArn"]).kind == "AWS::Logs::LogGroup"
        written = json.loads(setting["Format"])
        assert {"request_id", "user", "route", "status"} <= set(written)
        for value in written.values():
            (name,) = SAID.findall(value)
            assert not re.search(r"identity|path$|querystring|header|body|message", name), name
    assert cloud.all("AWS::ApiGateway::Account"), (
        "without a role in the account's settings a stage with a log cannot be made"
    )


def test_the_gateway_answers_itself_in_every_case_that_is_known_here(cloud: System) -> None:
    (api,) = cloud.all("AWS::ApiGateway::RestApi")
    assert set(api.properties["Body"]["x-amazon-apigateway-gateway-responses"]) == set(RESPONSES)


@pytest.mark.parametrize("kind", RESPONSES)
def test_what_the_gateway_answers_itself_is_a_problem_document(kind: str, cloud: System) -> None:
    """A-54, A-55"""
    (api,) = cloud.all("AWS::ApiGateway::RestApi")
    response = api.properties["Body"]["x-amazon-apigateway-gateway-responses"][kind]
    template = response["responseTemplates"]["application/json"]
    text = template.replace("$context.requestId", "9b1c0f5e-0000-4000-8000-000000000000")
    assert "$" not in text, "nothing else of the request may reach the answer: it would have to be escaped"
    body = json.loads(text)
    assert set(body) == {"type", "title", "status", "detail", "code", "request_id", "error"}
    assert body["error"] == {
        "message": body["detail"],
        "type": openai_errors.type_of(body["status"]),
        "param": None,
        "code": openai_errors.code_of(body["code"]),
    }
    assert str(body["status"]) == str(response["statusCode"])
    assert body["type"] == f"/v1/docs/errors#{body['code']}"
    assert body["request_id"] == "9b1c0f5e-0000-4000-8000-000000000000"
    ours = [e for e in vars(errors).values() if isinstance(e, type) and issubclass(e, errors.AntiphonError)]
    known = {e.code: (e.status, e.title) for e in ours}
    assert (body["status"], body["title"]) == known.get(body["code"], (body["status"], body["title"]))
    parameters = response["responseParameters"]
    assert parameters["gatewayresponse.header.Content-Type"] == "'application/problem+json'"
    for name, value in SECURITY_HEADERS.items():
        # The outer quotes are the gateway's; what is between them is sent as it is, quotes too.
        assert parameters[f"gatewayresponse.header.{name}"] == f"'{value}'"
    if body["status"] in (429, 503):
        assert "gatewayresponse.header.Retry-After" in parameters


def test_answers_of_models_stream_and_all_others_come_whole(cloud: System) -> None:
    """Another spelling of the mode is taken without an error, and buffers."""
    (api,) = cloud.all("AWS::ApiGateway::RestApi")
    streaming = set()
    for path, item in api.properties["Body"]["paths"].items():
        for method, operation in item.items():
            integration = operation["x-amazon-apigateway-integration"]
            if "responseTransferMode" in integration or "/2021-11-15/" in integration["uri"]:
                assert integration["responseTransferMode"] == "STREAM"
                assert integration["uri"].endswith("/response-streaming-invocations")
                streaming.add(f"{method.upper()} {path}")
    assert streaming == STREAMED
    assert streaming == PASSED_ON, "the laptop's edge streams others"


def test_what_waits_for_a_job_may_wait_as_long_as_a_stream_may_last(cloud: System) -> None:
    """And a recording in a form comes as it is: the gateway takes all that is not named here for UTF-8."""
    (api,) = cloud.all("AWS::ApiGateway::RestApi")
    body = api.properties["Body"]
    for path, item in body["paths"].items():
        for operation in item.values():
            integration = operation.get("x-amazon-apigateway-integration", {})
            if integration.get("responseTransferMode") == "STREAM":
                longest = 900_000 if path.startswith("/v1/audio/") else 300_000  # as its function
                assert integration["timeoutInMillis"] == longest, path
    assert body["x-amazon-apigateway-binary-media-types"] == ["multipart/form-data"]
