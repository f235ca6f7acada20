// Plain C++: the reference, and the only kernels on a processor without AVX2.
#include "kernels.h"

namespace matcoder {
namespace {

// sums[t, r] = sum over k of (w[r, k] - 128) * a[t, k]
template <int T>
void panel_sums(const uint8_t* w, size_t block_bytes, int block_k, int k, const int8_t* a, size_t stride,
                const int32_t*, int32_t* sums) {
  for (int i = 0; i < T * kLanes; i++) sums[i] = 0;
  for (int start = 0; start < k; start += block_k, w += block_bytes)
    for (int c = 0; c < block_k && start + c < k; c += 4)
      for (int t = 0; t < T; t++)
        for (int r = 0; r < kLanes; r++)
          for (int j = 0; j < 4; j++)
            sums[t * kLanes + r] += ((int32_t)w[c * kLanes + r * 4 + j] - 128) * a[t * stride + start + c + j];
}

#include "kernels_common.inl"

}  // namespace

const Kernels kScalarKernels = {"scalar", product, rms_norm, quantise, attention, silu_product, most_likely};

}  // namespace matcoder
