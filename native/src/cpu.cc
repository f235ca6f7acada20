#include "cpu.h"

#include <stdexcept>

#if defined(__aarch64__) && defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

namespace matcoder {

std::vector<const Kernels*> supported_kernels() {
  std::vector<const Kernels*> found;
#ifdef MATCODER_X86_KERNELS
  // The compiler's check covers the operating system's part (XCR0) too.
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512vnni"))
    found.push_back(&kAvx512Kernels);
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("f16c") && __builtin_cpu_supports("fma"))
    found.push_back(&kAvx2Kernels);
#endif
#ifdef MATCODER_NEON_KERNELS
#ifdef __linux__
  const bool dot_product = getauxval(AT_HWCAP) & HWCAP_ASIMDDP;
#else
  const bool dot_product = true;  // every Apple processor
#endif
  if (dot_product) found.push_back(&kNeonKernels);
#endif
  found.push_back(&kScalarKernels);
  return found;
}

const Kernels& choose_kernels(const std::string& name) {
  const auto supported = supported_kernels();
  if (name.empty()) return *supported.front();
  std::string names;
  for (const Kernels* kernels : supported) {
    if (kernels->name == name) return *kernels;
    names += (names.empty() ? "" : ", ") + std::string(kernels->name);
  }
  throw std::invalid_argument("the instruction set " + name + " does not run on this machine; it has " + names);
}

}  // namespace matcoder
