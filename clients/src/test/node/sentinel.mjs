// ioredis and node-redis through the Sentinels at the ports given: each writes a number that grows to its own key, until the input ends.
import { createRequire } from 'node:module';

const [modules, ...ports] = process.argv.slice(2);
const require = createRequire(modules + '/');
const Redis = require('ioredis').Redis ?? require('ioredis');
const { createSentinel } = require('redis');
const places = ports.map((port) => ({ host: '127.0.0.1', port: Number(port) }));
const pause = (millis) => new Promise((resolve) => setTimeout(resolve, millis));
let over = false;
process.stdin.on('end', () => { over = true; }).resume();

async function writeOn(write) {
  for (let i = 0; !over; i++) {
    try {
      await write(String(i));
    } catch {
      // the primary is lost
    }
    await pause(10);
  }
}

const io = new Redis({ sentinels: places, name: 'mymaster', maxRetriesPerRequest: 1, sentinelRetryStrategy: () => 100, retryStrategy: () => 100 });
io.on('error', () => {});
const sentinel = createSentinel({ name: 'mymaster', sentinelRootNodes: places, scanInterval: 500 });
sentinel.on('error', () => {});
await sentinel.connect();
await Promise.all([
  writeOn((value) => io.set('ioredis', value)),
  writeOn((value) => sentinel.set('node-redis', value)),
]);
process.exit(0);
