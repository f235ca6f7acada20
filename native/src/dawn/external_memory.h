#pragma once

#include <napi.h>

namespace matcoder {

// For JavaScript: `copyRefusedMemory(libraryFile)` in src/engine/addon.ts.
void copy_refused_memory(const Napi::CallbackInfo& info);

// As napi_create_external_arraybuffer, with a copy of the bytes in V8's own memory.
napi_status create_copied_arraybuffer(napi_env env, void* data, size_t length, napi_finalize finalize, void* hint,
                                      napi_value* result);

}  // namespace matcoder
