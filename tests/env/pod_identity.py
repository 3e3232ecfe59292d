"""What EKS's pod-identity webhook does for IRSA, as an admission webhook of the API server.

The rules are those of the published webhook as far as annotated service
accounts go: variables, the mounted token, `skip-containers`. Pod Identity is not
played.
"""

import base64
import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PREFIX = "eks.amazonaws.com/"
FOLDER = "/var/run/secrets/eks.amazonaws.com/serviceaccount"
VOLUME = "aws-iam-token"


def patches(pod, account):
    """The JSON patch that gives a pod the role of its service account."""
    annotations = account["metadata"].get("annotations", {})
    role = annotations.get(PREFIX + "role-arn")
    if not role:
        return []
    own = pod["metadata"].get("annotations", {})
    skipped = own.get(PREFIX + "skip-containers", "").split(",")
    token = {
        "audience": own.get(PREFIX + "audience", annotations.get(PREFIX + "audience", "sts.amazonaws.com")),
        "expirationSeconds": max(600, int(annotations.get(PREFIX + "token-expiration", 86400))),
        "path": "token",
    }
    volume = {"name": VOLUME, "projected": {"sources": [{"serviceAccountToken": token}]}}
    variables = [
        {"name": "AWS_ROLE_ARN", "value": role},
        {"name": "AWS_WEB_IDENTITY_TOKEN_FILE", "value": f"{FOLDER}/token"},
    ]
    regional = [{"name": "AWS_STS_REGIONAL_ENDPOINTS", "value": "regional"}]
    volumes = pod["spec"].get("volumes", [])
    result = []
    # One of that name is kept, whatever it is.
    if all(known["name"] != VOLUME for known in volumes):
        result.append({"op": "add", "path": "/spec/volumes", "value": [volume, *volumes]})
    for kind in ("initContainers", "containers"):
        for index, container in enumerate(pod["spec"].get(kind, [])):
            if container["name"] in skipped:
                continue
            env = list(container.get("env", []))
            names = {variable["name"] for variable in env}
            if annotations.get(PREFIX + "sts-regional-endpoints") == "true" and not names & {regional[0]["name"]}:
                env += regional
            if not names & {variable["name"] for variable in variables}:
                env += variables
            mounts = [*container.get("volumeMounts", []), {"name": VOLUME, "mountPath": FOLDER, "readOnly": True}]
            path = f"/spec/{kind}/{index}"
            result.append({"op": "add", "path": f"{path}/env", "value": env})
            result.append({"op": "add", "path": f"{path}/volumeMounts", "value": mounts})
    return result


def serve(certificate, key, service_account):
    """Serves the webhook over TLS; `service_account(namespace, name)` asks the API server. Returns its URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1
        disable_nagle_algorithm = True
        log_message = lambda *_: None  # noqa: E731

        def do_POST(self):
            review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            request = review["request"]
            pod = request["object"]
            account = service_account(request["namespace"], pod["spec"].get("serviceAccountName", "default"))
            answer = {"uid": request["uid"], "allowed": True}
            patch = patches(pod, account) if account else []
            if patch:
                answer |= {"patchType": "JSONPatch", "patch": base64.b64encode(json.dumps(patch).encode()).decode()}
            content = json.dumps({"apiVersion": review["apiVersion"], "kind": review["kind"], "response": answer}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    # The handshake belongs to the thread of the connection, not to the one that accepts.
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"https://127.0.0.1:{server.server_address[1]}/"


def configuration(url, ca):
    """How the API server is told of it: as EKS does, a webhook that fails is passed over."""
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": "pod-identity-webhook"},
        "webhooks": [
            {
                "name": "pod-identity-webhook.amazonaws.com",
                "failurePolicy": "Ignore",
                "sideEffects": "None",
                "admissionReviewVersions": ["v1"],
                "clientConfig": {"url": url, "caBundle": ca},
                "objectSelector": {
                    "matchExpressions": [{"key": PREFIX + "skip-pod-identity-webhook", "operator": "DoesNotExist"}]
                },
                "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}],
            }
        ],
    }
