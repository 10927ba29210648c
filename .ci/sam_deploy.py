"""Deploys what `sam build` built, by `sam deploy --guided` as on AWS, to an account of a local stack,
and sends one message through it. Run with the Python of the SAM CLI's virtual environment:

    sam_deploy.py <the stack binary> <a folder for the stack>
"""

import json
import os
import pathlib
import pty
import re
import subprocess
import sys
import time
import urllib.request

import boto3

ACCOUNT = "210987654321"
NAME = "sam-deployed"
DEADLINE_SECONDS = 60


def main(stack, folder):
    environment = {**os.environ, "STACK_DIR": folder, "PORT": "4599", "DETACH": "1"}
    subprocess.run([stack, "run"], env=environment, check=True)
    try:
        local = json.loads(pathlib.Path(folder, "stack.json").read_text())
        deploy(local)
        send_a_message(local)
    finally:
        subprocess.run([stack, "stop"], env=environment, check=True)


def aws(local):
    return {
        "AWS_ENDPOINT_URL": local["aws_endpoint_url"],
        "AWS_DEFAULT_REGION": local["region"],
        "AWS_ACCESS_KEY_ID": ACCOUNT,
        "AWS_SECRET_ACCESS_KEY": "local",
    }


def deploy(local):
    """Answers what `sam deploy --guided` asks, as a person would who takes what it proposes."""
    sandbox = local["sandbox_url"]
    answers = {
        "Stack Name": NAME,
        "Parameter CxoneBaseUrl": sandbox,
        "Parameter CxoneClientId": "sandbox-client",
        "Parameter CxoneClientSecret": "sandbox-client-secret",
        "Parameter TicketingUrl": sandbox,
        "Parameter ExistingSigningSecret": "local-webhook-secret",
        "Parameter TicketingCredentialValue": "none",
        "Parameter RequireTls": "false",
        "Parameter StreamShards": "one",
        "Save arguments to configuration file": "n",
    }
    child, terminal = pty.fork()
    if child == 0:
        os.execvpe("sam", ["sam", "deploy", "--guided", "--no-progressbar"], {**os.environ, **aws(local)})
    said, asked = "", set()
    while True:
        try:
            more = os.read(terminal, 65536).decode(errors="replace")
        except OSError:  # Linux's word for a terminal whose last program has ended.
            break
        print(more, end="", flush=True)
        said += more
        if question := re.search(r"^\W*(\w[^\[\n]*?)(?: \[[^\n]*\])?: $", re.sub(r"\x1b\[[\d;]*m", "", said).splitlines()[-1]):
            assert question[1] not in asked, f"{question[1]} is asked for again: it takes no Enter"
            asked.add(question[1])
            os.write(terminal, (answers.pop(question[1], "") + "\n").encode())
            said = ""
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0, "sam deploy --guided has failed"
    assert not answers, f"never asked for: {', '.join(answers)}"


def send_a_message(local):
    stack = boto3.client("cloudformation", endpoint_url=local["aws_endpoint_url"], region_name=local["region"],
                         aws_access_key_id=ACCOUNT, aws_secret_access_key="local").describe_stacks(StackName=NAME)
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Stacks"][0]["Outputs"]}
    url = (f"{local['aws_endpoint_url']}/_aws/execute-api/{outputs['WebhookApiId']}/webhook/social"
           f"?X-Amz-Credential={ACCOUNT}/20260101/{local['region']}/execute-api/aws4_request")
    message = {
        "contact_id": "social_sam", "thread_id": "thread_sam",
        "social_profile": {"platform": "facebook", "user_id": "u", "display_name": "n"},
        "messages": [{"text": "Hello", "from_id": "u", "timestamp": "2026-11-22T09:48:00Z"}],
        "event_timestamp": "2026-11-22T09:48:00Z",
    }
    request = urllib.request.Request(url, json.dumps(message).encode(), local["webhook_headers"])
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 202, answer.status
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        with urllib.request.urlopen(f"{local['sandbox_url']}/_sandbox/tasks") as answer:
            tasks = json.load(answer)["tasks"]
        if any(task["contact_id"] == "social_sam" for task in tasks):
            print("the message became a task in a stack that `sam deploy` deployed")
            return
        time.sleep(0.2)
    raise SystemExit(f"no task came of the message within {DEADLINE_SECONDS} s")


main(*sys.argv[1:])
