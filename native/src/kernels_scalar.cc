// Plain C++: the reference, and the kernels for a processor without AVX2 or NEON's dot product.
#include "kernels.h"

namespace matcoder {
namespace {

// sums[p, t, r] = sum over k of (w[p, r, k] - 128) * a[t, k]
template <int T, int P>
void panel_sums(const uint8_t* w, size_t panel_bytes, size_t block_bytes, int block_k, int k, const int8_t* a,
                size_t stride, const int32_t*, int32_t* sums) {
  for (int i = 0; i < P * T * kLanes; i++) sums[i] = 0;
  for (int start = 0; start < k; start += block_k, w += block_bytes)
    for (int p = 0; p < P; p++) {
      const uint8_t* panel = w + p * panel_bytes;
      int32_t* panel_sums = sums + p * T * kLanes;
      for (int c = 0; c < block_k && start + c < k; c += 4)
        for (int t = 0; t < T; t++)
          for (int r = 0; r < kLanes; r++)
            for (int j = 0; j < 4; j++)
              panel_sums[t * kLanes + r] +=
                  ((int32_t)panel[c * kLanes + r * 4 + j] - 128) * a[t * stride + start + c + j];
    }
}

// sums[p, t, r] of one group: w * a, of kGroups4Min q * a
template <int T, int P, Form F>
void group_sums(const uint8_t* w, size_t panel_bytes, const uint8_t*, const int8_t* a, size_t stride, const int32_t*,
                size_t, int32_t* sums) {
  constexpr int kOffset = F == Form::kGroups8 ? 128 : F == Form::kGroups4 ? 8 : 0;
  for (int i = 0; i < P * T * kLanes; i++) sums[i] = 0;
  for (int p = 0; p < P; p++)
    for (int c = 0; c < kGroup; c += 4) {
      const uint8_t* run = w + p * panel_bytes + (F == Form::kGroups8 ? c : c / 8 * 4) * kLanes;
      const int shift = F != Form::kGroups8 && c % 8 == 4 ? 4 : 0, mask = F == Form::kGroups8 ? 255 : 15;
      for (int t = 0; t < T; t++)
        for (int r = 0; r < kLanes; r++)
          for (int j = 0; j < 4; j++)
            sums[(p * T + t) * kLanes + r] += ((run[r * 4 + j] >> shift & mask) - kOffset) * a[t * stride + c + j];
    }
}

constexpr int kWidth = 4;
typedef float Vector __attribute__((vector_size(4 * kWidth)));

Vector multiply_add(float a, Vector x, Vector sum) {
  for (int l = 0; l < kWidth; l++) sum[l] = __builtin_fmaf(a, x[l], sum[l]);
  return sum;
}

Vector from_half(const uint16_t* x) {
  Vector floats;
  for (int l = 0; l < kWidth; l++) {
    // The exponent bias of float16 is 112 less, for subnormal numbers too.
    const uint32_t bits = (uint32_t)(x[l] & 0x7fff) << 13;
    float magnitude;
    __builtin_memcpy(&magnitude, &bits, 4);
    magnitude *= 5.192296858534828e33f;  // 2^112
    floats[l] = x[l] & 0x8000 ? -magnitude : magnitude;
  }
  return floats;
}

void to_half16(const float* x, uint16_t* out) {
  for (int l = 0; l < kLanes; l++) {
    uint32_t bits;
    __builtin_memcpy(&bits, x + l, 4);
    const uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
    bits &= 0x7fffffff;
    if (bits < 113u << 23) {
      // Below 2^-14 the unit of a float16 is 2^-24, as that of a float between 0.5 and 1: the addition rounds to it.
      float magnitude;
      __builtin_memcpy(&magnitude, &bits, 4);
      magnitude += 0.5f;
      __builtin_memcpy(&bits, &magnitude, 4);
      out[l] = sign | (uint16_t)(bits - 0x3f000000);
    } else {
      bits += 0xfff + (bits >> 13 & 1);  // to the nearest, ties to even
      out[l] = sign | (uint16_t)((bits >> 13) - (112 << 10));
    }
  }
}

#include "kernels_common.inl"

}  // namespace

const Kernels kScalarKernels = {"scalar",  product, rms_norm,     quantise,   quantise_groups,
                                attention, to_half, silu_product, most_likely};

}  // namespace matcoder
