#pragma once

#include <atomic>
#include <vector>

#include "kv_cache.h"
#include "model.h"
#include "thread_pool.h"

namespace matcoder {

// Tokens that go through the model together in prefill.
constexpr int kChunk = 64;

// Tokens whose logits are computed together: what was just chosen, and the drafts after it.
constexpr int kMaxHeads = 9;

// Working memory of a thread that works on one token.
struct TokenScratch {
  explicit TokenScratch(const Config& config);

  std::vector<float> normed;     // [hidden]
  std::vector<float> active;     // [ffn]
  std::vector<float> remainder;  // [max(hidden, ffn)] what one int8 vector leaves out
};

// Working memory of one forward pass of up to kChunk tokens.
struct Scratch {
  Scratch(const Config& config, int threads);

  std::vector<float> x;        // [kChunk, hidden] residual stream
  std::vector<float> qkv;      // [kChunk, (heads + 2 * kv_heads) * head_dim]
  std::vector<float> mixed;    // [kChunk, heads * head_dim] what attention gathered
  std::vector<float> gate_up;  // [kChunk, 2 * ffn]
  std::vector<float> delta;    // [kChunk, hidden]
  std::vector<float> scores;   // [threads, kMaxQueries, context]
  std::vector<float> logits;   // [kMaxHeads, vocabulary]
  std::vector<TokenScratch> of_thread;
  size_t vocabulary;
  Activations quantised;  // [2 * kChunk, widest input]
  std::vector<int8_t> values_;
  std::vector<float> scales_;
  std::vector<int32_t> sums_;
};

// Runs `count` <= kChunk tokens through a submodel, right after the cache's last position, and appends them to the
// cache. Leaves the residual stream in scratch.x. Looks at `aborted` three times a layer, a few milliseconds apart even
// in a large model: where it is set, returns false and leaves the cache as it was.
bool forward(const Model& model, const Kernels& kernels, const std::vector<int>& widths, const int32_t* tokens,
             int count, KvCache& cache, Scratch& scratch, ThreadPool& pool, const std::atomic<bool>& aborted);

// A logit that is never chosen.
constexpr float kBarred = -1e30f;

// Logits after `count` <= kMaxHeads tokens of the last forward(), from token `first` on: see logits_of.
void heads(const Model& model, const Kernels& kernels, int first, int count, Scratch& scratch, ThreadPool& pool);

// Where heads() left the logits of its i-th token: [vocabulary].
inline float* logits_of(Scratch& scratch, int i) { return &scratch.logits[i * scratch.vocabulary]; }

}  // namespace matcoder
