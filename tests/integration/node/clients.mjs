// ioredis and node-redis behind one small face, so that each use is written once. Commands go out
// as the libraries' own methods send them, with their own start of a connection, pipelines,
// transactions and subscriptions.

import Redis from 'ioredis';
import {createClient} from 'redis';

// ioredis names the commands of a batch as its methods.
const batch = (commands) => commands.map(([name, ...args]) => [name.toLowerCase(), ...args.map(String)]);

class IoRedis {
  static async open(port) {
    const client = new Redis({port, host: '127.0.0.1', lazyConnect: true, retryStrategy: null});
    await client.connect();
    return new IoRedis(client);
  }

  constructor(client) {
    this.client = client;
  }

  call(name, ...args) {
    return this.client.call(name, ...args.map(String));
  }

  // Replies of one transaction; null if a watched key had changed.
  async transaction(commands) {
    const replies = await this.client.multi(batch(commands)).exec();
    return replies && replies.map(([error, reply]) => {
      if (error) throw error;
      return reply;
    });
  }

  // Commands sent in one piece; their replies.
  async pipeline(commands) {
    const replies = await this.client.pipeline(batch(commands)).exec();
    return replies.map(([error, reply]) => {
      if (error) throw error;
      return reply;
    });
  }

  async subscribe(channel, listener) {
    this.client.on('message', (_, message) => listener(message));
    await this.client.subscribe(channel);
  }

  async close() {
    await this.client.quit();
  }
}

class NodeRedis {
  static async open(port) {
    const client = createClient({
      socket: {port, host: '127.0.0.1', reconnectStrategy: false},
      // A use may wait in a blocking command for long.
      commandsQueueMaxLength: 100000,
    });
    client.on('error', () => {});
    await client.connect();
    return new NodeRedis(client);
  }

  constructor(client) {
    this.client = client;
  }

  call(name, ...args) {
    return this.client.sendCommand([name, ...args.map(String)]);
  }

  async transaction(commands) {
    const multi = this.client.multi();
    for (const command of commands) multi.addCommand(command.map(String));
    try {
      return await multi.exec();
    } catch (error) {
      if (error.constructor.name === 'WatchError') return null;
      throw error;
    }
  }

  pipeline(commands) {
    // node-redis sends what is asked for in one turn of the event loop in one piece.
    return Promise.all(commands.map((command) => this.call(...command)));
  }

  async subscribe(channel, listener) {
    await this.client.subscribe(channel, listener);
  }

  async close() {
    await this.client.quit();
  }
}

export const libraries = {ioredis: IoRedis, 'node-redis': NodeRedis};
