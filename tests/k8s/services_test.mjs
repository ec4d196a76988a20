// The configuration files of k8s/base and compose.yaml, given to the programs that read them; then the services of
// k8s/base with their own broker users: provisioned, ready, and a mail through all of it.
import assert from 'node:assert/strict';
import { execFile, execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { Broker, passwords, replaceOnce, until } from './broker.mjs';
import { render, root } from './kustomize.mjs';
import { configFile } from './rules.mjs';
import { sendMail } from './smtp.mjs';

const bin = process.env.GONIEC_BIN;
if (!bin) throw new Error('GONIEC_BIN must name the folder with the programs (ctest sets it)');
const program = (name) => path.join(bin, name);

const objects = render('k8s/base');
let broker;
const children = [];

// A port that nothing listens on, outside the kernel's range for outgoing connections.
async function freePort() {
  for (;;) {
    const port = 20000 + Math.floor(Math.random() * 10000);
    const server = net.createServer();
    const free = await new Promise((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!free) continue;
    await new Promise((resolve) => server.close(resolve));
    return port;
  }
}

// Runs a program to its end: { code, output }.
function run(name, args, env = {}) {
  return new Promise((resolve) => {
    const options = { env: { ...process.env, ...env }, timeout: 60_000 };
    execFile(program(name), args, options, (error, stdout, stderr) => {
      resolve({ code: error ? (error.code ?? -1) : 0, output: stdout + stderr });
    });
  });
}

// Starts a service that dies with this test.
function start(name, args, env = {}) {
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', program(name), ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  child.log = '';
  child.stderr.on('data', (data) => (child.log += data));
  children.push(child);
  return child;
}

const userOf = (user) => ({ GONIEC_NATS_USER: user, GONIEC_NATS_PASSWORD: passwords[user] });

function write(name, text) {
  const file = path.join(broker.folder, name);
  writeFileSync(file, text);
  return file;
}

// Secrets as k8s/README.md tells to make them.
function writeApiSecrets() {
  const certificate = path.join(broker.folder, 'tls.crt');
  const key = path.join(broker.folder, 'tls.key');
  execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'ed25519', '-nodes', '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-out', certificate, '-keyout', key],
    { stdio: 'ignore' },
  );
  const hash = createHash('sha256').update('a token').digest('hex');
  const tokens = `tokens:\n  - tenant: shop\n    sender_domains: ["shop.example"]\n    sha256: ${hash}\n`;
  return { certificate, key, tokens: write('tokens.yaml', tokens) };
}

// A service's file as in its ConfigMap, but for addresses and paths that exist only in a cluster.
function localConfig(service, ports, secrets) {
  let text = configFile(objects, `${service}.yaml`);
  text = replaceOnce(text, 'nats://goniec-nats:4222', broker.url);
  text = replaceOnce(text, 'http://goniec-nats:8222', broker.monitorUrl);
  text = replaceOnce(text, '0.0.0.0:8080', `127.0.0.1:${ports.http}`);
  if (service === 'inbound') return replaceOnce(text, '0.0.0.0:2525', `127.0.0.1:${ports.smtp}`);
  if (service === 'outbound') return text;
  text = replaceOnce(text, '/etc/goniec-api/tls/tls.crt', secrets.certificate);
  text = replaceOnce(text, '/etc/goniec-api/tls/tls.key', secrets.key);
  text = replaceOnce(text, '/etc/goniec-api/tokens/tokens.yaml', secrets.tokens);
  return replaceOnce(text, '0.0.0.0:8443', `127.0.0.1:${ports.api}`);
}

let files;
let ports;
let secrets;
before(async () => {
  broker = await Broker.start(configFile(objects, 'nats.conf'));
  secrets = writeApiSecrets();
  ports = {};
  for (const name of ['smtp', 'api', 'sink', 'inboundHttp', 'outboundHttp', 'apiHttp']) ports[name] = await freePort();
  const texts = {
    inbound: localConfig('inbound', { http: ports.inboundHttp, smtp: ports.smtp }, secrets),
    outbound: localConfig('outbound', { http: ports.outboundHttp }, secrets),
    api: localConfig('api', { http: ports.apiHttp, api: ports.api }, secrets),
  };
  files = Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, write(`${name}.yaml`, text)]));
});

after(async () => {
  for (const child of children.reverse()) {
    if (child.exitCode !== null) continue;
    child.kill('SIGTERM');
    await once(child, 'exit');
  }
  await broker?.stop();
});

test('goniec-outbound accepts the ConfigMap of the API', async () => {
  assert.deepEqual((await run('goniec-outbound', ['--check-config', '--config', files.api])).code, 0);
});

for (const [service, file] of [['inbound', 'inbound.yaml'], ['outbound', 'outbound.yaml'], ['outbound', 'api.yaml']]) {
  test(`goniec-${service} accepts ${file} of compose.yaml`, async () => {
    const { code, output } = await run(`goniec-${service}`, ['--check-config', '--config', path.join(root, '.dev/compose', file)]);
    assert.equal(code, 0, output);
  });
}

for (const service of ['inbound', 'outbound']) {
  test(`goniec-${service} accepts its ConfigMap`, async () => {
    assert.deepEqual((await run(`goniec-${service}`, ['--check-config', '--config', files[service]])).code, 0);
  });

  test(`goniec-${service} refuses a misspelt setting and says where`, async () => {
    const file = write(`broken-${service}.yaml`, `${readFileSync(files[service], 'utf8')}\nqueu: {}\n`);
    const { code, output } = await run(`goniec-${service}`, ['--check-config', '--config', file]);
    assert.notEqual(code, 0);
    assert.match(output, new RegExp(`broken-${service}\\.yaml:\\d+:.*queu`));
  });
}

test('the provisioning Job may run, and run again', async () => {
  for (const time of ['first', 'second']) {
    const { code, output } = await run('goniec', ['provision', '--config', files.outbound], userOf('provision'));
    assert.equal(code, 0, `${time} time: ${output}`);
  }
});

test('the services get ready with their own users, and a mail goes through', async () => {
  const mail = path.join(broker.folder, 'mail');
  mkdirSync(mail);
  const sink = start('goniec-sink', ['--listen', `127.0.0.1:${ports.sink}`, '--maildir', mail]);
  // The base relays nothing and delivers by MX records.
  const inbound = write('relaying.yaml', replaceOnce(readFileSync(files.inbound, 'utf8'), 'domains: []', 'domains: ["sink.example"]'));
  const route = `\ndelivery:\n  routes:\n    "*":\n      smart_host: "127.0.0.1:${ports.sink}"\n`;
  const outbound = write('routed.yaml', readFileSync(files.outbound, 'utf8') + route);
  const services = [
    [start('goniec-inbound', ['--config', inbound], userOf('inbound')), ports.inboundHttp],
    [start('goniec-outbound', ['--config', outbound], userOf('outbound')), ports.outboundHttp],
    [start('goniec-outbound', ['--config', files.api], userOf('api')), ports.apiHttp],
  ];
  for (const [child, port] of services) {
    await until(`port ${port} answers that it is ready: ${child.log}`, async () => {
      if (child.exitCode !== null) throw new Error(`it ended:\n${child.log}`);
      return (await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => null))?.ok;
    });
  }

  // The second is stored in chunks of its own.
  for (const [subject, lines] of [['small', 3], ['large', 9000]]) {
    const text = `Subject: ${subject}\r\n\r\n${`${'x'.repeat(70)}\r\n`.repeat(lines)}`;
    await sendMail({ port: ports.smtp, from: 'a@shop.example', to: 'b@sink.example', text });
    await until(`the ${subject} mail has arrived`, () => {
      assert.equal(sink.exitCode, null, sink.log);
      return arrived(mail).some((message) => message.includes(`Subject: ${subject}\r\n`));
    });
  }

  // By the API, with what its broker user may do; then it is asked what became of it.
  const access = ['--api', `localhost:${ports.api}`, '--ca', secrets.certificate, '--token-file', write('token', 'a token\n')];
  const sent = await run('goniec', ['send', ...access, '--from', 'a@shop.example', '--to', 'b@sink.example',
    '--subject', 'by the API', '--text', 'x', '--json']);
  assert.equal(sent.code, 0, sent.output);
  const id = /[0-9a-hjkmnp-tv-z]{26}/i.exec(sent.output)[0];
  await until('the mail is shown as delivered', async () => {
    const shown = await run('goniec', ['get', ...access, id, '--json']);
    assert.equal(shown.code, 0, shown.output);
    return shown.output.includes('DELIVERED');
  });
  assert.doesNotMatch(broker.log, /Permissions Violation/);
});

const arrived = (maildir) => {
  const folder = path.join(maildir, 'new');
  return existsSync(folder) ? readdirSync(folder).map((name) => readFileSync(path.join(folder, name), 'latin1')) : [];
};
