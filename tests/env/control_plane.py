#!/usr/bin/env python3
"""A real Kubernetes control plane on loopback for the tests.

    control_plane.py --control-plane BINARY

Starts etcd, kube-apiserver and kube-controller-manager in a temporary folder,
and the token webhook that checks EKS tokens. Prints one line of JSON when
ready and runs until its standard input ends. README.md says more.
"""

import argparse
import base64
import datetime
import hashlib
import hmac
import http.client
import ipaddress
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

import lifetime
import pod_identity

ISSUER = "https://oidc.eks.ca-central-1.amazonaws.com/id/8A024CF24ADD3925BEFA224C4BDD005B"
CONTROLLERS = [
    "deployment-controller",
    "replicaset-controller",
    "statefulset-controller",
    "daemonset-controller",
    "serviceaccount-controller",
    "namespace-controller",
    "clusterrole-aggregation-controller",  # fills the roles admin, edit and view
]
GROUP = "podrole-eks"


# Certificates --------------------------------------------------------------


class Authority:
    def __init__(self):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "podrole-tests-ca")])
        self.certificate = (
            self.builder(self.name, self.key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(key_usage(ca=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        self.pem = self.certificate.public_bytes(serialization.Encoding.PEM)

    def builder(self, subject, key):
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=7))
        )

    def issue(self, common_name, organization=None, server=False):
        """(certificate PEM, key PEM)"""
        key = ec.generate_private_key(ec.SECP256R1())
        names = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
        if organization:
            names.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
        usage = ExtendedKeyUsageOID.SERVER_AUTH if server else ExtendedKeyUsageOID.CLIENT_AUTH
        builder = (
            self.builder(x509.Name(names), key)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(key_usage(ca=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False
            )
        )
        if server:
            hosts = ["localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"]
            addresses = [ipaddress.ip_address(address) for address in ("127.0.0.1", "10.0.0.1")]
            names = [x509.DNSName(host) for host in hosts] + [x509.IPAddress(address) for address in addresses]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        certificate = builder.sign(self.key, hashes.SHA256())
        return certificate.public_bytes(serialization.Encoding.PEM), pem(key)


def key_usage(ca):
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )


def pem(key):
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )


# The token webhook ---------------------------------------------------------


class Refused(Exception):
    pass


class Verifier:
    """Checks `k8s-aws-v1.` tokens as EKS does, but for the call to STS: the
    signature is recomputed with the one known key instead."""

    PARAMETERS = {
        "Action", "Version", "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires",
        "X-Amz-Security-Token", "X-Amz-Signature", "X-Amz-SignedHeaders",
    }  # fmt: skip
    HOST = re.compile(
        r"sts(?:-fips)?\.(?P<region>[a-z]{2,}(?:-[a-z]+)+-\d)\.amazonaws\.com(?:\.cn)?|sts\.amazonaws\.com"
    )

    def __init__(self, cluster, access_key, secret_key):
        self.cluster, self.access_key, self.secret_key = cluster, access_key, secret_key

    def check(self, token):
        if len(token) > 4096:
            raise Refused("token is too large")
        if not token.startswith("k8s-aws-v1."):
            raise Refused("no k8s-aws-v1. prefix")
        encoded = token.removeprefix("k8s-aws-v1.")
        if not re.fullmatch(r"[A-Za-z0-9_-]*", encoded) or len(encoded) % 4 == 1:
            raise Refused("not base64url without padding")
        try:
            url = urllib.parse.urlsplit(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode())
        except ValueError:
            raise Refused("not a URL") from None
        if url.scheme != "https" or url.path != "/" or url.fragment:
            raise Refused("unexpected scheme, path or fragment in the pre-signed URL")
        host = self.HOST.fullmatch(url.netloc)
        if not host:
            raise Refused(f'unexpected hostname "{url.netloc}" in the pre-signed URL')
        pairs = urllib.parse.parse_qsl(url.query, keep_blank_values=True)
        query = dict(pairs)
        if len(query) != len(pairs):
            raise Refused("a query parameter is given twice")
        if unknown := set(query) - self.PARAMETERS:
            raise Refused(f"non-whitelisted query parameter {sorted(unknown)[0]!r}")
        if missing := self.PARAMETERS - {"X-Amz-Security-Token"} - set(query):
            raise Refused(f"query parameter {sorted(missing)[0]!r} is missing")
        if query["Action"] != "GetCallerIdentity" or query["Version"] != "2011-06-15":
            raise Refused("the action is not GetCallerIdentity of 2011-06-15")
        if query["X-Amz-Algorithm"] != "AWS4-HMAC-SHA256":
            raise Refused("unexpected X-Amz-Algorithm")
        if query["X-Amz-SignedHeaders"] != "host;x-k8s-aws-id":
            raise Refused(f"signed headers are {query['X-Amz-SignedHeaders']!r}, not host;x-k8s-aws-id")
        if not query["X-Amz-Expires"].isdigit() or int(query["X-Amz-Expires"]) > 900:
            raise Refused("X-Amz-Expires is not in 0 to 900")
        self.check_date(query["X-Amz-Date"])
        region = host["region"] or "us-east-1"
        scope = f"{query['X-Amz-Date'][:8]}/{region}/sts/aws4_request"
        if query["X-Amz-Credential"] != f"{self.access_key}/{scope}":
            raise Refused("the access key is unknown or the credential scope does not fit host and date")
        expected = self.signature(url.netloc, query, scope)
        if not hmac.compare_digest(expected, query["X-Amz-Signature"]):
            raise Refused("the signature does not match: another secret key, another cluster name, or tampering")

    @staticmethod
    def check_date(text):
        try:
            made = datetime.datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.UTC)
        except ValueError:
            raise Refused("X-Amz-Date is not a date") from None
        age = (datetime.datetime.now(datetime.UTC) - made).total_seconds()
        if age > 15 * 60:
            raise Refused("X-Amz-Date parameter is expired (15 minute expiration)")
        if age < -5 * 60:
            raise Refused("X-Amz-Date is in the future")

    def signature(self, host, query, scope):
        def quote(text):
            return urllib.parse.quote(text, safe="-_.~")

        canonical_query = "&".join(
            f"{quote(key)}={quote(value)}" for key, value in sorted(query.items()) if key != "X-Amz-Signature"
        )
        request = "\n".join(
            [
                "GET",
                "/",
                canonical_query,
                f"host:{host}",
                f"x-k8s-aws-id:{self.cluster}",
                "",
                "host;x-k8s-aws-id",
                hashlib.sha256(b"").hexdigest(),
            ]
        )
        digest = hashlib.sha256(request.encode()).hexdigest()
        text = "\n".join(["AWS4-HMAC-SHA256", query["X-Amz-Date"], scope, digest])
        key = b"AWS4" + self.secret_key.encode()
        for part in [*scope.split("/"), text]:
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        return key.hex()


def serve_webhook(verifier, user):
    reviews = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1
        disable_nagle_algorithm = True
        log_message = lambda *_: None  # noqa: E731

        def answer(self, value):
            content = json.dumps(value).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_GET(self):
            self.answer(list(reviews))

        def do_DELETE(self):
            reviews.clear()
            self.answer([])

        def do_POST(self):
            review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            reason = None
            try:
                verifier.check(review["spec"]["token"])
                status = {"authenticated": True, "user": {"username": user, "uid": user, "groups": [GROUP]}}
            except Refused as refused:
                reason = str(refused)
                status = {"authenticated": False}
            reviews.append({"at": time.time(), "authenticated": reason is None, "reason": reason})
            self.answer({"apiVersion": review["apiVersion"], "kind": "TokenReview", "status": status})

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_address[1]}"


# The three programs --------------------------------------------------------


class Failed(Exception):
    pass


class ControlPlane:
    def __init__(self, options, stop):
        self.options, self.stop = options, stop
        self.children = []
        self.folder = tempfile.mkdtemp(prefix="podrole-control-plane-")
        self.authority = Authority()
        self.admin = self.authority.issue("podrole-tests-admin", "system:masters")

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, content):
        with open(self.path(name), "wb", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write(content if isinstance(content, bytes) else content.encode())
        return self.path(name)

    def program(self, name):
        """The command line that runs one of the programs."""
        assets = os.environ.get("KUBEBUILDER_ASSETS")
        if assets and name in ("etcd", "kube-apiserver") and os.access(os.path.join(assets, name), os.X_OK):
            return [os.path.join(assets, name)]
        return [self.options.control_plane, name]

    def spawn(self, name, *flags):
        log = open(self.path(f"{name}.log"), "wb")
        child = subprocess.Popen(
            [*self.program(name), *flags],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=self.folder,
            preexec_fn=lifetime.die_with_parent,
        )
        log.close()
        self.children.append((name, child))

    def check_children(self):
        for name, child in self.children:
            if child.poll() is not None:
                with open(self.path(f"{name}.log"), errors="replace") as log:
                    tail = "".join(log.readlines()[-15:])
                raise Failed(f"{name} ended with code {child.returncode}:\n{tail}")

    def wait(self, what, ready, seconds):
        deadline = time.monotonic() + seconds
        while not ready():
            self.check_children()
            if self.stop.is_set():
                raise Failed("stopped while starting")
            if time.monotonic() > deadline:
                raise Failed(f"{what} was not ready after {seconds} seconds")
            time.sleep(0.05)

    def start(self, webhook):
        ca = self.write("ca.pem", self.authority.pem)
        self.write("ca-key.pem", pem(self.authority.key))
        certificate, key = self.authority.issue("kube-apiserver", server=True)
        self.write("server.pem", certificate)
        self.write("server-key.pem", key)
        # RSA, as EKS: the tokens are RS256.
        signer = self.write("service-account-key.pem", pem(rsa.generate_private_key(65537, 2048)))
        self.write("webhook.json", json.dumps(kubeconfig({"server": webhook}, {})))

        etcd, peer, self.port = free_ports(3)
        self.spawn(
            "etcd",
            "--data-dir", self.path("etcd"),
            "--listen-client-urls", f"http://127.0.0.1:{etcd}",
            "--advertise-client-urls", f"http://127.0.0.1:{etcd}",
            "--listen-peer-urls", f"http://127.0.0.1:{peer}",
            "--initial-advertise-peer-urls", f"http://127.0.0.1:{peer}",
            "--initial-cluster", f"default=http://127.0.0.1:{peer}",
            "--unsafe-no-fsync",
            "--log-level", "warn",
        )  # fmt: skip
        self.wait("etcd", lambda: accepts(etcd), 60)
        self.spawn(
            "kube-apiserver",
            f"--etcd-servers=http://127.0.0.1:{etcd}",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            f"--secure-port={self.port}",
            f"--tls-cert-file={self.path('server.pem')}",
            f"--tls-private-key-file={self.path('server-key.pem')}",
            f"--client-ca-file={ca}",
            f"--cert-dir={self.path('certificates')}",
            "--service-cluster-ip-range=10.0.0.0/24",
            f"--service-account-issuer={self.options.issuer}",
            f"--api-audiences={self.options.issuer},https://kubernetes.default.svc",
            f"--service-account-signing-key-file={signer}",
            f"--service-account-key-file={signer}",
            f"--service-account-jwks-uri={self.options.issuer}/keys",
            "--authorization-mode=RBAC",
            "--enable-admission-plugins=ServiceAccount",
            f"--authentication-token-webhook-config-file={self.path('webhook.json')}",
            "--authentication-token-webhook-version=v1",
            "--authentication-token-webhook-cache-ttl=0s",
            "--endpoint-reconciler-type=none",
            "--allow-privileged=true",
            "--profiling=false",
        )
        self.server = f"https://127.0.0.1:{self.port}"
        self.context = ssl.create_default_context(cadata=self.authority.pem.decode())
        self.context.load_cert_chain(
            self.write("admin.pem", self.admin[0]), self.write("admin-key.pem", self.admin[1])
        )
        user = {"client-certificate-data": encode(self.admin[0]), "client-key-data": encode(self.admin[1])}
        cluster = {"server": self.server, "certificate-authority-data": encode(self.authority.pem)}
        self.kubeconfig = self.write("kubeconfig", json.dumps(kubeconfig(cluster, user), indent=1))
        self.wait("kube-apiserver", lambda: self.status("GET", "/readyz") == 200, 120)
        self.play_pod_identity_webhook()
        self.spawn(
            "kube-controller-manager",
            f"--kubeconfig={self.kubeconfig}",
            "--controllers=" + ",".join(CONTROLLERS),
            "--leader-elect=false",
            "--secure-port=0",
            "--profiling=false",
        )
        self.create(
            "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
            {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "ClusterRoleBinding",
                "metadata": {"name": GROUP},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
                "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": GROUP}],
            },
        )
        # The first sign that the controllers run.
        account = "/api/v1/namespaces/default/serviceaccounts/default"
        self.wait("kube-controller-manager", lambda: self.status("GET", account) == 200, 120)

    def call(self, method, path, body=None, content_type="application/json", timeout=30):
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=timeout, context=self.context)
        try:
            content = json.dumps(body) if body is not None else None
            connection.request(method, path, content, {"Content-Type": content_type})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def status(self, method, path, body=None):
        try:
            return self.call(method, path, body)[0]
        except (OSError, http.client.HTTPException):
            return None

    def create(self, path, body):
        self.wait(f"creation at {path}", lambda: self.status("POST", path, body) in (201, 409), 30)

    def play_pod_identity_webhook(self):
        def service_account(namespace, name):
            status, body = self.call("GET", f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}")
            return json.loads(body) if status == 200 else None

        url = pod_identity.serve(self.path("server.pem"), self.path("server-key.pem"), service_account)
        self.create(
            "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
            pod_identity.configuration(url, encode(self.authority.pem)),
        )

    def play_kubelet(self):
        """Marks every pod running and ready shortly after its creation."""
        while not self.stop.wait(0.1):
            try:
                pods = json.loads(self.call("GET", "/api/v1/pods?fieldSelector=status.phase%3DPending")[1])
                for pod in pods.get("items", []):
                    self.mark_ready(pod)
            except (OSError, http.client.HTTPException, ValueError):
                pass

    def mark_ready(self, pod):
        now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        kinds = ("Initialized", "ContainersReady", "Ready")
        status = {
            "phase": "Running",
            "startTime": now,
            "conditions": [{"type": kind, "status": "True", "lastTransitionTime": now} for kind in kinds],
        }
        path = f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}/status"
        self.call("PATCH", path, {"status": status}, "application/merge-patch+json")

    def kubectl(self):
        """A path that runs kubectl: the name decides what the binary is."""
        os.symlink(os.path.abspath(self.options.control_plane), self.path("kubectl"))
        return self.path("kubectl")

    def end(self):
        # Nothing here is worth an orderly end.
        for _, child in reversed(self.children):
            if child.poll() is None:
                child.send_signal(signal.SIGKILL)
        for _, child in self.children:
            child.wait()
        if self.options.keep_logs:
            os.makedirs(self.options.keep_logs, exist_ok=True)
            for name, _ in self.children:
                shutil.copy(self.path(f"{name}.log"), self.options.keep_logs)
        shutil.rmtree(self.folder, ignore_errors=True)


def kubeconfig(cluster, user):
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "podrole-tests", "cluster": cluster}],
        "users": [{"name": "podrole-tests", "user": user}],
        "contexts": [{"name": "podrole-tests", "context": {"cluster": "podrole-tests", "user": "podrole-tests"}}],
        "current-context": "podrole-tests",
    }


def encode(content):
    return base64.b64encode(content).decode()


def free_ports(count):
    """Ports that are free now, all different."""
    listeners = [socket.socket() for _ in range(count)]
    for listener in listeners:
        listener.bind(("127.0.0.1", 0))
    ports = [listener.getsockname()[1] for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports


def accepts(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--control-plane", default=os.environ.get("PODROLE_CONTROL_PLANE"), metavar="BINARY")
    parser.add_argument("--issuer", default=ISSUER)
    parser.add_argument("--cluster", default="devops_aurora", help="the name EKS tokens must be made for")
    parser.add_argument("--access-key", default="AKIAPODROLETESTS0001")
    parser.add_argument("--secret-key", default="podrole-tests-not-a-secret")
    parser.add_argument("--user", default="arn:aws:iam::204393242335:user/podrole-tests")
    parser.add_argument("--mark-ready", action="store_true", help="stand in for the kubelets: pods become ready")
    parser.add_argument("--keep-logs", metavar="FOLDER", help="copy the logs there at the end")
    options = parser.parse_args()
    if not options.control_plane:
        parser.error("no --control-plane and no PODROLE_CONTROL_PLANE: run tests/env/setup first")

    ready = lifetime.claim_stdout()
    stop = lifetime.until_told_to_stop()
    webhook = serve_webhook(Verifier(options.cluster, options.access_key, options.secret_key), options.user)
    plane = ControlPlane(options, stop)
    code = 0
    try:
        for attempts_left in (2, 1, 0):
            try:
                plane.start(webhook)
                break
            except Failed as failed:
                # Somebody took one of the ports between our look and our use.
                if not attempts_left or "address already in use" not in str(failed):
                    raise
                plane.end()
                plane = ControlPlane(options, stop)
        if options.mark_ready:
            threading.Thread(target=plane.play_kubelet, daemon=True).start()
        line = {
            "server": plane.server,
            "ca": encode(plane.authority.pem),
            "kubeconfig": plane.kubeconfig,
            "kubectl": plane.kubectl(),
            "reviews": f"{webhook}/reviews",
            "issuer": options.issuer,
            "cluster": options.cluster,
            "logs": plane.folder,
        }
        print(json.dumps(line), file=ready, flush=True)
        while not stop.wait(1):
            plane.check_children()
    except Failed as failed:
        print(f"control_plane: {failed}", file=sys.stderr)
        code = 1
    finally:
        plane.end()
    lifetime.leave(code)


if __name__ == "__main__":
    main()
