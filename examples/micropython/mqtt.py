"""MQTT 3.1.1 at QoS 0, for CPython and MicroPython: connect with a will, one subscription, publish, ping.

It never reconnects by itself: the caller must take a new link number first.
"""

import binascii
import select
import socket
import struct
import time

try:
    import ssl
except ImportError:  # a board without TLS: for a bench, never for a wall
    ssl = None

KEEP_ALIVE_S = 60
CONNECT_S = 20  # TCP, TLS and CONNACK took up to 12 s over 2G
MAX_BYTES = 8192  # a message has at most 4096; of anything longer only its end is looked for
_AGAIN = (11, 110, 115, 116)  # EAGAIN, ETIMEDOUT, EINPROGRESS


class MqttError(OSError):
    """The connection is over."""


def _text(text):
    data = text if isinstance(text, bytes) else text.encode()
    return struct.pack(">H", len(data)) + data


def _packet(head, body):
    out = bytearray([head])
    left = len(body)
    while True:
        digit = left & 127
        left >>= 7
        out.append(digit | 128 if left else digit)
        if not left:
            return bytes(out) + body


class Mqtt:
    """One connection, from its first byte to its last."""

    def __init__(self, host, port, client_id, password, will_topic, will, ca=None):
        address = socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)[0][-1]
        self._socket = socket.socket()
        self._socket.settimeout(CONNECT_S)
        self._poll = select.poll()
        self._buffer = b""
        self._skip = 0
        self._quiet_since = time.time()
        try:
            self._socket.connect(address)
            if ca:
                self._socket = _secure(self._socket, host, ca)
            self._socket.setblocking(False)
            self._poll.register(self._socket, select.POLLIN)
            # clean session, will at QoS 0, password, user name
            self._send(
                _packet(
                    0x10,
                    _text("MQTT")
                    + bytes([4, 0x02 | 0x04 | 0x40 | 0x80])
                    + struct.pack(">H", KEEP_ALIVE_S)
                    + _text(client_id)
                    + _text(will_topic)
                    + _text(will)
                    + _text(client_id)
                    + _text(password),
                )
            )
            answer = self._wait(2)
            if answer[1] != 0:
                raise MqttError("the broker refused us with code %d" % answer[1])
        except Exception:
            self.close()
            raise

    def subscribe(self, topic):
        """Returns once the broker has granted it."""
        self._send(_packet(0x82, b"\x00\x01" + _text(topic) + b"\x00"))
        if self._wait(9)[2] & 0x80:
            raise MqttError("the broker refused the subscription")

    def publish(self, topic, data):
        self._send(_packet(0x30, _text(topic) + data))

    def received(self, wait_ms):
        """Payloads that have come, after at most this wait. MqttError when the connection is over."""
        if time.time() - self._quiet_since > KEEP_ALIVE_S // 2:
            self._send(b"\xc0\x00")
        found = []
        self._poll.poll(wait_ms)
        self._fill()
        while True:
            packet = self._next()
            if packet is None:
                return found
            if packet[0] >> 4 == 3:
                body = packet[1]
                found.append(body[2 + (body[0] << 8 | body[1]) :])

    def close(self):
        try:
            self._socket.close()
        except OSError:
            pass  # it is gone either way

    # ------------------------------------------------------------ bytes

    def _wait(self, kind):
        end = time.time() + CONNECT_S
        while time.time() < end:
            self._poll.poll(50)
            self._fill()
            packet = self._next()
            if packet is not None and packet[0] >> 4 == kind:
                return packet[1]
        raise MqttError("the broker does not answer")

    def _fill(self):
        read = getattr(self._socket, "recv", None) or self._socket.read
        for _ in range(8):
            try:
                data = read(2048)
            except OSError as error:
                if error.args and (error.args[0] in _AGAIN or _wants(error)):
                    return
                raise MqttError("the connection broke")
            if data is None:  # MicroPython's streams: nothing yet
                return
            if not data:
                raise MqttError("the broker closed the connection")
            skipped = min(self._skip, len(data))
            self._skip -= skipped
            self._buffer += data[skipped:]

    def _next(self):
        buffer = self._buffer
        length = 0
        for place in range(4):
            if len(buffer) < place + 2:
                return None
            digit = buffer[place + 1]
            length |= (digit & 127) << 7 * place
            if digit < 128:
                break
        else:
            raise MqttError("not MQTT")
        start = place + 2
        if length > MAX_BYTES:
            here = min(length, len(buffer) - start)
            self._skip = length - here
            self._buffer = buffer[start + here :]
            return self._next()
        if len(buffer) < start + length:
            return None
        self._buffer = buffer[start + length :]
        return buffer[0], buffer[start : start + length]

    def _send(self, data):
        write = getattr(self._socket, "send", None) or self._socket.write
        end = time.time() + CONNECT_S
        self._quiet_since = time.time()
        while data:
            try:
                sent = write(data)
            except OSError as error:
                if not error.args or not (error.args[0] in _AGAIN or _wants(error)):
                    raise MqttError("the connection broke")
                sent = 0
            data = data[sent or 0 :]
            if data:
                if time.time() > end:
                    raise MqttError("the broker does not take what we say")
                self._poll.poll(20)


def _secure(plain, host, ca):
    """TLS that trusts the one CA in this PEM file, and nothing else."""
    if ssl is None:
        raise MqttError("this build has no TLS")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_mode = ssl.CERT_REQUIRED
    with open(ca) as file:
        lines = file.read().split("\n")
    body = "".join([line for line in lines if not line.startswith("-----")])
    context.load_verify_locations(cadata=binascii.a2b_base64(body))  # DER: every build reads that
    return context.wrap_socket(plain, server_hostname=host)


def _wants(error):
    """TLS that needs another round before it can go on."""
    return type(error).__name__ in ("SSLWantReadError", "SSLWantWriteError", "BlockingIOError")
