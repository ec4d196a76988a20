// A nats-server with the configuration of k8s/base, on free loopback ports, its store in a temporary folder; and just
// enough of NATS's protocol to ask what a user may do.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';

import { natsServer } from './kustomize.mjs';

export const passwords = { inbound: 'pIn1', outbound: 'pOut2', api: 'pApi4', provision: 'pProv3' };

// Waits until probe() is truthy, for at most `limit` ms.
export async function until(what, probe, limit = 20_000) {
  const deadline = Date.now() + limit;
  for (;;) {
    const value = await probe();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`waited ${limit} ms in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

// Replaces exactly one occurrence, so that a changed configuration is noticed here.
export function replaceOnce(text, from, to) {
  if (text.split(from).length !== 2) throw new Error(`"${from}" is not there exactly once`);
  return text.replace(from, () => to);
}

export class Broker {
  static async start(config) {
    const broker = new Broker();
    broker.folder = mkdtempSync(path.join(os.tmpdir(), 'goniec-k8s-'));
    let text = replaceOnce(config, '"0.0.0.0:4222"', '"127.0.0.1:-1"');
    text = replaceOnce(text, '"0.0.0.0:8222"', '"127.0.0.1:-1"');
    text = replaceOnce(text, 'store_dir: "/data"', `store_dir: "${broker.folder}/data"`);
    text += `\nports_file_dir: "${broker.folder}"\n`;
    const file = path.join(broker.folder, 'nats.conf');
    writeFileSync(file, text);
    // Dies with this test, also when that is killed.
    broker.process = spawn('setpriv', ['--pdeathsig', 'KILL', natsServer, '--config', file], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: {
        ...process.env,
        POD_NAME: 'goniec-nats-0',
        INBOUND_PASSWORD: passwords.inbound,
        OUTBOUND_PASSWORD: passwords.outbound,
        API_PASSWORD: passwords.api,
        PROVISION_PASSWORD: passwords.provision,
      },
    });
    broker.log = '';
    broker.process.stderr.on('data', (data) => (broker.log += data));
    const ports = await until('nats-server has told its ports', () => {
      if (broker.process.exitCode !== null) throw new Error(`nats-server ended:\n${broker.log}`);
      const name = readdirSync(broker.folder).find((entry) => entry.endsWith('.ports'));
      return name && readFileSync(path.join(broker.folder, name), 'utf8').trim();
    });
    const { nats, monitoring } = JSON.parse(ports);
    broker.url = nats[0];
    broker.monitorUrl = monitoring[0];
    await until('JetStream is up', async () => {
      const answer = await fetch(`${broker.monitorUrl}/healthz?js-server-only=true`).catch(() => null);
      return answer?.ok;
    });
    return broker;
  }

  async stop() {
    if (this.process.exitCode === null) {
      this.process.kill('SIGTERM');
      await once(this.process, 'exit');
    }
    rmSync(this.folder, { recursive: true, force: true });
  }

  // What the server answers to one protocol line of a user: "+OK" or "-ERR '…'".
  async answerTo(user, line) {
    const { hostname, port } = new URL(this.url);
    const socket = net.connect(Number(port), hostname);
    const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
    const next = async () => (await lines.next()).value;
    try {
      await next(); // INFO
      // As all client libraries do; a consumer is made on a subject that holds its filter's wildcards.
      const login = { verbose: true, pedantic: false, user, pass: passwords[user], headers: true, protocol: 1 };
      socket.write(`CONNECT ${JSON.stringify(login)}\r\n`);
      const connected = await next();
      if (connected !== '+OK') return connected;
      socket.write(`${line}\r\n`);
      // A denied publish is answered by +OK as well, after the error.
      return await next();
    } finally {
      socket.destroy();
    }
  }
}
