// Refuses external memory as Electron does, on Linux: `refuse(libraryFile)` lets a loaded library call a function that
// answers as Electron's V8.
#include <napi.h>

#include "dawn/imports.h"

namespace {

napi_status refused(napi_env, void*, size_t, void*, void*, napi_value*) { return napi_no_external_buffers_allowed; }

void refuse(const Napi::CallbackInfo& info) {
  const std::string library_file = info[0].As<Napi::String>();
  matcoder::replace_import(library_file, "napi_create_external_arraybuffer", reinterpret_cast<void*>(&refused));
}

}  // namespace

static Napi::Object init(Napi::Env env, Napi::Object exports) {
  exports.Set("refuse", Napi::Function::New(env, refuse));
  return exports;
}

NODE_API_MODULE(refuse, init)
