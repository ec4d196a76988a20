// The Dockerfiles: one build stage for both images, a final stage that fits the pods' security contexts; and
// compose.yaml runs those images. And which packages such an image gets.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
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
  for (const service of ['nats', 'provision', 'inbound', 'outbound', 'api', 'sink']) {
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

// What .dev/runtime-packages.sh makes of a program, by what ldd says of it: { status, stdout, stderr }. FOLDER in the
// text is a folder whose files no package owns.
function packagesOf(said) {
  const folder = mkdtempSync(path.join(tmpdir(), 'goniec-images-'));
  try {
    writeFileSync(path.join(folder, 'liblone.so.1'), '');
    const text = said.replaceAll('FOLDER', folder);
    writeFileSync(path.join(folder, 'ldd'), `#!/bin/sh\ncat <<'END'\n${text}\nEND\n`, { mode: 0o755 });
    return spawnSync(path.join(root, '.dev/runtime-packages.sh'), ['program'], {
      encoding: 'utf8',
      env: { ...process.env, PATH: `${folder}:${process.env.PATH}` },
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

// A library that a package owns.
const libc = /=> (\/\S*libc\.so\S*) /.exec(spawnSync('ldd', ['/bin/sh'], { encoding: 'utf8' }).stdout)[1];

test('the packages of an image are those that own the libraries of its programs', () => {
  const { status, stdout } = packagesOf(`\tlinux-vdso.so.1 (0x1)\n\tlibc.so.6 => ${libc} (0x2)`);
  assert.deepEqual([status, stdout], [0, 'libc6\n']);
});

for (const [name, library, says] of [
  ['that is missing', 'liblone.so.1 => not found', /are missing/],
  ['of no package', 'liblone.so.1 => FOLDER/liblone.so.1 (0x3)', /belongs to no Debian package/],
]) {
  test(`a library ${name} fails the build of the image`, () => {
    const { status, stdout, stderr } = packagesOf(`\tlibc.so.6 => ${libc} (0x2)\n\t${library}`);
    assert.equal(status, 1);
    assert.equal(stdout, '');
    assert.match(stderr, says);
  });
}
