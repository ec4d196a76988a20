// Each service's broker user may do what the service does, and nothing that would let one that was taken over read,
// forge or lose the mail of others.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Broker } from './broker.mjs';
import { render } from './kustomize.mjs';
import { configFile } from './rules.mjs';

let broker;
before(async () => {
  broker = await Broker.start(configFile(render('k8s/base'), 'nats.conf'));
});
after(() => broker?.stop());

const pub = (subject) => `PUB ${subject} 0\r\n`;
const sub = (subject) => `SUB ${subject} 1`;

const rows = [
  ['inbound', 'may publish a record', pub('ready.0.bulk.t.17'), true],
  ['inbound', 'may store a body', pub('body.b1.0'), true],
  ['inbound', 'may report an abandoned body', pub('abandoned.b1'), true],
  ['inbound', 'may look at a stream', pub('$JS.API.STREAM.INFO.READY_0'), true],
  ['inbound', 'may read its answers', sub('_INBOX.inbound.x.r.*'), true],
  ['inbound', 'may not read the answers of others', sub('_INBOX.>'), false],
  ['inbound', 'may not read mail that is delivered to a worker', sub('_INBOX.outbound.>'), false],
  ['inbound', 'may not listen to records', sub('ready.>'), false],
  ['inbound', 'may not pull', pub('$JS.API.CONSUMER.MSG.NEXT.READY_0.bulk'), false],
  ['inbound', 'may not read a stored mail', pub('$JS.API.STREAM.MSG.GET.READY_0'), false],
  ['inbound', 'may not acknowledge', pub('$JS.ACK.READY_0.bulk.1.1.1.1.1'), false],
  ['inbound', 'may not forge events', pub('event.0.t.17'), false],
  ['inbound', 'may not move mail', pub('wait.0.bulk.t.id.1.example'), false],
  ['inbound', 'may not release a record', pub('due.0.held.bulk.site.t.17.29000000'), false],
  ['inbound', 'may not make a consumer', pub('$JS.API.CONSUMER.CREATE.KV_control.w.$KV.control.site.>'), false],
  ['inbound', 'may not purge', pub('$JS.API.STREAM.PURGE.READY_0'), false],
  ['inbound', 'may not change limits', pub('$KV.control.x'), false],
  ['outbound', 'may publish a record', pub('ready.0.bulk.t.17'), true],
  ['inbound', 'may not delete events', pub('$JS.API.STREAM.PURGE.EVENTS_0'), false],
  ['outbound', 'may pull', pub('$JS.API.CONSUMER.MSG.NEXT.READY_0.bulk'), true],
  ['outbound', 'may acknowledge', pub('$JS.ACK.READY_0.bulk.1.1.1.1.1'), true],
  ['outbound', 'may write events', pub('event.0.t.17'), true],
  ['outbound', 'may move mail', pub('wait.0.bulk.t.id.1.example'), true],
  ['outbound', 'may delete a body', pub('$JS.API.STREAM.PURGE.BODIES'), true],
  ['outbound', 'may delete the oldest events', pub('$JS.API.STREAM.PURGE.EVENTS_0'), true],
  ['outbound', 'may set a record aside', pub('quarantine.ready.0.bulk.t.17'), true],
  ['outbound', 'may take one record off a shelf', pub('$JS.API.STREAM.MSG.DELETE.HELD_0'), true],
  ['outbound', 'may put back what was set aside', pub('$JS.API.STREAM.MSG.DELETE.QUARANTINE'), true],
  ['outbound', 'may release a record from a shelf', pub('due.0.held.bulk.site.t.17.29000000'), true],
  ['outbound', 'may take a record off a shelf', pub('$JS.API.STREAM.PURGE.HELD_0'), true],
  ['outbound', 'may say that it is alive', pub('$KV.presence.worker.w1'), true],
  ['outbound', 'may follow who is alive', pub('$JS.API.CONSUMER.CREATE.KV_presence.w.$KV.presence.worker.*'), true],
  ['outbound', 'may follow words', pub('$JS.API.CONSUMER.CREATE.KV_control.w.$KV.control.site.>'), true],
  ['outbound', 'may end a watch', pub('$JS.API.CONSUMER.DELETE.KV_control.w'), true],
  ['outbound', 'may answer flow control', pub('$JS.FC.KV_control.w.x'), true],
  ['outbound', 'may not make a consumer of mail', pub('$JS.API.CONSUMER.CREATE.READY_0.w.ready.>'), false],
  ['outbound', 'may not delete a consumer of mail', pub('$JS.API.CONSUMER.DELETE.READY_0.bulk'), false],
  ['outbound', 'may not delete a record', pub('$JS.API.STREAM.MSG.DELETE.READY_0'), false],
  ['outbound', 'may not purge mail', pub('$JS.API.STREAM.PURGE.READY_0'), false],
  ['outbound', 'may not delete a stream', pub('$JS.API.STREAM.DELETE.READY_0'), false],
  ['outbound', 'may not change a stream', pub('$JS.API.STREAM.UPDATE.READY_0'), false],
  ['outbound', 'may not read the answers of others', sub('_INBOX.>'), false],
  ['api', 'may publish a record', pub('ready.0.bulk.t.17'), true],
  ['api', 'may store a body', pub('body.b1.0'), true],
  ['api', 'may look for a message', pub('$JS.API.DIRECT.GET.EVENTS_0'), true],
  ['api', 'may read its answers', sub('_INBOX.api.x.r.*'), true],
  ['api', 'may not read the answers of others', sub('_INBOX.>'), false],
  ['api', 'may not read mail that is delivered to a worker', sub('_INBOX.outbound.>'), false],
  ['api', 'may read words', pub('$JS.API.DIRECT.GET.KV_control'), true],
  ['api', 'may read what workers say', pub('$JS.API.DIRECT.GET.KV_presence.$KV.presence.worker.w1'), true],
  ['api', 'may not make a consumer', pub('$JS.API.CONSUMER.CREATE.KV_control.w.$KV.control.site.>'), false],
  ['api', 'may not release a record', pub('due.0.held.bulk.site.t.17.29000000'), false],
  ['api', 'may not purge a shelf', pub('$JS.API.STREAM.PURGE.HELD_0'), false],
  ['api', 'may not pull', pub('$JS.API.CONSUMER.MSG.NEXT.READY_0.bulk'), false],
  ['api', 'may not acknowledge', pub('$JS.ACK.READY_0.bulk.1.1.1.1.1'), false],
  ['api', 'may not forge events', pub('event.0.t.17'), false],
  ['api', 'may not move mail', pub('wait.0.bulk.t.id.1.example'), false],
  ['api', 'may not delete a body', pub('$JS.API.STREAM.PURGE.BODIES'), false],
  ['api', 'may not purge mail', pub('$JS.API.STREAM.PURGE.READY_0'), false],
  ['api', 'may not change limits', pub('$KV.control.x'), false],
  ['provision', 'may make streams', pub('$JS.API.STREAM.CREATE.READY_0'), true],
  ['provision', 'may not publish mail', pub('ready.0.bulk.t.17'), false],
  ['provision', 'may not read the answers of others', sub('_INBOX.>'), false],
];

for (const [user, what, line, allowed] of rows) {
  test(`${user} ${what}`, async () => {
    const answer = await broker.answerTo(user, line);
    if (allowed) assert.equal(answer, '+OK');
    else assert.match(answer, /^-ERR 'Permissions Violation/);
  });
}

test('a wrong password is refused', async () => {
  assert.match(await broker.answerTo('nobody', pub('ready.0.bulk.t.17')), /^-ERR 'Authorization Violation'/);
});
