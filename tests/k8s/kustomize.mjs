// Renders the manifests as a platform team does, and reads them. GONIEC_KUSTOMIZE and GONIEC_NODE_MODULES are set by
// ./dev test; without them kustomize is looked for on PATH and the modules beside this file.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
export const root = path.resolve(here, '../..');

const modules = process.env.GONIEC_NODE_MODULES || path.join(here, 'node_modules');
if (!existsSync(modules)) {
  throw new Error(`${modules} is missing: run ./dev test, or npm ci in tests/k8s`);
}
export const modulesFolder = modules;
export const requireModule = createRequire(path.join(modules, 'from-here.js'));

const yaml = requireModule('yaml');

// All documents of a YAML text; a duplicate key or any other warning is an error.
export function parseAll(text) {
  return yaml
    .parseAllDocuments(text, { strict: true, uniqueKeys: true })
    .map((document) => {
      const problem = [...document.errors, ...document.warnings][0];
      if (problem) throw problem;
      return document.toJS();
    })
    .filter((object) => object !== null);
}

// The objects of a kustomization, given by its folder's path from the repository's root.
export function render(folder) {
  return parseAll(run(process.env.GONIEC_KUSTOMIZE || 'kustomize', ['build', path.join(root, folder)]));
}

// The same through kubectl, whose `apply -k` is what the documentation tells.
export function renderWithKubectl(folder) {
  return parseAll(run(process.env.GONIEC_KUBECTL || 'kubectl', ['kustomize', path.join(root, folder)]));
}

function run(program, args) {
  return execFileSync(program, args, { encoding: 'utf8', maxBuffer: 16 << 20, stdio: ['ignore', 'pipe', 'pipe'] });
}
