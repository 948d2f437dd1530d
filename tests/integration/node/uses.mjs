// node uses.mjs LIBRARY USE PORT: one of the uses below with eight clients at once. Ends with
// status 0 if what must hold at the end holds; else says what does not.

import assert from 'node:assert/strict';
import {setTimeout as sleep} from 'node:timers/promises';
import {libraries} from './clients.mjs';

const CLIENTS = 8;
const ROUNDS = 40;
const TOTAL = CLIENTS * ROUNDS;

const range = (count) => [...Array(count).keys()];

// Flat replies of pairs as [name, value] lists.
const pairs = (flat) => range(flat.length / 2).map((i) => [flat[2 * i], flat[2 * i + 1]]);

// Runs work(client, number) for as many clients, each on a connection of its own.
async function together(open, work, clients = CLIENTS) {
  return Promise.all(range(clients).map(async (number) => {
    const client = await open();
    const result = await work(client, number);
    await client.close();
    return result;
  }));
}

const uses = {
  async cache_aside(open) {
    const database = Array(3).fill(0);
    const told = Array(3).fill(0);  // the newest version whose invalidation was answered
    let hits = 0;
    let refused = 0;
    const cached = async (client, row) => {
      const floor = told[row];
      const value = await client.call('GET', `row:${row}`);
      assert.ok(value === null || Number(value) >= floor, `row ${row} is stale`);
      return value;
    };
    await together(open, async (client) => {
      for (const _ of range(ROUNDS * 3)) {
        const row = Math.floor(Math.random() * database.length);
        const key = `row:${row}`;
        if (Math.random() < 0.2) {
          const version = ++database[row];
          await client.transaction([['INCR', `gen:${key}`], ['DEL', key]]);
          told[row] = Math.max(told[row], version);
        } else if (await cached(client, row) !== null) {
          hits++;
        } else {
          await client.call('WATCH', key, `gen:${key}`);
          const value = database[row];
          await sleep(Math.random() * 4);  // others write and invalidate
          const filled = await client.transaction([['SET', key, value, 'PX', 5000]]);
          refused += filled === null ? 1 : 0;
        }
      }
    });
    const client = await open();
    assert.deepEqual(told, database);
    for (const row of range(database.length)) await cached(client, row);
    assert.ok(hits > 0, 'the cache answered nothing');
    assert.ok(refused > 0, 'no fill met a write');
    await client.close();
  },

  async sessions(open) {
    const ends = await together(open, async (client, number) => {
      const name = `session:${number}`;
      for (const step of range(ROUNDS)) {
        const [requests] = await client.transaction([
          ['HINCRBY', name, 'requests', 1], ['HSET', name, 'last', step], ['PEXPIRE', name, 3000]]);
        assert.equal(Number(requests), step + 1, 'the session was lost on the way');
      }
      const session = pairs(await client.call('HGETALL', name));
      await client.call('PEXPIRE', name, 30);
      return session;
    });
    for (const session of ends) {
      assert.deepEqual(session, [['requests', `${ROUNDS}`], ['last', `${ROUNDS - 1}`]]);
    }
    await sleep(200);
    const client = await open();
    assert.equal(Number(await client.call('EXISTS', ...range(CLIENTS).map((n) => `session:${n}`))), 0);
    await client.close();
  },

  async rate_limits(open) {
    const limit = 100;
    const passed = await together(open, async (client) => {
      let own = 0;
      for (const _ of range(ROUNDS)) {
        const [, count] = await client.transaction([
          ['SET', 'limit:api', 0, 'EX', 60, 'NX'], ['INCR', 'limit:api']]);
        own += Number(count) <= limit ? 1 : 0;
      }
      return own;
    });
    assert.equal(passed.reduce((a, b) => a + b), limit);
  },

  async leaderboard(open) {
    const gains = await together(open, async (client, number) => {
      const own = new Map();
      for (const step of range(ROUNDS * 2)) {
        const player = `player:${(number * 13 + step * 7) % 50}`;
        const gain = 1 + (number * step) % 40;
        await client.call('ZINCRBY', 'board', gain, player);
        own.set(player, (own.get(player) ?? 0) + gain);
      }
      return own;
    });
    const expected = new Map();
    for (const own of gains) {
      for (const [player, gain] of own) expected.set(player, (expected.get(player) ?? 0) + gain);
    }
    const order = [...expected].sort(([a, x], [b, y]) => y - x || (a < b ? 1 : -1));
    const client = await open();
    const board = pairs(await client.call('ZRANGE', 'board', 0, -1, 'REV', 'WITHSCORES'));
    assert.deepEqual(board.map(([player, score]) => [player, Number(score)]), order);
    for (const rank of [0, 7, 20, order.length - 1]) {
      assert.equal(Number(await client.call('ZREVRANK', 'board', order[rank][0])), rank);
    }
    await client.close();
  },

  async locks(open) {
    let inside = 0;
    await together(open, async (client, number) => {
      for (const step of range(10)) {
        const token = `${number}:${step}`;
        for (let wait = 1; await client.call('SET', 'lock', token, 'NX', 'PX', 20000) === null;) {
          await sleep(wait * (0.5 + Math.random()));  // throttled clients back off
          wait = Math.min(wait * 2, 10);
        }
        assert.equal(++inside, 1, 'two have the lock');
        const value = Number(await client.call('GET', 'guarded'));
        await sleep(1);
        await client.call('SET', 'guarded', value + 1);
        inside--;
        await client.call('WATCH', 'lock');
        assert.equal(await client.call('GET', 'lock'), token, 'the lock was lost');
        assert.notEqual(await client.transaction([['DEL', 'lock']]), null);
      }
    });
    const client = await open();
    assert.equal(Number(await client.call('GET', 'guarded')), CLIENTS * 10);
    await client.close();
  },

  // Holders that die, and such that are slow and give back what is no longer theirs.
  async locks_that_end(open) {
    const lease = 120;
    const held = [];  // from when to when somebody may take the lock for his own, [from, to]
    let died = 0;
    const acquire = async (client, token) => {
      for (let wait = 1; ; wait = Math.min(wait * 2, 20)) {
        const asked = performance.now();
        if (await client.call('SET', 'lock', token, 'NX', 'PX', lease) !== null) {
          // Who holds a lock trusts it for two thirds of its lease, from when he asked for it.
          const hold = [performance.now(), asked + lease * 2 / 3];
          held.push(hold);
          return hold;
        }
        await sleep(wait * (0.5 + Math.random()));
      }
    };
    // True if it was still ours. In one command, or by what every server has.
    const release = async (client, token, one) => {
      if (one) return Number(await client.call('DELIFEQ', 'lock', token)) === 1;
      for (;;) {
        await client.call('WATCH', 'lock');
        if (await client.call('GET', 'lock') !== token) {
          await client.call('UNWATCH');
          return false;
        }
        if (await client.transaction([['DEL', 'lock']]) !== null) return true;
      }
    };
    await together(open, async (living, number) => {
      for (const step of range(8)) {
        const token = `${number}:${step}`;
        const fate = (number + step) % 8;
        const client = fate === 0 ? await open() : living;
        const hold = await acquire(client, token);
        if (fate === 0) {  // dies
          died++;
          await client.close();
        } else if (fate === 4) {  // is late: it has ended, and may be somebody else's by now
          await sleep(lease + 20);
          assert.notEqual(await client.call('GET', 'lock'), token, 'the lock has not ended');
          assert.ok(!await release(client, token, step % 2), "another's lock was given back");
        } else {
          await sleep(Math.random() * 3);
          const back = performance.now();
          if (await release(client, token, step % 2)) {
            hold[1] = Math.min(hold[1], back);
          } else {
            // (By the clock behind the answer, which may have come late.)
            assert.ok(performance.now() > hold[1], 'the lock was lost before its time');
          }
        }
      }
    });
    assert.equal(held.length, CLIENTS * 8);
    assert.equal(died, 8);
    // An answer that came later than the lease's trusted part is nobody's hold.
    const holds = held.filter(([from, to]) => from < to).sort(([a], [b]) => a - b);
    assert.ok(holds.length > held.length / 2);
    for (const i of range(holds.length - 1)) {
      assert.ok(holds[i][1] <= holds[i + 1][0], `two have it: ${holds[i]} and ${holds[i + 1]}`);
    }
    // Each of those that died kept the others waiting, but for its lease only.
    const longest = Math.max(...range(holds.length - 1).map((i) => holds[i + 1][0] - holds[i][1]));
    assert.ok(longest < 5000, `nobody could take it for ${longest} ms`);
  },

  async analytics(open) {
    await together(open, async (client, number) => {
      for (const step of range(ROUNDS)) {
        await client.pipeline([
          ['HINCRBY', 'hits', `page:${step % 5}`, 1],
          ['PFADD', 'visitors', `u${number * ROUNDS + step}`],
          ['SETBIT', 'active', number * ROUNDS + step, 1]]);
      }
    });
    const client = await open();
    const hits = await client.call('HVALS', 'hits');
    assert.equal(hits.map(Number).reduce((a, b) => a + b), TOTAL);
    assert.equal(Number(await client.call('BITCOUNT', 'active')), TOTAL);
    const visitors = Number(await client.call('PFCOUNT', 'visitors'));
    assert.ok(Math.abs(visitors - TOTAL) < TOTAL * 0.04, `${visitors} visitors of ${TOTAL}`);
    await client.close();
  },

  async queue_on_a_stream(open) {
    const done = new Map();
    const setup = await open();
    await setup.call('XGROUP', 'CREATE', 'jobs', 'workers', '0', 'MKSTREAM');
    await together(open, async (client, number) => {
      if (number < 2) {
        for (const step of range(TOTAL / 2)) {
          await client.call('XADD', 'jobs', '*', 'job', number * (TOTAL / 2) + step);
        }
        return;
      }
      const name = `w${number}`;
      while (done.size < TOTAL) {
        if (number === CLIENTS - 1) {  // takes jobs and never does them
          await client.call('XREADGROUP', 'GROUP', 'workers', name, 'COUNT', 3, 'STREAMS', 'jobs', '>');
          await sleep(50);
          continue;
        }
        const taken = await client.call(
          'XREADGROUP', 'GROUP', 'workers', name, 'COUNT', 5, 'BLOCK', 20, 'STREAMS', 'jobs', '>');
        const entries = taken ? taken[0][1] :
          (await client.call('XAUTOCLAIM', 'jobs', 'workers', name, 100, '0', 'COUNT', 5))[1];
        for (const [id, [, job]] of entries) {
          done.set(Number(job), id);
          await client.call('XACK', 'jobs', 'workers', id);
        }
      }
    });
    assert.deepEqual([...done.keys()].sort((a, b) => a - b), range(TOTAL));
    await setup.close();
  },

  async queue_on_a_list(open) {
    const taken = await together(open, async (client, number) => {
      const own = [];
      if (number === 0) {
        for (const step of range(TOTAL)) await client.call('RPUSH', 'todo', step);
        for (const _ of range(CLIENTS - 1)) await client.call('RPUSH', 'todo', 'end');
        return own;
      }
      for (;;) {
        const reply = await client.call('BLPOP', 'todo', 30);
        assert.notEqual(reply, null, 'a worker waited for nothing');
        if (reply[1] === 'end') return own;
        own.push(Number(reply[1]));
      }
    });
    for (const own of taken) assert.deepEqual(own, [...own].sort((a, b) => a - b), 'not in order');
    assert.deepEqual(taken.flat().sort((a, b) => a - b), range(TOTAL));
  },

  async events(open) {
    const publishers = 2;
    let ready = 0;
    const results = await together(open, async (client, number) => {
      if (number < publishers) {
        while (ready < CLIENTS - publishers) await sleep(5);
        for (const step of range(ROUNDS)) {
          const heard = await client.call('PUBLISH', 'events', `${number}:${step}`);
          assert.equal(Number(heard), CLIENTS - publishers);
        }
        return null;
      }
      const heard = [];
      const all = new Promise((resolve) => {
        client.subscribe('events', (message) => {
          heard.push(message);
          if (heard.length === publishers * ROUNDS) resolve();
        }).then(() => ready++);
      });
      await all;
      return heard;
    });
    const [first, ...rest] = results.slice(publishers);
    for (const heard of rest) assert.deepEqual(heard, first, 'one order for all');
    for (const publisher of range(publishers)) {
      const own = first.filter((m) => m.startsWith(`${publisher}:`));
      assert.deepEqual(own, range(ROUNDS).map((step) => `${publisher}:${step}`));
    }
  },
};

const [library, use, port] = process.argv.slice(2);
if (use === undefined) {
  console.log(Object.keys(uses).join('\n'));
} else {
  await uses[use](() => libraries[library].open(Number(port)));
  process.exit(0);
}
