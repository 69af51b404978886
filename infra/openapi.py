"""Writes the OpenAPI document of the whole API and its human pages: `make openapi`. All three are committed beside the function that serves them.

Bodies and parameters come from the code that checks them, access from the table that is enforced, answers from `infra/answers.py`.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
import subprocess
import sys
from html import escape
from pathlib import Path
from typing import Any

from antiphon.engines import chat
from antiphon.platform import errors, limits, openai_errors
from antiphon.platform.access import ROUTES, Access, Who
from antiphon.speech import metering
from antiphon.webhooks import guard
from infra.answers import ANSWERS, PAYLOADS, SCHEMAS

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "functions/docs"
FASTAPI = ("admin", "audio", "chat", "devices", "documents", "media", "messages", "search", "speech", "webhooks")
STYLE = """
:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:56rem;margin:0 auto;padding:1rem}
code,pre{font:14px/1.4 ui-monospace,monospace}pre{overflow:auto;padding:.75rem;border:1px solid #8886;border-radius:6px}
h2{margin-top:2.5rem;border-bottom:1px solid #8886}h3{margin-top:2rem;overflow-wrap:anywhere}table{border-collapse:collapse;width:100%}
td,th{text-align:left;vertical-align:top;padding:.25rem .75rem .25rem 0;border-bottom:1px solid #8883}nav a{margin-right:1rem}
a{color:light-dark(#0645ad,#8ab4f8)}summary{cursor:pointer}
"""
WEBSOCKET = (
    "Beside these routes there is the WebSocket /ws, with the subprotocols antiphon.v1 and bearer.<token or API key>. Messages are JSON objects with an action and, "
    "if you like, a ref that comes back with the answer: subscribe and unsubscribe {channels}, of jobs and the ids of conversations, runs and devices (with since, "
    "an event's id, what was missed of the last 24 hours comes first, then caught_up); send {conversation_id, content, attachments?, model?, settings?, key?}, "
    "answered by message, delta, done or error; ping, answered by pong; with the key of a device take, acknowledge {command_id} and "
    "result {command_id, status, result?, error?}, while commands come as {type: command, data}. Events are those of the webhooks with their id, which may come "
    "twice. At most 100 messages a minute, 128 KB each, 20 connections of a user; a connection ends with its token."
)
_LOAD = """
import json, sys
from unittest.mock import MagicMock
sys.path.insert(0, "functions/{name}")
from app import build
print(json.dumps(build(MagicMock()).openapi()))
"""
_LIGHT = """
import json, sys
sys.path.insert(0, "functions/auth")
import shapes
print(json.dumps({name: dict(getattr(shapes, name).schema) for name in %r}, default=dict))
"""
_BODIES = {
    "POST /v1/auth/register": "REGISTER",
    "POST /v1/auth/login": "LOGIN",
    "POST /v1/auth/refresh": "REFRESH",
    "POST /v1/auth/logout": "REFRESH",
    "POST /v1/auth/firebase": "FIREBASE",
    "POST /v1/auth/forgot-password": "FORGOT",
    "POST /v1/auth/reset-password": "RESET",
    "PATCH /v1/me": "PROFILE",
    "DELETE /v1/me": "ERASE",
    "POST /v1/me/password": "PASSWORD",
    "POST /v1/api-keys": "KEY",
}
"""Bodies of the light functions, by the name of their shape in functions/auth/shapes.py."""
_LISTS = ("GET /v1/auth/sessions", "GET /v1/me/audit", "GET /v1/api-keys")
_TAGS = {
    "auth": "identity",
    "me": "identity",
    "api-keys": "identity",
    "openapi.json": "documentation",
    "docs": "documentation",
    "admin": "administration",
    "conversations": "chat",
    "chat": "chat",
    "models": "chat",
    "presets": "chat",
    "search": "chat",
    "runs": "chat",
    "deliveries": "webhooks",
    "webhook_endpoints": "webhooks",
    "webhook_event_types": "webhooks",
    "voices": "speech",
    "edits": "media",
}


def _run(code: str) -> Any:
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def _operation_id(route: str) -> str:
    words = re.findall(r"[a-z0-9]+", route.lower().replace("/v1/", " "))
    return words[0] + "".join(word.capitalize() for word in words[1:])


def _tag(path: str) -> str:
    first = path.split("/")[2]
    return _TAGS.get(first, first)


def _problem(description: str) -> dict[str, Any]:
    return {
        "description": description,
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }


def _answers(route: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for status, schema in ANSWERS[route].items():
        answer: dict[str, Any] = {"description": "Done." if status < 300 else "Not now."}
        if schema is not None:
            by_type = schema if any("/" in key for key in schema) else {"application/json": schema}
            answer["content"] = {kind: {"schema": each} for kind, each in by_type.items()}
        found[str(status)] = answer
    if openai_errors.speaks(route.split(" ")[1]):
        for statuses in ("4XX", "5XX"):  # the gateway's own answers are problems
            found[statuses] = _problem("OpenAI's error object.")
            found[statuses]["content"]["application/json"] = {"schema": {"$ref": "#/components/schemas/OpenAiError"}}
        return found
    found["4XX"] = {"$ref": "#/components/responses/Refused"}
    found["5XX"] = {"$ref": "#/components/responses/Failed"}
    return found


def _security(access: Access) -> dict[str, Any]:
    if access.who is Who.PUBLIC:
        return {"security": []}
    text = {
        Who.CALLER: f"An API key needs the scope `{access.scope}`.",
        Who.PERSON: "For signed-in persons; API keys cannot do this.",
        Who.ADMIN: "For administrators.",
        Who.DEVICE: "For the device's own key.",
    }[access.who]
    if access.device and access.who is not Who.DEVICE:
        text += " The device's own key can do this too."
    return {"security": [{"bearer": []}], "x-access": text}


def _parameters(route: str, path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if "{id}" in path:
        found.append({"name": "id", "in": "path", "required": True, "schema": {"type": "string", "maxLength": 64}})
    if route in _LISTS:
        found.append(
            {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 100, "default": 20}}
        )
        found.append({"name": "cursor", "in": "query", "schema": {"type": "string", "maxLength": 500}})
    return found


def _webhook(name: str, body: dict[str, Any]) -> dict[str, Any]:
    headers = {
        "webhook-id": "The same on every attempt.",
        "webhook-timestamp": "Seconds since the epoch, of this attempt.",
        "webhook-signature": "v1, and HMAC-SHA256 in base64; several while a secret is replaced, separated by spaces.",
    }
    return {
        "operationId": "on" + "".join(part.capitalize() for part in re.split(r"[._]", name)),
        "tags": ["webhooks"],
        "parameters": [
            {"name": header, "in": "header", "required": True, "description": text, "schema": {"type": "string"}}
            for header, text in headers.items()
        ],
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": {
            "2XX": {"description": "It is delivered."},
            "410": {"description": "Nobody wants these events any more: the webhook is switched off."},
            "default": {"description": "It is sent again."},
        },
        "security": [],
    }


def document() -> dict[str, Any]:
    """OpenAPI 3.1."""
    operations: dict[str, dict[str, Any]] = {}
    schemas: dict[str, Any] = {**SCHEMAS}
    for name in FASTAPI:
        made = _run(_LOAD.format(name=name))
        found = {k: v for k, v in made["components"]["schemas"].items() if "ValidationError" not in k}
        if taken := [k for k in found.keys() & schemas.keys() if found[k] != schemas[k]]:
            raise SystemExit(
                f"functions/{name}: {', '.join(taken)} is the name of another shape too; call it differently"
            )
        schemas |= found
        for path, methods in made["paths"].items():
            for method, operation in methods.items():
                first = next(iter(re.findall(r"{([a-z_]+)}", path)), None)
                route = f"{method.upper()} {path.replace(f'{{{first}}}', '{id}')}"
                for parameter in operation.get("parameters", ()):
                    own = parameter["in"] == "path" and parameter["name"] == first
                    parameter["name"] = "id" if own else parameter["name"]
                    parameter["schema"].pop("title", None)
                kept = {key: operation[key] for key in ("parameters", "requestBody", "description") if key in operation}
                operations[route] = kept
    shapes = _run(_LIGHT % (sorted(set(_BODIES.values())),))
    for route in ROUTES:
        if route not in operations:
            operation = {"parameters": _parameters(route, route.split(" ")[1])}
            if route in _BODIES:
                body = {"content": {"application/json": {"schema": shapes[_BODIES[route]]}}}
                operation["requestBody"] = {**body, "required": route != "DELETE /v1/me"}
            operations[route] = operation
    paths: dict[str, Any] = {}
    for route, access in sorted(ROUTES.items()):
        method, path = route.split(" ")
        operation = operations[route]
        parameters = operation.pop("parameters", [])
        if access.creates or route in ("POST /v1/auth/register", "POST /v1/auth/refresh"):
            parameters = [*parameters, {"$ref": "#/components/parameters/IdempotencyKey"}]
        paths.setdefault(path, {})[method.lower()] = {
            "operationId": _operation_id(route),
            "tags": [_tag(path)],
            **operation,
            **({"parameters": parameters} if parameters else {}),
            **_security(access),
            "responses": _answers(route),
        }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Antiphon",
            "version": "1",
            "description": "Transcription, speech and signed callbacks in your own AWS account. " + WEBSOCKET,
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "webhooks": {name: {"post": _webhook(name, body)} for name, body in PAYLOADS.items()},
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "parameters": {
                "IdempotencyKey": {
                    "name": "Idempotency-Key",
                    "in": "header",
                    "description": "A repeat within 24 hours answers with the first result (a minute for a refresh).",
                    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
                }
            },
            "responses": {
                "Refused": _problem("The request was refused; `code` says why, `errors` where."),
                "Failed": _problem("It failed on our side; repeat with the same Idempotency-Key."),
            },
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An access token, an API key or the key of a device (ap_live_…).",
                }
            },
        },
    }


def codes() -> dict[str, tuple[int | None, str]]:
    """Every stable code that the code gives, with its status (None for those of jobs) and its title."""
    homes = (errors, guard, limits, metering, chat)
    known = {n: c for home in homes for n, c in vars(home).items() if inspect.isclass(c)}
    classes = {n: c for n, c in known.items() if issubclass(c, errors.AntiphonError)}
    jobs = {n for n, c in classes.items() if issubclass(c, errors.JobError)}
    found: dict[str, tuple[int | None, str]] = dict.fromkeys(
        ("too_many_jobs", "budget_exceeded"), (429, metering.QuotaExceeded.title)
    )
    found |= {c.code: (None if n in jobs else c.status, c.title) for n, c in classes.items()}
    for path in sorted((ROOT / "layers/core/antiphon").rglob("*.py")) + sorted((ROOT / "functions").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            name = node.func.id
            for keyword in node.keywords:
                if keyword.arg == "code" and isinstance(keyword.value, ast.Constant) and name in classes:
                    c = classes[name]
                    code = str(keyword.value.value)
                    status = getattr(c, "BY_CODE", {}).get(code, c.status)
                    found[code] = (None if name in jobs else status, c.title)
            if name == "Failure" and node.args and isinstance(node.args[0], ast.Constant):
                found.setdefault(str(node.args[0].value), (None, "The job failed"))
    return dict(sorted(found.items()))


def _page(title: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head><body>{body}</body></html>\n'
    )


def errors_page() -> str:
    rows = "".join(
        f'<tr id="{escape(code)}"><td><code>{escape(code)}</code></td><td>{status or "job"}</td><td>{escape(title)}</td></tr>'
        for code, (status, title) in codes().items()
    )
    return _page(
        "Antiphon: errors",
        "<h1>Errors</h1><p>Every refusal is <code>application/problem+json</code> (RFC 9457). Compare <code>code</code>; it is stable. "
        '<code>detail</code> is for people. <a href="/v1/docs">All routes</a></p>'
        f"<table><thead><tr><th>Code</th><th>Status</th><th>Meaning</th></tr></thead><tbody>{rows}</tbody></table>",
    )


def _operation_html(path: str, method: str, operation: dict[str, Any]) -> str:
    parts = [f'<h3 id="{operation["operationId"]}"><code>{method.upper()} {escape(path)}</code></h3>']
    if operation.get("description"):
        parts.append(f"<p>{escape(operation['description'])}</p>")
    parts.append(f"<p>{escape(operation.get('x-access', 'Open to everybody.'))}</p>")
    named = [p for p in operation.get("parameters", ()) if "name" in p]
    if named:
        rows = "".join(
            f"<tr><td><code>{escape(p['name'])}</code></td><td>{p['in']}</td><td><code>{escape(json.dumps(p['schema']))}</code></td></tr>"
            for p in named
        )
        parts.append(f"<table><tbody>{rows}</tbody></table>")
    curl = f"curl -X {method.upper()} $ANTIPHON_URL{path}"
    curl += "" if not operation["security"] else " -H 'Authorization: Bearer …'"
    if "requestBody" in operation:
        ((kind, body),) = operation["requestBody"]["content"].items()
        schema = body["schema"]
        parts.append(
            f"<details><summary>Body</summary><pre>{escape(json.dumps(schema, indent=2, ensure_ascii=False))}</pre></details>"
        )
        curl += f" -H 'Content-Type: {kind}' -d '{{…}}'" if kind == "application/json" else " -F model=… -F file=@…"
    answers = {k: v for k, v in operation["responses"].items() if not k.endswith("XX")}
    parts.append(f"<details><summary>Answers</summary><pre>{escape(json.dumps(answers, indent=2))}</pre></details>")
    parts.append(f"<pre>{escape(curl)}</pre>")
    return "".join(parts)


def docs_page(made: dict[str, Any]) -> str:
    by_tag: dict[str, list[str]] = {}
    for path, methods in made["paths"].items():
        for method, operation in methods.items():
            by_tag.setdefault(operation["tags"][0], []).append(_operation_html(path, method, operation))
    links = "".join(f'<a href="#{tag}">{tag}</a>' for tag in by_tag)
    body = "".join(f'<h2 id="{tag}">{tag}</h2>{"".join(parts)}' for tag, parts in by_tag.items())
    schemas = "".join(
        f'<details id="{name}"><summary><code>{name}</code></summary><pre>{escape(json.dumps(s, indent=2, ensure_ascii=False))}</pre></details>'
        for name, s in made["components"]["schemas"].items()
    )
    return _page(
        "Antiphon: API",
        f'<h1>Antiphon API</h1><p>{escape(made["info"]["description"])} The document for programs: <a href="/v1/openapi.json">openapi.json</a>. '
        f'<a href="/v1/docs/errors">Errors</a></p><nav>{links}<a href="#schemas">schemas</a></nav>{body}<h2 id="schemas">Schemas</h2>{schemas}',
    )


def files() -> dict[Path, str]:
    """What the function serves."""
    made = document()
    return {
        FOLDER / "openapi.json": json.dumps(made, indent=1, ensure_ascii=False, sort_keys=True) + "\n",
        FOLDER / "docs.html": docs_page(made),
        FOLDER / "errors.html": errors_page(),
    }


def main() -> None:
    for path, text in files().items():
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
