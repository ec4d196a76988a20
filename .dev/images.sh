# shellcheck shell=bash
# ./dev images: goniec-inbound and goniec-outbound, built with whichever of docker, podman or buildah works here.

# image_version: the version of the project, which the images are tagged with.
image_version() { sed -n 's/^project(goniec VERSION \([0-9.]*\).*/\1/p' "$ROOT/CMakeLists.txt"; }

# image_tool: the first one that is there and works.
image_tool() {
  local tool
  for tool in docker podman buildah; do
    have "$tool" || continue
    if "$tool" info >/dev/null 2>&1; then
      echo "$tool"
      return
    fi
    note "$tool is here but does not work ('$tool info' says why)"
  done
  die "no working docker, podman or buildah; on Debian: apt-get install podman"
}

# build_image TOOL SERVICE TAG: extra arguments for the tool come from GONIEC_IMAGE_ARGS, for example
# "--build-arg BASE=registry.example/debian:bookworm-slim --build-arg CMAKE_BUILD_PARALLEL_LEVEL=2 --network host".
build_image() {
  local tool=$1 service=$2 tag=$3
  local -a command=("$tool" build) extra=()
  # Word splitting is wanted: it is a list of arguments.
  read -r -a extra <<<"${GONIEC_IMAGE_ARGS:-}"
  [[ $tool == buildah ]] && command=(buildah build --layers)
  [[ $tool == podman ]] && command+=(--layers)
  step "Building goniec-$service:$tag with $tool"
  "${command[@]}" "${extra[@]}" -f "$ROOT/$service/Dockerfile" -t "goniec-$service:$tag" "$ROOT" >&2 ||
    die "$tool could not build goniec-$service (see its output above)"
}

images_command() {
  local tool tag
  tag=$(image_version)
  while (($# > 0)); do
    case $1 in
      --tag)
        (($# > 1)) || usage_error "images: --tag needs a value"
        tag=$2
        shift
        ;;
      --tag=*) tag=${1#*=} ;;
      *)
        usage_error "images: unknown argument '$1'; usage: ./dev images [--tag TAG]" \
          "(arguments of the build go in GONIEC_IMAGE_ARGS)"
        ;;
    esac
    shift
  done
  tool=$(image_tool)
  build_image "$tool" inbound "$tag"
  build_image "$tool" outbound "$tag"
  step "Built with $tool: goniec-inbound:$tag goniec-outbound:$tag"
}
