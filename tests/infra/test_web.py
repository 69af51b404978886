"""The address of everything: CloudFront says and does what the edge of a laptop says and does (infra/local)."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

import pytest

from antiphon.platform.clock import system_clock
from antiphon.platform.gate import SECURITY_HEADERS
from antiphon.speech.s3 import S3Objects
from infra.local import edge
from infra.local.pages import Pages, policy
from tests.infra.system import ROOT, Resource, System

OWN = {
    "WebOrigin": "https://speech.example.com",
    "CertificateArn": "arn:aws:acm:us-east-1:000000000000:certificate/1234abcd-12ab-34cd-56ef-1234567890ab",
    "WebAclArn": "arn:aws:wafv2:us-east-1:000000000000:global/webacl/own/1234abcd-12ab-34cd-56ef-1234567890ab",
    "AccessLogsBucket": "my-logs",
}
NO_CACHE = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
ALL_BUT_HOST = "b689b0a8-53d0-40ab-baf2-68738e2966ac"


def distribution(system: System) -> dict[str, Any]:
    (found,) = system.all("AWS::CloudFront::Distribution")
    return dict(found.properties["DistributionConfig"])


def behaviours(system: System) -> dict[str, dict[str, Any]]:
    config = distribution(system)
    return {"*": config["DefaultCacheBehavior"]} | {each["PathPattern"]: each for each in config["CacheBehaviors"]}


def origins(system: System) -> dict[str, dict[str, Any]]:
    return {origin["Id"]: origin for origin in distribution(system)["Origins"]}


def headers(system: System, name: str) -> dict[str, Any]:
    return dict(system.resources[f"web/{name}"].properties["ResponseHeadersPolicyConfig"])


def test_a_laptop_has_an_edge_of_its_own() -> None:
    assert not [name for name in System({"WebApp": "false"}).resources if name.startswith("web/")]


def test_every_path_leads_where_the_edge_of_a_laptop_leads(cloud: System) -> None:
    found = {path: each["TargetOriginId"] for path, each in behaviours(cloud).items()}
    assert found == {"*": "pages", "/v1/*": "api", "/ws": "sockets"}
    assert origins(cloud)["api"]["DomainName"].startswith("<api/Api>.execute-api.")
    assert origins(cloud)["api"]["OriginPath"] == "/live"
    assert origins(cloud)["sockets"]["DomainName"].startswith("<realtime/Sockets>.execute-api.")
    (stage,) = cloud.all("AWS::ApiGatewayV2::Stage")
    assert stage.properties["StageName"] == "ws", "the path itself names the stage: nothing rewrites it"


def test_nothing_is_served_without_tls(cloud: System) -> None:
    for path, each in behaviours(cloud).items():
        assert each["ViewerProtocolPolicy"] == ("redirect-to-https" if path == "*" else "https-only"), path
    for name in ("api", "sockets"):
        custom = origins(cloud)[name]["CustomOriginConfig"]
        assert (custom["OriginProtocolPolicy"], custom["OriginSSLProtocols"]) == ("https-only", ["TLSv1.2"])


def test_the_api_gets_what_was_sent_and_nothing_of_it_is_kept(cloud: System) -> None:
    """A-49. Cookies, Authorization, Origin, Idempotency-Key, Last-Event-ID: sign-ins of the browser need them (A-27)."""
    for path in ("/v1/*", "/ws"):
        each = behaviours(cloud)[path]
        assert each["CachePolicyId"] == NO_CACHE, path
        assert each["OriginRequestPolicyId"] == ALL_BUT_HOST, path
        assert each["Compress"] is False, f"{path}: a compressed stream waits for its end"
    assert {*behaviours(cloud)["/v1/*"]["AllowedMethods"]} == set(edge._METHODS)


def test_a_stream_may_be_as_silent_as_ours_are(cloud: System) -> None:
    """A-65. Keep-alives come every 15 seconds, an answer that is waited for begins after 25 (decisions/0027), any other has 29."""
    assert origins(cloud)["api"]["CustomOriginConfig"]["OriginReadTimeout"] >= 2 * 29


def test_the_bucket_is_read_by_this_distribution_only(cloud: System) -> None:
    bucket = cloud.resources["web/Pages"]
    policy_of_it = cloud.resources["web/PagesForTheEdge"].properties["PolicyDocument"]["Statement"]
    allowed = [each for each in policy_of_it if each["Effect"] == "Allow"]
    assert {each["Action"] for each in allowed} == {"s3:GetObject", "s3:ListBucket"}
    for each in allowed:
        assert each["Principal"] == {"Service": "cloudfront.amazonaws.com"}
        assert each["Condition"]["ArnEquals"]["aws:SourceArn"].endswith("distribution/<web/Distribution>")
    access = cloud.resources["web/PagesAccess"].properties["OriginAccessControlConfig"]
    assert (access["SigningBehavior"], access["SigningProtocol"]) == ("always", "sigv4")
    assert origins(cloud)["pages"]["OriginAccessControlId"] == "<web/PagesAccess.Id>"
    assert origins(cloud)["pages"]["DomainName"] == bucket.attribute("RegionalDomainName")


REGION, SUFFIX = "${AWS::Region}", "${AWS::URLSuffix}"


def files_at(system: System) -> list[str]:
    buckets = [system.resources[f"data/{name}"].reference for name in ("Uploads", "Results")]
    return [f"https://{bucket}.s3.{place}" for bucket in buckets for place in (f"{REGION}.{SUFFIX}", SUFFIX)]


def test_pages_have_the_policy_of_a_laptops_pages(cloud: System) -> None:
    security = headers(cloud, "PagesHeaders")["SecurityHeadersConfig"]["ContentSecurityPolicy"]
    assert security == {"Override": True, "ContentSecurityPolicy": policy(files_at(cloud))}


def test_pages_may_ask_the_service_that_people_sign_in_with_where_there_is_one() -> None:
    system = System({"FirebaseApiKey": "AIzaSy-web-key"})
    security = headers(system, "PagesHeaders")["SecurityHeadersConfig"]["ContentSecurityPolicy"]
    assert security["ContentSecurityPolicy"] == policy(files_at(system), "https://identitytoolkit.googleapis.com")


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1"])
def test_the_policy_lets_the_app_send_and_fetch_files(
    region: str, cloud: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    from antiphon.speech.s3 import s3_client

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "none")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "none")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    objects = S3Objects(s3_client(region), system_clock)
    bucket = "a-bucket"
    allowed = {
        place.replace(REGION, region).replace(SUFFIX, "amazonaws.com").replace("<data/Uploads>", bucket)
        for place in files_at(cloud)
    }
    for address in (
        objects.presign_post(bucket, "k", content_type="audio/wav", max_size=1).url,
        objects.presign_get(bucket, "k", filename="k", content_type="audio/wav"),
    ):
        found = urlsplit(address)
        assert f"{found.scheme}://{found.netloc}" in allowed


def test_pages_say_beside_it_what_a_laptops_pages_say(cloud: System) -> None:
    said = {item["Header"]: item["Value"] for item in headers(cloud, "PagesHeaders")["CustomHeadersConfig"]["Items"]}
    local = dict(Pages(ROOT / "infra/web", [])._headers)
    assert said == {name: value for name, value in local.items() if name != "Content-Security-Policy"}


@pytest.mark.parametrize(("name", "instead"), [("PagesHeaders", True), ("ApiHeaders", False)])
def test_every_answer_has_the_headers_of_a_laptops_edge(name: str, instead: bool, cloud: System) -> None:
    """The API says more itself, and what it says stays."""
    said = headers(cloud, name)["SecurityHeadersConfig"]
    edges = {key.decode(): value.decode() for key, value in edge._SECURITY_HEADERS}
    assert said["ReferrerPolicy"] == {"ReferrerPolicy": edges["referrer-policy"], "Override": instead}
    assert said["FrameOptions"] == {"FrameOption": edges["x-frame-options"], "Override": instead}
    assert said["ContentTypeOptions"] == {"Override": instead}
    strict = said["StrictTransportSecurity"]
    value = f"max-age={strict['AccessControlMaxAgeSec']}; includeSubDomains"
    assert (value, strict["IncludeSubdomains"]) == (SECURITY_HEADERS["Strict-Transport-Security"], True)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/chat",
        "/chat/conv_1",
        "/app/main.js",
        "/index.html",
        "/x.y/z",
        "/a.",
        "/.hidden",
        "/..b",
        "/a..b",
        "/a.b/",
    ],
)
def test_an_address_of_a_screen_is_the_first_page_where_it_is_on_a_laptop(path: str, cloud: System) -> None:
    """The rule of infra/local/pages.py: whatever has an ending is a file."""
    code = cloud.resources["web/Screens"].properties["FunctionCode"]
    (pattern,) = re.findall(r"if \(!/(.+)/\.test\(request\.uri\)\) request\.uri = \"/index\.html\";", code)
    is_file = re.search(pattern, path) is not None
    # A path that ends in a slash names no file.
    assert is_file == (bool(PurePosixPath(path).suffix) and not path.endswith("/"))


def test_the_api_knows_the_viewer_by_the_mark_that_only_our_edge_has(cloud: System) -> None:
    (stage,) = cloud.all("AWS::ApiGateway::Stage")
    (header,) = origins(cloud)["api"]["OriginCustomHeaders"]
    assert header == {"HeaderName": "x-antiphon-edge", "HeaderValue": stage.properties["Variables"]["edge"]}
    assert header["HeaderValue"] == "${AWS::StackId}[2]"
    code = cloud.resources["web/Viewer"].properties["FunctionCode"]
    assert 'request.headers["x-antiphon-viewer"] = { value: event.viewer.ip };' in code
    (function,) = behaviours(cloud)["/v1/*"]["FunctionAssociations"]
    assert function == {"EventType": "viewer-request", "FunctionARN": "<web/Viewer.FunctionARN>"}


def test_what_one_brings_along_is_used(cloud: System) -> None:
    config = distribution(System(OWN))
    assert config["Aliases"] == ["speech.example.com"]
    assert config["ViewerCertificate"]["MinimumProtocolVersion"] == "TLSv1.2_2021"
    assert config["WebACLId"] == OWN["WebAclArn"]
    assert config["Logging"]["Bucket"].startswith("my-logs.s3.")
    plain = distribution(cloud)
    assert not {"Aliases", "WebACLId", "Logging"} & set(plain)
    assert plain["ViewerCertificate"] == {"CloudFrontDefaultCertificate": True}


def test_functions_of_the_edge_are_published(cloud: System) -> None:
    for function in cloud.all("AWS::CloudFront::Function"):
        assert function.properties["AutoPublish"] is True, function.name


def test_the_bucket_has_a_name_that_a_person_finds(cloud: System) -> None:
    """`make web` reads it there."""
    outputs = cloud.templates["template"]["Outputs"]
    assert {"PagesBucket", "WebDomain"} <= set(outputs)
    bucket: Resource = cloud.resources["web/Pages"]
    assert bucket.kind == "AWS::S3::Bucket"
