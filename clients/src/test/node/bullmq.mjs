// The quick start of BullMQ, which does everything by scripts, against the server at the port given, through ioredis. Ends with
// status 0 if all holds.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';

const [port, modules] = process.argv.slice(2);
const require = createRequire(modules + '/');
const Redis = require('ioredis').Redis ?? require('ioredis');
const { Queue, QueueEvents, Worker, FlowProducer } = require('bullmq');

const connections = [];
function connection() {
  const made = new Redis({ port: Number(port), host: '127.0.0.1', maxRetriesPerRequest: null });
  connections.push(made);
  return made;
}

const queue = new Queue('paint', { connection: connection() });
const events = new QueueEvents('paint', { connection: connection() });
await events.waitUntilReady();
const attempts = [];
const worker = new Worker(
  'paint',
  async (job) => {
    attempts.push(job.name);
    await job.updateProgress(50);
    if (job.name === 'fails once' && job.attemptsMade === 0) throw new Error('out of paint');
    return { colour: job.data.colour };
  },
  { connection: connection(), concurrency: 4 },
);

// One job, and its result.
const cars = await queue.add('cars', { colour: 'blue' });
assert.deepEqual(await cars.waitUntilFinished(events, 10_000), { colour: 'blue' });
// A job that fails is tried again.
const again = await queue.add('fails once', { colour: 'red' }, { attempts: 2, backoff: { type: 'fixed', delay: 50 } });
assert.deepEqual(await again.waitUntilFinished(events, 10_000), { colour: 'red' });
assert.equal(attempts.filter((name) => name === 'fails once').length, 2);
// A job that is due later.
const from = Date.now();
const later = await queue.add('later', { colour: 'green' }, { delay: 300 });
assert.deepEqual(await later.waitUntilFinished(events, 10_000), { colour: 'green' });
assert.ok(Date.now() - from >= 300);
// Many at once, with priorities.
const many = await queue.addBulk(
  Array.from({ length: 200 }, (_, i) => ({ name: 'many', data: { colour: i }, opts: { priority: 1 + (i % 3) } })),
);
const colours = await Promise.all(many.map((job) => job.waitUntilFinished(events, 20_000)));
assert.deepEqual(colours.map((result) => result.colour), Array.from({ length: 200 }, (_, i) => i));
assert.equal(await queue.getCompletedCount(), 203);
// A parent waits for its children.
const flow = new FlowProducer({ connection: connection() });
const tree = await flow.add({
  name: 'house',
  queueName: 'paint',
  data: { colour: 'white' },
  children: [
    { name: 'wall', queueName: 'paint', data: { colour: 'grey' } },
    { name: 'door', queueName: 'paint', data: { colour: 'brown' } },
  ],
});
assert.deepEqual(await tree.job.waitUntilFinished(events, 10_000), { colour: 'white' });
assert.deepEqual(Object.values(await tree.job.getChildrenValues()).map((v) => v.colour).sort(), ['brown', 'grey']);
assert.ok(attempts.lastIndexOf('house') > attempts.lastIndexOf('wall'));

await queue.pause();
assert.equal(await queue.isPaused(), true);
await queue.resume();
await queue.obliterate({ force: true });
await Promise.all([worker.close(), events.close(), queue.close(), flow.close()]);
for (const one of connections) one.disconnect();
console.log('ok');
