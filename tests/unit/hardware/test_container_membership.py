"""In which cgroups this process is: version 1, 2 and both, namespaces, nested groups, and text that is none of it."""

from pathlib import Path

import pytest

from fake_machine import CGROUP_2, FakeMachine
from paddle_otel.hardware.cgroups.membership import Membership

POD = "/kubepods.slice/kubepods-pod1.slice"


@pytest.fixture
def machine(tmp_path: Path) -> FakeMachine:
    """A machine."""
    return FakeMachine(tmp_path)


def _seen(machine: FakeMachine, controller: str | None = None) -> list[tuple[str, str]]:
    """Return path and folder of each group, innermost first."""
    membership = Membership(machine.root)
    ancestry = membership.unified() if controller is None else membership.of(controller)
    return [(cgroup.path, str(Path(cgroup.folder).relative_to(machine.root))) for cgroup in ancestry]


def test_root(machine: FakeMachine) -> None:
    """A process in no group but the root, which holds every process of the machine."""
    assert _seen(machine) == _seen(machine, "memory") == [("/", "sys/fs/cgroup")]
    assert Membership(machine.root).unified()[0].is_root


def test_root_of_a_namespace(machine: FakeMachine) -> None:
    """Looks like the root by its path; but only the true root has no type."""
    machine.cgroup("")
    (cgroup,) = Membership(machine.root).unified()
    assert cgroup.path == "/"
    assert not cgroup.is_root


def test_nested_groups(machine: FakeMachine) -> None:
    """The own one first, the root last."""
    machine.cgroup("a/b/c d")
    machine.write("proc/self/cgroup", "0::/a/b/c d\n")
    assert _seen(machine) == [
        ("/a/b/c d", "sys/fs/cgroup/a/b/c d"),
        ("/a/b", "sys/fs/cgroup/a/b"),
        ("/a", "sys/fs/cgroup/a"),
        ("/", "sys/fs/cgroup"),
    ]


def test_part_of_the_hierarchy_is_mounted(machine: FakeMachine) -> None:
    """A container without a cgroup namespace: its path is the host's, its folder begins at its own group."""
    machine.write("proc/self/cgroup", f"0::{POD}/c1/inner\n")
    machine.write("proc/self/mountinfo", CGROUP_2.replace(" / ", f" {POD}/c1 "))
    machine.cgroup("inner")
    assert _seen(machine) == [(f"{POD}/c1/inner", "sys/fs/cgroup/inner"), (f"{POD}/c1", "sys/fs/cgroup")]
    machine.write("proc/self/cgroup", f"0::{POD}/c1\n")
    assert _seen(machine) == [(f"{POD}/c1", "sys/fs/cgroup")]


@pytest.mark.parametrize(
    ("path", "root"),
    [
        (f"{POD}/c12", f"{POD}/c1"),  # a sibling whose name begins alike
        ("/", "/.."),  # the mount shows an ancestor of the namespace; the names in between are unknown
        ("/../other", "/"),  # this process was moved out of its namespace
        ("/a/../../b", "/"),
        ("relative", "/"),
    ],
)
def test_group_that_the_mount_does_not_show(machine: FakeMachine, path: str, root: str) -> None:
    """Is unknown, and no other one is taken for it."""
    machine.write("proc/self/cgroup", f"0::{path}\n")
    machine.write("proc/self/mountinfo", CGROUP_2.replace(" / ", f" {root} "))
    assert _seen(machine) == []


def test_group_beside_its_namespace(machine: FakeMachine) -> None:
    """Seen through a mount that begins above the namespace, too."""
    machine.write("proc/self/cgroup", "0::/../other\n")
    machine.write("proc/self/mountinfo", CGROUP_2.replace(" / ", " /.. "))
    machine.cgroup("other")
    assert _seen(machine) == [("/../other", "sys/fs/cgroup/other"), ("/..", "sys/fs/cgroup")]


def test_group_without_a_folder(machine: FakeMachine) -> None:
    """Is left out; those around it still hold for this process."""
    machine.cgroup("a")
    machine.write("proc/self/cgroup", "0::/a/gone\n")
    assert _seen(machine) == [("/a", "sys/fs/cgroup/a"), ("/", "sys/fs/cgroup")]


def test_version_1(machine: FakeMachine) -> None:
    """A hierarchy per controller, each with a path of its own."""
    machine.version_1(memory="/docker/1", cpu="/", name="/docker/1")
    machine.cgroup_1("memory", "docker/1", memory_usage_in_bytes="1")
    assert _seen(machine, "memory") == [
        ("/docker/1", "sys/fs/cgroup/memory/docker/1"),
        ("/docker", "sys/fs/cgroup/memory/docker"),
        ("/", "sys/fs/cgroup/memory"),
    ]
    assert _seen(machine, "cpu") == [("/", "sys/fs/cgroup/cpu")]
    assert _seen(machine, "cpuacct") == _seen(machine) == []
    assert [one.is_root for one in Membership(machine.root).of("memory")] == [False, False, True]


def test_controllers_mounted_together(machine: FakeMachine) -> None:
    """Both names lead to the one folder."""
    machine.write("proc/self/cgroup", "3:cpu,cpuacct:/x\n")
    machine.write(
        "proc/self/mountinfo",
        "30 25 0:26 / /sys/fs/cgroup/cpu,cpuacct rw shared:1 master:2 - cgroup cgroup rw,cpu,cpuacct\n",
    )
    machine.write("sys/fs/cgroup/cpu,cpuacct/x/cpu.stat", "")
    both = [("/x", "sys/fs/cgroup/cpu,cpuacct/x"), ("/", "sys/fs/cgroup/cpu,cpuacct")]
    assert _seen(machine, "cpu") == _seen(machine, "cpuacct") == both


def test_both_versions(machine: FakeMachine) -> None:
    """A controller is in one of them: version 1 if this process is in a group for it there, else version 2."""
    machine.write("proc/self/cgroup", "9:name=systemd:/\n4:memory:/v1\n0::/v2\n")
    machine.write(
        "proc/self/mountinfo",
        "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n"
        "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
        "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
    )
    machine.write("sys/fs/cgroup/memory/v1/tasks", "")
    machine.write("sys/fs/cgroup/unified/v2/cgroup.type", "")
    assert _seen(machine, "memory")[0] == ("/v1", "sys/fs/cgroup/memory/v1")
    assert _seen(machine, "cpu") == _seen(machine)
    assert _seen(machine)[0] == ("/v2", "sys/fs/cgroup/unified/v2")


def test_several_mounts(machine: FakeMachine) -> None:
    """The first that shows the group is taken; file systems of other kinds are none."""
    machine.write("proc/self/cgroup", "0::/a/b\n")
    machine.write(
        "proc/self/mountinfo",
        "1 0 0:1 / /sys/fs/cgroup rw - tmpfs cgroup2 rw,memory\n"
        "2 0 0:2 /other /elsewhere rw - cgroup2 none rw\n"
        "3 0 0:2 /a /with\\040blank\\134 rw - cgroup2 none rw\n",
    )
    machine.write("with blank\\/b/cgroup.type", "")
    assert _seen(machine) == [("/a/b", "with blank\\/b"), ("/a", "with blank\\")]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n\n\n",
        b"\x00\xff\xfe\n" * 100,
        b"0::\n",
        b"0:/\n",
        b"::/\n",
        b"x::/\n",
        b"0::/",
        b"0::" + b"/a" * 5_000_000 + b"\n",
    ],
)
def test_membership_that_is_not_written_so(machine: FakeMachine, content: bytes) -> None:
    """No group, and nothing is raised."""
    machine.write("proc/self/cgroup", content)
    assert _seen(machine) == _seen(machine, "memory") == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n - \n",
        b" - cgroup2 cgroup2 rw\n",
        b"31 23 0:28 / /sys/fs/cgroup rw cgroup2 cgroup2 rw\n",
        b"31 23 0:28 / /sys/fs/cgroup rw - cgroup2\n",
        CGROUP_2.rstrip("\n").encode(),
        b"\x00" * 10_000_000,
    ],
)
def test_mounts_that_are_not_written_so(machine: FakeMachine, content: bytes) -> None:
    """No group, and nothing is raised."""
    machine.write("proc/self/mountinfo", content)
    assert _seen(machine) == []


def test_path_longer_than_the_kernel_allows(machine: FakeMachine) -> None:
    """Is not followed level by level."""
    machine.write("proc/self/cgroup", "0::" + "/a" * 3000 + "\n")
    assert _seen(machine) == []


@pytest.mark.parametrize("path", ["/a" * 1000, "/" + "a" * 300, "/a\0b"])
def test_path_that_no_file_system_has(machine: FakeMachine, path: str) -> None:
    """Very many levels, too long a name, a name with a zero byte: the groups around it at most."""
    machine.write("proc/self/cgroup", f"0::{path}\n")
    assert set(_seen(machine)) <= {("/", "sys/fs/cgroup")}


def test_folders_that_may_not_be_looked_at(machine: FakeMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Are as good as not there."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "stat", refuse)
    assert _seen(machine) == []


def test_this_machine() -> None:
    """Each folder is there and holds this process's groups."""
    membership = Membership(Path("/"))
    for controller in ("memory", "cpu"):
        ancestry = membership.of(controller)
        if ancestry:
            members = Path(ancestry[0].file("cgroup.procs")).read_text().split()
            assert str(Path("/proc/self").resolve().name) in members
