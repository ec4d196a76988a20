// The checks check: each row breaks good manifests in one way, which must be noticed, and in these words.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { render } from './kustomize.mjs';
import { ruleProblems } from './rules.mjs';
import { schemaProblems } from './schema.mjs';

const good = render('k8s/base');
const problemsOf = (objects) => [...objects.flatMap(schemaProblems), ...ruleProblems(objects)];

const find = (objects, kind, name) => objects.find((o) => o.kind === kind && o.metadata.name === name);
const podOf = (objects) => find(objects, 'Deployment', 'goniec-inbound').spec.template.spec;
const containerOf = (objects) => podOf(objects).containers[0];
const replaceIn = (objects, file, from, to) => {
  const map = objects.find((o) => o.kind === 'ConfigMap' && file in o.data);
  assert.ok(map.data[file].includes(from), `${file} has no "${from}"`);
  map.data[file] = map.data[file].replace(from, to);
};

const rows = [
  ['a misspelt field', (o) => (containerOf(o).imagePulPolicy = 'Always'), /imagePulPolicy is not a field/],
  ['a value of the wrong type', (o) => (find(o, 'Deployment', 'goniec-inbound').spec.replicas = '2'), /replicas breaks type/],
  ['a missing field', (o) => delete find(o, 'Service', 'goniec-inbound').spec.ports[0].port, /lacks port/],
  ['an unknown kind', (o) => (find(o, 'PodDisruptionBudget', 'goniec-nats').apiVersion = 'policy/v9'), /has no policy\/v9/],
  ['root by user id', (o) => (podOf(o).securityContext.runAsUser = 0), /no user other than root/],
  ['root allowed', (o) => delete podOf(o).securityContext.runAsNonRoot, /runAsNonRoot/],
  ['a writable root', (o) => delete containerOf(o).securityContext.readOnlyRootFilesystem, /root is writable/],
  ['capabilities kept', (o) => delete containerOf(o).securityContext.capabilities, /keeps capabilities/],
  ['escalation allowed', (o) => delete containerOf(o).securityContext.allowPrivilegeEscalation, /allowPrivilegeEscalation/],
  ['no seccomp profile', (o) => delete podOf(o).securityContext.seccompProfile, /seccomp/],
  ['an API token', (o) => delete podOf(o).automountServiceAccountToken, /token of the Kubernetes API/],
  ['the host network', (o) => (podOf(o).hostNetwork = true), /namespace of the host/],
  ['an image without a tag', (o) => (containerOf(o).image = 'registry:5000/goniec-inbound'), /not pinned/],
  ['the image of the day', (o) => (containerOf(o).image = 'goniec-inbound:latest'), /not pinned/],
  ['no memory limit', (o) => delete containerOf(o).resources.limits, /memory has no limit/],
  ['no readiness probe', (o) => delete containerOf(o).readinessProbe, /no readinessProbe/],
  ['a probe of a port that is not there', (o) => (containerOf(o).livenessProbe.httpGet.port = 'web'), /port web/],
  ['a Service that selects nothing', (o) => (find(o, 'Service', 'goniec-inbound').spec.selector['app.kubernetes.io/name'] = 'x'), /selects no pod/],
  ['a Service to a port that is not there', (o) => (find(o, 'Service', 'goniec-api').spec.ports[0].targetPort = 'api'), /port named api/],
  ['a budget that selects nothing', (o) => (find(o, 'PodDisruptionBudget', 'goniec-inbound').spec.selector.matchLabels = { a: 'b' }), /PodDisruptionBudget\/goniec-inbound: selects no pod/],
  ['a selector that misses its pods', (o) => (find(o, 'Deployment', 'goniec-outbound').spec.selector.matchLabels = { a: 'b' }), /misses its own pods/],
  ['a selector that takes all pods', (o) => (find(o, 'Deployment', 'goniec-outbound').spec.selector.matchLabels = { 'app.kubernetes.io/part-of': 'goniec' }), /goniec-outbound: its selector/],
  ['a spread over other pods', (o) => (podOf(o).topologySpreadConstraints[0].labelSelector.matchLabels = { a: 'b' }), /topology spread/],
  ['an undocumented Secret', (o) => (containerOf(o).env[1].valueFrom.secretKeyRef.name = 'other'), /Secret other is not documented/],
  ['an undocumented key', (o) => (containerOf(o).env[1].valueFrom.secretKeyRef.key = 'other'), /key other/],
  ['a Secret in the tree', (o) => o.push({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 's', namespace: 'goniec' } }), /secrets are not kept here/],
  ['a ConfigMap that is not there', (o) => (podOf(o).volumes[0].configMap.name = 'gone'), /no ConfigMap gone/],
  ['a volume that is not there', (o) => (containerOf(o).volumeMounts[0].name = 'gone'), /no volume gone/],
  ['another namespace', (o) => (find(o, 'Service', 'goniec-nats').metadata.namespace = 'default'), /not in namespace/],
  ['too little time to drain', (o) => (podOf(o).terminationGracePeriodSeconds = 5), /killed after 5 s/],
  ['a queue larger than its store', (o) => replaceIn(o, 'nats.conf', 'max_file: 16GB', 'max_file: 4GB'), /do not rise/],
  ['more waiting mail than the broker has memory for', (o) => replaceIn(o, 'outbound.yaml', 'waiting_memory: 1GiB', 'waiting_memory: 2GiB'), /is not twice/],
  ['services that judge differently', (o) => replaceIn(o, 'inbound.yaml', 'event_budget: 4GiB', 'event_budget: 1GiB'), /event_budget differs/],
  ['more requests in hand than the API has memory for', (o) => replaceIn(o, 'api.yaml', 'max_in_flight: 272MiB', 'max_in_flight: 400MiB'), /the API's memory is less/],
  ['requests in hand of which half is not enough', (o) => replaceIn(o, 'api.yaml', 'max_in_flight: 272MiB', 'max_in_flight: 192MiB'), /is not twice what a message/],
  ['a collector that starts too late', (o) => (find(o, 'StatefulSet', 'goniec-nats').spec.template.spec.containers[0].env.find((e) => e.name === 'GOMEMLIMIT').value = '2000MiB'), /GOMEMLIMIT/],
];

test('the manifests as they are have no problem', () => {
  assert.deepEqual(problemsOf(good), []);
});

for (const [name, breakIt, words] of rows) {
  test(`${name} is noticed`, () => {
    const objects = structuredClone(good);
    breakIt(objects);
    assert.match(problemsOf(objects).join('\n'), words);
  });
}
