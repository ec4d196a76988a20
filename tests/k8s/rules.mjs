// What Goniec's manifests promise beyond the schemas. Each rule takes all objects and returns what is wrong, a sentence
// each; rules_test.mjs shows for each of them that breaking it is noticed.
import { readFileSync } from 'node:fs';
import path from 'node:path';

import { parseAll, root } from './kustomize.mjs';
import { nameOf } from './schema.mjs';

const workloadKinds = ['Deployment', 'StatefulSet', 'DaemonSet', 'Job'];
const workloads = (objects) => objects.filter((object) => workloadKinds.includes(object.kind));
const podOf = (workload) => workload.spec.template.spec;
const labelsOf = (workload) => workload.spec.template.metadata.labels;
const containersOf = (pod) => [...(pod.initContainers ?? []), ...pod.containers];
const matches = (selector, labels) => Object.entries(selector).every(([key, value]) => labels?.[key] === value);

// Calls check(workload, pod, container, say) for every container; say(sentence) is a problem.
function eachContainer(objects, check) {
  const problems = [];
  for (const workload of workloads(objects)) {
    const pod = podOf(workload);
    for (const container of containersOf(pod)) {
      check({ pod, container, say: (text) => problems.push(`${nameOf(workload)} ${container.name}: ${text}`) });
    }
  }
  return problems;
}

function runsWithoutRights(objects) {
  return eachContainer(objects, ({ pod, container, say }) => {
    const context = { ...pod.securityContext, ...container.securityContext };
    if (context.runAsNonRoot !== true) say('runAsNonRoot is not true');
    if (!(context.runAsUser > 0)) say('runAsUser is no user other than root');
    if (context.readOnlyRootFilesystem !== true) say('its root is writable');
    if (context.allowPrivilegeEscalation !== false) say('allowPrivilegeEscalation is not false');
    if (context.privileged) say('it is privileged');
    if (!context.capabilities?.drop?.includes('ALL')) say('it keeps capabilities');
    if (context.capabilities?.add?.length) say('it adds capabilities');
    if (context.seccompProfile?.type !== 'RuntimeDefault') say('it has no seccomp profile');
    if (pod.hostNetwork || pod.hostPID || pod.hostIPC) say('it shares a namespace of the host');
    if (pod.volumes?.some((volume) => volume.hostPath)) say('it mounts a folder of the host');
    if (pod.automountServiceAccountToken !== false) say('a token of the Kubernetes API is mounted');
  });
}

function pinsImages(objects) {
  return eachContainer(objects, ({ container, say }) => {
    const [, tag] = /^[^@]*?(?::([^:/@]+))?(?:@sha256:[0-9a-f]{64})?$/.exec(container.image) ?? [];
    if (!container.image.includes('@sha256:') && (!tag || tag === 'latest')) say(`image ${container.image} is not pinned`);
  });
}

function boundsResources(objects) {
  return eachContainer(objects, ({ container, say }) => {
    if (!container.resources?.limits?.memory) say('memory has no limit');
    if (!container.resources?.requests?.memory || !container.resources?.requests?.cpu) say('resources are not requested');
  });
}

function probesServers(objects) {
  return eachContainer(
    objects.filter((object) => object.kind !== 'Job'),
    ({ container, say }) => {
      for (const probe of ['livenessProbe', 'readinessProbe']) {
        const port = container[probe]?.httpGet?.port;
        if (!port) say(`no ${probe} over HTTP`);
        else if (!container.ports?.some((p) => p.name === port)) say(`${probe} asks port ${port}, which it has not`);
      }
    },
  );
}

function selectsPods(objects) {
  const problems = [];
  const pods = workloads(objects).map((workload) => ({ labels: labelsOf(workload), pod: podOf(workload) }));
  for (const workload of workloads(objects).filter((w) => w.kind !== 'Job')) {
    const selector = workload.spec.selector.matchLabels;
    if (!matches(selector, labelsOf(workload))) problems.push(`${nameOf(workload)}: its selector misses its own pods`);
    if (pods.filter(({ labels }) => matches(selector, labels)).length > 1) {
      problems.push(`${nameOf(workload)}: its selector takes the pods of another`);
    }
    for (const spread of podOf(workload).topologySpreadConstraints ?? []) {
      if (!matches(spread.labelSelector.matchLabels, labelsOf(workload))) {
        problems.push(`${nameOf(workload)}: its topology spread counts other pods`);
      }
    }
  }
  for (const budget of objects.filter((object) => object.kind === 'PodDisruptionBudget')) {
    if (!pods.some(({ labels }) => matches(budget.spec.selector.matchLabels, labels))) {
      problems.push(`${nameOf(budget)}: selects no pod`);
    }
  }
  return [...problems, ...objects.filter((object) => object.kind === 'Service').flatMap((s) => reaches(s, pods))];
}

function reaches(service, pods) {
  const behind = pods.filter(({ labels }) => matches(service.spec.selector, labels));
  if (behind.length === 0) return [`${nameOf(service)}: selects no pod`];
  const names = behind.flatMap(({ pod }) => containersOf(pod).flatMap((c) => (c.ports ?? []).map((port) => port.name)));
  return service.spec.ports
    .filter((port) => !names.includes(port.targetPort))
    .map((port) => `${nameOf(service)}: no pod has a port named ${port.targetPort}`);
}

// Every Secret that the pods use is in k8s/README.md by name, and by key where single keys are used.
function documentsSecrets(objects) {
  const readme = readFileSync(path.join(root, 'k8s/README.md'), 'utf8');
  const documented = (word) => readme.includes(`\`${word}\``);
  const problems = eachContainer(objects, ({ container, say }) => {
    for (const { valueFrom } of container.env ?? []) {
      const reference = valueFrom?.secretKeyRef;
      if (!reference) continue;
      if (!documented(reference.name)) say(`Secret ${reference.name} is not documented in k8s/README.md`);
      if (!documented(reference.key)) say(`key ${reference.key} of ${reference.name} is not documented in k8s/README.md`);
    }
  });
  for (const workload of workloads(objects)) {
    for (const { secret } of podOf(workload).volumes ?? []) {
      if (secret && !documented(secret.secretName)) {
        problems.push(`${nameOf(workload)}: Secret ${secret.secretName} is not documented in k8s/README.md`);
      }
    }
  }
  return problems;
}

function holdsNoSecret(objects) {
  return objects.filter((object) => object.kind === 'Secret').map((object) => `${nameOf(object)}: secrets are not kept here`);
}

function refersToWhatExists(objects) {
  const exists = (kind, name) => objects.some((object) => object.kind === kind && object.metadata.name === name);
  const problems = [];
  for (const workload of workloads(objects)) {
    const pod = podOf(workload);
    const say = (text) => problems.push(`${nameOf(workload)}: ${text}`);
    if (!exists('ServiceAccount', pod.serviceAccountName)) say(`no ServiceAccount ${pod.serviceAccountName}`);
    const claims = (workload.spec.volumeClaimTemplates ?? []).map((claim) => claim.metadata.name);
    const volumes = (pod.volumes ?? []).map((volume) => volume.name);
    for (const { configMap } of pod.volumes ?? []) {
      if (configMap && !exists('ConfigMap', configMap.name)) say(`no ConfigMap ${configMap.name}`);
    }
    for (const mount of containersOf(pod).flatMap((container) => container.volumeMounts ?? [])) {
      if (![...volumes, ...claims].includes(mount.name)) say(`no volume ${mount.name}`);
    }
    if (workload.kind === 'StatefulSet' && !exists('Service', workload.spec.serviceName)) {
      say(`no Service ${workload.spec.serviceName}`);
    }
  }
  return problems;
}

function staysInItsNamespace(objects) {
  return objects
    .filter((object) => object.kind !== 'Namespace' && object.metadata.namespace !== 'goniec')
    .map((object) => `${nameOf(object)}: is not in namespace goniec`);
}

// The text of a file in a ConfigMap, found by the file's name.
export function configFile(objects, name) {
  const maps = objects.filter((object) => object.kind === 'ConfigMap' && name in (object.data ?? {}));
  if (maps.length !== 1) throw new Error(`${maps.length} ConfigMaps have a file ${name}`);
  return maps[0].data[name];
}

const seconds = (text) => {
  const [, number, unit] = /^(\d+)\s*(ms|s|m|h)$/.exec(text) ?? [];
  return Number(number) * { ms: 0.001, s: 1, m: 60, h: 3600 }[unit];
};
const gibibytes = (text) => Number(/^"?(\d+)\s*Gi?B?"?$/.exec(text)?.[1]);

// A pod is killed only after the service has given up draining by itself.
function leavesTimeToDrain(objects) {
  return ['inbound', 'outbound', 'api'].flatMap((service) => {
    const [config] = parseAll(configFile(objects, `${service}.yaml`));
    const workload = objects.find((object) => object.kind === 'Deployment' && object.metadata.name === `goniec-${service}`);
    const grace = podOf(workload).terminationGracePeriodSeconds;
    const drain = seconds(config.drain_limit);
    return grace > drain ? [] : [`${nameOf(workload)}: killed after ${grace} s, while it may drain for ${config.drain_limit}`];
  });
}

// capacity < the account's limit < the server's limit < the volume: a full queue stops acceptance, never delivery.
function layersStorage(objects) {
  const nats = configFile(objects, 'nats.conf');
  const volume = objects.find((object) => object.kind === 'StatefulSet').spec.volumeClaimTemplates[0];
  const sizes = [
    ...['inbound', 'outbound', 'api'].map((s) => parseAll(configFile(objects, `${s}.yaml`))[0].queue.capacity).map(gibibytes),
    gibibytes(/max_file:\s*(\w+)/.exec(nats)?.[1]),
    gibibytes(/max_file_store:\s*(\w+)/.exec(nats)?.[1]),
    gibibytes(volume.spec.resources.requests.storage),
  ];
  const [inbound, outbound, api, account, server, disk] = sizes;
  return inbound === outbound && outbound === api && outbound < account && account < server && server < disk
    ? []
    : [`storage: capacity ${inbound}, ${outbound} and ${api}, account ${account}, server ${server}, volume ${disk} GiB do not rise`];
}

// The services judge alike what is full, and the broker has the memory that the mail they let wait may take.
function leavesTheBrokerItsMemory(objects) {
  const [inbound, outbound] = ['inbound', 'outbound'].map((s) => parseAll(configFile(objects, `${s}.yaml`))[0].queue);
  const different = ['event_budget', 'waiting_memory'].filter((key) => inbound[key] !== outbound[key]);
  const [nats] = podOf(objects.find((object) => object.kind === 'StatefulSet')).containers;
  const limit = gibibytes(nats.resources.limits.memory);
  const goal = Number(/^(\d+)MiB$/.exec(nats.env.find((each) => each.name === 'GOMEMLIMIT')?.value)?.[1]) / 1024;
  const waiting = gibibytes(outbound.waiting_memory);
  return [
    ...different.map((key) => `queue: ${key} differs between the services`),
    ...(limit >= 2 * waiting ? [] : [`the broker's memory of ${limit} GiB is not twice queue.waiting_memory, ${waiting} GiB`]),
    ...(goal > 0.8 * limit && goal < 0.9 * limit ? [] : [`GOMEMLIMIT, ${goal} GiB, is not about 85 % of ${limit} GiB`]),
  ];
}

function mebibytes(text) {
  const [, number, unit] = /^(\d+)([MG])iB?$/.exec(text) ?? [];
  return Number(number) * (unit === 'G' ? 1024 : 1);
}

// ../../k8s/README.md, "What the API's port takes": what is in hand fits the pod, and half of it is enough for one message
// of 25 MiB (five times its octets and a MiB more, and 20,000 fields of 160 octets).
function leavesTheApiItsMemory(objects) {
  const { api } = parseAll(configFile(objects, 'api.yaml'))[0];
  const inFlight = mebibytes(api.max_in_flight);
  const [container] = podOf(objects.find((object) => nameOf(object) === 'Deployment/goniec-api')).containers;
  const needed = 30 + inFlight + 35 + 0.95 * (api.connections ?? 256);
  const message = api.max_message ? mebibytes(api.max_message) : 25;
  return [
    ...(mebibytes(container.resources.limits.memory) >= needed ? [] : [`the API's memory is less than the ${needed} MiB that it may take`]),
    ...(inFlight >= 2 * (5 * (message + 1) + 3.2) ? [] : [`api.max_in_flight, ${inFlight} MiB, is not twice what a message of ${message} MiB takes`]),
  ];
}

export const rules = {
  runsWithoutRights,
  pinsImages,
  boundsResources,
  probesServers,
  selectsPods,
  documentsSecrets,
  holdsNoSecret,
  refersToWhatExists,
  staysInItsNamespace,
  leavesTimeToDrain,
  layersStorage,
  leavesTheBrokerItsMemory,
  leavesTheApiItsMemory,
};

export const ruleProblems = (objects) => Object.values(rules).flatMap((rule) => rule(objects));
