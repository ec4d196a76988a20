// The Dockerfiles: one build stage for both images, a final stage that fits the pods' security contexts; and
// compose.yaml runs those images.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

import { parseAll, root } from './kustomize.mjs';

const read = (file) => readFileSync(path.join(root, file), 'utf8');
const dockerfiles = ['inbound/Dockerfile', 'outbound/Dockerfile'];

// The stages' texts, without comments; [0] holds what stands before the first FROM.
const stagesOf = (file) =>
  read(file)
    .replace(/^#.*\n/gm, '')
    .split(/^(?=FROM )/m);

test('both images have the same build stage, so that one build serves both', () => {
  const [inbound, outbound] = dockerfiles.map((file) => stagesOf(file).slice(0, 2).join(''));
  assert.match(inbound, /^FROM \$\{BASE\} AS build$/m);
  assert.equal(inbound, outbound);
});

for (const file of dockerfiles) {
  test(`${file} ends in an image that runs as an ordinary user, known by number`, () => {
    const stages = stagesOf(file);
    const users = stages.flatMap((stage) => [...stage.matchAll(/^USER (.*)$/gm)].map((match) => match[1]));
    assert.ok(users.length > 0);
    for (const user of users) assert.match(user, /^[1-9][0-9]*:[1-9][0-9]*$/);
    assert.match(stages.at(-1), /^ENTRYPOINT \["\/usr\/bin\/goniec-/m);
    assert.doesNotMatch(stages.at(-1), /clang|cmake/);
  });
}

test('compose.yaml builds from these files, with read-only roots and without capabilities', () => {
  const [compose] = parseAll(read('compose.yaml'));
  for (const service of ['nats', 'provision', 'inbound', 'outbound', 'sink']) {
    assert.ok(compose.services[service], `service ${service} is missing`);
    assert.equal(compose.services[service].read_only, true, `${service}: its root is writable`);
    assert.deepEqual(compose.services[service].cap_drop, ['ALL'], `${service}: it keeps capabilities`);
    assert.equal(compose.services[service].user, undefined, `${service}: it runs as another user than its image's`);
  }
  for (const [name, service] of Object.entries(compose.services)) {
    if (!service.build) assert.match(service.image, /:\d/, `${name}: its image is not pinned`);
    else assert.ok(dockerfiles.includes(service.build.dockerfile), `${name}: ${service.build.dockerfile}`);
  }
});

test('the image of the broker is named in full, since podman and CRI-O resolve no short names', () => {
  const [compose] = parseAll(read('compose.yaml'));
  const [kustomization] = parseAll(read('k8s/base/kustomization.yaml'));
  const named = Object.values(compose.services).flatMap((service) => (service.build ? [] : [service.image]));
  named.push(kustomization.images.find((image) => image.name === 'nats').newName);
  assert.ok(named.length >= 2);
  for (const image of named) assert.match(image, /^[a-z0-9-]+\.[a-z0-9.-]+\//);
});

test('the volume of the sink, which is no root either, is mounted on a folder of its user', () => {
  const [compose] = parseAll(read('compose.yaml'));
  const sink = stagesOf('outbound/Dockerfile').find((stage) => / AS sink$/m.test(stage));
  const [, user, folder] = /^COPY --chown=(\S+) .* (\/\S+)$/m.exec(sink) ?? [];
  assert.equal(user, /^USER (.*)$/m.exec(read('outbound/Dockerfile'))?.[1]);
  assert.deepEqual(compose.services.sink.volumes, [`mail:${folder}`]);
});
