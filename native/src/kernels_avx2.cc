// AVX2, compiled twice. With VNNI, one instruction multiplies and adds eight rows by four columns; without it, three
// do.
#include "kernels.h"

#ifdef MATCODER_X86_KERNELS
#include <immintrin.h>

namespace matcoder {
namespace {

#if defined(__AVXVNNI__) || defined(__AVX512VNNI__)
#define MATCODER_VNNI 1
#endif

#ifdef MATCODER_VNNI
// sums[t, r] = sum of (w + 128) * a - 128 * sum of a, both exact in int32
template <int T>
void sums_of_panel(const uint8_t* w, size_t block_bytes, int block_k, int k, const int8_t* a, size_t stride,
                   const int32_t* a_sums, int32_t* sums) {
  __m256i acc[2 * T];
  for (int i = 0; i < 2 * T; i++) acc[i] = _mm256_setzero_si256();
  const int blocks = (k + block_k - 1) / block_k;
  for (int block = 0; block < blocks; block++, w += block_bytes) {
    const int start = block * block_k;
    const uint8_t* ahead = w + fetch_distance(block, blocks, block_bytes, (size_t)block_k * kLanes);
    for (int c = 0; c < block_k && start + c < k; c += 4) {
      const __m256i* weights = (const __m256i*)(w + (size_t)c * kLanes);
      __builtin_prefetch(ahead + (size_t)c * kLanes, 0, 1);
      const __m256i low = _mm256_loadu_si256(weights), high = _mm256_loadu_si256(weights + 1);
      for (int t = 0; t < T; t++) {
        int32_t four;
        __builtin_memcpy(&four, a + t * stride + start + c, 4);
        const __m256i vector = _mm256_set1_epi32(four);
        acc[2 * t] = _mm256_dpbusd_epi32(acc[2 * t], low, vector);
        acc[2 * t + 1] = _mm256_dpbusd_epi32(acc[2 * t + 1], high, vector);
      }
    }
  }
  for (int i = 0; i < 2 * T; i++)
    _mm256_storeu_si256((__m256i*)(sums + i * 8), _mm256_sub_epi32(acc[i], _mm256_set1_epi32(128 * a_sums[i / 2])));
}
#else
// maddubs multiplies unsigned by signed and saturates at 16 bits. With |w| <= 127 on the unsigned side and a carrying
// w's sign on the other, two products are at most 2 * 127 * 127 = 32258: no saturation, so the sums are exact.
template <int T>
void sums_of_panel(const uint8_t* w, size_t block_bytes, int block_k, int k, const int8_t* a, size_t stride,
                   const int32_t*, int32_t* sums) {
  const __m256i bias = _mm256_set1_epi8((char)0x80);
  const __m256i ones = _mm256_set1_epi16(1);
  for (int half = 0; half < 2; half++) {
    __m256i acc[T];
    for (int t = 0; t < T; t++) acc[t] = _mm256_setzero_si256();
    const int blocks = (k + block_k - 1) / block_k;
    const uint8_t* from = w + half * 32;
    for (int block = 0; block < blocks; block++, from += block_bytes) {
      const int start = block * block_k;
      const uint8_t* ahead = from + fetch_distance(block, blocks, block_bytes, (size_t)block_k * kLanes);
      for (int c = 0; c < block_k && start + c < k; c += 4) {
        const __m256i weights = _mm256_xor_si256(_mm256_loadu_si256((const __m256i*)(from + (size_t)c * kLanes)), bias);
        if (half == 0) __builtin_prefetch(ahead + (size_t)c * kLanes, 0, 1);
        const __m256i magnitudes = _mm256_abs_epi8(weights);
        for (int t = 0; t < T; t++) {
          int32_t four;
          __builtin_memcpy(&four, a + t * stride + start + c, 4);
          const __m256i signed_a = _mm256_sign_epi8(_mm256_set1_epi32(four), weights);
          acc[t] = _mm256_add_epi32(acc[t], _mm256_madd_epi16(_mm256_maddubs_epi16(magnitudes, signed_a), ones));
        }
      }
    }
    for (int t = 0; t < T; t++) _mm256_storeu_si256((__m256i*)(sums + t * kLanes + half * 8), acc[t]);
  }
}
#endif

// sums[p, t, r] of one group. Without VNNI, eight products of 4 bits by 8, at most 8 * 2 * 15 * 127 = 30480, fit into
// 16 bits; those of 8 bits are widened at once.
template <int T, int P, Form F>
inline void group_sums(const uint8_t* w, size_t panel_bytes, const uint8_t* ahead, const int8_t* a, size_t stride,
                       const int32_t* a_sums, size_t sums_stride, int32_t* sums) {
#ifdef MATCODER_VNNI
  constexpr int kZero = F == Form::kGroups8 ? 128 : F == Form::kGroups4 ? 8 : 0;
#else
  constexpr int kZero = F == Form::kGroups4 ? 8 : 0;
  const __m256i bias = _mm256_set1_epi8((char)0x80), ones = _mm256_set1_epi16(1);
#endif
  const __m256i low_bits = _mm256_set1_epi8(15);
  for (int p = 0; p < P; p++)
    for (int half = 0; half < 2; half++) {
      const size_t place = p * panel_bytes + 32 * half;
      __m256i acc[T];
      for (int t = 0; t < T; t++) acc[t] = _mm256_setzero_si256();
      for (int run = 0; run < group_bytes(F) / 64; run++) {
        const __m256i stored = _mm256_loadu_si256((const __m256i*)(w + place + 64 * run));
        if (half == 0) __builtin_prefetch(ahead + place + 64 * run, 0, 1);
        if (F == Form::kGroups8) {
#ifndef MATCODER_VNNI
          const __m256i weights = _mm256_xor_si256(stored, bias), magnitudes = _mm256_abs_epi8(weights);
#endif
          for (int t = 0; t < T; t++) {
            int32_t four;
            __builtin_memcpy(&four, a + t * stride + 4 * run, 4);
            const __m256i vector = _mm256_set1_epi32(four);
#ifdef MATCODER_VNNI
            acc[t] = _mm256_dpbusd_epi32(acc[t], stored, vector);
#else
            const __m256i pairs = _mm256_maddubs_epi16(magnitudes, _mm256_sign_epi8(vector, weights));
            acc[t] = _mm256_add_epi32(acc[t], _mm256_madd_epi16(pairs, ones));
#endif
          }
        } else {
          const __m256i low = _mm256_and_si256(stored, low_bits);
          const __m256i high = _mm256_and_si256(_mm256_srli_epi16(stored, 4), low_bits);
          for (int t = 0; t < T; t++) {
            int32_t four[2];
            __builtin_memcpy(four, a + t * stride + 8 * run, 8);
            const __m256i first = _mm256_set1_epi32(four[0]), second = _mm256_set1_epi32(four[1]);
#ifdef MATCODER_VNNI
            acc[t] = _mm256_dpbusd_epi32(_mm256_dpbusd_epi32(acc[t], low, first), high, second);
#else
            const __m256i pairs =
                _mm256_add_epi16(_mm256_maddubs_epi16(low, first), _mm256_maddubs_epi16(high, second));
            acc[t] = _mm256_add_epi16(acc[t], pairs);
#endif
          }
        }
      }
      for (int t = 0; t < T; t++) {
        __m256i total = acc[t];
#ifndef MATCODER_VNNI
        if (F != Form::kGroups8) total = _mm256_madd_epi16(total, ones);
#endif
        if (kZero != 0) total = _mm256_sub_epi32(total, _mm256_set1_epi32(kZero * a_sums[t * sums_stride]));
        _mm256_storeu_si256((__m256i*)(sums + (p * T + t) * kLanes + 8 * half), total);
      }
    }
}

template <int T, int P>
void panel_sums(const uint8_t* w, size_t panel_bytes, size_t block_bytes, int block_k, int k, const int8_t* a,
                size_t stride, const int32_t* a_sums, int32_t* sums) {
  for (int p = 0; p < P; p++)
    sums_of_panel<T>(w + p * panel_bytes, block_bytes, block_k, k, a, stride, a_sums, sums + p * T * kLanes);
}

constexpr int kWidth = 8;
typedef float Vector __attribute__((vector_size(4 * kWidth)));

Vector multiply_add(float a, Vector x, Vector sum) {
  return (Vector)_mm256_fmadd_ps(_mm256_set1_ps(a), (__m256)x, (__m256)sum);
}

Vector from_half(const uint16_t* x) { return (Vector)_mm256_cvtph_ps(_mm_loadu_si128((const __m128i*)x)); }

void to_half16(const float* x, uint16_t* out) {
  for (int i = 0; i < kLanes; i += 8)
    _mm_storeu_si128((__m128i*)(out + i), _mm256_cvtps_ph(_mm256_loadu_ps(x + i), _MM_FROUND_TO_NEAREST_INT));
}

#include "kernels_common.inl"

}  // namespace

#ifdef MATCODER_VNNI
const Kernels kAvxVnniKernels = {"avxvnni", product, rms_norm,     quantise,   quantise_groups,
                                 attention, to_half, silu_product, most_likely};
#else
const Kernels kAvx2Kernels = {"avx2",    product, rms_norm,     quantise,   quantise_groups,
                              attention, to_half, silu_product, most_likely};
#endif

}  // namespace matcoder
#endif
