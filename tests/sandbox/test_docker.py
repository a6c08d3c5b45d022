"""What only the Docker engine has to show; the rest is in tests/contracts/test_sandbox.py."""

from __future__ import annotations

import gc
import io
import os
import select
import signal
import socket
import sys
import tarfile
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from docker import errors

from termigen_gym.conformance import Case, conformance_image, files, shells, taking
from termigen_gym.errors import BuildError, EngineMissing, SandboxDied, SandboxError
from termigen_gym.sandbox.base import Image, ImageSource, Limits
from termigen_gym.sandbox.container_shell import ContainerShell
from termigen_gym.sandbox.daemon import remove, restart, started
from termigen_gym.sandbox.docker import DockerEngine
from termigen_gym.sandbox.images import BASE, ensure_base
from termigen_gym.sandbox.master import PtyShell
from termigen_gym.task import folder_digest
from tests.waiting import Process

SMALL = Limits(memory_mb=256, storage_mb=64, pids=64)
SOCKET = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://")


@pytest.fixture
def docker() -> Iterator[DockerEngine]:
    engine = DockerEngine()
    ensure_base(engine)
    yield engine
    engine.close()


@pytest.fixture
def plain(docker: DockerEngine) -> Image:
    return docker.build(ImageSource(None, "", reference=BASE))


def source(folder: Path, recipe: str, **files: str) -> ImageSource:
    for name, text in {"Dockerfile": recipe, **files}.items():
        (folder / name.replace("__", ".")).write_text(text)
    return ImageSource(folder, folder_digest(folder))


def containers(engine: DockerEngine, label: str = "termigen.engine") -> set[str]:
    return {item["Id"] for item in engine.client.containers(all=True, filters={"label": label})}


def label_of(engine: DockerEngine) -> str:
    return f"termigen.engine={engine._label}"


# A daemon on another machine, and one that an ordinary user may speak to, reach all that a near one does.


@pytest.fixture(scope="module")
def far() -> Iterator[DockerEngine]:
    engine = DockerEngine(nearby=False)
    yield engine
    engine.close()


@pytest.mark.docker
@pytest.mark.parametrize("case", [*files.cases.all, *taking.cases.all, *shells.cases.all], ids=lambda case: case.name)
def test_what_goes_through_the_daemon_alone(case: Case, far: DockerEngine) -> None:
    case.run(far, conformance_image(far))


@pytest.mark.docker
def test_a_near_daemon_is_passed_by(docker: DockerEngine, plain: Image) -> None:
    with docker.start(plain, SMALL) as box:
        assert isinstance(box.open_shell(env={}), PtyShell) == (os.geteuid() == 0)


# The daemon.


@pytest.mark.parametrize(
    ("host", "told"),
    [
        ("unix:///no/such/socket", "expected a daemon at unix:///no/such/socket"),
        ("tcp://127.0.0.1:1", "expected a daemon at tcp://127.0.0.1:1"),
        ("ssh://somewhere", "forward the daemon's socket"),
        ("nonsense://x", "expected a daemon at nonsense://x"),
    ],
)
def test_a_missing_daemon_says_what_to_do(monkeypatch: pytest.MonkeyPatch, host: str, told: str) -> None:
    monkeypatch.setenv("DOCKER_HOST", host)
    with pytest.raises(EngineMissing) as caught:
        DockerEngine().probe()
    assert told in str(caught.value)


@pytest.mark.docker
def test_probe_names_version_address_and_what_is_capped(docker: DockerEngine) -> None:
    line = docker.probe()
    assert docker.client.version()["Version"] in line
    assert "disk capped" in line
    assert "\n" not in line


class Proxy:
    """A daemon's socket that hands everything on to the real one, in lumps, until it is closed."""

    def __init__(self, path: Path, lump_s: float = 0.0) -> None:
        self._lump_s = lump_s
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(SOCKET)
            self._open += [client, server]
            for ends in ((client, server), (server, client)):
                threading.Thread(target=self._carry, args=ends, daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                while self._lump_s and select.select([source], [], [], self._lump_s)[0]:
                    more = source.recv(65536)
                    if not more:
                        break
                    data += more
                target.sendall(data)
            target.shutdown(socket.SHUT_RDWR)
        except OSError:
            return

    def close(self) -> None:
        for one in (self._listener, *self._open):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
            finally:
                one.close()


@pytest.fixture
def through_proxy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[float], tuple[DockerEngine, Proxy]]]:
    made: list[tuple[DockerEngine, Proxy]] = []

    def make(lump_s: float) -> tuple[DockerEngine, Proxy]:
        proxy = Proxy(tmp_path / "socket", lump_s)
        monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/socket")
        made.append((DockerEngine(), proxy))
        return made[-1]

    yield make
    for engine, proxy in made:
        proxy.close()
        monkeypatch.setenv("DOCKER_HOST", f"unix://{SOCKET}")
        engine._connected = None
        for container in containers(engine, label_of(engine)):
            engine.client.remove_container(container, force=True)
        engine.close()


@pytest.mark.docker
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the SDK leaves failed sockets open
def test_a_daemon_that_goes_away_is_the_end_of_the_sandbox(
    plain: Image, through_proxy: Callable[[float], tuple[DockerEngine, Proxy]]
) -> None:
    engine, proxy = through_proxy(0)
    box = engine.start(plain, SMALL)
    assert box.exec(["echo", "on"], timeout_s=30).output == b"on\n"
    timer = threading.Timer(0.5, proxy.close)
    timer.start()
    with pytest.raises(SandboxDied):
        box.exec(["sleep", "1000"], timeout_s=30)
    timer.join()
    with pytest.raises(SandboxDied, match="found it gone"):
        box.exec(["true"], timeout_s=30)
    gc.collect()


@pytest.mark.docker
def test_output_that_comes_together_with_the_headers_is_whole(
    plain: Image, through_proxy: Callable[[float], tuple[DockerEngine, Proxy]]
) -> None:
    engine, _ = through_proxy(0.1)
    with engine.start(plain, SMALL) as box:
        assert box.exec(["echo", "early"], timeout_s=30).output == b"early\n"
        shell = box.open_shell(env={"PS1": "prompt> "})
        os.write(shell.fileno(), b"echo $((6*7))\n")
        seen = b""
        while b"\n42\r\n" not in seen.replace(b"\x1b[?2004l\r", b""):
            seen += os.read(shell.fileno(), 65536)
        shell.close()


# Sandboxes.


@pytest.mark.docker
def test_more_cores_than_there_are_are_all_there_are(docker: DockerEngine, plain: Image) -> None:
    with docker.start(plain, Limits(cpus=1000)) as box:
        assert box.exec(["true"], timeout_s=30).exit_code == 0


@pytest.mark.docker
def test_a_public_network_has_an_interface(docker: DockerEngine, plain: Image) -> None:
    with docker.start(plain, Limits(network="public")) as box:
        assert "eth0:" in box.exec(["cat", "/proc/net/dev"], timeout_s=30).text


@pytest.mark.docker
def test_a_container_killed_from_outside_is_dead(docker: DockerEngine, plain: Image) -> None:
    with docker.start(plain, SMALL) as box:
        (container,) = containers(docker, label_of(docker))
        docker.client.kill(container)
        assert not box.alive()
        with pytest.raises(SandboxDied, match="is not running"):
            box.exec(["true"], timeout_s=30)


@pytest.mark.docker
def test_processes_go_even_when_process_1_is_held(docker: DockerEngine, far: DockerEngine, plain: Image) -> None:
    # A tracer inside could hold process 1; a stop from outside does the same.
    for engine, restarts in ((docker, False), (far, True)):
        with engine.start(plain, SMALL) as box:
            box.exec(["sh", "-c", "trap '' TERM; sleep 1000 >/dev/null 2>&1 & echo kept >/kept"], timeout_s=30)
            (container,) = containers(engine, label_of(engine))
            started = engine.client.inspect_container(container)["State"]["StartedAt"]
            engine.client.kill(container, "STOP")
            box.kill_processes()
            assert (engine.client.inspect_container(container)["State"]["StartedAt"] != started) == restarts
            assert box.read("/kept") == b"kept\n"
            assert b"sleep\x001000" not in box.exec(["sh", "-c", "cat /proc/[0-9]*/cmdline"], timeout_s=30).output


@pytest.mark.docker
def test_what_starts_after_a_kill_is_not_killed_by_it(docker: DockerEngine, plain: Image) -> None:
    with docker.start(plain, SMALL) as box:
        for _ in range(10):
            box.kill_processes()
            assert box.exec(["echo", "on"], timeout_s=30).output == b"on\n"


@pytest.mark.docker
def test_a_shell_of_a_daemon_elsewhere_is_hung_up_by_a_command(
    far: DockerEngine, plain: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill(pid: int, number: int) -> None:
        raise AssertionError(f"expected no process of this machine to be signalled, found {pid}")

    with far.start(plain, SMALL) as box:
        shell = box.open_shell(env={})
        assert isinstance(shell, ContainerShell)
        shell._host_pid = None
        assert shell.waiting() is None
        with monkeypatch.context() as here:
            here.setattr(os, "kill", kill)
            shell.close()
        comms = ["sh", "-c", "cat /proc/[0-9]*/comm"]
        while "bash" in box.exec(comms, timeout_s=30).text:
            pass


@pytest.mark.docker
@pytest.mark.parametrize("bad", range(3))
def test_one_that_can_not_be_started_is_tried_again_once(docker: DockerEngine, plain: Image, bad: int) -> None:
    label = {"termigen.test": uuid.uuid4().hex}
    commands = iter([["/no/such/program"]] * bad + [["/bin/sleep", "1000"]])

    def create() -> str:
        return str(docker.client.create_container(plain.id, entrypoint=next(commands), labels=label)["Id"])

    if bad < 2:
        made = started(docker.client, set(), create)
        assert docker.client.inspect_container(made)["State"]["Running"]
        remove(docker.client, made)
    else:
        with pytest.raises(errors.APIError, match="/no/such/program"):
            started(docker.client, set(), create)
    assert containers(docker, "=".join(*label.items())) == set()


@pytest.mark.docker
@pytest.mark.parametrize("bad", range(3))
def test_one_that_does_not_start_again_is_tried_once_more(docker: DockerEngine, plain: Image, bad: int) -> None:
    missing, link = io.BytesIO(), tarfile.TarInfo("sh")
    link.type, link.linkname = tarfile.SYMTYPE, "dash"
    with tarfile.open(fileobj=missing, mode="w") as archive:
        archive.addfile(link)

    class Client:
        """The daemon's; after so many restarts that fail, what the container can't start without is there again."""

        left = bad

        def restart(self, container: str, timeout: int) -> None:
            try:
                docker.client.restart(container, timeout=timeout)
            except errors.APIError:
                self.left -= 1
                if not self.left:
                    docker.client.put_archive(container, "/usr/bin", missing.getvalue())
                raise

    with docker.start(plain, SMALL) as box:
        (container,) = containers(docker, label_of(docker))
        box.exec(["sh", "-c", "echo kept >/kept"], timeout_s=30)
        if bad:
            box.exec(["rm", "/usr/bin/sh"], timeout_s=30)
        if bad < 2:
            restart(Client(), container)
            assert box.read("/kept") == b"kept\n"
        else:
            with pytest.raises(errors.APIError, match="/bin/sh"):
                restart(Client(), container)


@pytest.mark.docker
def test_many_threads_share_an_engine(docker: DockerEngine, plain: Image) -> None:
    def work(number: int) -> str:
        with docker.start(plain, SMALL) as box:
            return "".join(box.exec(["echo", f"{number}"], timeout_s=60).text for _ in range(3))

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(12))) == [f"{number}\n" * 3 for number in range(12)]
    assert containers(docker, label_of(docker)) == set()


# Images.


@pytest.mark.docker
def test_builds_of_one_context_at_once_are_one_build(docker: DockerEngine, tmp_path: Path) -> None:
    wanted = source(tmp_path, f"FROM {BASE}\nRUN echo {uuid.uuid4()} && date +%N >/stamp\n")
    with ThreadPoolExecutor(6) as pool:
        images = list(pool.map(docker.build, [wanted] * 6))
    docker.client.remove_image(images[0].id, force=True)
    assert len({image.id for image in images}) == 1


@pytest.mark.docker
def test_a_context_leaves_out_what_it_says_and_modes_are_set(docker: DockerEngine, tmp_path: Path) -> None:
    recipe = f"FROM {BASE}\nCOPY . /all\nCOPY --chmod=751 one /moded\n"
    image = docker.build(source(tmp_path, recipe, one="1", two="2", __dockerignore="two\n"))
    with docker.start(image, SMALL) as box:
        assert (box.read("/all/one"), box.read("/all/two")) == (b"1", None)
        assert box.exec(["stat", "-c", "%a", "/moded"], timeout_s=30).text == "751\n"


@pytest.mark.docker
def test_a_finished_image_is_taken_by_name(docker: DockerEngine, plain: Image) -> None:
    assert plain.id.startswith("sha256:")
    with pytest.raises(BuildError, match="localhost/lacking"):
        docker.build(ImageSource(None, "", reference=f"localhost/lacking-{uuid.uuid4()}"))


@pytest.mark.docker
def test_a_context_without_dockerfile_is_told(docker: DockerEngine, tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="expected a Dockerfile"):
        docker.build(ImageSource(tmp_path, uuid.uuid4().hex))


@pytest.mark.docker
def test_an_image_that_is_gone_is_an_error(docker: DockerEngine) -> None:
    with pytest.raises(SandboxError, match="build it again"):
        docker.start(Image(id="sha256:" + "0" * 64), SMALL)


# What is left behind.

OWNER = """
import os, signal, sys, time
from termigen_gym.sandbox.base import ImageSource, Limits
from termigen_gym.sandbox.docker import DockerEngine
engine = DockerEngine()
box = engine.start(engine.build(ImageSource(None, "", reference={base!r})), Limits())
print(engine._label, flush=True)
{then}
"""


WAIT = "while True: time.sleep(0.1)"
"""Wait to be ended. Python sees a signal that comes right before a sleep only after that sleep: so many short ones."""


def owner(then: str) -> Process:
    script = OWNER.format(base=BASE, then=then)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent.parent)}
    return Process([sys.executable, "-c", script], env=environment)


def engine_label(process: Process) -> str:
    assert process.stdout is not None
    return f"termigen.engine={process.stdout.readline().strip()}"


@pytest.mark.docker
@pytest.mark.parametrize(
    ("then", "sent"),
    [("", None), ("raise SystemExit(3)", None), ("raise ValueError", None), (WAIT, signal.SIGINT)],
    ids=["end", "exit", "error", "interrupt"],
)
def test_a_process_that_ends_leaves_nothing(docker: DockerEngine, then: str, sent: signal.Signals | None) -> None:
    with owner(f"sys.stderr = open(os.devnull, 'w')\n{then}") as process:
        label = engine_label(process)
        if sent is not None:
            process.send_signal(sent)
        process.wait()
    assert containers(docker, label) == set()


@pytest.mark.docker
@pytest.mark.alone
def test_a_sweep_removes_what_killed_owners_left_and_nothing_else(docker: DockerEngine, plain: Image) -> None:
    with docker.start(plain, SMALL) as mine, owner(WAIT) as killed, owner(WAIT) as living:
        of_killed, of_living = engine_label(killed), engine_label(living)
        killed.kill()
        killed.wait()
        assert len(containers(docker, of_killed)) == 1
        assert docker.sweep() >= 1
        assert containers(docker, of_killed) == set()
        assert len(containers(docker, of_living)) == 1
        assert mine.alive()
        living.kill()
        living.wait()
        docker.sweep()
        assert containers(docker, of_living) == set()


@pytest.mark.docker
def test_a_sweep_leaves_another_machine_s_running_sandboxes(docker: DockerEngine) -> None:
    label = f"termigen-test={uuid.uuid4()}"
    foreign = {"termigen.owner": "another-boot.1:1-1", **dict([label.split("=")])}
    client = docker.client
    running = client.create_container(BASE, ["sleep", "1000"], labels=foreign)["Id"]
    ended = client.create_container(BASE, ["true"], labels=foreign)["Id"]
    try:
        client.start(running)
        client.start(ended)
        client.wait(ended)
        docker.sweep()
        assert containers(docker, label) == {running}
    finally:
        client.remove_container(running, force=True)


@pytest.mark.docker
def test_closing_an_engine_stops_its_sandboxes_and_no_other_s(docker: DockerEngine, plain: Image) -> None:
    other = DockerEngine()
    with docker.start(plain, SMALL) as mine:
        theirs = other.start(plain, SMALL)
        other.close()
        other.close()
        assert not theirs.alive()
        assert mine.alive()
