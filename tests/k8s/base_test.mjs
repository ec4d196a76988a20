// k8s/base, rendered as `kubectl apply -k` would, is valid and keeps the rules.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { parseAll, render, renderWithKubectl } from './kustomize.mjs';
import { configFile, ruleProblems } from './rules.mjs';
import { nameOf, schemaProblems } from './schema.mjs';

const objects = render('k8s/base');

test('kubectl renders what kustomize renders', () => {
  assert.deepEqual(renderWithKubectl('k8s/base'), objects);
});

test('everything that a platform team needs is there', () => {
  const names = objects.map(nameOf);
  for (const name of [
    'Namespace/goniec',
    'ServiceAccount/goniec',
    'StatefulSet/goniec-nats',
    'Job/goniec-provision',
    'Deployment/goniec-inbound',
    'Deployment/goniec-outbound',
    'Deployment/goniec-api',
    'Service/goniec-nats',
    'Service/goniec-inbound',
    'Service/goniec-api',
    'PodDisruptionBudget/goniec-nats',
    'PodDisruptionBudget/goniec-inbound',
    'PodDisruptionBudget/goniec-outbound',
    'PodDisruptionBudget/goniec-api',
  ]) {
    assert.ok(names.includes(name), `${name} is missing`);
  }
});

test('who delivers serves no API, and who serves the API does not deliver', () => {
  const portsOf = (name) => {
    const deployment = objects.find((object) => object.kind === 'Deployment' && object.metadata.name === name);
    return deployment.spec.template.spec.containers.flatMap((container) => container.ports.map((port) => port.name));
  };
  assert.deepEqual(parseAll(configFile(objects, 'outbound.yaml'))[0].roles, ['deliver', 'tend']);
  assert.deepEqual(portsOf('goniec-outbound'), ['http']);
  assert.deepEqual(parseAll(configFile(objects, 'api.yaml'))[0].roles, ['api']);
  assert.deepEqual(portsOf('goniec-api'), ['grpc', 'http']);
});

for (const object of objects) {
  test(`${nameOf(object).replace(/-[a-z0-9]{10}$/, '')} is valid by the Kubernetes API's schema`, () => {
    assert.deepEqual(schemaProblems(object), []);
  });
}

test('all rules are kept', () => {
  assert.deepEqual(ruleProblems(objects), []);
});
