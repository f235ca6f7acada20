// AVX-512, compiled twice. With VNNI, one instruction multiplies and adds sixteen rows by four columns; without it,
// four do.
#include "kernels.h"

#ifdef MATCODER_X86_KERNELS
#include <immintrin.h>

namespace matcoder {
namespace {

#ifdef __AVX512VNNI__
// sums[p, t, r] = sum of (w + 128) * a - 128 * sum of a, both exact in int32
template <int T, int P>
void panel_sums(const uint8_t* w, size_t panel_bytes, size_t block_bytes, int block_k, int k, const int8_t* a,
                size_t stride, const int32_t* a_sums, int32_t* sums) {
  // With few sums the instruction's latency limits the speed, so each is split in two, over every second column group.
  constexpr int kChains = T * P <= 4 ? 2 : 1;
  __m512i acc[P * T * kChains];
  for (int i = 0; i < P * T * kChains; i++) acc[i] = _mm512_setzero_si512();
  const int blocks = (k + block_k - 1) / block_k;
  for (int block = 0; block < blocks; block++, w += block_bytes) {
    const int start = block * block_k, columns = k - start < block_k ? k - start : block_k;
    [[maybe_unused]] const uint8_t* ahead = w + fetch_distance(block, blocks, block_bytes, P * panel_bytes);
    for (int c = 0; c < columns; c += 4 * kChains)
      for (int chain = 0; chain < kChains; chain++) {
        const int column = c + 4 * chain;
        __m512i weights[P];
        for (int p = 0; p < P; p++) {
          const size_t place = p * panel_bytes + (size_t)column * kLanes;
          weights[p] = _mm512_loadu_si512(w + place);
          __builtin_prefetch(ahead + place, 0, 1);
        }
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

// sums[p, t, r] of one group: sum of stored * a - the stored zero * sum of a
template <int T, int P, Form F>
inline void group_sums(const uint8_t* w, size_t panel_bytes, const uint8_t* ahead, const int8_t* a, size_t stride,
                       const int32_t* a_sums, size_t sums_stride, int32_t* sums) {
  constexpr int kZero = F == Form::kGroups8 ? 128 : F == Form::kGroups4 ? 8 : 0;
  const __m512i low_bits = _mm512_set1_epi8(15);
  __m512i acc[P * T];
  for (int i = 0; i < P * T; i++) acc[i] = _mm512_set1_epi32(-kZero * a_sums[i % T * sums_stride]);
  const auto multiply = [&](const __m512i* weights, int column) {
    for (int t = 0; t < T; t++) {
      int32_t four;
      __builtin_memcpy(&four, a + t * stride + column, 4);
      const __m512i vector = _mm512_set1_epi32(four);
      for (int p = 0; p < P; p++) acc[p * T + t] = _mm512_dpbusd_epi32(acc[p * T + t], weights[p], vector);
    }
  };
  for (int run = 0; run < group_bytes(F) / 64; run++) {
    __m512i weights[P], high[P];
    for (int p = 0; p < P; p++) {
      const size_t place = p * panel_bytes + 64 * run;
      weights[p] = _mm512_loadu_si512(w + place);
      __builtin_prefetch(ahead + place, 0, 1);
      if (F != Form::kGroups8) {
        high[p] = _mm512_and_si512(_mm512_srli_epi16(weights[p], 4), low_bits);
        weights[p] = _mm512_and_si512(weights[p], low_bits);
      }
    }
    multiply(weights, F == Form::kGroups8 ? 4 * run : 8 * run);
    if (F != Form::kGroups8) multiply(high, 8 * run + 4);
  }
  for (int i = 0; i < P * T; i++) _mm512_storeu_si512(sums + i * kLanes, acc[i]);
}
#else
// As in kernels_avx2.cc: |w| times a with w's sign. With |w| and |a| <= 127, two products never overflow 16 bits.
template <int T, int P>
void panel_sums(const uint8_t* w, size_t panel_bytes, size_t block_bytes, int block_k, int k, const int8_t* a,
                size_t stride, const int32_t*, int32_t* sums) {
  const __m512i bias = _mm512_set1_epi8((char)0x80), ones = _mm512_set1_epi16(1);
  __m512i acc[P * T];
  for (int i = 0; i < P * T; i++) acc[i] = _mm512_setzero_si512();
  const int blocks = (k + block_k - 1) / block_k;
  for (int block = 0; block < blocks; block++, w += block_bytes) {
    const int start = block * block_k, columns = k - start < block_k ? k - start : block_k;
    [[maybe_unused]] const uint8_t* ahead = w + fetch_distance(block, blocks, block_bytes, P * panel_bytes);
    for (int c = 0; c < columns; c += 4) {
      __m512i magnitudes[P];
      __mmask64 negative[P];
      for (int p = 0; p < P; p++) {
        const __m512i weights = _mm512_xor_si512(_mm512_loadu_si512(w + p * panel_bytes + (size_t)c * kLanes), bias);
        magnitudes[p] = _mm512_abs_epi8(weights);
        negative[p] = _mm512_movepi8_mask(weights);
      }
      for (int t = 0; t < T; t++) {
        int32_t four;
        __builtin_memcpy(&four, a + t * stride + start + c, 4);
        const __m512i vector = _mm512_set1_epi32(four);
        for (int p = 0; p < P; p++) {
          const __m512i with_sign = _mm512_mask_sub_epi8(vector, negative[p], _mm512_setzero_si512(), vector);
          const __m512i pairs = _mm512_maddubs_epi16(magnitudes[p], with_sign);
          acc[p * T + t] = _mm512_add_epi32(acc[p * T + t], _mm512_madd_epi16(pairs, ones));
        }
      }
    }
  }
  for (int i = 0; i < P * T; i++) _mm512_storeu_si512(sums + i * kLanes, acc[i]);
}

// Eight products of 4 bits by 8, at most 8 * 2 * 15 * 127 = 30480, fit into 16 bits; those of 8 bits are widened at
// once.
template <int T, int P, Form F>
inline void group_sums(const uint8_t* w, size_t panel_bytes, const uint8_t* ahead, const int8_t* a, size_t stride,
                       const int32_t* a_sums, size_t sums_stride, int32_t* sums) {
  const __m512i bias = _mm512_set1_epi8((char)0x80), ones = _mm512_set1_epi16(1), low_bits = _mm512_set1_epi8(15);
  __m512i acc[P * T];
  for (int i = 0; i < P * T; i++) acc[i] = _mm512_setzero_si512();
  for (int run = 0; run < group_bytes(F) / 64; run++)
    for (int p = 0; p < P; p++) {
      const size_t place = p * panel_bytes + 64 * run;
      const __m512i stored = _mm512_loadu_si512(w + place);
      __builtin_prefetch(ahead + place, 0, 1);
      if (F == Form::kGroups8) {
        const __m512i weights = _mm512_xor_si512(stored, bias), magnitudes = _mm512_abs_epi8(weights);
        const __mmask64 negative = _mm512_movepi8_mask(weights);
        for (int t = 0; t < T; t++) {
          int32_t four;
          __builtin_memcpy(&four, a + t * stride + 4 * run, 4);
          const __m512i vector = _mm512_set1_epi32(four);
          const __m512i with_sign = _mm512_mask_sub_epi8(vector, negative, _mm512_setzero_si512(), vector);
          const __m512i pairs = _mm512_maddubs_epi16(magnitudes, with_sign);
          acc[p * T + t] = _mm512_add_epi32(acc[p * T + t], _mm512_madd_epi16(pairs, ones));
        }
      } else {
        const __m512i low = _mm512_and_si512(stored, low_bits);
        const __m512i high = _mm512_and_si512(_mm512_srli_epi16(stored, 4), low_bits);
        for (int t = 0; t < T; t++) {
          int32_t four[2];
          __builtin_memcpy(four, a + t * stride + 8 * run, 8);
          const __m512i pairs = _mm512_add_epi16(_mm512_maddubs_epi16(low, _mm512_set1_epi32(four[0])),
                                                 _mm512_maddubs_epi16(high, _mm512_set1_epi32(four[1])));
          acc[p * T + t] = _mm512_add_epi16(acc[p * T + t], pairs);
        }
      }
    }
  for (int i = 0; i < P * T; i++) {
    __m512i total = acc[i];
    if (F != Form::kGroups8) total = _mm512_madd_epi16(total, ones);
    if (F == Form::kGroups4) total = _mm512_sub_epi32(total, _mm512_set1_epi32(8 * a_sums[i % T * sums_stride]));
    _mm512_storeu_si512(sums + i * kLanes, total);
  }
}
#endif

constexpr int kWidth = 16;
typedef float Vector __attribute__((vector_size(4 * kWidth)));

Vector multiply_add(float a, Vector x, Vector sum) {
  return (Vector)_mm512_fmadd_ps(_mm512_set1_ps(a), (__m512)x, (__m512)sum);
}

Vector from_half(const uint16_t* x) { return (Vector)_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i*)x)); }

void to_half16(const float* x, uint16_t* out) {
  _mm256_storeu_si256((__m256i*)out, _mm512_cvtps_ph(_mm512_loadu_ps(x), _MM_FROUND_TO_NEAREST_INT));
}

#include "kernels_common.inl"

}  // namespace

#ifdef __AVX512VNNI__
const Kernels kAvx512VnniKernels = {"avx512vnni", product, rms_norm,     quantise,   quantise_groups,
                                    attention,    to_half, silu_product, most_likely};
#else
const Kernels kAvx512Kernels = {"avx512",  product, rms_norm,     quantise,   quantise_groups,
                                attention, to_half, silu_product, most_likely};
#endif

}  // namespace matcoder
#endif
