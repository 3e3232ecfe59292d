#!/usr/bin/env python3
"""A way to the API server over plain HTTP, on which things go wrong if asked.

    api_gateway.py --kubeconfig FILE

Calls go on with the rights of the kubeconfig's client certificate. Prints one
line of JSON when ready and runs until its standard input ends. README.md
beside this file describes the faults.
"""

import argparse
import base64
import http.client
import json
import os
import re
import ssl
import tempfile
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler

import lifetime
from aws_front import Abort, Server, checked_fault

RESOURCE = re.compile(r"/(?:api/v1|apis/apps/v1)/(?:namespaces/[^/]+/)?([^/?]+)")


class Gateway:
    def __init__(self, kubeconfig):
        cluster, user = kubeconfig["clusters"][0]["cluster"], kubeconfig["users"][0]["user"]
        self.server = urllib.parse.urlsplit(cluster["server"]).netloc
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        self.context = ssl.create_default_context(cadata=authority)
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "client.pem")
            with open(path, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
                file.write(base64.b64decode(user["client-certificate-data"]) + b"\n")
                file.write(base64.b64decode(user["client-key-data"]))
            self.context.load_cert_chain(path)
        self.lock = threading.Lock()
        self.calls, self.faults = [], []

    def take_fault(self, action):
        with self.lock:
            self.calls.append(action)
            for fault in self.faults:
                if fault["action"] != action:
                    continue
                if fault["skip"] > 0:
                    fault["skip"] -= 1
                elif fault["times"] != 0:
                    fault["times"] -= 1
                    return fault
        return None

    def connect(self):
        return http.client.HTTPSConnection(self.server, timeout=60, context=self.context)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True
    gateway = None
    upstream = None
    log_message = lambda *_: None  # noqa: E731

    def __getattr__(self, name):
        if name.startswith("do_"):
            return self.answer
        raise AttributeError(name)

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            if self.path.startswith("/_front/"):
                status, kind, content = self.control(body)
            else:
                found = RESOURCE.match(self.path)
                action = f"{self.command} {found.group(1) if found else self.path}"
                status, kind, content = self.disturbed(self.gateway.take_fault(action), body)
        except Abort:
            self.close_connection = True
            return
        self.send_response_only(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        self.wfile.flush()

    def pass_on(self, body):
        if self.upstream is None:
            self.upstream = self.gateway.connect()
        kept = {key: value for key, value in self.headers.items() if key.lower() in ("accept", "content-type")}
        self.upstream.request(self.command, self.path, body or None, kept)
        answer = self.upstream.getresponse()
        return answer.status, answer.getheader("Content-Type", "application/json"), answer.read()

    def control(self, body):
        gateway = self.gateway
        with gateway.lock:
            if (self.command, self.path) == ("PUT", "/_front/faults"):
                gateway.faults = [checked_fault(fault) for fault in json.loads(body)]
            elif (self.command, self.path) == ("DELETE", "/_front/log"):
                gateway.calls = []
            what = {"/_front/faults": gateway.faults, "/_front/log": gateway.calls}[self.path]
            return 200, "application/json", json.dumps(what).encode()

    def disturbed(self, fault, body):
        if fault is None:
            return self.pass_on(body)
        if fault.get("after"):
            self.pass_on(body)
        if fault.get("garbage"):
            return fault.get("status", 200), "text/html", b"<html>\x00 not what you asked for"
        if not fault.get("status"):
            raise Abort
        status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
        status |= {"code": fault["status"], "reason": fault.get("code", ""), "message": fault.get("message", "")}
        return fault["status"], "application/json", json.dumps(status).encode()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kubeconfig", required=True, metavar="FILE")
    options = parser.parse_args()

    ready = lifetime.claim_stdout()
    stop = lifetime.until_told_to_stop()
    with open(options.kubeconfig) as file:
        Handler.gateway = Gateway(json.load(file))
    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(json.dumps({"url": f"http://127.0.0.1:{server.server_address[1]}"}), file=ready, flush=True)
    stop.wait()
    lifetime.leave(0)


if __name__ == "__main__":
    main()
