#include "cpu.h"

#include <stdexcept>

#ifdef MATCODER_X86_KERNELS
#include <cpuid.h>
#endif
#if defined(__aarch64__) && defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

namespace matcoder {
namespace {

#ifdef MATCODER_X86_KERNELS
// VNNI in its VEX encoding, which kernels_avxvnni is compiled for. __builtin_cpu_supports of older compilers does not
// know it.
bool has_avx_vnni() {
  unsigned eax, ebx, ecx, edx;
  return __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) && (eax >> 4 & 1);
}
#endif

}  // namespace

std::vector<const Kernels*> supported_kernels() {
  std::vector<const Kernels*> found;
#ifdef MATCODER_X86_KERNELS
  // The compiler's check includes the operating system's support (XCR0).
  __builtin_cpu_init();
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw");
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("f16c") && __builtin_cpu_supports("fma");
  if (avx512 && __builtin_cpu_supports("avx512vnni")) found.push_back(&kAvx512VnniKernels);
  if (avx512) found.push_back(&kAvx512Kernels);
  if (avx2 && has_avx_vnni()) found.push_back(&kAvxVnniKernels);
  if (avx2) found.push_back(&kAvx2Kernels);
#endif
#ifdef MATCODER_NEON_KERNELS
#ifdef __linux__
  const bool dot_product = getauxval(AT_HWCAP) & HWCAP_ASIMDDP;
#elif defined(__APPLE__)
  const bool dot_product = true;  // every Apple processor
#else
  const bool dot_product = false;  // no way to find out
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
