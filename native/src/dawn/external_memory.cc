// Dawn gives JavaScript the bytes of a buffer as an ArrayBuffer over the driver's own memory. Electron, whose V8 keeps
// all ArrayBuffers in one range of addresses, refuses that (napi_no_external_buffers_allowed,
// https://www.electronjs.org/blog/v8-memory-cage). A copy is as good for reading, so Dawn gets one there. What is
// written to it is lost.

// The one file that may use what the build forbids to the others.
#undef NODE_API_NO_EXTERNAL_BUFFERS_ALLOWED
#include "external_memory.h"

#include <cstring>
#include <string>

#include "imports.h"

namespace matcoder {
namespace {

// Whether the program refuses memory that is not V8's.
bool is_refused(napi_env env) {
  static char memory[8];
  napi_value unused;
  return napi_create_external_arraybuffer(env, memory, sizeof memory, nullptr, nullptr, &unused) ==
         napi_no_external_buffers_allowed;
}

}  // namespace

napi_status create_copied_arraybuffer(napi_env env, void* data, size_t length, napi_finalize finalize, void* hint,
                                      napi_value* result) {
  void* copy = nullptr;
  const napi_status status = napi_create_arraybuffer(env, length, &copy, result);
  if (status != napi_ok) return status;
  if (length > 0) std::memcpy(copy, data, length);
  if (finalize) finalize(env, data, hint);
  return napi_ok;
}

void copy_refused_memory(const Napi::CallbackInfo& info) {
  const std::string library_file = info[0].As<Napi::String>();
  if (!is_refused(info.Env())) return;
  replace_import(library_file, "napi_create_external_arraybuffer", reinterpret_cast<void*>(&create_copied_arraybuffer));
}

}  // namespace matcoder
