#include <dlfcn.h>
#include <mach-o/loader.h>
#include <mach-o/nlist.h>
#include <mach/mach.h>

#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <vector>

#include "imports.h"

namespace matcoder {
namespace {

// The load commands of an image, one after the other.
template <typename Visit>
void each_command(const mach_header_64& image, Visit visit) {
  auto* at = reinterpret_cast<const char*>(&image + 1);
  for (uint32_t i = 0; i < image.ncmds; ++i) {
    auto* command = reinterpret_cast<const load_command*>(at);
    visit(*command, at);
    at += command->cmdsize;
  }
}

// The places that hold the address of an imported function: one for calls, one for its address. See <mach-o/loader.h>:
// sections of symbol pointers name their symbols in the indirect symbol table, from `reserved1` on.
std::vector<void**> import_slots(const mach_header_64& image, const std::string& symbol) {
  uintptr_t text = 0, linkedit = 0;
  const symtab_command* symtab = nullptr;
  const dysymtab_command* dysymtab = nullptr;
  each_command(image, [&](const load_command& command, const char* at) {
    if (command.cmd == LC_SYMTAB) symtab = reinterpret_cast<const symtab_command*>(at);
    if (command.cmd == LC_DYSYMTAB) dysymtab = reinterpret_cast<const dysymtab_command*>(at);
    if (command.cmd != LC_SEGMENT_64) return;
    auto* segment = reinterpret_cast<const segment_command_64*>(at);
    if (std::strcmp(segment->segname, SEG_TEXT) == 0) text = segment->vmaddr;
    if (std::strcmp(segment->segname, SEG_LINKEDIT) == 0) linkedit = segment->vmaddr - segment->fileoff;
  });
  if (!symtab || !dysymtab) return {};
  const uintptr_t slide = reinterpret_cast<uintptr_t>(&image) - text;
  auto* symbols = reinterpret_cast<const nlist_64*>(slide + linkedit + symtab->symoff);
  auto* names = reinterpret_cast<const char*>(slide + linkedit + symtab->stroff);
  auto* indirect = reinterpret_cast<const uint32_t*>(slide + linkedit + dysymtab->indirectsymoff);

  std::vector<void**> slots;
  each_command(image, [&](const load_command& command, const char* at) {
    if (command.cmd != LC_SEGMENT_64) return;
    auto* segment = reinterpret_cast<const segment_command_64*>(at);
    auto* sections = reinterpret_cast<const section_64*>(segment + 1);
    for (uint32_t s = 0; s < segment->nsects; ++s) {
      const uint32_t type = sections[s].flags & SECTION_TYPE;
      if (type != S_LAZY_SYMBOL_POINTERS && type != S_NON_LAZY_SYMBOL_POINTERS) continue;
      for (uint64_t i = 0; i < sections[s].size / sizeof(void*); ++i) {
        const uint32_t index = indirect[sections[s].reserved1 + i];
        if (index & (INDIRECT_SYMBOL_LOCAL | INDIRECT_SYMBOL_ABS)) continue;
        if (symbol == names + symbols[index].n_un.n_strx)
          slots.push_back(reinterpret_cast<void**>(slide + sections[s].addr) + i);
      }
    }
  });
  return slots;
}

// Found by the function that each Node-API library has; null if the library is not loaded or has none.
const mach_header_64* image_of(const std::string& library_file) {
  void* handle = dlopen(library_file.c_str(), RTLD_LAZY | RTLD_NOLOAD);
  if (!handle) return nullptr;
  Dl_info info{};
  const void* entry = dlsym(handle, "napi_register_module_v1");
  const bool is_found = entry && dladdr(entry, &info) != 0;
  dlclose(handle);  // it stays loaded, as it was
  return is_found ? static_cast<const mach_header_64*>(info.dli_fbase) : nullptr;
}

}  // namespace

void replace_import(const std::string& library_file, const char* function, void* replacement) {
  const mach_header_64* image = image_of(library_file);
  if (!image) throw std::runtime_error(library_file + " is not loaded, or no library of Node-API");
  const std::vector<void**> slots = import_slots(*image, std::string("_") + function);
  if (slots.empty()) throw std::runtime_error(library_file + " does not import " + function);
  // A slot that was bound when the library was loaded may be read-only since.
  for (void** slot : slots) {
    if (vm_protect(mach_task_self(), reinterpret_cast<vm_address_t>(slot), sizeof *slot, false,
                   VM_PROT_READ | VM_PROT_WRITE | VM_PROT_COPY) != KERN_SUCCESS)
      throw std::runtime_error(library_file + " cannot be changed in memory");
    *slot = replacement;
  }
}

}  // namespace matcoder
