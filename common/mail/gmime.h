// What every file that uses GMime needs: its initialisation and owners of its objects. For the .cc files of
// this folder only. Thread-safe as long as each object stays with one thread.
#pragma once

#include <gmime/gmime.h>

#include <memory>
#include <mutex>

namespace goniec::mail {

// GMime registers its types without locks: once, before any use.
inline void InitGmime() {
  static std::once_flag once;
  std::call_once(once, g_mime_init);
}

struct GUnref {
  void operator()(gpointer object) const { g_object_unref(object); }
};
template <typename T>
using GOwned = std::unique_ptr<T, GUnref>;

struct GFree {
  void operator()(gpointer memory) const { g_free(memory); }
};
using GText = std::unique_ptr<char, GFree>;

}  // namespace goniec::mail
