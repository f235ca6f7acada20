// NEON with the dot-product instruction, which every Apple processor has, and most 64-bit Arm processors since 2018.
// One instruction multiplies and adds four rows by four columns, signed by signed.
#include "kernels.h"

#ifdef MATCODER_NEON_KERNELS
#include <arm_neon.h>

namespace matcoder {
namespace {

// sums[p, t, r] = sum of w * a, exact; the stored w + 128 becomes w by flipping its highest bit
template <int T, int P>
void panel_sums(const uint8_t* w, size_t panel_bytes, size_t block_bytes, int block_k, int k, const int8_t* a,
                size_t stride, const int32_t*, int32_t* sums) {
  const uint8x16_t bias = vdupq_n_u8(0x80);
  for (int p = 0; p < P; p++) {
    int32x4_t acc[T][4];
    for (int t = 0; t < T; t++)
      for (int quarter = 0; quarter < 4; quarter++) acc[t][quarter] = vdupq_n_s32(0);
    const int blocks = (k + block_k - 1) / block_k;
    const uint8_t* from = w + p * panel_bytes;
    for (int block = 0; block < blocks; block++, from += block_bytes) {
      const int start = block * block_k;
      const uint8_t* ahead = from + fetch_distance(block, blocks, block_bytes, panel_bytes);
      for (int c = 0; c < block_k && start + c < k; c += 4) {
        __builtin_prefetch(ahead + (size_t)c * kLanes, 0, 1);
        int8x16_t weights[4];
        for (int quarter = 0; quarter < 4; quarter++)
          weights[quarter] = vreinterpretq_s8_u8(veorq_u8(vld1q_u8(from + (size_t)c * kLanes + 16 * quarter), bias));
        for (int t = 0; t < T; t++) {
          int32_t four;
          __builtin_memcpy(&four, a + t * stride + start + c, 4);
          const int8x16_t vector = vreinterpretq_s8_s32(vdupq_n_s32(four));
          for (int quarter = 0; quarter < 4; quarter++)
            acc[t][quarter] = vdotq_s32(acc[t][quarter], weights[quarter], vector);
        }
      }
    }
    for (int t = 0; t < T; t++)
      for (int quarter = 0; quarter < 4; quarter++)
        vst1q_s32(sums + (p * T + t) * kLanes + 4 * quarter, acc[t][quarter]);
  }
}

template <int T, int P, Form F>
inline void group_sums(const uint8_t* w, size_t panel_bytes, const uint8_t* ahead, const int8_t* a, size_t stride,
                       const int32_t*, size_t, int32_t* sums) {
  const int8x16_t bias = vdupq_n_s8(F == Form::kGroups8 ? -128 : F == Form::kGroups4 ? 8 : 0);
  for (int p = 0; p < P; p++) {
    int32x4_t acc[T][4];
    for (int t = 0; t < T; t++)
      for (int quarter = 0; quarter < 4; quarter++) acc[t][quarter] = vdupq_n_s32(0);
    const auto multiply = [&](const int8x16_t* weights, int column) {
      for (int t = 0; t < T; t++) {
        int32_t four;
        __builtin_memcpy(&four, a + t * stride + column, 4);
        const int8x16_t vector = vreinterpretq_s8_s32(vdupq_n_s32(four));
        for (int quarter = 0; quarter < 4; quarter++)
          acc[t][quarter] = vdotq_s32(acc[t][quarter], weights[quarter], vector);
      }
    };
    for (int run = 0; run < group_bytes(F) / 64; run++) {
      const uint8_t* from = w + p * panel_bytes + 64 * run;
      __builtin_prefetch(ahead + p * panel_bytes + 64 * run, 0, 1);
      int8x16_t weights[4], high[4];
      for (int quarter = 0; quarter < 4; quarter++) {
        const uint8x16_t bytes = vld1q_u8(from + 16 * quarter);
        if (F == Form::kGroups8) {
          weights[quarter] = veorq_s8(vreinterpretq_s8_u8(bytes), bias);
        } else {
          weights[quarter] = vsubq_s8(vreinterpretq_s8_u8(vandq_u8(bytes, vdupq_n_u8(15))), bias);
          high[quarter] = vsubq_s8(vreinterpretq_s8_u8(vshrq_n_u8(bytes, 4)), bias);
        }
      }
      multiply(weights, F == Form::kGroups8 ? 4 * run : 8 * run);
      if (F != Form::kGroups8) multiply(high, 8 * run + 4);
    }
    for (int t = 0; t < T; t++)
      for (int quarter = 0; quarter < 4; quarter++)
        vst1q_s32(sums + (p * T + t) * kLanes + 4 * quarter, acc[t][quarter]);
  }
}

constexpr int kWidth = 4;
typedef float Vector __attribute__((vector_size(4 * kWidth)));

Vector multiply_add(float a, Vector x, Vector sum) { return (Vector)vfmaq_n_f32((float32x4_t)sum, (float32x4_t)x, a); }

Vector from_half(const uint16_t* x) { return (Vector)vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(x))); }

void to_half16(const float* x, uint16_t* out) {
  for (int i = 0; i < kLanes; i += 4) vst1_u16(out + i, vreinterpret_u16_f16(vcvt_f16_f32(vld1q_f32(x + i))));
}

#include "kernels_common.inl"

}  // namespace

const Kernels kNeonKernels = {"neon",    product, rms_norm,     quantise,   quantise_groups,
                              attention, to_half, silu_product, most_likely};

}  // namespace matcoder
#endif
