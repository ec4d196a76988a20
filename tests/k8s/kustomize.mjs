// Renders the manifests as a platform team does, and reads them. ./dev test says where the tools are; a plain ctest finds
// those that an earlier ./dev test fetched into .cache/.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
export const root = path.resolve(here, '../..');

const cache = path.join(root, '.cache');

// The first that is set, or is there, or else the bare name for PATH.
const tool = (variable, cached, name) =>
  process.env[variable] || [path.join(cache, 'forky', cached)].find(existsSync) || name;
export const natsServer = tool('GONIEC_NATS_SERVER', 'nats-server/usr/sbin/nats-server', 'nats-server');
const kustomize = tool('GONIEC_KUSTOMIZE', 'kustomize/usr/bin/kustomize', 'kustomize');
const kubectl = tool('GONIEC_KUBECTL', 'kubernetes-client/usr/bin/kubectl', 'kubectl');

const lockfile = createHash('sha256').update(readFileSync(path.join(here, 'package-lock.json'))).digest('hex');
const modules = process.env.GONIEC_NODE_MODULES || path.join(cache, 'npm', lockfile.slice(0, 16), 'node_modules');
if (!existsSync(modules)) throw new Error(`${modules} is missing: ./dev test fetches it`);
export const modulesFolder = modules;
export const requireModule = createRequire(path.join(modules, 'from-here.js'));

const yaml = requireModule('yaml');

// All documents of a YAML text; a duplicate key or any other warning is an error.
export function parseAll(text) {
  return yaml
    .parseAllDocuments(text, { strict: true, uniqueKeys: true, merge: true })
    .map((document) => {
      const problem = [...document.errors, ...document.warnings][0];
      if (problem) throw problem;
      return document.toJS();
    })
    .filter((object) => object !== null);
}

// The objects of a kustomization, given by its folder's path from the repository's root.
export function render(folder) {
  return parseAll(run(kustomize, ['build', path.join(root, folder)]));
}

// The same through kubectl, whose `apply -k` is what the documentation tells.
export function renderWithKubectl(folder) {
  return parseAll(run(kubectl, ['kustomize', path.join(root, folder)]));
}

function run(program, args) {
  return execFileSync(program, args, { encoding: 'utf8', maxBuffer: 16 << 20, stdio: ['ignore', 'pipe', 'pipe'] });
}
