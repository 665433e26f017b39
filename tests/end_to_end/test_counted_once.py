"""Four processes on one host with eight GPUs, read back from a real Prometheus: sums over processes are right."""

import contextlib
import os
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from backends.servers import Prometheus, Sample
from end_to_end.fleet import INTERVAL_S, Member, Series, Told, owners, told, variables
from end_to_end.running import environment, instrumented, run
from fake_nvml import driver

SERVICE = "counted-once"
GPUS = 8
PROCESSES = 4
LATE_S = 2.0
"""How much later than it should be a collection may come on a busy machine."""
GIB = 1024**3

# Metric in Prometheus -> the fake driver's value of the first GPU, and of how much the next one's is more.
SCENARIO = {
    "hw_gpu_memory_usage_bytes": (3.0 * GIB, 1.0 * GIB),
    "hw_gpu_memory_limit_bytes": (80.0 * GIB, 0.0),
    "hw_energy_joules_total": (1000.0, 100.0),
    "hw_power_watts": (200.0, 10.0),
}
VALUES = "; ".join(
    f"{gpu}.used={(3 + gpu) * GIB}; {gpu}.total={80 * GIB}; {gpu}.energy={1_000_000 + 100_000 * gpu};"
    f" {gpu}.power={200_000 + 10_000 * gpu}; {gpu}.power_instant={200_000 + 10_000 * gpu}"
    for gpu in range(GPUS)
)


def _expected(metric: str) -> dict[str, float]:
    first, more = SCENARIO[metric]
    return {driver.uuid(gpu): first + gpu * more for gpu in range(GPUS)}


@dataclass
class Fleet:
    """What was seen while the processes ran.

    Attributes:
        sums: By metric and GPU, over all processes, of the last interval before the first kill.
        killed: Who was killed, in order, and when.
        ended_first: Who ended by itself while another one still ran.
        devices: Everything that was told of devices and of the host.
        processes: Everything that was told of processes.
        exit_codes: Of those that were not killed.
        logs: What all printed.
    """

    sums: dict[str, dict[str, float]]
    killed: list[tuple[str, float]]
    ended_first: list[str]
    devices: dict[Series, list[Told]]
    processes: dict[Series, list[Told]]
    exit_codes: list[int]
    logs: str


@pytest.fixture(scope="module")
def locks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the lock file of this module."""
    return tmp_path_factory.mktemp("locks of the fleet")


def _variables(library: Path, prometheus: Prometheus, service: str, locks: Path, stub: Path | None) -> dict[str, str]:
    gpus = driver.environment(library, count=GPUS, values=VALUES)
    if stub is not None:
        (stub / "paddle.py").write_text("", encoding="utf-8")
    return environment(
        **{name: value for name, value in gpus.items() if name.startswith(("LD_", "FAKE_"))},
        **variables(prometheus, service),
        PADDLE_OTEL_LOCK_DIRECTORY=str(locks),
        PYTHONPATH=os.pathsep.join(filter(None, [str(stub or ""), os.environ.get("PYTHONPATH", "")])),
    )


@pytest.fixture(scope="module")
def fleet(
    prometheus: Prometheus, fake_nvml_library: Path, locks: Path, tmp_path_factory: pytest.TempPathFactory
) -> Fleet:
    """Four processes; whoever reports the GPUs is killed, twice; the others end by themselves."""
    folder = tmp_path_factory.mktemp("fleet")
    variables_ = _variables(fake_nvml_library, prometheus, SERVICE, locks, folder)
    with contextlib.ExitStack() as stack:
        members = [Member(variables_, f"process-{number}", folder) for number in range(PROCESSES)]
        for member in members:
            stack.callback(member.kill)
            member.wait_until_ready()
        _wait_for_collections(prometheus, members)
        sums = {metric: _sums(prometheus, metric) for metric in SCENARIO}
        killed: list[tuple[str, float]] = []
        for _ in range(2):
            owner = _owner(prometheus, members)
            killed.append((owner.name, owner.kill()))
            members.remove(owner)
            _wait_for_collections(prometheus, members)
        exit_codes = [member.end() for member in members]
        logs = "".join(member.log for member in members)
    devices = told(prometheus, f'{{job="{SERVICE}",__name__=~"hw_.+|paddle_gpu_.+|system_.+|paddle_pressure_.+"}}')
    processes = told(prometheus, f'{{job="{SERVICE}",__name__=~"process_.+|paddle_sampler_.+"}}')
    ended_first = [member.name for member in members[:-1]]
    return Fleet(sums, killed, ended_first, devices, processes, exit_codes, logs)


def _wait_for_collections(prometheus: Prometheus, members: list[Member]) -> None:
    """Wait until each process has exported a few times more."""
    began = time.time()
    names = {member.name for member in members}

    def all_have(samples: list[Sample]) -> bool:
        return {sample.labels["instance"] for sample in samples if sample.value > began + 3 * INTERVAL_S} >= names

    prometheus.wait_for(
        f'max by (instance) (timestamp(paddle_sampler_errors_total{{job="{SERVICE}"}}))', all_have, timeout_s=60
    )


def _sums(prometheus: Prometheus, metric: str) -> dict[str, float]:
    window = f"{2 * INTERVAL_S:g}s"
    query = f'sum by (hw_id) (last_over_time({metric}{{job="{SERVICE}"}}[{window}]))'
    return {sample.labels["hw_id"]: sample.value for sample in prometheus.wait_for(query, lambda s: len(s) == GPUS)}


def _owner(prometheus: Prometheus, members: list[Member]) -> Member:
    """Return who tells of the first GPU."""
    name = f'hw_power_watts{{job="{SERVICE}",hw_id="{driver.uuid(0)}"}}'
    (values,) = told(prometheus, name).values()
    (owner,) = (member for member in members if member.name == values[-1].instance)
    return owner


@pytest.mark.parametrize("metric", SCENARIO)
def test_sums_over_processes_are_the_devices_values(fleet: Fleet, metric: str) -> None:
    """What a dashboard adds up is what the scenario set, with four processes running."""
    assert fleet.sums[metric] == _expected(metric)


def test_each_series_comes_from_one_process_at_a_time(fleet: Fleet) -> None:
    """Of every metric of every device and of the host; a process that runs never hands one on."""
    gone = {name for name, _ in fleet.killed} | set(fleet.ended_first)
    for series, values in fleet.devices.items():
        said = owners(values)
        assert len(said) == len(set(said)), (series, said)
        assert set(said[:-1]) <= gone, (series, said)


def test_all_devices_are_told_of(fleet: Fleet) -> None:
    """Eight series of each metric that a GPU has one value of, from the first owner and both successors."""
    for metric in SCENARIO:
        series = {key: values for key, values in fleet.devices.items() if dict(key)["__name__"] == metric}
        assert {dict(key)["hw_id"] for key in series} == {driver.uuid(gpu) for gpu in range(GPUS)}
        assert len(series) == GPUS
        first = {key: values for key, values in series.items() if dict(key)["hw_id"] == driver.uuid(0)}
        for values in first.values():
            assert len(owners(values)) >= 3  # the last but one may have ended before the last


def test_values_stay_right_through_takeovers(fleet: Fleet) -> None:
    """Whoever tells them."""
    for metric in SCENARIO:
        for key, values in fleet.devices.items():
            labels = dict(key)
            if labels["__name__"] == metric:
                assert {one.value for one in values} == {_expected(metric)[labels["hw_id"]]}


def test_another_process_takes_over_within_two_intervals(fleet: Fleet) -> None:
    """Of every series that the killed process told: no gap is longer, and the successor's first value is fresh."""
    for name, when in fleet.killed:
        handed_on = 0
        for series, values in fleet.devices.items():
            before = [one for one in values if one.instance == name]
            after = [one for one in values if one.time_s > when and one.instance != name]
            if before and after and owners(values)[-1] != name:
                handed_on += 1
                gap = after[0].time_s - before[-1].time_s
                assert gap <= 2 * INTERVAL_S + LATE_S, (series, gap)
        assert handed_on >= GPUS * len(SCENARIO)


def test_metrics_of_processes_come_from_every_process(fleet: Fleet) -> None:
    """Once from each; they are not devices."""
    names = Counter(dict(key)["__name__"] for key in fleet.processes)
    assert {"process_memory_usage_bytes", "paddle_sampler_errors_total", "paddle_sampler_last_success_seconds"} <= set(
        names
    )
    for key, values in fleet.processes.items():
        if dict(key)["__name__"] in {"process_memory_usage_bytes", "paddle_sampler_errors_total"}:
            assert {one.instance for one in values} == {f"process-{number}" for number in range(PROCESSES)}, key


def test_the_processes_are_not_disturbed(fleet: Fleet) -> None:
    """They end by themselves with status 0, and nothing of ours is logged."""
    assert fleet.exit_codes == [0] * (PROCESSES - 2)
    assert "Telemetry failed" not in fleet.logs
    assert "No lock can be had" not in fleet.logs


@pytest.fixture(scope="module")
def ranks(
    prometheus: Prometheus, fake_nvml_library: Path, locks: Path, tmp_path_factory: pytest.TempPathFactory
) -> str:
    """Name of the service under which a launcher with two ranks has run."""
    folder = tmp_path_factory.mktemp("ranks")
    service = "two-ranks"
    (folder / "train.py").write_text("import time\nimport paddle\ntime.sleep(6)\n", encoding="utf-8")
    variables_ = _variables(fake_nvml_library, prometheus, service, locks, None)
    launch = ("-m", "paddle.distributed.launch", "--nproc_per_node", "2", "--log_dir", "logs", "train.py")
    completed = run(
        instrumented(*launch), {**variables_, "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS": "otel,paddle"}, folder
    )
    assert completed.returncode == 0, completed.stdout[-2000:] + completed.stderr[-2000:]
    return service


def test_two_ranks_of_the_real_launcher(ranks: str, prometheus: Prometheus) -> None:
    """Devices once, whoever of the launcher and its ranks reports them; the ranks' own figures from each rank."""
    infos = prometheus.series(f'target_info{{job="{ranks}"}}')
    instances = {info.labels["instance"]: info.labels.get("paddle_rank", "launcher") for info in infos}
    assert sorted(instances.values()) == ["0", "1", "launcher"]
    devices = told(prometheus, f'{{job="{ranks}",__name__=~"hw_.+|paddle_gpu_.+|system_.+|paddle_pressure_.+"}}')
    assert {dict(key)["hw_id"] for key in devices if "hw_id" in dict(key)} >= {driver.uuid(n) for n in range(GPUS)}
    for series, values in devices.items():
        said = owners(values)
        assert len(said) == len(set(said)), (series, [instances[one] for one in said])
    own = told(prometheus, f'process_memory_usage_bytes{{job="{ranks}"}}')
    assert sorted({instances[one.instance] for values in own.values() for one in values}) == ["0", "1", "launcher"]
