"""What a cluster has and lacks, asked through `argo` and `kubectl`. Nothing is changed, and no secret's value is read out."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator

from ..schemas.environment import Site
from ..schemas.variables import SecretKey
from .asking import Answer, ask
from .readiness import Finding

_KEYS = "go-template={{range $key, $value := .data}}{{$key}} {{end}}"


def cluster(site: Site, seconds: float) -> Iterator[Finding]:
    """From the tools on the PATH to the objects in the namespace; stops where nothing further can be known.

    ``seconds`` bounds the wait for each answer.
    """
    yield _argo(seconds)
    if shutil.which("kubectl") is None:
        yield Finding("missing", "kubectl", "not on the PATH")
        return
    yield _kubectl_version(seconds)
    context = _context(site, seconds)
    yield context
    if context.state == "ok":
        yield from _Cluster(site, seconds).findings()


def _argo(seconds: float) -> Finding:
    if shutil.which("argo") is None:
        return Finding("missing", "argo", "not on the PATH: manifests can be neither linted nor submitted with it")
    told = ask("argo", "version", "--short", seconds=seconds)
    return Finding("ok", "argo", told.out.strip().removeprefix("argo: ")) if told.ok else _silent("argo", told)


def _kubectl_version(seconds: float) -> Finding:
    told = ask("kubectl", "version", "--client", "-o", "json", seconds=seconds)
    try:
        return Finding("ok", "kubectl", json.loads(told.out)["clientVersion"]["gitVersion"])
    except (ValueError, KeyError, TypeError):
        return _silent("kubectl", told)


def _context(site: Site, seconds: float) -> Finding:
    if site.context is None:
        told = ask("kubectl", "config", "current-context", seconds=seconds)
        if not told.ok:
            return Finding("missing", "context", "none is named, and kubectl has no current one")
        return Finding("ok", "context", f"{told.out.strip()}, kubectl's current one: the environment names none")
    told = ask("kubectl", "config", "get-contexts", "-o", "name", seconds=seconds)
    known = told.out.split()
    if not told.ok:
        return _silent("context", told)
    if site.context not in known:
        return Finding("missing", "context", f"kubectl has no {site.context}; it has {', '.join(known) or 'none'}")
    return Finding("ok", "context", site.context)


def _silent(what: str, told: Answer) -> Finding:
    return Finding("missing", what, told.reason)


class _Cluster:
    """A namespace of a cluster, and who asks."""

    def __init__(self, site: Site, seconds: float) -> None:
        self.site = site
        self.seconds = seconds

    def findings(self) -> Iterator[Finding]:
        reached = self._namespace()
        yield reached
        if reached.state == "missing":
            return
        yield self._workflows()
        yield self._rights()
        account = self.site.service_account
        hint = "kubectl apply --server-side -f rbac.yaml, which compile writes"
        yield self._object("serviceaccount", account, hint)
        for secret, keys in _secrets(self.site).items():
            yield self._secret(secret, keys)

    def _kubectl(self, *arguments: str) -> Answer:
        where = [f"--context={self.site.context}"] if self.site.context else []
        where += [f"--namespace={self.site.namespace}", f"--request-timeout={self.seconds:g}s"]
        return ask("kubectl", *where, *arguments, seconds=self.seconds)

    def _namespace(self) -> Finding:
        name = self.site.namespace
        told = self._kubectl("get", "namespace", name, "-o", "name")
        if told.ok:
            return Finding("ok", "namespace", name)
        if "(Forbidden)" in told.err:
            return Finding("note", "namespace", f"you may not look whether {name} exists")
        if "(NotFound)" in told.err:
            return Finding("missing", "namespace", f"{name} does not exist: kubectl create namespace {name}")
        return _silent("namespace", told)

    def _workflows(self) -> Finding:
        told = self._kubectl("api-resources", "--api-group=argoproj.io", "-o", "name")
        if not told.ok:
            return _silent("workflows", told)
        if "workflows.argoproj.io" not in told.out.split():
            return Finding("missing", "workflows", "Argo Workflows is not installed in the cluster")
        return Finding("ok", "workflows", "Argo Workflows is installed")

    def _rights(self) -> Finding:
        told = self._kubectl("auth", "can-i", "create", "workflows.argoproj.io")
        if told.out.strip() == "yes":
            return Finding("ok", "rights", "you may submit workflows")
        if told.out.strip() == "no":
            return Finding("missing", "rights", "you may not submit workflows in this namespace")
        return _silent("rights", told)

    def _object(self, kind: str, name: str, hint: str) -> Finding:
        told = self._kubectl("get", kind, name, "-o", "name")
        if told.ok:
            return Finding("ok", kind, name)
        if "(NotFound)" in told.err:
            return Finding("missing", kind, f"{name} does not exist: {hint}")
        if "(Forbidden)" in told.err:
            return Finding("note", kind, f"you may not look whether {name} exists")
        return _silent(kind, told)

    def _secret(self, name: str, keys: list[str]) -> Finding:
        told = self._kubectl("get", "secret", name, "-o", _KEYS) if keys else None
        if told is None or not told.ok:
            return self._object("secret", name, f"kubectl -n {self.site.namespace} create secret …")
        lacking = [key for key in keys if key not in told.out.split()]
        if lacking:
            return Finding("missing", "secret", f"{name} has no entry {', '.join(lacking)}")
        return Finding("ok", "secret", f"{name}: {', '.join(keys)}")


def _secrets(site: Site) -> dict[str, list[str]]:
    """Secrets that pods need -> the entries they read."""
    needed: dict[str, list[str]] = {name: [] for name in site.image_pull_secrets}
    for value in site.env.values():
        if isinstance(value, SecretKey):
            needed.setdefault(value.secret, []).append(value.key)
    return needed
