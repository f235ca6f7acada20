#include <dlfcn.h>
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <stdexcept>

#include "imports.h"

namespace matcoder {
namespace {

// The place that holds the address of an imported function; null if it is not imported. See the chapter on dynamic
// linking of the System V ABI.
void** import_slot(const link_map& library, const char* function) {
  const ElfW(Sym)* symbols = nullptr;
  const char* names = nullptr;
  const ElfW(Rela)* relocations = nullptr;
  size_t relocation_bytes = 0;
  for (const ElfW(Dyn)* entry = library.l_ld; entry->d_tag != DT_NULL; ++entry) {
    switch (entry->d_tag) {
      case DT_SYMTAB:
        symbols = reinterpret_cast<const ElfW(Sym)*>(entry->d_un.d_ptr);
        break;
      case DT_STRTAB:
        names = reinterpret_cast<const char*>(entry->d_un.d_ptr);
        break;
      case DT_JMPREL:
        relocations = reinterpret_cast<const ElfW(Rela)*>(entry->d_un.d_ptr);
        break;
      case DT_PLTRELSZ:
        relocation_bytes = entry->d_un.d_val;
        break;
    }
  }
  if (!symbols || !names || !relocations) return nullptr;
  for (size_t i = 0; i < relocation_bytes / sizeof *relocations; ++i) {
    const ElfW(Sym)& symbol = symbols[ELF64_R_SYM(relocations[i].r_info)];
    if (std::strcmp(names + symbol.st_name, function) == 0)
      return reinterpret_cast<void**>(library.l_addr + relocations[i].r_offset);
  }
  return nullptr;
}

}  // namespace

void replace_import(const std::string& library_file, const char* function, void* replacement) {
  void* handle = dlopen(library_file.c_str(), RTLD_LAZY | RTLD_NOLOAD);
  if (!handle) throw std::runtime_error(library_file + " is not loaded");
  link_map* library = nullptr;
  void** slot = dlinfo(handle, RTLD_DI_LINKMAP, &library) == 0 ? import_slot(*library, function) : nullptr;
  dlclose(handle);  // it stays loaded, as it was
  if (!slot) throw std::runtime_error(library_file + " does not import " + function);
  // A library that was bound when it was loaded has the slot in memory that is read-only since.
  const uintptr_t page = reinterpret_cast<uintptr_t>(slot) & ~static_cast<uintptr_t>(sysconf(_SC_PAGESIZE) - 1);
  const size_t length = reinterpret_cast<uintptr_t>(slot + 1) - page;
  if (mprotect(reinterpret_cast<void*>(page), length, PROT_READ | PROT_WRITE) != 0)
    throw std::runtime_error(library_file + " cannot be changed in memory");
  *slot = replacement;
}

}  // namespace matcoder
