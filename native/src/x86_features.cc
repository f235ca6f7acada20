// Bits by Intel's manual: volume 2, CPUID, and volume 1, 13.3, XCR0.
#include "x86_features.h"

#include <cstdio>

#if defined(__x86_64__)
#include <cpuid.h>
#ifdef __APPLE__
#include <sys/sysctl.h>
#endif
#endif

namespace matcoder {
namespace {

constexpr uint64_t kAvxState = 0x06;     // XMM and YMM
constexpr uint64_t kAvx512State = 0xe6;  // and the masks, the upper halves of ZMM 0 to 15, and ZMM 16 to 31

bool bit(uint32_t value, int index) { return value >> index & 1; }

}  // namespace

X86Features decode_x86_features(const X86Registers& r) {
  const bool saves_avx = (r.xcr0 & kAvxState) == kAvxState;
  const bool saves_avx512 = (r.xcr0 & kAvx512State) == kAvx512State;
  const bool avx = bit(r.leaf1_ecx, 28), fma = bit(r.leaf1_ecx, 12), f16c = bit(r.leaf1_ecx, 29);
  X86Features features;
  features.avx2 = saves_avx && avx && fma && f16c && bit(r.leaf7_ebx, 5);
  features.avx_vnni = features.avx2 && bit(r.leaf7_1_eax, 4);
  // The compilers take AVX-512 to include AVX2, FMA and F16C.
  features.avx512 = features.avx2 && saves_avx512 && bit(r.leaf7_ebx, 16) && bit(r.leaf7_ebx, 30);
  features.avx512_vnni = features.avx512 && bit(r.leaf7_ecx, 11);
  return features;
}

bool keeps_avx512_masks(const char* release) {
  int major = 0, minor = 0;
  if (std::sscanf(release, "%d.%d", &major, &minor) != 2) return false;
  return major > 21 || (major == 21 && minor >= 3);
}

#if defined(__x86_64__)
namespace {

uint64_t read_xcr0() {
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return static_cast<uint64_t>(high) << 32 | low;
}

#ifdef __APPLE__
// macOS enables the states of AVX-512 in XCR0 when a thread uses it for the first time.
bool saves_avx512_on_demand() {
  int value = 0;
  size_t bytes = sizeof value;
  if (sysctlbyname("hw.optional.avx512f", &value, &bytes, nullptr, 0) != 0 || value == 0) return false;
  char release[64] = "";
  bytes = sizeof release - 1;
  return sysctlbyname("kern.osrelease", release, &bytes, nullptr, 0) == 0 && keeps_avx512_masks(release);
}
#endif

}  // namespace

X86Features x86_features() {
  X86Registers r;
  uint32_t eax, ebx, ecx, edx;
  if (!__get_cpuid(1, &eax, &ebx, &r.leaf1_ecx, &edx)) return {};
  const bool has_xgetbv = bit(r.leaf1_ecx, 27);  // OSXSAVE
  if (has_xgetbv) r.xcr0 = read_xcr0();
#ifdef __APPLE__
  // Whether another use has enabled them already says nothing.
  if (saves_avx512_on_demand())
    r.xcr0 |= has_xgetbv ? kAvx512State : 0;
  else
    r.xcr0 &= kAvxState;
#endif
  uint32_t last_subleaf = 0;
  if (__get_cpuid_count(7, 0, &last_subleaf, &r.leaf7_ebx, &r.leaf7_ecx, &edx) && last_subleaf >= 1)
    __get_cpuid_count(7, 1, &r.leaf7_1_eax, &ebx, &ecx, &edx);
  return decode_x86_features(r);
}
#else
X86Features x86_features() { return {}; }
#endif

}  // namespace matcoder
