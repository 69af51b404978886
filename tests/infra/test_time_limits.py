"""A-65: no route answers later than 29 s. What the code itself bounds is in tests/unit/chat/test_time_limits.py."""

from __future__ import annotations

import re

from infra.local.stack import ROOT
from tests.infra.system import System
from tests.infra.test_api import STREAMED, methods

LONGEST = 29
LATE = {
    "POST /v1/audio/transcriptions": "text and captions cannot be kept alive while the job is done: decisions/0027",
    "POST /v1/audio/translations": "as for transcriptions",
    "POST /v1/audio/speech": "sound begins with the first sentence, a WAV with the last: decisions/0027",
}
"""Routes of OpenAI's protocol that wait for a job, as its clients do; `Prefer: respond-async` answers at once."""
BEGIN_SOON = STREAMED - LATE.keys()
"""Routes that may stream for longer, and begin, or end whole, within a limit of the code."""


def test_no_route_is_answered_later_than_29_seconds(cloud: System) -> None:
    """A-65: where the gateway waits for no more, and the function has ended by then; all others are named here."""
    (api,) = cloud.all("AWS::ApiGateway::RestApi")
    longer = set()
    for method, path, _, target in methods(cloud):
        integration = api.properties["Body"]["paths"][path][method]["x-amazon-apigateway-integration"]
        # Without one of its own the gateway's limit is 29 seconds.
        waits = integration.get("timeoutInMillis", LONGEST * 1000) <= LONGEST * 1000
        if not waits or cloud.resources[target].properties["Timeout"] > LONGEST:
            longer.add(f"{method.upper()} {path}")
    assert longer == BEGIN_SOON | set(LATE)


def test_the_authorizer_adds_little(cloud: System) -> None:
    """A-65: the gateway asks it before it counts the 29 seconds, once a minute for each token."""
    assert cloud.resources["api/Authorizer"].properties["Timeout"] <= 10


def test_cloudfront_waits_for_longer_than_what_is_silent_behind_it(cloud: System) -> None:
    """Decision 0052."""
    (web,) = cloud.all("AWS::CloudFront::Distribution")
    patience = {
        origin["CustomOriginConfig"]["OriginReadTimeout"]
        for origin in web.properties["DistributionConfig"]["Origins"]
        if "x-antiphon-edge" in str(origin.get("OriginCustomHeaders"))
    }
    source = (ROOT / "functions/audio/started.py").read_text()
    (silent,) = re.findall(r"^EDGE_PATIENCE = ([\d.]+)$", source, re.MULTILINE)
    assert all(float(silent) + 5 <= seconds for seconds in patience)
    assert patience
