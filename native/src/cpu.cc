#include "cpu.h"

#include <stdexcept>

#include "x86_features.h"

#if defined(__aarch64__) && defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#elif defined(__aarch64__) && defined(_WIN32)
#define WIN32_LEAN_AND_MEAN
#define NOMINMAX
#include <windows.h>
#endif

namespace matcoder {
namespace {

#ifdef MATCODER_NEON_KERNELS
bool has_dot_product() {
#if defined(__linux__)
  return getauxval(AT_HWCAP) & HWCAP_ASIMDDP;
#elif defined(__APPLE__)
  return true;  // every Apple processor
#elif defined(_WIN32)
  return IsProcessorFeaturePresent(PF_ARM_V82_DP_INSTRUCTIONS_AVAILABLE);
#else
  return false;  // no way to find out
#endif
}
#endif

}  // namespace

std::vector<const Kernels*> supported_kernels() {
  std::vector<const Kernels*> found;
#ifdef MATCODER_X86_KERNELS
  const X86Features features = x86_features();
  if (features.avx512_vnni) found.push_back(&kAvx512VnniKernels);
  if (features.avx512) found.push_back(&kAvx512Kernels);
  if (features.avx_vnni) found.push_back(&kAvxVnniKernels);
  if (features.avx2) found.push_back(&kAvx2Kernels);
#endif
#ifdef MATCODER_NEON_KERNELS
  if (has_dot_product()) found.push_back(&kNeonKernels);
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
