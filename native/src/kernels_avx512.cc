// AVX-512 VNNI: sixteen rows by four columns, multiplied and added by one instruction.
#include "kernels.h"

#ifdef MATCODER_X86_KERNELS
#include <immintrin.h>

namespace matcoder {
namespace {

// sum of (w + 128) * a - 128 * sum of a, both exact in int32
template <int T>
void panel_sums(const uint8_t* w, size_t block_bytes, int block_k, int k, const int8_t* a, size_t stride,
                const int32_t* a_sums, int32_t* sums) {
  // One vector, or two, leave the instruction's latency open: sums over every second or fourth column group fill it.
  constexpr int kChains = T == 1 ? 4 : T == 2 ? 2 : 1;
  __m512i acc[T * kChains];
  for (int i = 0; i < T * kChains; i++) acc[i] = _mm512_setzero_si512();
  for (int start = 0; start < k; start += block_k, w += block_bytes) {
    const int columns = k - start < block_k ? k - start : block_k;
    for (int c = 0; c < columns; c += 4 * kChains)
      for (int chain = 0; chain < kChains; chain++) {
        const __m512i weights = _mm512_loadu_si512(w + (size_t)(c + 4 * chain) * kLanes);
        for (int t = 0; t < T; t++) {
          int32_t four;
          __builtin_memcpy(&four, a + t * stride + start + c + 4 * chain, 4);
          acc[t * kChains + chain] = _mm512_dpbusd_epi32(acc[t * kChains + chain], weights, _mm512_set1_epi32(four));
        }
      }
  }
  for (int t = 0; t < T; t++) {
    __m512i total = acc[t * kChains];
    for (int chain = 1; chain < kChains; chain++) total = _mm512_add_epi32(total, acc[t * kChains + chain]);
    _mm512_storeu_si512(sums + t * kLanes, _mm512_sub_epi32(total, _mm512_set1_epi32(128 * a_sums[t])));
  }
}

void from_half16(const uint16_t* x, Lanes* lanes) {
  *lanes = (Lanes)_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i*)x));
}

void to_half16(const float* x, uint16_t* out) {
  _mm256_storeu_si256((__m256i*)out, _mm512_cvtps_ph(_mm512_loadu_ps(x), _MM_FROUND_TO_NEAREST_INT));
}

#include "kernels_common.inl"

}  // namespace

const Kernels kAvx512Kernels = {"avx512vnni", product, rms_norm,     quantise,
                                attention,    to_half, silu_product, most_likely};

}  // namespace matcoder
#endif
