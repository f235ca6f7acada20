// Node-API on Windows. A library there names the program that it imports from, and this addon runs in many: node.exe,
// Code.exe, electron.exe. So it imports from none. Its calls go through the pointers that an import table would hold
// (`__imp_NAME`), and they are filled from the running program when the addon is loaded.
//
// Dawn's library names node.exe, so no other program loads it. In our packages it names this addon instead
// (scripts/lib/webgpu.mjs), which therefore exports all these functions, too.
#define WIN32_LEAN_AND_MEAN
#define NOMINMAX
#include <windows.h>

// NODE_API_FUNCTION(NAME) for each function of the version that we build for; the build writes it.
#define NODE_API_FUNCTION(name) void* __imp_##name = nullptr;
extern "C" {
#include "node_api_functions.inl"
}
#undef NODE_API_FUNCTION

#if defined(__aarch64__)
#define JUMP_TO(pointer) "adrp x16, " pointer "\n ldr x16, [x16, :lo12:" pointer "]\n br x16"
#else
#define JUMP_TO(pointer) "jmpq *" pointer "(%rip)"
#endif
#define NODE_API_FUNCTION(name) \
  extern "C" __declspec(dllexport) __attribute__((naked)) void name() { asm(JUMP_TO("__imp_" #name)); }
#include "node_api_functions.inl"
#undef NODE_API_FUNCTION

namespace matcoder {
// In dawn/windows.cc.
void* with_copies(void* create_external_arraybuffer);
}  // namespace matcoder

namespace {

struct Import {
  const char* name;
  void** pointer;
};

#define NODE_API_FUNCTION(name) {#name, &__imp_##name},
constexpr Import kImports[] = {
#include "node_api_functions.inl"
};

// The module that has Node-API: the program, or a library if the program embeds Node.js as one.
HMODULE find_node() {
  const HMODULE modules[] = {GetModuleHandleW(nullptr), GetModuleHandleW(L"libnode.dll"),
                             GetModuleHandleW(L"node.dll")};
  for (const HMODULE module : modules)
    if (module && GetProcAddress(module, kImports[0].name)) return module;
  return nullptr;
}

}  // namespace

// Returning FALSE makes the load fail, as a missing import would.
extern "C" BOOL WINAPI DllMain(HINSTANCE, DWORD reason, LPVOID) {
  if (reason != DLL_PROCESS_ATTACH) return TRUE;
  const HMODULE node = find_node();
  if (!node) return FALSE;
  for (const Import& import : kImports) {
    *import.pointer = reinterpret_cast<void*>(GetProcAddress(node, import.name));
    if (!*import.pointer) return FALSE;
  }
  __imp_napi_create_external_arraybuffer = matcoder::with_copies(__imp_napi_create_external_arraybuffer);
  return TRUE;
}
