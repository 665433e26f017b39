"""Every kind of address that ``limits`` knows for Redis counts the same."""

import subprocess
import time
from pathlib import Path

import pytest

from backends.process import free_ports
from backends.redis import Redis
from paddle_otel.budgets.budget import Window
from paddle_otel.budgets.ledger import Account
from paddle_otel.budgets.shared_keys import key_prefix
from paddle_otel.budgets.shared_ledger import SharedLedger

PATIENT = 5.0


def spends_all(address: str, redis: Redis) -> None:
    """Check that several budgets at such an address are spent to their end and known to Redis."""
    ledger = SharedLedger(address, PATIENT)
    accounts = [Account("test", "tenant", f"{number}-{time.time_ns()}", Window()) for number in range(5)]
    for account in accounts:
        ledger.opened(account)
    spent = [sum(ledger.take(account, 1, 20).granted for _ in range(50)) for account in accounts]
    ledger.shut()
    assert spent == [20] * 5
    assert ledger.health.errors == {}
    sums = [redis.sum(key_prefix("tenant", "test", one.subject, one.window)) for one in accounts]
    assert sums == [(20, 0)] * 5


def test_a_cluster(tmp_path: Path) -> None:
    """Where keys lie on different machines, and no pipeline takes scripts."""
    bus = ["--cluster-port", str(free_ports(1)[0])]
    with Redis("--cluster-enabled", "yes", "--cluster-config-file", str(tmp_path / "nodes.conf"), *bus) as redis:
        assert redis.ask("CLUSTER", "ADDSLOTSRANGE", "0", "16383") == "OK"
        while "cluster_state:ok" not in redis.ask("CLUSTER", "INFO"):
            time.sleep(0.05)
        spends_all(redis.address.replace("redis://", "redis+cluster://").removesuffix("/0"), redis)


def test_sentinels(own_redis: Redis, tmp_path: Path) -> None:
    """They say which server is the one to write to."""
    host, _, port = own_redis.address.removeprefix("redis://").removesuffix("/0").partition(":")
    config = tmp_path / "sentinel.conf"
    config.write_text(f"sentinel monitor mymaster {host} {port} 1\n", encoding="utf-8")
    with Sentinel(config) as sentinel:
        spends_all(sentinel.address.replace("redis://", "redis+sentinel://").removesuffix("0") + "mymaster", own_redis)


class Sentinel(Redis):
    """A Redis that watches over another one.

    Args:
        config: Its configuration, which it also writes.
    """

    def __init__(self, config: Path) -> None:
        super().__init__()
        self._config = config

    def arguments(self, folder: Path) -> list[str]:
        """Returns the command line."""
        del folder
        return [str(self._config), "--sentinel", "--port", str(self.port("redis")), "--bind", "127.0.0.1"]


def test_a_socket(tmp_path: Path) -> None:
    """On the same machine."""
    path = tmp_path / "redis.sock"
    with Redis("--unixsocket", str(path)) as redis:
        spends_all(f"redis+unix://{path}", redis)


def test_an_encrypted_connection(certificate: tuple[Path, Path]) -> None:
    """With the authority that the address names, and not without."""
    key, chain = certificate
    files = {"tls-cert-file": chain, "tls-key-file": key, "tls-ca-cert-file": chain}
    with Redis() as plain:
        for option, file in files.items():
            assert plain.ask("CONFIG", "SET", option, str(file)) == "OK"
        assert plain.ask("CONFIG", "SET", "tls-auth-clients", "no") == "OK"
        (secure,) = free_ports(1)
        assert plain.ask("CONFIG", "SET", "tls-port", str(secure)) == "OK"
        address = f"rediss://localhost:{secure}/0"
        spends_all(f"{address}?ssl_ca_certs={chain}", plain)
        untrusting = SharedLedger(address, PATIENT)
        while untrusting.health.available is None:
            time.sleep(0.01)
        assert untrusting.health.available is False
        untrusting.shut()


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A key and a certificate for localhost that it has signed itself."""
    key, chain = tmp_path / "key.pem", tmp_path / "chain.pem"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject]
    subprocess.run([*command, "-keyout", str(key), "-out", str(chain)], check=True, capture_output=True)
    return key, chain
