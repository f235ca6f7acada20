// The transformer blocks, which a decoder and an encoder share: rows of activations in, rows of activations out.
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "activations.h"
#include "compensation.h"
#include "kv_cache.h"
#include "model.h"
#include "thread_pool.h"

namespace matcoder {

// Working memory of a thread that works on one row.
struct RowScratch {
  // widest: the most inputs of a matrix
  RowScratch(const Config& config, int widest);

  std::vector<float> normed;     // [hidden]
  std::vector<float> active;     // [ffn]
  std::vector<float> remainder;  // [widest] what one int8 vector leaves out
};

// Rows of the pass that are consecutive tokens of one text.
struct Sequence {
  int rows;     // of the pass, after those of the sequence before
  int start;    // position of the first of them in its text
  int place;    // of the text's first position in the cache: a multiple of kLanes
  bool causal;  // each row attends to the positions up to its own; otherwise to all of them
};

// Working memory of one pass of up to `rows` rows.
struct BlockScratch {
  // positions: the most that a row attends to
  // widest: the most inputs of a matrix other than those of the blocks
  BlockScratch(const Config& config, int rows, int positions, int threads, int widest = 0);

  int rows;
  std::vector<float> x;         // [rows, hidden] residual stream
  std::vector<float> qkv;       // [rows, qkv_rows]
  std::vector<float> attn_out;  // [rows, heads * padded_head_dim]
  std::vector<float> gate_up;   // [rows, 2 * ffn]
  std::vector<float> delta;     // [rows, hidden]
  std::vector<float> scores;    // [threads, kMaxQueries, positions]
  size_t scores_stride;         // positions, rounded up to whole blocks of them
  std::vector<RowScratch> of_thread;
  Activations by_vector;  // [2 * rows, widest input], for matrices with scales by row
  Activations by_group;   // [rows, widest input], for the others; in the same memory
  std::vector<int8_t> values_;
  std::vector<float> scales_;
  std::vector<int32_t> sums_;

  // A row of the pass: its position in its text, where that is in the cache, and the positions that it attends to.
  struct RowPlace {
    int position, stored_at, visible;
  };
  // Queries of a sequence that share a pass over keys and values: rows * group of them, by row.
  struct QueryRun {
    int first_row, first, last, place;
  };
  std::vector<RowPlace> places_;
  std::vector<QueryRun> runs_;
};

// Runs the rows of the sequences, whose activations are in scratch.x, through the blocks of a submodel, whose
// compensation is prepared, and stores their keys and values in the cache, which has room for them. Leaves the residual
// stream in scratch.x. Checks `aborted` before each piece of a product and of attention, about a millisecond apart even
// in a large model: if it is set, returns false. Throws std::runtime_error if the weights are so large that activations
// overflow. gathered: if not null, the activations of these rows are added to it. on_layer: if set, is called after
// each layer
bool run_blocks(const Model& model, const Kernels& kernels, const Compensation& compensation,
                const std::vector<int>& widths, const Sequence* sequences, int count, KvCache& cache,
                BlockScratch& scratch, ThreadPool& pool, const std::atomic<bool>& aborted,
                UnitActivations* gathered = nullptr, const std::function<void()>& on_layer = nullptr);

// Vectors in int8, as a matrix needs them.
struct Inputs {
  const Activations* activations;
  int vectors;  // of activations
  int terms;    // vectors that add up to one row of the product
};

// Quantises x[t], [rows, k] with a stride, for the matrix `w` in as much detail as it takes.
// what: they are, for the error if one is not finite
Inputs quantise_precisely(const Model& model, const Kernels& kernels, const Matrix& w, const float* x, size_t stride,
                          int rows, int k, BlockScratch& scratch, const std::string& what);

// out[t, r] = w[r, :k] . a[t, :k] for the first `rows` rows, shared among threads by runs of panels. If the request is
// aborted, the product is not complete.
void matmul(const Kernels& kernels, const Matrix& w, int rows, int k, const Inputs& inputs, float* out,
            size_t out_stride, ThreadPool& pool, const std::atomic<bool>& aborted);

// The embedding of a token, [hidden].
void embed_token(const Model& model, int32_t token, float* out);

// Throws std::runtime_error, which blames the weights: `what` are not finite.
[[noreturn]] void fail_not_finite(const Model& model, const std::string& what);

}  // namespace matcoder
