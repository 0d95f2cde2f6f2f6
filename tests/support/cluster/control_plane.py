"""etcd, API server, controller manager and scheduler of one cluster."""

import http.client
import json
import ssl
from collections.abc import Callable, Sequence
from pathlib import Path

import httpx

from support.cluster import audit, kubeconfig
from support.cluster.instances import Instance
from support.cluster.paths import binary
from support.cluster.pki import GATEWAY_ADDRESS, Pki
from support.cluster.processes import ProcessIdentity, start, wait_until

SERVICE_RANGE = "10.96.0.0/16"
LOOPBACK = "127.0.0.1"
_READY_SECONDS = 60.0
_ANSWER_SECONDS = 20.0
# With the default client limits, the controller manager alone takes 6 s to make its service accounts.
_UNTHROTTLED = ("--kube-api-qps=500", "--kube-api-burst=500")
# By how many percent a program's memory may grow until Go cleans it up: with the default of 100, that is a sixth of the
# API server's work.
_ROOM_TO_GROW = {"GOGC": "300"}


class ControlPlane:
    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.pki = Pki(instance.directory / "pki")
        # With a node, pods and kubelet call the server on the bridge; without, nobody but this machine can.
        self.address = GATEWAY_ADDRESS if instance.node else LOOPBACK
        self.url = f"https://{self.address}:{instance.ports['api']}"
        self.kubeconfig = instance.directory / "admin.kubeconfig"

    @property
    def audit_log(self) -> Path:
        """All writes of pods, Secrets, events and pools, a line of JSON each."""
        return self.instance.log("audit")

    def up(self) -> None:
        self.pki.create()
        for name in ("admin", "controller-manager", "scheduler", "node"):
            kubeconfig.write_for_certificate(
                self.instance.directory / f"{name}.kubeconfig",
                server=self.url,
                authority=self.pki.ca_certificate,
                files=self.pki.leaf(name),
            )
        etcd = self._start("etcd", self._etcd())
        self._await("etcd", etcd, self._etcd_ready)
        self.start_api_server()
        manager = self._start("kube-controller-manager", self._controller_manager())
        scheduler = self._start("kube-scheduler", self._scheduler())
        self._await("kube-scheduler", scheduler, lambda: self._ready(self.instance.ports["scheduler"], LOOPBACK))
        self._await("kube-controller-manager", manager, self._namespace_populated)

    def start_api_server(self) -> ProcessIdentity:
        """Start it, also again after it was killed, and wait until it is ready."""
        process = self._start("kube-apiserver", self._api_server())
        self._await("kube-apiserver", process, lambda: self._ready(self.instance.ports["api"]))
        return process

    def _start(self, name: str, arguments: Sequence[str]) -> ProcessIdentity:
        process = start(
            name,
            [binary(name), *arguments],
            log=self.instance.log(name),
            outlives_starter=self.instance.owner is None,
            variables=_ROOM_TO_GROW,
        )
        return self.instance.started(process)

    def _await(self, name: str, process: ProcessIdentity, condition: Callable[[], bool]) -> None:
        wait_until(
            condition,
            f"{name} of cluster {self.instance.name} being ready",
            timeout_seconds=_READY_SECONDS,
            watched=process,
            log=self.instance.log(name),
        )

    def _etcd(self) -> list[str]:
        client = f"http://{LOOPBACK}:{self.instance.ports['etcd']}"
        peer = f"http://{LOOPBACK}:{self.instance.ports['etcd-peer']}"
        return [
            f"--data-dir={self.instance.directory / 'etcd'}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--unsafe-no-fsync",
        ]

    def _api_server(self) -> list[str]:
        server, kubelet = self.pki.leaf("apiserver"), self.pki.leaf("apiserver-kubelet-client")
        accounts = self.pki.leaf("service-accounts").key
        return [
            f"--etcd-servers=http://{LOOPBACK}:{self.instance.ports['etcd']}",
            f"--bind-address={self.address}",
            f"--secure-port={self.instance.ports['api']}",
            # An endpoint may not be a loopback address, so without a node this one is named, but answers nobody.
            f"--advertise-address={GATEWAY_ADDRESS}",
            f"--tls-cert-file={server.certificate}",
            f"--tls-private-key-file={server.key}",
            f"--client-ca-file={self.pki.ca_certificate}",
            f"--service-account-key-file={accounts}",
            f"--service-account-signing-key-file={accounts}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-cluster-ip-range={SERVICE_RANGE}",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            f"--kubelet-client-certificate={kubelet.certificate}",
            f"--kubelet-client-key={kubelet.key}",
            f"--kubelet-certificate-authority={self.pki.ca_certificate}",
            "--kubelet-preferred-address-types=InternalIP",
            "--allow-privileged=true",
            f"--audit-policy-file={audit.write_policy(self.instance.directory / 'audit-policy.json')}",
            f"--audit-log-path={self.audit_log}",
        ]

    def _controller_manager(self) -> list[str]:
        config = self.instance.directory / "controller-manager.kubeconfig"
        return [
            f"--kubeconfig={config}",
            f"--bind-address={LOOPBACK}",
            f"--secure-port={self.instance.ports['controller-manager']}",
            f"--cert-dir={self.instance.directory / 'controller-manager-cert'}",
            f"--service-account-private-key-file={self.pki.leaf('service-accounts').key}",
            f"--root-ca-file={self.pki.ca_certificate}",
            f"--cluster-signing-cert-file={self.pki.ca_certificate}",
            f"--cluster-signing-key-file={self.pki.ca_key}",
            "--use-service-account-credentials",
            *_UNTHROTTLED,
            "--leader-elect=false",
            # Ten times the period of our kubelet's; KWOK's nodes keep their own, and the default of 50 s.
            *(["--node-monitor-grace-period=20s"] if self.instance.node else []),
        ]

    def _scheduler(self) -> list[str]:
        return [
            f"--kubeconfig={self.instance.directory / 'scheduler.kubeconfig'}",
            f"--bind-address={LOOPBACK}",
            f"--secure-port={self.instance.ports['scheduler']}",
            f"--cert-dir={self.instance.directory / 'scheduler-cert'}",
            *_UNTHROTTLED,
            "--leader-elect=false",
        ]

    def _etcd_ready(self) -> bool:
        return _status(http.client.HTTPConnection(LOOPBACK, self.instance.ports["etcd"], timeout=2), "/readyz") == 200

    def _ready(self, port: int, address: str | None = None) -> bool:
        context = self.pki.client_context()
        if address is not None:
            # The two helpers sign a certificate of their own at every start; nothing is told to them but "ready?".
            context = ssl._create_unverified_context()
        connection = http.client.HTTPSConnection(address or self.address, port, timeout=2, context=context)
        return _status(connection, "/readyz") == 200

    def _namespace_populated(self) -> bool:
        """The controller manager works: it has made what every pod of a namespace needs."""
        paths = ("serviceaccounts/default", "configmaps/kube-root-ca.crt")
        return all(self.get(f"/api/v1/namespaces/default/{path}") is not None for path in paths)

    def http(self) -> httpx.Client:
        """The API as its administrator, for whoever asks more than once; the caller closes it."""
        return httpx.Client(
            verify=self.pki.client_context(), base_url=self.url, timeout=_ANSWER_SECONDS, trust_env=False
        )

    def get(self, path: str) -> dict[str, object] | None:
        """An object of the API as its administrator sees it; None while it is not there."""
        connection = http.client.HTTPSConnection(
            self.address, self.instance.ports["api"], timeout=5, context=self.pki.client_context()
        )
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            body = response.read()
        except OSError:
            return None
        finally:
            connection.close()
        if response.status != 200:
            return None
        document: dict[str, object] = json.loads(body)
        return document


def _status(connection: http.client.HTTPConnection, path: str) -> int:
    """The status of a GET; 0 while nobody answers."""
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()
