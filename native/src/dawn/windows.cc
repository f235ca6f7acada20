// On Windows, Dawn imports Node-API from this addon (windows_node_api.cc), so nothing has to be replaced within it.
#include "external_memory.h"
#include "imports.h"

namespace matcoder {
namespace {

using CreateExternal = napi_status (*)(napi_env, void*, size_t, napi_finalize, void*, napi_value*);
CreateExternal create_external;

napi_status external_or_copied(napi_env env, void* data, size_t length, napi_finalize finalize, void* hint,
                               napi_value* result) {
  const napi_status status = create_external(env, data, length, finalize, hint, result);
  if (status != napi_no_external_buffers_allowed) return status;
  return create_copied_arraybuffer(env, data, length, finalize, hint, result);
}

}  // namespace

// The function of the running program, made to copy what the program refuses.
void* with_copies(void* create_external_arraybuffer) {
  create_external = reinterpret_cast<CreateExternal>(create_external_arraybuffer);
  return reinterpret_cast<void*>(&external_or_copied);
}

void replace_import(const std::string&, const char*, void*) {}

}  // namespace matcoder
