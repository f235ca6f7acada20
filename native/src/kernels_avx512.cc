// AVX-512 VNNI: sixteen rows by four columns, multiplied and added by one instruction.
#include "kernels.h"

#ifdef MATCODER_X86_KERNELS
#include <immintrin.h>

namespace matcoder {
namespace {

// sums[p, t, r] = sum of (w + 128) * a - 128 * sum of a, both exact in int32
template <int T, int P>
void panel_sums(const uint8_t* w, size_t panel_bytes, size_t block_bytes, int block_k, int k, const int8_t* a,
                size_t stride, const int32_t* a_sums, int32_t* sums) {
  // Few sums leave the instruction's latency open: those over every second column group fill it.
  constexpr int kChains = T * P <= 4 ? 2 : 1;
  __m512i acc[P * T * kChains];
  for (int i = 0; i < P * T * kChains; i++) acc[i] = _mm512_setzero_si512();
  for (int start = 0; start < k; start += block_k, w += block_bytes) {
    const int columns = k - start < block_k ? k - start : block_k;
    for (int c = 0; c < columns; c += 4 * kChains)
      for (int chain = 0; chain < kChains; chain++) {
        const int column = c + 4 * chain;
        __m512i weights[P];
        for (int p = 0; p < P; p++) weights[p] = _mm512_loadu_si512(w + p * panel_bytes + (size_t)column * kLanes);
        for (int t = 0; t < T; t++) {
          int32_t four;
          __builtin_memcpy(&four, a + t * stride + start + column, 4);
          const __m512i vector = _mm512_set1_epi32(four);
          for (int p = 0; p < P; p++) {
            __m512i& sum = acc[(p * T + t) * kChains + chain];
            sum = _mm512_dpbusd_epi32(sum, weights[p], vector);
          }
        }
      }
  }
  for (int i = 0; i < P * T; i++) {
    __m512i total = acc[i * kChains];
    for (int chain = 1; chain < kChains; chain++) total = _mm512_add_epi32(total, acc[i * kChains + chain]);
    _mm512_storeu_si512(sums + i * kLanes, _mm512_sub_epi32(total, _mm512_set1_epi32(128 * a_sums[i % T])));
  }
}

void multiply_add(Lanes* sum, float a, const Lanes& x) {
  *sum = (Lanes)_mm512_fmadd_ps(_mm512_set1_ps(a), (__m512)x, (__m512)*sum);
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
