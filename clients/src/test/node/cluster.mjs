// ioredis and node-redis in the cluster at the ports given: each writes to its own keys and reads them, until the input ends. A value names its key
// and a number that grows. Says `KEY NUMBER` for each write that was acknowledged, and `wrong …` if it reads what it can't have written.
import { createRequire } from 'node:module';

const [modules, ...ports] = process.argv.slice(2);
const require = createRequire(modules + '/');
const { Cluster } = require('ioredis');
const { createCluster } = require('redis');
const places = ports.map((port) => ({ host: '127.0.0.1', port: Number(port) }));
const pause = (millis) => new Promise((resolve) => setTimeout(resolve, millis));
const inTime = (work) => Promise.race([work, pause(1000).then(() => { throw new Error('late'); })]);
let over = false;
process.stdin.on('end', () => { over = true; }).resume();

async function writeOn(name, client) {
  for (let n = 1; !over; n++) {
    const key = `${name}-${n % 4}`;
    try {
      await inTime(client.set(key, `${key}=${n}`));
      console.log(key, n);
      const value = await inTime(client.get(key));
      if (value !== null && (!value.startsWith(`${key}=`) || Number(value.slice(key.length + 1)) > n)) {
        console.log('wrong', key, value, n);
      }
    } catch {
      // nobody serves it now
    }
    await pause(2);
  }
}

const io = new Cluster(places, { slotsRefreshInterval: 1000, clusterRetryStrategy: () => 100, redisOptions: { maxRetriesPerRequest: 1 } });
io.on('error', () => {});
const redis = createCluster({ rootNodes: places.map((place) => ({ socket: place })) });
redis.on('error', () => {});
await redis.connect();
await Promise.all([writeOn('ioredis', io), writeOn('node-redis', redis)]);
process.exit(0);
