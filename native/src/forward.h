#pragma once

#include <atomic>
#include <vector>

#include "kv_cache.h"
#include "model.h"
#include "thread_pool.h"

namespace matcoder {

// Tokens that go through the model together in prefill.
constexpr int kPrefillChunk = 64;

// Tokens whose logits are computed together: the last one of the sequence and the drafts after it.
constexpr int kMaxLogitRows = 9;

// Working memory of a thread that works on one token.
struct TokenScratch {
  explicit TokenScratch(const Config& config);

  std::vector<float> normed;     // [hidden]
  std::vector<float> active;     // [ffn]
  std::vector<float> remainder;  // [max(hidden, ffn)] what one int8 vector leaves out
};

// Working memory of one forward pass of up to kPrefillChunk tokens.
struct Scratch {
  Scratch(const Config& config, int threads);

  std::vector<float> x;         // [kPrefillChunk, hidden] residual stream
  std::vector<float> qkv;       // [kPrefillChunk, (heads + 2 * kv_heads) * head_dim]
  std::vector<float> attn_out;  // [kPrefillChunk, heads * head_dim]
  std::vector<float> gate_up;   // [kPrefillChunk, 2 * ffn]
  std::vector<float> delta;     // [kPrefillChunk, hidden]
  std::vector<float> scores;    // [threads, kMaxQueries, context]
  std::vector<float> logits;    // [kMaxLogitRows, vocabulary]
  std::vector<TokenScratch> of_thread;
  size_t vocabulary;
  Activations quantised;  // [2 * kPrefillChunk, widest input]
  std::vector<int8_t> values_;
  std::vector<float> scales_;
  std::vector<int32_t> sums_;
};

// Runs `count` <= kPrefillChunk tokens through a submodel, right after the cache's last position, and appends them to
// the cache. Leaves the residual stream in scratch.x. Checks `aborted` three times a layer, a few milliseconds apart
// even in a large model: if it is set, returns false and leaves the cache as it was. Throws std::runtime_error, and
// leaves the cache as it was, if the weights are so large that activations overflow.
bool forward(const Model& model, const Kernels& kernels, const std::vector<int>& widths, const int32_t* tokens,
             int count, KvCache& cache, Scratch& scratch, ThreadPool& pool, const std::atomic<bool>& aborted);

// A logit that is never chosen.
constexpr float kMaskedLogit = -1e30f;

// Logits after `count` <= kMaxLogitRows tokens of the last forward(), from token `first` on: see logits_of.
void lm_head(const Model& model, const Kernels& kernels, int first, int count, Scratch& scratch, ThreadPool& pool);

// Where lm_head() left the logits of its i-th token: [vocabulary].
inline float* logits_of(Scratch& scratch, int i) { return &scratch.logits[i * scratch.vocabulary]; }

// Throws std::runtime_error, which blames the weights, if the value is not finite. It stands for all of `what`.
void check_finite(const Model& model, float value, const char* what);

}  // namespace matcoder
