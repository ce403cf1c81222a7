# redis-py in the cluster at the ports given: writes to its own keys and reads them, until the input ends. A value names its key and a number that
# grows. Says `KEY NUMBER` for each write that was acknowledged, and `wrong …` if it reads what it can't have written.
import sys
import threading
import time

from redis.cluster import ClusterNode, RedisCluster

over = threading.Event()


def wait_for_the_end():
    sys.stdin.read()
    over.set()


def connect():
    nodes = [ClusterNode("127.0.0.1", int(port)) for port in sys.argv[1:]]
    return RedisCluster(startup_nodes=nodes, socket_timeout=1, decode_responses=True)


threading.Thread(target=wait_for_the_end, daemon=True).start()
client = connect()
n = 0
while not over.is_set():
    n += 1
    key = f"redis-py-{n % 4}"
    try:
        client.set(key, f"{key}={n}")
        print(key, n, flush=True)
        value = client.get(key)
        if value is not None and (not value.startswith(key + "=") or int(value[len(key) + 1:]) > n):
            print("wrong", key, value, n, flush=True)
    except Exception:  # nobody serves it now
        pass
    time.sleep(0.002)
