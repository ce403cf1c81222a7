"""One row of bench/moves: fills slots, moves them from the first node to the second, and measures."""

import os
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from resp import Node, crc16  # noqa: E402

NAME, WAY, PORT, KEYS, BYTES, SLOTS, GIANTS, CLI = (
    sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]), int(sys.argv[6]), int(sys.argv[7]), sys.argv[8:])


nodes = {PORT + i: Node(PORT + i) for i in range(3)}
mine = sorted(
    slot
    for first, last, owner, *_ in nodes[PORT].ask("CLUSTER", "SLOTS")
    if owner[1] == PORT
    for slot in range(first, last + 1))[:SLOTS]
moving = set(mine)
tags, number = {}, 0
while len(tags) < len(moving):  # a tag for each slot
    tag = b"%d" % number
    number += 1
    slot = crc16(tag) % 16384
    if slot in moving:
        tags.setdefault(slot, tag)
tags = list(tags.values())
value = b"x" * BYTES
filler = nodes[PORT]


def fill(i):
    if GIANTS:
        return "HSET", b"{%s}giant" % tags[i % GIANTS * (len(tags) // GIANTS)], i, value
    return "SET", b"{%s}%d" % (tags[i % len(tags)], i), value


for begin in range(0, KEYS, 500):
    batch = range(begin, min(KEYS, begin + 500))
    filler.socket.sendall(b"".join(filler.encode(*fill(i)) for i in batch))
    for _ in batch:
        filler.reply()

latencies, errors, stop = [], 0, False


class Memory:
    """What a node's process has resident, in MB."""

    def __init__(self, port):
        info = Node(port).ask("INFO", "server").decode()
        self.file = "/proc/%s/statm" % info.split("process_id:")[1].split()[0]
        self.before = self.most = self.now()

    def now(self):
        with open(self.file) as file:
            return int(file.read().split()[1]) * 4096 / 1e6

    def look(self):
        self.most = max(self.most, self.now())


def watch():
    while not stop:
        source.look()
        target.look()
        time.sleep(0.01)


def client():
    global errors
    links, owner, i = {p: Node(p) for p in nodes}, {}, 0
    while not stop:
        i += 1
        number = i * 7919 % KEYS  # of a key that is there: else a slow tool would have ever more to move
        tag = tags[number % len(tags)]
        key = b"{%s}%d" % (tag, number)
        began = time.perf_counter()
        port = owner.get(tag, PORT)
        while True:
            reply = links[port].ask("SET", key, value)
            if reply == "+OK":
                break
            if isinstance(reply, str) and reply.startswith("-MOVED"):
                port = owner[tag] = int(reply.rsplit(":", 1)[1])
            elif isinstance(reply, str) and reply.startswith("-ASK"):
                asked = int(reply.rsplit(":", 1)[1])
                links[asked].ask("ASKING")
                if links[asked].ask("SET", key, value) == "+OK":
                    break
            else:
                errors += 1
                time.sleep(0.001)
        latencies.append(time.perf_counter() - began)


source, target = Memory(PORT), Memory(PORT + 1)
threads = [threading.Thread(target=each) for each in (client, watch)]
for thread in threads:
    thread.start()
time.sleep(1)
latencies.clear()
began = time.perf_counter()
if WAY == "whole":
    words = []
    for slot in mine:
        if words and words[-1] == slot - 1:
            words[-1] = slot
        else:
            words += [slot, slot]
    move = nodes[PORT + 1].ask("CLUSTER", "MIGRATION", "IMPORT", *words)
    while True:
        status = nodes[PORT + 1].ask("CLUSTER", "MIGRATION", "STATUS", "ID", move)
        fields = dict(zip(status[0][::2], status[0][1::2]))
        if fields[b"state"] in (b"completed", b"failed"):
            break
        time.sleep(0.005)
    assert fields[b"state"] == b"completed", fields
else:
    ids = {p: n.ask("CLUSTER", "MYID").decode() for p, n in nodes.items()}
    done = subprocess.run(
        [*CLI, "--cluster", "reshard", f"127.0.0.1:{PORT}", "--cluster-from", ids[PORT], "--cluster-to", ids[PORT + 1],
         "--cluster-slots", str(len(mine)), "--cluster-yes"], capture_output=True)
    assert done.returncode == 0, done.stdout[-500:]
seconds = time.perf_counter() - began
stop = True
for thread in threads:
    thread.join()
latencies.sort()
at = lambda share: latencies[min(len(latencies) - 1, int(share * len(latencies)))] * 1000
moved = f"{GIANTS} hashes of {KEYS // GIANTS}" if GIANTS else KEYS
print(
    f"| {NAME} | {moved} | {BYTES} | {len(mine)} | {seconds:.2f} | {KEYS / seconds:.0f} | {KEYS * BYTES / seconds / 1e6:.1f} "
    f"| {at(.5):.2f} | {at(.99):.1f} | {at(1):.0f} | {errors} "
    f"| {source.before:.0f}, {source.most:.0f} | {target.before:.0f}, {target.most:.0f} |")
