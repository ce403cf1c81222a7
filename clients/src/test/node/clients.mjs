// The quick starts of ioredis and node-redis, against the server at the port given. Ends with status 0 if all holds.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';

const [port, modules] = process.argv.slice(2);
const require = createRequire(modules + '/');
const Redis = require('ioredis').Redis ?? require('ioredis');
const { createClient } = require('redis');

const io = new Redis({ port: Number(port), host: '127.0.0.1', maxRetriesPerRequest: 1 });
await io.flushall();
assert.equal(await io.set('mykey', 'value'), 'OK');
assert.equal(await io.get('mykey'), 'value');
assert.equal(await io.hset('h', { a: 1, b: 2 }), 2);
assert.deepEqual(await io.hgetall('h'), { a: '1', b: '2' });
const piped = await io.pipeline().set('foo', 'bar').incr('n').get('foo').exec();
assert.deepEqual(piped, [[null, 'OK'], [null, 1], [null, 'bar']]);
assert.deepEqual(await io.multi().rpush('l', 'x').llen('l').exec(), [[null, 1], [null, 1]]);
const listener = io.duplicate();
const heard = new Promise((resolve) => listener.on('message', (channel, message) => resolve(message)));
await listener.subscribe('news');
assert.equal(await io.publish('news', 'hello'), 1);
assert.equal(await heard, 'hello');
const keys = [];
for await (const page of io.scanStream({ count: 10 })) keys.push(...page);
assert.ok(keys.includes('mykey'));
listener.disconnect();
io.disconnect();

for (const RESP of [2, 3]) {
  const client = createClient({ url: `redis://127.0.0.1:${port}`, RESP });
  await client.connect();
  assert.equal(await client.set('key', 'value', { EX: 100 }), 'OK');
  assert.equal(await client.get('key'), 'value');
  await client.hSet('user', { name: 'John', surname: 'Smith' });
  assert.deepEqual({ ...(await client.hGetAll('user')) }, { name: 'John', surname: 'Smith' });
  assert.deepEqual(await client.multi().set('a', '1').get('a').exec(), ['OK', '1']);
  const many = await Promise.all(Array.from({ length: 1000 }, () => client.incr('count')));
  assert.equal(new Set(many).size, 1000);
  const blocked = client.duplicate();
  await blocked.connect();
  const popped = blocked.blPop('queue', 5);
  await client.rPush('queue', 'job');
  assert.equal((await popped).element, 'job');
  await blocked.close();
  await client.close();
}
console.log('ok');
