"""What we correct in the emulator (ministack, exact version): each by the one function that is wrong or slow for us.

Imported by the emulator's own process only.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import queue
import re
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any

_SAID_ALL = "\0said all: "
_SAY_SECONDS = 0.25
"""Between two lines of a call that has ended; a process that is there says so at once."""
_ONE_PARTITION = re.compile(r"(#?\w+) = (:\w+)")
"""Of a key condition: the partition is what must be equal; our sort keys are compared in other ways."""


def keep_attributes_of_nested_stacks() -> None:
    """Give an unchanged resource of a nested stack its attributes back when the stack is updated.

    ministack forgets them, so that every later `Fn::GetAtt` of that stack fails and with it the update.
    """
    from ministack.services.cloudformation import _stacks, provisioners

    update = provisioners._update_resource

    def update_resource(
        kind: str,
        physical_id: str,
        old: dict,
        new: dict,
        stack: str,
        logical_id: str | None = None,
        attributes: dict | None = None,
    ) -> tuple:
        if attributes is None:
            attributes = (_stacks.get(stack) or {}).get("_resources", {}).get(logical_id, {}).get("Attributes")
        return update(kind, physical_id, old, new, stack, logical_id, attributes)

    provisioners._update_resource = update_resource


def unpack_layers_once(folder: Path) -> None:
    """Let all execution environments share one unpacked copy of a layer, as /opt is shared and read-only in the cloud.

    ministack unpacks every layer again for every cold start: seconds and 70 MB each with ours.
    """
    from ministack.core import lambda_runtime
    from ministack.services import lambda_svc

    folder.mkdir(parents=True, exist_ok=True)
    spawn = lambda_runtime.Worker._spawn

    def spawn_with_shared_layers(worker: Any) -> Any:
        config = worker.config
        contents = [lambda_svc._resolve_layer_zip(layer) for layer in config.get("Layers", [])]
        layers = [str(unpacked(folder, content)) for content in contents if content]
        variables = config.get("Environment", {}).get("Variables", {})
        if layers:
            variables = {**variables, "_LAMBDA_LAYERS_DIRS": os.pathsep.join(layers)}
        worker.config = {**config, "Layers": [], "Environment": {"Variables": variables}}
        try:
            return spawn(worker)
        finally:
            worker.config = config

    lambda_runtime.Worker._spawn = spawn_with_shared_layers


def unpacked(folder: Path, content: bytes) -> Path:
    """The folder that holds the files of this archive, unpacked at the first call."""
    target = folder / hashlib.sha256(content).hexdigest()[:32]
    if not target.exists():
        new = Path(tempfile.mkdtemp(dir=folder, prefix=".new-"))
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            archive.extractall(new)
        try:
            new.rename(target)
        except OSError:
            # Another cold start was faster.
            shutil.rmtree(new)
    return target


def keep_environments_that_raised() -> None:
    """Let the next call of a function whose handler raised find it warm, and log what it raised as one line of JSON, as in the cloud.

    ministack kills the process, and an authorizer says no by raising: each request that it refused cost a cold start.
    """
    from ministack.core import lambda_runtime

    said = '{"status": "error", "error": str(e), "trace": traceback.format_exc()}'
    script = lambda_runtime._PYTHON_WORKER_SCRIPT
    if script.count(said) != 1:
        raise RuntimeError("ministack's worker says in another way that its handler raised")
    raised = '{"status": "ok", "raised": {"error": str(e), "type": type(e).__name__, "trace": traceback.format_exc()}}'
    lambda_runtime._PYTHON_WORKER_SCRIPT = script.replace(said, raised)
    invoke = lambda_runtime.Worker.invoke

    def invoke_and_keep(worker: Any, *arguments: Any, **options: Any) -> dict[str, Any]:
        answer: dict[str, Any] = invoke(worker, *arguments, **options)
        if raised := answer.pop("raised", None):
            line = {"log_level": "ERROR", "errorMessage": raised["error"], "errorType": raised["type"]}
            line["stackTrace"] = raised["trace"].splitlines()
            answer |= {"status": "error", "error": raised["error"], "trace": json.dumps(line)}
        return answer

    lambda_runtime.Worker.invoke = invoke_and_keep


def know_when_functions_have_said_all() -> None:
    """Let a function's process say when a call's log is complete.

    ministack waits for a silence instead: 50 ms after each call that logs nothing, which is most of what a warm call takes.
    """
    from ministack.core import lambda_runtime

    answered = "        _real_stdout.flush()\n\nrun()"
    script = lambda_runtime._PYTHON_WORKER_SCRIPT
    if script.count(answered) != 1:
        raise RuntimeError("ministack's worker ends its calls in another way")
    mark = f"print({_SAID_ALL!r} + _ms_ctx['request_id'], file=sys.__stderr__, flush=True)"
    lambda_runtime._PYTHON_WORKER_SCRIPT = script.replace(answered, f"        {mark}\n{answered}")
    invoke, drain = lambda_runtime.Worker.invoke, lambda_runtime.Worker._drain_stderr_bounded

    def invoke_by_id(worker: Any, event: Any, request_id: str, **options: Any) -> dict[str, Any]:
        worker.asked = request_id
        answer: dict[str, Any] = invoke(worker, event, request_id, **options)
        return answer

    def drain_to_the_mark(worker: Any, *limits: float, **named: float) -> str:
        if not worker.config.get("Runtime", "").startswith("python"):
            unmarked: str = drain(worker, *limits, **named)
            return unmarked
        lines: list[str] = []
        with suppress(queue.Empty):  # a process that died says no more
            while (line := worker._stderr_queue.get(timeout=_SAY_SECONDS)) != _SAID_ALL + worker.asked:
                if not line.startswith(_SAID_ALL):
                    lines.append(line)
        return "\n".join(lines)

    lambda_runtime.Worker.invoke, lambda_runtime.Worker._drain_stderr_bounded = invoke_by_id, drain_to_the_mark


def deployments() -> Callable[[], int | None]:
    """A function that gives how often CloudFormation was asked for anything; None while it works on a stack."""
    from ministack.services import cloudformation

    handle, count = cloudformation.handle_request, 0

    async def counted(*request: Any) -> Any:
        nonlocal count
        count += 1
        return await handle(*request)

    def asked() -> int | None:
        states = [stack["StackStatus"] for stack in list(cloudformation._stacks._data.values())]
        return None if any("IN_PROGRESS" in state for state in states) else count

    cloudformation.handle_request = counted
    return asked


def forget_layers(folder: Path) -> None:
    """Remove the unpacked layers that no function uses any more; only while no function runs."""
    from ministack.services import lambda_svc

    used = {
        hashlib.sha256(version["_zip_data"]).hexdigest()[:32]
        for layer in lambda_svc._layers._data.values()
        for version in layer["versions"]
        if version.get("_zip_data")
    }
    for path in folder.iterdir():
        if path.name not in used:
            shutil.rmtree(path)


def import_gateway_responses() -> None:
    """Keep the gateway responses of an API that is made from an OpenAPI document; ministack reads past them."""
    from ministack.services import apigateway_v1

    import_rest_api = apigateway_v1._import_rest_api

    def import_with_responses(document: dict[str, Any], base: dict[str, Any] | None = None) -> str:
        api: str = import_rest_api(document, base)
        for kind, response in (document.get("x-amazon-apigateway-gateway-responses") or {}).items():
            status, _, body = apigateway_v1._put_gateway_response(api, kind, response)
            if status >= 400:
                raise ValueError(f"gateway response {kind}: {body!r}")
        return api

    apigateway_v1._import_rest_api = import_with_responses


def name_the_sender_of_mail() -> None:
    """Let IAM decide on SendEmail by the identity that sends, as SES does; ministack asks for rights to `*`."""
    from ministack.core import iam_actions

    known = iam_actions._ses_v2_resource_arn

    def resource_arn(method: str, path: str, body: bytes, region: str, account: str) -> str:
        if path.rstrip("/").endswith("/outbound-emails") and method == "POST":
            sender = json.loads(body).get("FromEmailAddress", "")
            return f"arn:aws:ses:{region}:{account}:identity/{sender}"
        return known(method, path, body, region, account)

    iam_actions._ses_v2_resource_arn = resource_arn


def know_batches_of_messages() -> None:
    """SQS has no rights of their own for batches; ministack asks for `sqs:SendMessageBatch` where AWS asks for `sqs:SendMessage`."""
    from ministack.core import iam_actions

    known = iam_actions._action_from_target

    def action(headers: dict[str, str]) -> str | None:
        found = known(headers)
        return found and re.sub(r"^((?:Send|Delete)Message|ChangeMessageVisibility)Batch$", r"\1", found)

    iam_actions._action_from_target = action


def say_the_subprotocol_back() -> None:
    """Accept a WebSocket with the subprotocol that the function of $connect chose; ministack accepts with none, and a browser closes."""
    from ministack.services import apigateway

    handle, invoke = apigateway.handle_websocket, apigateway._invoke_ws_lambda
    chosen: ContextVar[str | None] = ContextVar("chosen", default=None)

    async def invoke_and_remember(*arguments: Any, **named: Any) -> Any:
        answer = await invoke(*arguments, **named)
        headers = {name.lower(): value for name, value in ((answer or {}).get("headers") or {}).items()}
        if protocol := headers.get("sec-websocket-protocol"):
            chosen.set(protocol)
        return answer

    async def handle_and_say(scope: Any, receive: Any, send: Any, *arguments: Any, **named: Any) -> None:
        async def send_with_protocol(message: dict[str, Any]) -> None:
            if message["type"] == "websocket.accept" and chosen.get():
                message = {**message, "subprotocol": chosen.get()}
            await send(message)

        await handle(scope, receive, send_with_protocol, *arguments, **named)

    apigateway._invoke_ws_lambda, apigateway.handle_websocket = invoke_and_remember, handle_and_say


def know_partition_keys() -> None:
    """Tell conditions of policies which partitions a request to DynamoDB names (``dynamodb:LeadingKeys``), as AWS does; ministack knows no such key.

    To be called before the emulator itself is imported, as `log_decisions`.
    """
    from ministack.core import iam_actions

    context_of = iam_actions.dynamodb_service_context

    def with_leading_keys(body: bytes) -> dict[str, Any]:
        return {**context_of(body), "dynamodb:LeadingKeys": sorted(set(partition_keys(json.loads(body or b"{}"))))}

    iam_actions.dynamodb_service_context = with_leading_keys


def partition_keys(request: Any) -> Iterator[str]:
    """Of the rows that a request reads or writes, in a table whose partition key is a text named ``pk``, and of the index ``gsi1``."""
    if isinstance(request, list):
        for part in request:
            yield from partition_keys(part)
        return
    if not isinstance(request, dict):
        return
    if asked := _ONE_PARTITION.search(str(request.get("KeyConditionExpression", ""))):
        yield request["ExpressionAttributeValues"][asked[2]]["S"]
    for name, part in request.items():
        rows = {"Key": [part], "Item": [part], "Keys": part}.get(name)
        if rows is None:
            yield from partition_keys(part)
        else:
            yield from (row["pk"]["S"] for row in rows if "pk" in row)


def log_decisions(path: Path) -> None:
    """Write each decision of the emulator's IAM on behalf of a role as one line of JSON: what tests ask which grants were used, and which lacked.

    To be called before the emulator itself is imported, whose modules take the function by its name.
    """
    from ministack.core import iam_evaluator

    evaluate, enforce = iam_evaluator.evaluate, iam_evaluator.enforce
    lines = path.open("a", buffering=1)
    asked: ContextVar[tuple[Any, str] | None] = ContextVar("asked", default=None)

    def remember(context: Any, policies: Any, *limits: Any) -> Any:
        result = evaluate(context, policies, *limits)
        if asked.get() is None:  # the first of a request is the role's own policy; those of resources follow
            asked.set((context, result.matched_sid))
        return result

    def enforce_and_log(*arguments: Any, **named: Any) -> Any:
        asked.set(None)
        result = enforce(*arguments, **named)
        found = asked.get()
        if found and ":assumed-role/" in found[0].principal_arn:
            context, sid = found
            role = context.principal_arn.split("/")[-2]
            entry = {
                "role": role,
                "sid": sid,
                "action": context.action,
                "resource": context.resource_arn,
                "allowed": result is None,
            }
            lines.write(json.dumps(entry) + "\n")
        return result

    iam_evaluator.evaluate, iam_evaluator.enforce = remember, enforce_and_log
