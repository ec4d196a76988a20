// k8s/base, rendered as `kubectl apply -k` would, is valid and keeps the rules.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { render, renderWithKubectl } from './kustomize.mjs';
import { ruleProblems } from './rules.mjs';
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
    'Service/goniec-nats',
    'Service/goniec-inbound',
    'Service/goniec-outbound',
    'PodDisruptionBudget/goniec-nats',
    'PodDisruptionBudget/goniec-inbound',
    'PodDisruptionBudget/goniec-outbound',
  ]) {
    assert.ok(names.includes(name), `${name} is missing`);
  }
});

for (const object of objects) {
  test(`${nameOf(object).replace(/-[a-z0-9]{10}$/, '')} is valid by the Kubernetes API's schema`, () => {
    assert.deepEqual(schemaProblems(object), []);
  });
}

test('all rules are kept', () => {
  assert.deepEqual(ruleProblems(objects), []);
});
