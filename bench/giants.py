"""One row of bench/persist --giants: one giant value, written while the server saves."""

import multiprocessing
import os
import random
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from resp import Node  # noqa: E402

NAME, PORT, PID, SHAPE, ELEMENTS, MEGABYTES = (
    sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], int(sys.argv[5]), int(sys.argv[6]))
QUIET_SECONDS = 5
VALUE = b"v" * 16


def name(i):
    return b"element%09d" % i


def fill(node):
    if SHAPE == "string":
        for _ in range(MEGABYTES):
            node.ask("APPEND", "giant", random.randbytes(1 << 20))
        return
    for begin in range(0, ELEMENTS, 1000):
        some = range(begin, min(ELEMENTS, begin + 1000))
        if SHAPE == "hash":
            node.ask("HSET", "giant", *(w for i in some for w in (name(i), VALUE)))
        elif SHAPE == "zset":
            node.ask("ZADD", "giant", *(w for i in some for w in (i, name(i))))
        else:
            node.ask("RPUSH", "giant", *map(name, some))


def writes():
    """Endless: what is said of the giant."""
    while True:
        i = random.randrange(ELEMENTS)
        if SHAPE == "string":
            yield "SETRANGE", "giant", random.randrange(MEGABYTES << 20) - 100, random.randbytes(100)
        elif SHAPE == "hash":
            yield "HSET", "giant", name(i), random.randbytes(16)
        elif SHAPE == "zset":
            yield "ZADD", "giant", random.randrange(ELEMENTS), name(i)
        else:
            yield "LPUSH", "giant", name(i)
            yield "RPOP", "giant"
            yield "LSET", "giant", random.choice((1, -1)) * random.randrange(1, 1000), name(i)


def others():
    while True:
        yield "SET", b"key%d" % random.randrange(100000), VALUE


def client(commands, control):
    """Says one command after the other. At each message: how many since the last one, and how long the
    longest and one in a thousand took, in ms."""
    node, times = Node(PORT), []
    for command in commands():
        began = time.perf_counter()
        node.ask(*command)
        times.append(time.perf_counter() - began)
        if control.poll():
            if control.recv() == "end":
                return
            times.sort()
            control.send((len(times), 1000 * times[-1], 1000 * times[-1 - len(times) // 1000]))
            times = []


def memory():
    """Proportional bytes of the server and its children, in KB."""
    pids = [PID] + [int(p) for p in os.popen("pgrep -P %d" % PID).read().split()]
    total = 0
    for pid in pids:
        try:
            with open("/proc/%d/smaps_rollup" % pid) as file:
                total += next(int(line.split()[1]) for line in file if line.startswith("Pss:"))
        except (OSError, StopIteration):
            pass  # it has ended
    return total


def info(node, field):
    for line in node.ask("INFO", "all").decode().split("\r\n"):
        if line.startswith(field + ":"):
            return line[len(field) + 1:]
    return ""


def main():
    node = Node(PORT)
    fill(node)
    pipes, processes = [], []
    for commands in (writes, others):
        mine, theirs = multiprocessing.Pipe()
        process = multiprocessing.Process(target=client, args=(commands, theirs))
        process.start()
        pipes.append(mine)
        processes.append(process)

    def seen():
        for pipe in pipes:
            pipe.send("tell")
        return [pipe.recv() for pipe in pipes]

    def save():
        began = time.time()
        node.ask("BGSAVE")
        most = 0
        while info(node, "rdb_bgsave_in_progress") != "0":
            most = max(most, memory())
            time.sleep(0.05)
        return time.time() - began, most

    time.sleep(QUIET_SECONDS)
    save()  # until the JVM has compiled what it runs
    seen()
    time.sleep(QUIET_SECONDS)
    quiet = seen()
    before = memory()
    used = int(info(node, "used_memory"))
    seconds, most = save()
    busy = seen()
    kept = int(info(node, "rdb_last_cow_size"))
    for pipe in pipes:
        pipe.send("end")
    for process in processes:
        process.join()
    print("| %s | %s | %.1f | %d, %d | %s | %s | %d, %d, %.1f %% | %.1f %% |" % (
        SHAPE, NAME, seconds, quiet[0][0] / QUIET_SECONDS, busy[0][0] / seconds,
        "%.1f (%.1f), %.1f (%.1f)" % (quiet[0][1], quiet[0][2], busy[0][1], busy[0][2]),
        "%.1f (%.1f), %.1f (%.1f)" % (quiet[1][1], quiet[1][2], busy[1][1], busy[1][2]),
        before / 1024, most / 1024, 100 * (most - before) / before, 100 * kept / used))


main()
