"""Runs the emulated AWS until the pipe on standard input closes.

The pipe's other end is held by whoever started this. However that process ends, also when it is
killed, the kernel closes the pipe, and the emulator goes with all the function processes that it
started: they share its process group.
"""

import json
import os
import shutil
import signal
import sys
import threading


def end_with_the_starter():
    sys.stdin.buffer.read()
    shutil.rmtree(os.environ["TMPDIR"], ignore_errors=True)
    os.killpg(os.getpgrp(), signal.SIGKILL)


threading.Thread(target=end_with_the_starter, daemon=True).start()

from ministack import app  # noqa: E402


def meter(path):
    """Notes what the functions ask of AWS, a JSON line a call: who, what, and DynamoDB's units.

    Write units are the emulator's own reckoning, which follows DynamoDB's; it has none for reads.
    """
    from ministack.core.iam_evaluator import caller_arn
    from ministack.services.dynamodb import _item_size_bytes

    notes = open(path, "w", buffering=1)

    def started(size, step):
        return max(1, -(-size // step))

    def read_units(action, request, answer):
        if action == "BatchGetItem":
            units = 0
            for table, wanted in request["RequestItems"].items():
                found = answer["Responses"][table]
                read = len(wanted["Keys"]) - len(found)
                read += sum(started(_item_size_bytes(item), 4096) for item in found)
                units += read if wanted.get("ConsistentRead") else read / 2
            return units
        if action not in ("GetItem", "Query"):
            return 0
        items = answer.get("Items", [answer.get("Item", {})])
        read = started(sum(map(_item_size_bytes, items)), 4096)
        return read if request.get("ConsistentRead") else read / 2

    def write_units(action, answer):
        if action != "UpdateItem":
            return 0
        # A refused write costs what the item that refused it would.
        refused = started(_item_size_bytes(answer.get("Item", {})), 1024)
        return answer.get("ConsumedCapacity", {"CapacityUnits": refused})["CapacityUnits"]

    def metered(service, handler):
        async def handle(method, url, headers, body, query):
            caller = caller_arn()
            if ":assumed-role/" not in caller:
                return await handler(method, url, headers, body, query)
            action = headers.get("x-amz-target", "").rpartition(".")[2]
            note = {"caller": caller, "service": service, "action": action, "reads": 0, "writes": 0}
            if service != "dynamodb":
                answered = await handler(method, url, headers, body, query)
            else:
                request = json.loads(body)
                body = json.dumps({**request, "ReturnConsumedCapacity": "TOTAL"}).encode()
                answered = await handler(method, url, headers, body, query)
                answer = json.loads(answered[2])
                note["writes"] = write_units(action, answer)
                if answered[0] == 200:
                    note["reads"] = read_units(action, request, answer)
            notes.write(json.dumps(note) + "\n")
            return answered

        return handle

    for service, handler in app.SERVICE_HANDLERS.items():
        app.SERVICE_HANDLERS[service] = metered(service, handler)


if "METER" in os.environ:
    meter(os.environ["METER"])

app.main()
