# SPDX-License-Identifier: Apache-2.0
"""An agent written from the contract alone: enrolment over HTTPS, the stream over Debian's grpcio.

The messages' Python classes are generated from proto/ when a test starts, so nothing here knows
how the aggregator is made. A stream answers what arrived, in order; expect() waits for a kind.
"""

import functools
import importlib
import pathlib
import queue
import subprocess
import sys
import tempfile
import threading
import uuid

import grpc

from tests.support.rest import DEADLINE

ROOT = pathlib.Path(__file__).resolve().parents[2]
METHOD = "/muster.v1.Fleet/Connect"
TUNNEL = "/muster.v1.Fleet/Tunnel"


@functools.lru_cache(maxsize=None)
def messages():
    """The module of fleet.proto (its imports as attributes vm, metrics, object)."""
    folder = tempfile.TemporaryDirectory(prefix="muster-proto-")
    subprocess.run(["protoc", "-I", ROOT / "proto", f"--python_out={folder.name}",
                    *(ROOT / "proto/muster/v1").glob("*.proto")], check=True)
    sys.path.insert(0, folder.name)
    fleet = importlib.import_module("muster.v1.fleet_pb2")
    fleet.vm = importlib.import_module("muster.v1.vm_pb2")
    fleet.metrics = importlib.import_module("muster.v1.metrics_pb2")
    fleet.object = importlib.import_module("muster.v1.object_pb2")
    fleet.tunnel = importlib.import_module("muster.v1.tunnel_pb2")
    fleet.folder = folder
    return fleet


class StreamEnded(AssertionError):
    def __init__(self, code, details):
        super().__init__(f"the stream ended: {code} {details}")
        self.code = code
        self.details = details


class Stream:
    """One call of Fleet.Connect, or of another method. Raw bytes may be sent, to be rude."""

    def __init__(self, target, ca, key, cert, method=METHOD, answer=None):
        credentials = grpc.ssl_channel_credentials(ca.encode(), key.encode(), cert.encode())
        self._channel = grpc.secure_channel(target, credentials, options=[
            ("grpc.max_send_message_length", -1), ("grpc.use_local_subchannel_pool", 1),
            # As the agent: gRPC would else send a ping for each message that it receives.
            ("grpc.http2.bdp_probe", 0)])
        self._out = queue.Queue()
        self._in = queue.Queue()
        connect = self._channel.stream_stream(
            method, request_serializer=lambda m: m if isinstance(m, bytes) else m.SerializeToString(),
            response_deserializer=(answer or messages().AggregatorMessage).FromString)
        self._call = connect(iter(self._out.get, None))
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        try:
            for message in self._call:
                self._in.put(message)
            self._in.put(StreamEnded(self._call.code(), self._call.details()))
        except grpc.RpcError as e:
            self._in.put(StreamEnded(e.code(), e.details()))

    def send(self, **kind):
        self._out.put(messages().AgentMessage(**kind))

    def send_batches(self, *batches, generation=1, ack_later=False):
        """Metrics of some steps in one message: the fields of each MetricBatch."""
        m = messages().metrics
        self.send(metric_batches=m.MetricBatches(
            generation=generation, ack_later=ack_later,
            batch=[m.MetricBatch(**fields) for fields in batches]))

    def send_raw(self, data):
        self._out.put(data)

    def half_close(self):
        self._out.put(None)

    def next(self, deadline=DEADLINE):
        try:
            item = self._in.get(timeout=deadline)
        except queue.Empty:
            raise AssertionError(f"nothing came within {deadline} s") from None
        if isinstance(item, StreamEnded):
            self._in.put(item)
            raise item
        return item

    def expect(self, kind, want=lambda m: True, deadline=DEADLINE):
        """The next message of that kind that is wanted; others are passed over."""
        while True:
            message = self.next(deadline)
            if message.WhichOneof("kind") == kind and want(getattr(message, kind)):
                return getattr(message, kind)

    def ended(self, deadline=DEADLINE):
        """(code, details) of the end; messages before it are passed over."""
        while True:
            try:
                self.next(deadline)
            except StreamEnded as e:
                return e.code, e.details

    def pending(self):
        """What has arrived and was not looked at."""
        out = []
        while not self._in.empty():
            item = self._in.get()
            if isinstance(item, StreamEnded):
                self._in.put(item)
                break
            out.append(item)
        return out

    def is_over(self):
        """Has its end arrived? What came before it is there to be looked at."""
        return not self._call.is_active() and not self._reader.is_alive()

    def close(self):
        self._out.put(None)
        self._call.cancel()
        self._channel.close()


class Tunnel(Stream):
    def send(self, **kind):
        self._out.put(messages().tunnel.TunnelUp(**kind))

    def data(self, n):
        """The next `n` bytes and more that came down."""
        data = b""
        while len(data) < n:
            data += self.expect("data", deadline=DEADLINE)
        return data


def openssl(*args, data=None):
    return subprocess.run(["openssl", *args], input=data, check=True, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True).stdout


def new_key():
    return openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")


def new_request(key, name):
    with tempfile.NamedTemporaryFile("w") as f:
        f.write(key)
        f.flush()
        return openssl("req", "-new", "-key", f.name, "-subj", f"/CN={name}")


class FakeAgent:
    """A host as the aggregator sees it: identity, state, numbers."""

    def __init__(self, fleet, name="fake"):
        self.fleet, self.name = fleet, name
        self.id = str(uuid.uuid4())
        self.key = self.cert = self.ca = None
        self.epoch, self.seq, self.acked = 1, 0, 0
        self.metric_epoch = 1
        self.streams = []

    def enrol_request(self, token, key=None, **changed):
        body = {"token": token, "hostId": self.id, "name": self.name,
                "csr": new_request(key or new_key(), "whatever"), **changed}
        return self.fleet.anonymous.request("POST", "/enrol", body)

    def enrol(self, token=None):
        self.key = new_key()
        status, _, reply = self.enrol_request(token or self.fleet.join_token(), self.key)
        assert status == 201, (status, reply)
        self.cert, self.ca = reply["certificate"], reply["ca"]
        return self

    def stream(self, key=None, cert=None):
        s = Stream(f"127.0.0.1:{self.fleet.fleet_port}", self.ca, key or self.key,
                   cert or self.cert)
        self.streams.append(s)
        return s

    def tunnel(self, tunnel_id=None):
        """A call of Fleet.Tunnel; `tunnel_id` says hello."""
        t = Tunnel(f"127.0.0.1:{self.fleet.fleet_port}", self.ca, self.key, self.cert, TUNNEL,
                   messages().tunnel.TunnelDown)
        self.streams.append(t)
        if tunnel_id is not None:
            t.send(hello=messages().tunnel.TunnelHello(id=tunnel_id))
        return t

    def hello(self, **changed):
        fields = {"protocol": 1, "host_id": self.id, "boot_id": "b", "agent_version": "1",
                  "state_epoch": self.epoch, "last_acked_seq": self.acked,
                  "metric_epoch": self.metric_epoch, **changed}
        return messages().Hello(**fields)

    def connect(self, **changed):
        """A stream that was welcomed, and the Welcome."""
        s = self.stream()
        s.send(hello=self.hello(**changed))
        return s, s.expect("welcome")

    def host_state(self, **changed):
        fields = {"name": self.name, "agent_version": "1", "driver": "sim", "cpus": 4,
                  "sockets": 1, "memory_total_bytes": 1 << 34, **changed}
        return messages().vm.HostState(**fields)

    def vm(self, vm_id, name="vm", power="RUNNING", **changed):
        m = messages().vm
        fields = {"id": uuid.UUID(vm_id).bytes, "name": name, "type": m.VM_TYPE_PVH,
                  "power": m.VmPower.Value("VM_POWER_" + power), "managed": True,
                  "domid": 5 if power in ("RUNNING", "PAUSED") else -1, "vcpus_online": 1,
                  "vcpus_max": 2, "memory_bytes": 1 << 30, "memory_static_max_bytes": 1 << 30,
                  **changed}
        return m.VmState(**fields)

    @staticmethod
    def disk(vdev, vdi=None, **changed):
        fields = {"vdev": vdev, "vdi": uuid.UUID(vdi).bytes if vdi else b"", "attached": True,
                  **changed}
        return messages().vm.VmDisk(**fields)

    @staticmethod
    def nic(device, bridge, **changed):
        fields = {"device": device, "bridge": bridge, "mac": f"00:16:3e:00:00:{device:02x}",
                  "attached": True, **changed}
        return messages().vm.VmNic(**fields)

    @staticmethod
    def object(kind, object_id, name="", tags=(), **fields):
        """An ObjectState; ids among its fields may be texts."""
        m = messages().object
        for key in ("sr", "snapshot_of", "parent", "vm"):
            if key in fields:
                fields[key] = uuid.UUID(fields[key]).bytes
        states = {"sr": m.SrState, "vdi": m.VdiState, "network": m.NetworkState,
                  "pif": m.PifState, "pci": m.PciState, "controller": m.ControllerState}
        return m.ObjectState(id=uuid.UUID(object_id).bytes, name=name, tags=list(tags),
                             **{kind: states[kind](**fields)})

    def sr(self, object_id, name="sr", **changed):
        fields = {"type": "dir", "location": "/srv", "attached": True, "size_bytes": 1000,
                  "used_bytes": 100, "allocated_bytes": 200, "data_percent": -1,
                  "metadata_percent": -1, **changed}
        return self.object("sr", object_id, name, **fields)

    def vdi(self, object_id, sr, name="vdi", **changed):
        fields = {"sr": sr, "type": messages().object.VDI_TYPE_USER, "format": "qcow2",
                  "size_bytes": 1 << 30, "used_bytes": 1 << 20, **changed}
        return self.object("vdi", object_id, name, **fields)

    def snapshot(self, *vms, **changed):
        fields = {"epoch": self.epoch, "seq": self.seq, "host": self.host_state(),
                  "vms": list(vms), **changed}
        return messages().Snapshot(**fields)

    def live(self, *vms, **changed):
        """Connect for the first time and report `vms`; wait until they are stored."""
        s, welcome = self.connect()
        assert not welcome.resume
        self.seq = max(self.seq, 1)
        s.send(snapshot=self.snapshot(*vms, **changed))
        self.wait_acked(s)
        return s

    def delta(self, s, *vms, removed=(), **changed):
        self.seq += 1
        s.send(delta=messages().Delta(seq=self.seq, vms=list(vms),
                                      removed=[uuid.UUID(r).bytes for r in removed], **changed))

    def wait_acked(self, s, seq=None):
        want = self.seq if seq is None else seq
        self.acked = s.expect("state_ack", lambda a: a.seq >= want).seq

    def close(self):
        for s in self.streams:
            s.close()
        self.streams = []


def result(command_id, status="SUCCESS", code="", text=""):
    m = messages()
    return m.CommandResult(id=command_id, status=m.CommandStatus.Value("COMMAND_STATUS_" + status),
                           error_code=code, error_text=text)
