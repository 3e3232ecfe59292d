#!/usr/bin/env python3
"""One AWS endpoint on loopback for the tests: an emulator and what it lacks.

    aws_front.py --emulator moto|ministack

Prints one line of JSON when ready and runs until its standard input ends.
README.md beside this file describes the control paths under `/_front/`.
"""

import argparse
import json
import re
import socket
import sys
import threading
import time
import urllib.parse
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from xml.sax.saxutils import escape

import aws_emulators
import lifetime

EKS_OPERATIONS = [
    ("GET", r"/clusters", "ListClusters"),
    ("POST", r"/clusters", "CreateCluster"),
    ("GET", r"/clusters/([^/]+)", "DescribeCluster"),
    ("DELETE", r"/clusters/([^/]+)", "DeleteCluster"),
    ("GET", r"/clusters/([^/]+)/pod-identity-associations", "ListPodIdentityAssociations"),
    ("POST", r"/clusters/([^/]+)/pod-identity-associations", "CreatePodIdentityAssociation"),
    ("GET", r"/clusters/([^/]+)/pod-identity-associations/([^/]+)", "DescribePodIdentityAssociation"),
    ("POST", r"/clusters/([^/]+)/pod-identity-associations/([^/]+)", "UpdatePodIdentityAssociation"),
    ("DELETE", r"/clusters/([^/]+)/pod-identity-associations/([^/]+)", "DeletePodIdentityAssociation"),
    ("GET", r"/clusters/([^/]+)/addons", "ListAddons"),
    ("GET", r"/clusters/([^/]+)/addons/([^/]+)", "DescribeAddon"),
    ("GET", r"/clusters/([^/]+)/access-entries", "ListAccessEntries"),
]
SUMMARY = ("clusterName", "namespace", "serviceAccount", "associationArn", "associationId", "ownerArn")
FAULT_KEYS = {
    "action", "service", "contains", "skip", "times", "status", "code", "message", "after", "hang_seconds", "garbage",
}  # fmt: skip


class Front:
    def __init__(self, connect):
        self.connect = connect
        self.lock = threading.Lock()
        self.clear()

    def clear(self):
        with self.lock:
            self.clusters, self.associations = {}, {}
            self.calls, self.faults = [], []

    def take_fault(self, call, text):
        with self.lock:
            for fault in self.faults:
                if (
                    fault["action"] not in ("*", call["action"])
                    or fault.get("service", call["service"]) != call["service"]
                    or fault.get("contains", "") not in text
                ):
                    continue
                if fault["skip"] > 0:
                    fault["skip"] -= 1
                elif fault["times"] != 0:
                    fault["times"] -= 1
                    return fault
        return None

    # What the front answers itself. `None` passes the call on.
    def eks(self, operation, names, query):
        with self.lock:
            clusters, associations = dict(self.clusters), dict(self.associations)
        if operation == "ListClusters":
            return page("clusters", sorted(clusters), query)
        if operation not in ("DescribeCluster", "ListPodIdentityAssociations", "DescribePodIdentityAssociation"):
            return None
        if names[0] not in clusters:
            return not_found(f"No cluster found for name: {names[0]}.", clusterName=names[0])
        if operation == "DescribeCluster":
            return 200, {}, {"cluster": clusters[names[0]]}
        listed = associations.get(names[0], [])
        if operation == "DescribePodIdentityAssociation":
            for association in listed:
                if association.get("associationId") == names[1]:
                    return 200, {}, {"association": association}
            return not_found(f"Could not find association with associationId: {names[1]}")
        for parameter in ("namespace", "serviceAccount"):
            if parameter in query:
                listed = [one for one in listed if one.get(parameter) == query[parameter][0]]
        return page("associations", [{k: one[k] for k in SUMMARY if k in one} for one in listed], query)


def page(key, items, query):
    start = int(query.get("nextToken", ["0"])[0])
    size = int(query.get("maxResults", ["100"])[0])
    answer = {key: items[start : start + size], "nextToken": None}
    if start + size < len(items):
        answer["nextToken"] = str(start + size)
    return 200, {}, answer


def not_found(message, **more):
    return 404, {"x-amzn-ErrorType": "ResourceNotFoundException"}, {"message": message, **more}


class Abort(Exception):
    """Close the connection without an answer."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "podrole-front", ""
    wbufsize = -1
    disable_nagle_algorithm = True
    front = None
    upstream = None
    log_message = lambda *_: None  # noqa: E731

    def __getattr__(self, name):
        if name.startswith("do_"):
            return self.answer
        raise AttributeError(name)

    def answer(self):
        try:
            body = self.read_body()
            path, _, query = self.path.partition("?")
            if path.startswith("/_front/"):
                self.control(path, body)
            else:
                self.aws(path, urllib.parse.parse_qs(query, keep_blank_values=True), body)
        except (Abort, ConnectionError):
            self.close_connection = True
            try:
                self.connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def read_body(self):
        if "chunked" not in self.headers.get("Transfer-Encoding", "").lower():
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return body

    def send(self, status, headers, body):
        self.send_response_only(status)
        for key, value in headers:
            if key.lower() not in ("connection", "transfer-encoding", "content-length", "keep-alive"):
                self.send_header(key, value)
        if status >= 200 and status not in (204, 304):
            kept = dict((key.lower(), value) for key, value in headers).get("content-length")
            self.send_header("Content-Length", kept if self.command == "HEAD" and kept else str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()

    def send_json(self, status, value, headers=()):
        self.send(status, [("Content-Type", "application/json"), *headers], json.dumps(value).encode())

    # Control ---------------------------------------------------------------

    def control(self, path, body):
        front = self.front
        part = [urllib.parse.unquote(piece) for piece in path.split("/")[2:]]
        try:
            value = json.loads(body) if body else None
            with front.lock:
                match [self.command, *part]:
                    case ["GET", "health"]:
                        result = {"ok": True}
                    case ["PUT", "clusters", name]:
                        result = front.clusters[name] = {**value, "name": name}
                    case ["DELETE", "clusters", name]:
                        result = front.clusters.pop(name, None)
                    case ["GET", "clusters"]:
                        result = front.clusters
                    case ["PUT", "associations", cluster]:
                        result = front.associations[cluster] = list(value)
                    case ["GET", "associations"]:
                        result = front.associations
                    case ["GET", "log"]:
                        result = front.calls
                    case ["DELETE", "log"]:
                        front.calls = []
                        result = []
                    case ["PUT", "faults"]:
                        result = front.faults = [checked_fault(fault) for fault in value]
                    case ["GET", "faults"]:
                        result = front.faults
                    case ["POST", "reset"]:
                        result = {}
                    case _:
                        return self.send_json(404, {"error": f"no control {self.command} {path}"})
                result = json.loads(json.dumps(result))
            if part == ["reset"]:
                front.clear()
                self.pass_on("POST", self.server.reset_path, self.headers, b"")
            self.send_json(200, result)
        except (ValueError, TypeError, KeyError) as error:
            self.send_json(400, {"error": str(error)})

    # AWS -------------------------------------------------------------------

    def pass_on(self, method, target, headers, body):
        if self.upstream is None:
            self.upstream = self.front.connect()
        return self.upstream(method, target, headers, body)

    def classify(self, path, query, body):
        """(service, action, names in the path)"""
        scope = re.search(r"Credential=([^,\s&]+)", self.headers.get("Authorization", ""))
        scope = scope.group(1) if scope else query.get("X-Amz-Credential", [""])[0]
        service = (scope.split("/") + [""] * 5)[3]
        form = {}
        if self.headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded"):
            form = urllib.parse.parse_qs(body.decode("utf-8", "replace"))
        action = (form.get("Action") or query.get("Action") or [""])[0]
        if action:
            return service or "sts", action, []
        if service == "eks":
            for method, pattern, operation in EKS_OPERATIONS:
                found = re.fullmatch(pattern, path)
                if found and method == self.command:
                    return service, operation, [urllib.parse.unquote(name) for name in found.groups()]
        target = self.headers.get("X-Amz-Target", "").rpartition(".")[2]
        return service or "s3", target or self.command, []

    def aws(self, path, query, body):
        front = self.front
        service, action, names = self.classify(path, query, body)
        call = {"service": service, "action": action, "path": path, "status": None, "fault": False}
        call["started"] = time.monotonic()
        with front.lock:
            front.calls.append(call)
        fault = front.take_fault(call, self.path + "\n" + body.decode("utf-8", "replace"))
        call["fault"] = fault is not None
        try:
            if fault is None:
                status, headers, content = self.result(service, action, names, query, body)
            else:
                status, headers, content = self.disturbed(fault, service, action, names, query, body)
            call["status"] = status
        finally:
            call["ended"] = time.monotonic()
        self.send(status, headers, content)

    def result(self, service, action, names, query, body):
        own = self.front.eks(action, names, query) if service == "eks" else None
        if own is None:
            return self.pass_on(self.command, self.path, self.headers, body)
        status, headers, value = own
        headers = {"Content-Type": "application/json", "x-amzn-RequestId": str(uuid.uuid4()), **headers}
        return status, list(headers.items()), json.dumps(value).encode()

    def disturbed(self, fault, service, action, names, query, body):
        plain = not (fault.get("garbage") or fault.get("status") or fault.get("code"))
        if fault.get("hang_seconds"):
            time.sleep(fault["hang_seconds"])
        if fault.get("after") or (plain and fault.get("hang_seconds")):
            answer = self.result(service, action, names, query, body)
            if not fault.get("after"):
                return answer
        if plain:
            raise Abort
        if fault.get("garbage"):
            return fault.get("status", 200), [("Content-Type", "text/html")], b"<html>\x00 not what you asked for"
        return error_answer(service, fault.get("status", 400), fault.get("code"), fault.get("message", "a test fault"))


def error_answer(service, status, code, message):
    code = code or ("InternalFailure" if status >= 500 else "ValidationError")
    request_id = str(uuid.uuid4())
    if service == "eks":
        headers = [("Content-Type", "application/json"), ("x-amzn-ErrorType", code), ("x-amzn-RequestId", request_id)]
        return status, headers, json.dumps({"message": message}).encode()
    fault = "Receiver" if status >= 500 else "Sender"
    error = f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
    if service == "s3":
        content = f'<?xml version="1.0" encoding="UTF-8"?><Error>{error}<RequestId>{request_id}</RequestId></Error>'
        return status, [("Content-Type", "application/xml")], content.encode()
    namespace = {
        "iam": "https://iam.amazonaws.com/doc/2010-05-08/",
        "sts": "https://sts.amazonaws.com/doc/2011-06-15/",
    }.get(service, "")
    content = (
        f'<ErrorResponse xmlns="{namespace}"><Error><Type>{fault}</Type>{error}</Error>'
        f"<RequestId>{request_id}</RequestId></ErrorResponse>"
    )
    return status, [("Content-Type", "text/xml"), ("x-amzn-RequestId", request_id)], content.encode()


def checked_fault(fault):
    unknown = set(fault) - FAULT_KEYS
    if unknown:
        raise ValueError(f"unknown keys in a fault: {', '.join(sorted(unknown))}")
    return {"times": 1, "skip": 0, **fault, "action": fault["action"]}


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request, address):
        if not isinstance(sys.exc_info()[1], ConnectionError):  # a client that went away
            super().handle_error(request, address)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--emulator", choices=["moto", "ministack"], required=True)
    parser.add_argument("--account", default="204393242335")
    parser.add_argument("--access-key", default="AKIAPODROLETESTS0001")
    parser.add_argument("--secret-key", default="podrole-tests-not-a-secret")
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()

    ready = lifetime.claim_stdout()
    stop = lifetime.until_told_to_stop()
    connect = aws_emulators.start(options.emulator, options.account, options.access_key, options.secret_key)
    Handler.front = Front(connect)
    server = Server(("127.0.0.1", options.port), Handler)
    server.reset_path = {"moto": "/moto-api/reset", "ministack": "/_ministack/reset"}[options.emulator]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(
        json.dumps(
            {
                "endpoint": f"http://127.0.0.1:{server.server_address[1]}",
                "emulator": options.emulator,
                "account": options.account,
                "region": aws_emulators.REGION,
                "access_key": options.access_key,
                "secret_key": options.secret_key,
            }
        ),
        file=ready,
        flush=True,
    )
    stop.wait()
    lifetime.leave()


if __name__ == "__main__":
    main()
