// The arithmetic of the engine, for every instruction set.
//
// Integer sums are exact. Float code is written in 16 fixed lanes and uses fused multiply-adds only where the source
// says so. Therefore every instruction set gives the same bits.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace matcoder {

// Rows of a matrix that are computed together; also the positions in a block of the key cache.
constexpr int kLanes = 16;

// Columns that share a scale if a matrix is quantised in groups.
constexpr int kGroup = 32;

// How the weights of a matrix are quantised.
enum class Form {
  kRows,        // int8 with a scale for each row
  kGroups8,     // int8 with a scale for each group of 32 columns
  kGroups4,     // 4 bits in the same groups: scale * (q - 8)
  kGroups4Min,  // 4 bits: scale * q + minimum
};

// A matrix [rows, k] for products with int8 vectors. Int8 weights are stored as w + 128, because the VNNI instruction
// multiplies unsigned by signed.
//
// kRows: blocks of `block_k` columns; in a block, panels of 16 rows; in a panel, runs of 4 columns: 16 rows x 4 columns
// = 64 bytes. With one block, a prefix of rows is contiguous (gate, up); with many, a prefix of columns is (down). Both
// kinds of prefix belong to a submodel.
//
// The others: panels of 16 rows; in a panel, groups of 32 columns; in a group, runs as above, 512 bytes. With 4 bits a
// byte holds two weights: the low bits are of columns 0 to 3 of each 8, the high bits of columns 4 to 7; 256 bytes.
struct Matrix {
  int rows = 0;  // a multiple of 16
  int k = 0;
  int block_k = 0;
  uint8_t* data = nullptr;
  float* scales = nullptr;  // kRows: [rows]
  Form form = Form::kRows;
  uint16_t* group_scales = nullptr;    // otherwise: [rows / 16, k / 32, 16] float16
  uint16_t* group_minimums = nullptr;  // kGroups4Min: likewise
};

// Bytes of a group of 32 columns of a panel.
constexpr int group_bytes(Form form) { return form == Form::kGroups8 ? kGroup * kLanes : kGroup * kLanes / 2; }

// A product reads its matrix from memory once, in pieces that are too short for the hardware prefetcher. While it works
// on one block of columns of a few panels, it prefetches the bytes at this distance: the same columns of the eighth
// block after it or, near the last block, of the next panels. They go into the second-level cache, because it can have
// more reads in flight than the first.
static inline ptrdiff_t fetch_distance(int block, int blocks, size_t block_bytes, size_t panels_bytes) {
  const int lead = blocks < 8 ? blocks : 8;
  const ptrdiff_t next = (ptrdiff_t)block_bytes;
  return block + lead < blocks ? lead * next : (lead - blocks) * next + (ptrdiff_t)panels_bytes;
}

// Rows whose largest magnitude is below this are quantised to zeros, because 127 divided by it may overflow.
constexpr float kLeastQuantised = 1e-30f;

// Vectors quantised to int8: x ~ values * scale. There is one scale for each vector, or one for each group of 32
// values.
struct Activations {
  int8_t* values = nullptr;  // [count, stride]
  float* scales = nullptr;   // [count, scale_stride]
  int32_t* sums = nullptr;   // likewise: the sum of the values, because storing w + 128 adds 128 times this
  size_t stride = 0;
  size_t scale_stride = 1;
};

// One query of attention, a token's head: out = softmax(q . keys * scale) . values over its first positions.
struct Query {
  const float* q;
  float* out;
  int positions;
};

// Queries that share one pass over keys and values.
constexpr int kMaxQueries = 4;

struct Kernels {
  const char* name;

  // out[t, r] = sum over k of w[r, k] * a[t, k], for panels first..last and the first `k` columns; the sums of integers
  // are exact. With `terms` of 2, pairs of vectors add up to one row of `out` and `count` is even. A matrix in groups
  // needs activations in groups, `terms` of 1 and a multiple of 32 columns; the groups' sums are added in their order.
  // out: [count / terms, out_stride]
  void (*product)(const Matrix& w, int k, int first_panel, int last_panel, const Activations& a, int count, int terms,
                  float* out, size_t out_stride);

  // out = x / rms(x) * weight; NaN if the sum of squares overflows
  void (*rms_norm)(const float* x, const float* weight, int n, float eps, float* out);

  // Symmetric int8 by the largest magnitude; writes row t of `a`. If a value is not finite, the row is zeros with a
  // scale of NaN, so that the fault stays visible.
  void (*quantise)(const float* x, int n, const Activations& a, int t);

  // The same for each group of 32 values. n: a multiple of 32
  void (*quantise_groups)(const float* x, int n, const Activations& a, int t);

  // Up to kMaxQueries of heads that share keys and values; each gives the bits that it gives alone.
  // keys: [blocks of 16 positions, head_dim, 16], values: [position, head_dim], both float16;
  // scores: scratch [count, stride], a row at least as long as the blocks of positions
  void (*attention)(const Query* queries, int count, const uint16_t* keys, const uint16_t* values, int head_dim,
                    float scale, float* scores, size_t stride);

  // To float16, to the nearest and never infinite; n a multiple of 16.
  void (*to_half)(const float* x, int n, uint16_t* out);

  // out = silu(gate) * up; gate_up holds 16 of gate, 16 of up, and so on. n: hidden units
  void (*silu_product)(const float* gate_up, int n, float* out);

  // Index of the largest of n, and its softmax probability.
  int (*most_likely)(const float* logits, int n, float* probability);
};

extern const Kernels kScalarKernels;
#if defined(__x86_64__) && !defined(_MSC_VER)
#define MATCODER_X86_KERNELS 1
extern const Kernels kAvx2Kernels;
extern const Kernels kAvxVnniKernels;
extern const Kernels kAvx512Kernels;
extern const Kernels kAvx512VnniKernels;
#endif
#if defined(__aarch64__) && !defined(_MSC_VER)
#define MATCODER_NEON_KERNELS 1
extern const Kernels kNeonKernels;
#endif

}  // namespace matcoder
