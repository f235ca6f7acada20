#pragma once

#include <cstdint>

namespace matcoder {

// The instruction sets of x86-64 that have kernels, usable only if the operating system saves their registers.
struct X86Features {
  bool avx2 = false;  // with FMA and F16C
  bool avx_vnni = false;
  bool avx512 = false;  // F and BW
  bool avx512_vnni = false;
};

// What the instructions CPUID and XGETBV report; zero if the processor lacks them.
struct X86Registers {
  uint32_t leaf1_ecx = 0;
  uint32_t leaf7_ebx = 0, leaf7_ecx = 0;
  uint32_t leaf7_1_eax = 0;
  uint64_t xcr0 = 0;  // the states of registers that the operating system saves
};

X86Features decode_x86_features(const X86Registers& registers);

// Whether a kernel of macOS keeps the mask registers of AVX-512. Before macOS 12.2, whose kernel is 21.3, a signal
// could change them (https://go.dev/issue/49233). release: sysctl's kern.osrelease, such as "21.6.0"
bool keeps_avx512_masks(const char* release);

// The features of this processor. __builtin_cpu_supports would find none in a library that Zig has linked, because
// Zig's runtime library does not fill in its table.
X86Features x86_features();

}  // namespace matcoder
