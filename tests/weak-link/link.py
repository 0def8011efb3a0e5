#!/usr/bin/env python3
"""A weak link at packet level: two network namespaces joined through two TUN devices and this process, which carries each packet
late, one after another, or not at all. Needs root, /dev/net/tun and iproute2; no kernel support for traffic shaping.

Says one line of JSON when ready and one for each order on standard input: `outage on`, `outage off`, `counters`.
Ends when standard input does, however its parent died, and takes namespaces and whatever still runs in them along.
"""

import argparse
import collections
import fcntl
import json
import os
import random
import select
import signal
import struct
import subprocess
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
MTU = 1400
# Public addresses, though nothing leaves the namespaces: browsers take no measure of a link to private ones.
PHONE, SERVER = "11.77.0.1", "11.77.0.2"
# The kernel's choices are pinned down, so that figures repeat: nothing remembered from connection to connection, the usual
# congestion control, no IPv6 chatter.
SETTINGS = {
    "ipv4/tcp_no_metrics_save": "1",
    "ipv4/tcp_congestion_control": "cubic",
    "ipv6/conf/all/disable_ipv6": "1",
}


class Direction:
    """One way through the link: a drop-tail queue, a sender of limited speed, a line that loses and delays."""

    def __init__(self, source, target, kbit, delay_ms, loss_percent, queue_seconds, seed):
        self.source, self.target = source, target
        self.bytes_per_second = kbit * 1000 / 8
        self.delay = delay_ms / 1000
        self.loss = loss_percent / 100
        self.queue_seconds = queue_seconds
        self.chance = random.Random(seed)
        self.free_at = 0.0
        self.on_the_way = collections.deque()
        self.counters = {"packets": 0, "bytes": 0, "lost": 0, "overflowed": 0, "cut": 0}

    def take_in(self, now, is_out):
        """Reads what the kernel wants to send. Counted is all that is sent, whether it arrives or not."""
        while True:
            try:
                packet = os.read(self.source, 65536)
            except BlockingIOError:
                return
            self.counters["packets"] += 1
            self.counters["bytes"] += len(packet)
            begins = max(now, self.free_at)
            if is_out:
                self.counters["cut"] += 1
            elif begins - now > self.queue_seconds:
                self.counters["overflowed"] += 1
            else:
                self.free_at = begins + len(packet) / self.bytes_per_second
                # Lost on the line, so it has taken its time of the sender all the same.
                if self.chance.random() < self.loss:
                    self.counters["lost"] += 1
                else:
                    self.on_the_way.append((self.free_at + self.delay, packet))

    def give_out(self, now, is_out):
        while self.on_the_way and self.on_the_way[0][0] <= now:
            _, packet = self.on_the_way.popleft()
            if is_out:
                self.counters["cut"] += 1
                continue
            try:
                os.write(self.target, packet)
            except OSError:
                self.counters["lost"] += 1

    def next_due(self):
        return self.on_the_way[0][0] if self.on_the_way else float("inf")


def run(*command):
    subprocess.run(command, check=True)


def namespace(name, device, address):
    """A namespace with nothing in it but loopback and the TUN device whose file descriptor comes back."""
    run("ip", "netns", "add", name)
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", device.encode(), IFF_TUN | IFF_NO_PI))
    run("ip", "link", "set", device, "netns", name)
    settings = "; ".join(f"echo {value} > /proc/sys/net/{path}" for path, value in SETTINGS.items())
    run("ip", "netns", "exec", name, "sh", "-c", settings)
    run("ip", "-n", name, "link", "set", "lo", "up")
    run("ip", "-n", name, "addr", "add", f"{address}/24", "dev", device)
    run("ip", "-n", name, "link", "set", device, "mtu", str(MTU), "up")
    return tun


def remove(name):
    """Ends what runs in the namespace, and the namespace."""
    listed = subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True)
    for pid in listed.stdout.split():
        try:
            os.kill(int(pid), signal.SIGKILL)
        except ProcessLookupError:
            pass
    subprocess.run(["ip", "netns", "delete", name], stderr=subprocess.DEVNULL)


def say(**what):
    print(json.dumps(what), flush=True)


def carry(down, up):
    """Moves packets and obeys orders until standard input ends."""
    ways = {down.source: down, up.source: up}
    is_out = False
    orders = sys.stdin.fileno()
    while True:
        wait = min(down.next_due(), up.next_due()) - time.monotonic()
        readable, _, _ = select.select([*ways, orders], [], [], max(0.0, min(wait, 1.0)))
        now = time.monotonic()
        for fd in readable:
            if fd in ways:
                ways[fd].take_in(now, is_out)
                continue
            order = os.read(orders, 4096).decode()
            if not order:
                return
            for line in order.split("\n"):
                if line in ("outage on", "outage off"):
                    is_out = line == "outage on"
                    say(outage=is_out)
                elif line == "counters":
                    say(down=down.counters, up=up.counters)
        for way in ways.values():
            way.give_out(time.monotonic(), is_out)


def arguments():
    p = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    p.add_argument("--down", type=float, default=400, help="kbit/s to the phone")
    p.add_argument("--up", type=float, default=150, help="kbit/s from the phone")
    p.add_argument("--delay", type=float, default=400, help="round trip, ms")
    p.add_argument("--loss", type=float, default=2, help="percent of packets, each way")
    p.add_argument("--queue", type=float, default=1, help="seconds of sending that the queues hold")
    p.add_argument("--seed", type=int, default=1)
    return p.parse_args()


def main():
    o = arguments()
    if os.geteuid() != 0:
        sys.exit("The link needs root: it makes network namespaces and TUN devices.")
    if not os.path.exists("/dev/net/tun"):
        sys.exit("The link needs /dev/net/tun.")
    # An interrupt at the terminal reaches everybody; the parent decides, and its end is ours.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        os.nice(-10)
    except OSError:
        pass
    me = os.getpid()
    phone, server = f"rounds-phone-{me}", f"rounds-server-{me}"
    try:
        at_phone = namespace(phone, f"rp{me}", PHONE)
        at_server = namespace(server, f"rs{me}", SERVER)
        down = Direction(at_server, at_phone, o.down, o.delay / 2, o.loss, o.queue, f"{o.seed} down")
        up = Direction(at_phone, at_server, o.up, o.delay / 2, o.loss, o.queue, f"{o.seed} up")
        say(phone=phone, server=server, phone_address=PHONE, server_address=SERVER)
        carry(down, up)
    finally:
        remove(phone)
        remove(server)


if __name__ == "__main__":
    main()
