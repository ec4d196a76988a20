# shellcheck shell=bash
# The npm packages that tests/k8s reads manifests with, installed from its lockfile into .cache/, once for each state of
# that lockfile.

# node_modules: prints the folder of the installed packages.
node_modules() {
  local source=$ROOT/tests/k8s folder
  folder=$CACHE/npm/$(sha256sum "$source/package-lock.json" | cut -c1-16)
  mkdir -p "$CACHE/npm"
  (
    flock 9
    [[ -e $folder/complete ]] && exit
    rm -rf "$folder"
    mkdir -p "$folder"
    cp "$source/package.json" "$source/package-lock.json" "$folder/"
    run_logged "Fetching the Kubernetes API's schemas from npm" \
      npm --prefix "$folder" ci --ignore-scripts --no-audit --no-fund || exit
    touch "$folder/complete"
  ) 9>"$CACHE/npm/lock" || die "npm could not install what tests/k8s needs (see above); is the npm registry reachable?"
  echo "$folder/node_modules"
}
