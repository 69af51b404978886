"""API keys."""

from __future__ import annotations

from typing import Any

from asked import idempotency_key, listed, me, once, page_of
from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from shapes import KEY
from views import key_view, nothing
from wiring import wiring

from antiphon.identity.api_keys import Made
from antiphon.platform.clock import from_rfc3339
from antiphon.platform.rest import body_of, raw_body
from antiphon.speech.metering import micro_usd, month_at

router = Router()


@router.post("/v1/api-keys")
def create() -> Response[Any]:
    """The answer holds the key, this once."""
    raw = raw_body(router)
    new = body_of(raw, KEY)
    user, keys = me(router).user_id, wiring().api_keys
    expires_at = from_rfc3339(new["expires_at"]) if new.get("expires_at") else None
    dollars = new.get("monthly_budget_usd")
    budget = None if dollars is None else micro_usd(dollars)

    def make(seed: str | None) -> tuple[str, Made]:
        made = keys.create(
            user, name=new["name"], scopes=new["scopes"], expires_at=expires_at, budget=budget, seed=seed
        )
        return made.record.id, made

    made = once(
        wiring().idempotency,
        user=user,
        path="/v1/api-keys",
        key=idempotency_key(router),
        body=(raw or "").encode("utf-8", "surrogatepass"),
        make=make,
        again=lambda key_id: make(key_id.removeprefix("key_"))[1],
    )
    return Response(201, "application/json", {**key_view(made.record), "key": made.key})


@router.get("/v1/api-keys")
def keys() -> dict[str, Any]:
    scope = (me(router).user_id, "api-keys")
    page = wiring().api_keys.page(scope[0], *page_of(router, *scope))
    month = month_at(wiring().clock())
    spent = wiring().usage.spent(scope[0], month, [key.id for key in page.items if key.budget is not None])
    return listed(page, lambda key: key_view(key, spent.get(key.id, 0)), *scope)


@router.delete("/v1/api-keys/<key_id>")
def revoke(key_id: str) -> Response[Any]:
    wiring().api_keys.revoke(me(router).user_id, key_id)
    return nothing()
