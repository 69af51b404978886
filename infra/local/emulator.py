"""Start the local AWS: `.venvs/emulator/bin/python infra/local/emulator.py --state DIR --port N`.

ministack with what it needs to stand for an account: loopback only, no other listener, IAM enforced, state that survives
a kill (a consistent copy every two seconds), and stream records that survive with it. It reaches into ministack at a few
private places, which is why the lock pins the exact version; tests/integration/local holds each of them.

Environment: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are the account's root key. Everything else of the environment is
visible to the functions, so the caller passes a small one.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from infra.local.snapshots import Snapshots

ROOT = Path(__file__).resolve().parents[2]
SAVE_EVERY_SECONDS = 2.0
STREAMS = "antiphon-streams"


def configure(state: Path, port: int, account: str, region: str, auth: bool) -> None:
    """Set what ministack reads from the environment when it is imported."""
    # Unpacked functions of a run that was killed.
    shutil.rmtree(state / "tmp", ignore_errors=True)
    for folder in ("services", "objects", "tmp"):
        (state / folder).mkdir(parents=True, exist_ok=True)
    os.environ.update(
        BIND_HOST="127.0.0.1",
        GATEWAY_PORT=str(port),
        IOT_MTLS_ENABLED="0",
        SFTP_ENABLED="0",
        AUTH="true" if auth else "false",
        PERSIST_STATE="1",
        STATE_DIR=str(state / "services"),
        S3_PERSIST="1",
        S3_DATA_DIR=str(state / "objects"),
        TMPDIR=str(state / "tmp"),
        MINISTACK_ACCOUNT_ID=account,
        MINISTACK_REGION=region,
        AWS_DEFAULT_REGION=region,
        # No container engine is ever asked, even where one is installed.
        DOCKER_HOST=f"unix://{state}/no-docker.sock",
    )


def stream_state() -> dict[str, Any]:
    """The stream records that some function has not read yet, and how far each function has read.

    ministack keeps only the positions, which point into a list that is empty after a restart.
    """
    from ministack.services import dynamodb, lambda_svc

    positions = dict(lambda_svc._dynamodb_stream_positions._data)
    readers: dict[tuple[str, str, str], dict[str, int]] = {}
    for (account, region, mapping), entry in lambda_svc._esms._data.items():
        source = entry.get("EventSourceArn", "")
        if ":dynamodb:" in source and (account, region, mapping) in positions:
            table = source.split(":table/")[1].split("/")[0]
            readers.setdefault((account, region, table), {})[mapping] = positions[account, region, mapping]
    streams = []
    for (account, region, table), read in readers.items():
        trimmed = dynamodb._stream_trimmed._data.get((account, region, table), 0)
        first = max(min(read.values()), trimmed)
        records = dynamodb._stream_records._data.get((account, region, table), [])[first - trimmed :]
        offsets = {mapping: max(position - first, 0) for mapping, position in read.items()}
        streams.append({"scope": [account, region], "table": table, "records": list(records), "positions": offsets})
    return {"streams": streams}


def restore_streams(state: dict[str, Any] | None) -> None:
    """Put back what `stream_state` gave; without it every function starts at the end of its (empty) stream."""
    from ministack.services import dynamodb, lambda_svc

    with lambda_svc._dynamodb_stream_positions_lock:
        lambda_svc._dynamodb_stream_positions._data.clear()
        for stream in (state or {}).get("streams", []):
            account, region = stream["scope"]
            dynamodb._stream_records._data[account, region, stream["table"]] = stream["records"]
            for mapping, position in stream["positions"].items():
                lambda_svc._dynamodb_stream_positions._data[account, region, mapping] = position


def install_snapshots(state: Path) -> Snapshots:
    """Replace ministack's own saving and loading by consistent generations; return them."""
    import ministack.app as app
    from ministack.core import persistence
    from ministack.services import lambda_svc

    from infra.local.corrections import forget_layers
    from infra.local.snapshots import Snapshots

    snapshots = Snapshots(state / "services", persistence._json_default, persistence._json_object_hook)

    # Code goes with the generation that refers to it; ministack would delete the old one's before the new one is written.
    lambda_svc._externalize_code_zip = lambda function, referenced: None
    lambda_svc._prune_orphan_code_blobs = lambda referenced: None

    load_services = app._load_persisted_state

    def load_all() -> None:
        load_services()
        restore_streams(snapshots.load(STREAMS))
        forget_layers(state / "layers")

    app.load_state = snapshots.load
    app.save_all = lambda services: snapshots.save({**services, STREAMS: stream_state})
    app._load_persisted_state = load_all
    return snapshots


def save_for_ever(snapshots: Snapshots) -> None:
    """Save every two seconds, less often when a copy takes long; a failure is said and tried again at the next turn.

    What was deployed is the largest state of all, and the same from one deployment to the next: it is copied only when it can have changed.
    """
    import ministack.app as app

    from infra.local.corrections import deployments

    asked = deployments()
    pause, saved = SAVE_EVERY_SECONDS, None
    while True:
        time.sleep(pause)
        began = time.monotonic()
        try:
            services, deployed = app._build_persistence_save_dict(), asked()
            if deployed is not None and deployed == saved:
                del services["cloudformation"]
            services.pop("elasticache", None)  # nothing of ours is there, and its tables of defaults are large
            snapshots.save({**services, STREAMS: stream_state})
            saved = deployed
        except Exception as error:  # noqa: BLE001 - whatever it is, the next turn may succeed and the state on disk is whole
            print(f"state not saved: {error!r}", file=sys.stderr, flush=True)
        pause = max(SAVE_EVERY_SECONDS, 4 * (time.monotonic() - began))


def stop_with(parent: int) -> None:
    """End gracefully when the process that started us is gone, so that a killed supervisor leaves nothing behind."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--state", type=Path, required=True, help="folder of everything it keeps")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--account", default="000000000000")
    parser.add_argument("--region", default="us-east-1")
    parser.add_argument("--no-auth", action="store_true", help="do not enforce IAM")
    parser.add_argument("--iam-log", type=Path, help="file that gets each decision of IAM on behalf of a role")
    parser.add_argument("--parent", type=int, help="stop when this is no longer the parent process")
    options = parser.parse_args()
    sys.argv[1:] = []
    # The folder of this file would come first and hide modules of the same names.
    sys.path[0] = str(ROOT)
    configure(options.state.resolve(), options.port, options.account, options.region, auth=not options.no_auth)

    from infra.local import corrections

    corrections.know_partition_keys()
    if options.iam_log:
        corrections.log_decisions(options.iam_log)
    import ministack.app as app

    corrections.keep_attributes_of_nested_stacks()
    corrections.import_gateway_responses()
    corrections.name_the_sender_of_mail()
    corrections.know_batches_of_messages()
    corrections.say_the_subprotocol_back()
    corrections.keep_environments_that_raised()
    corrections.know_when_functions_have_said_all()
    corrections.unpack_layers_once(options.state.resolve() / "layers")
    snapshots = install_snapshots(options.state.resolve())
    threading.Thread(target=save_for_ever, args=(snapshots,), daemon=True, name="save").start()
    if options.parent:
        threading.Thread(target=stop_with, args=(options.parent,), daemon=True, name="parent").start()
    app.main()


if __name__ == "__main__":
    main()
