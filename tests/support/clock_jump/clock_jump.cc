// Loaded before a program (LD_PRELOAD), this lets its wall clock jump: CLOCK_REALTIME is off by as many
// nanoseconds as the eight bytes of the file GONIEC_CLOCK_FILE say, at any moment anew. Clocks that do not
// show the time of day stay right, as they do when somebody sets a machine's clock. Only for programs that
// run under the tests.
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <ctime>

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
// Deadlines beyond it are times of day; monotonic ones count from the machine's start.
constexpr std::time_t kTimeOfDay = 1'000'000'000;

const volatile std::int64_t* Map() {
  static const std::int64_t none = 0;
  const char* path = std::getenv("GONIEC_CLOCK_FILE");
  const long file = path == nullptr ? -1 : syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return &none;
  const long mapped = syscall(SYS_mmap, nullptr, sizeof(std::int64_t), PROT_READ, MAP_SHARED, file, 0);
  syscall(SYS_close, file);
  return mapped == -1 ? &none : reinterpret_cast<const std::int64_t*>(mapped);
}

std::int64_t Offset() {
  static const volatile std::int64_t* const offset = Map();
  return *offset;
}

void Add(timespec& time, std::int64_t nanoseconds) {
  const std::int64_t sum = static_cast<std::int64_t>(time.tv_sec) * kSecond + time.tv_nsec + nanoseconds;
  time.tv_sec = sum / kSecond;
  time.tv_nsec = sum % kSecond;
}

template <typename Function>
Function Next(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

// The kernel itself: a sanitizer asks for the time before anything that dlsym needs is there.
int RealGetTime(clockid_t clock, timespec* time) {
  return static_cast<int>(syscall(SYS_clock_gettime, clock, time));
}

}  // namespace

extern "C" {

int clock_gettime(clockid_t clock, timespec* time) noexcept {
  const int result = RealGetTime(clock, time);
  if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) Add(*time, Offset());
  return result;
}

int gettimeofday(timeval* time, void*) noexcept {
  timespec now{};
  if (clock_gettime(CLOCK_REALTIME, &now) != 0) return -1;
  time->tv_sec = now.tv_sec;
  time->tv_usec = now.tv_nsec / 1000;
  return 0;
}

std::time_t time(std::time_t* out) noexcept {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  if (out != nullptr) *out = now.tv_sec;
  return now.tv_sec;
}

// The kernel waits by the clock that did not jump.
int pthread_cond_timedwait(pthread_cond_t* condition, pthread_mutex_t* mutex, const timespec* deadline) {
  static const auto real =
      Next<int (*)(pthread_cond_t*, pthread_mutex_t*, const timespec*)>("pthread_cond_timedwait");
  timespec true_deadline = *deadline;
  if (deadline->tv_sec > kTimeOfDay) Add(true_deadline, -Offset());
  return real(condition, mutex, &true_deadline);
}

}  // extern "C"
