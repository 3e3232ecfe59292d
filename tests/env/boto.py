#!/usr/bin/env python3
"""boto3 for the tests: one call per line of JSON on standard input, one line
of JSON as its answer. Ends at the end of the input."""

import functools
import json
import sys

import boto3
import botocore.config
import botocore.exceptions
import lifetime

CONFIG = botocore.config.Config(
    retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}, connect_timeout=10, read_timeout=60
)
ANONYMOUS = CONFIG.merge(botocore.config.Config(signature_version=botocore.UNSIGNED))


@functools.lru_cache(maxsize=64)
def client(service, endpoint, keys):
    access_key, secret_key, token = keys or (None, None, None)
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name="ca-central-1",
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        aws_session_token=token,
        config=CONFIG if keys else ANONYMOUS,
    )


def plain(value):
    if hasattr(value, "read"):
        value = value.read()
    return value.decode() if isinstance(value, bytes) else str(value)


def answer(request):
    keys = tuple(request["keys"]) if "keys" in request else None
    try:
        call = getattr(client(request["service"], request["endpoint"], keys), request["operation"])
        result = call(**request["arguments"])
    except botocore.exceptions.ClientError as error:
        return {"error": error.response["Error"]["Code"]}
    except botocore.exceptions.BotoCoreError as error:
        return {"error": f"{type(error).__name__}: {error}"}
    result.pop("ResponseMetadata", None)
    return {"result": result}


ready = lifetime.claim_stdout()
print(json.dumps({"ready": True}), file=ready, flush=True)
for line in sys.stdin:
    print(json.dumps(answer(json.loads(line)), default=plain), file=ready, flush=True)
