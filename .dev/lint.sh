# shellcheck shell=bash
# ./dev lint and ./dev format: clang-format, clang-tidy and shellcheck over the files that git knows (or would add).

# sources PATTERN...: files of the work tree that match, tracked or new, not ignored.
sources() { (cd "$ROOT" && git ls-files --cached --others --exclude-standard -- "$@" | while read -r f; do [[ -f $f ]] && echo "$f"; done); }

cxx_sources() { sources '*.cc' '*.h'; }

# shell_sources: by name or by their first line.
shell_sources() {
  {
    sources '*.sh'
    (cd "$ROOT" && sources | while read -r f; do
      case $f in *.cc | *.h | *.sh | *.md | *.proto | *.yaml) continue ;; esac
      head -n 1 "$f" 2>/dev/null | grep -aqE '^#!.*\b(ba)?sh\b' && echo "$f"
    done)
  } | sort -u
}

# changed_since_base: what differs from where this branch left its upstream, or else from the last commit's parent.
changed_since_base() {
  local base
  base=$(git -C "$ROOT" merge-base HEAD '@{upstream}' 2>/dev/null || git -C "$ROOT" rev-parse -q --verify HEAD~1 || true)
  (
    cd "$ROOT" || exit 1
    git diff --name-only --diff-filter=d "${base:-HEAD}"
    git ls-files --others --exclude-standard
  ) | sort -u
}

check_format() {
  local -a files
  mapfile -t files < <(cxx_sources)
  step "clang-format: ${#files[@]} files"
  (cd "$ROOT" && clang-format-19 --dry-run --Werror "${files[@]}")
}

check_shell() {
  local -a files
  mapfile -t files < <(shell_sources)
  step "shellcheck: ${#files[@]} files"
  (cd "$ROOT" && shellcheck -x --source-path=SCRIPTDIR "${files[@]}")
}

# generated_headers: clang-tidy reads what protoc makes; nothing else needs to be built for it.
generated_headers() {
  local -a targets
  configure ci
  mapfile -t targets < <(ninja -C "$ROOT/build/ci" -t targets all | sed -n 's/^\(generated\/.*\.pb\.h\): .*/\1/p')
  ((${#targets[@]} == 0)) || run_logged "Generating Protobuf headers" ninja -C "$ROOT/build/ci" "${targets[@]}"
}

# check_tidy changed|all
check_tidy() {
  local -a files
  if [[ $1 == all ]]; then
    mapfile -t files < <(cxx_sources | grep '\.cc$')
  else
    mapfile -t files < <(comm -12 <(cxx_sources | grep '\.cc$' | sort) <(changed_since_base))
  fi
  if ((${#files[@]} == 0)) || [[ -z ${files[0]} ]]; then
    note "clang-tidy: no C++ source changed (--all checks every one)"
    return 0
  fi
  generated_headers || return 1
  step "clang-tidy: ${#files[@]} files"
  (cd "$ROOT" && printf '%s\0' "${files[@]}" |
    xargs -0 -P "$(build_jobs)" -n 1 clang-tidy-19 -p build/ci --quiet 2> >(grep -v 'warnings generated' >&2))
}

lint_command() {
  local scope=changed failed=()
  case ${1:-} in
    '') ;;
    --all) scope=all ;;
    *) usage_error "lint: unknown argument '$1'; usage: ./dev lint [--all]" ;;
  esac
  need_packages build test lint
  check_format || failed+=(clang-format)
  check_shell || failed+=(shellcheck)
  check_tidy "$scope" || failed+=(clang-tidy)
  ((${#failed[@]} == 0)) || die "lint: not clean: ${failed[*]} (./dev format mends what clang-format finds)"
  note "clean"
}

format_command() {
  local -a files
  (($# == 0)) || usage_error "format: takes no arguments"
  need_packages lint
  mapfile -t files < <(cxx_sources)
  step "clang-format: ${#files[@]} files"
  (cd "$ROOT" && clang-format-19 -i "${files[@]}")
}
