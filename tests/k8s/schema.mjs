// Checks objects against the schemas of the Kubernetes API (those of kubernetes-models). The schemas take unknown
// fields, and so would a misspelt one pass; the API server drops such fields with a warning at best. So the object is
// read through a recorder: a field that the validator never looked at is one that the API does not have.
import path from 'node:path';

import { modulesFolder, requireModule } from './kustomize.mjs';

// "Deployment/goniec-inbound", for messages.
export const nameOf = (object) => `${object.kind}/${object.metadata?.name}`;

function validatorOf({ apiVersion, kind }) {
  const model = requireModule(`kubernetes-models/${apiVersion}/${kind}`);
  const schema = Object.keys(model).find((key) => key.startsWith('IoK8s'));
  return requireModule(path.join(modulesFolder, 'kubernetes-models/_schemas', `${schema}.js`)).validate;
}

// A view of `value` that notes in `seen` (object → set of keys) which fields were read. Listing all keys, as a
// validator does for maps, counts as reading them.
function recorder(value, seen) {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    return Array.isArray(value) ? value.map((element) => recorder(element, seen)) : value;
  }
  const fields = Object.fromEntries(Object.entries(value).map(([key, child]) => [key, recorder(child, seen)]));
  const read = new Set();
  seen.set(value, read);
  return new Proxy(fields, {
    get(target, key) {
      read.add(key);
      return target[key];
    },
    ownKeys(target) {
      Object.keys(target).forEach((key) => read.add(key));
      return Reflect.ownKeys(target);
    },
  });
}

function unknownFields(value, seen, where) {
  if (Array.isArray(value)) return value.flatMap((element, i) => unknownFields(element, seen, `${where}[${i}]`));
  if (value === null || typeof value !== 'object') return [];
  const read = seen.get(value);
  return Object.entries(value).flatMap(([key, child]) =>
    read.has(key) ? unknownFields(child, seen, `${where}.${key}`) : [`${where}.${key} is not a field of the API`],
  );
}

// What is wrong with one object, a sentence each; nothing if it is valid.
export function schemaProblems(object) {
  let validate;
  try {
    validate = validatorOf(object);
  } catch {
    return [`${nameOf(object)}: the Kubernetes API has no ${object.apiVersion} ${object.kind}`];
  }
  const seen = new Map();
  if (!validate(recorder(object, seen))) {
    return validate.errors.map((e) => `${nameOf(object)}: ${e.instancePath.replaceAll('/', '.')} ${complaint(e)}`);
  }
  return unknownFields(object, seen, '').map((problem) => `${nameOf(object)}: ${problem}`);
}

function complaint(error) {
  if (error.keyword === 'required') return `lacks ${error.params.missingProperty}`;
  return `breaks ${error.keyword} ${JSON.stringify(error.params)}`;
}
