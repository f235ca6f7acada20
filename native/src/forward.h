#pragma once

#include <atomic>
#include <functional>
#include <vector>

#include "blocks.h"

namespace matcoder {

// Tokens that go through the model together in prefill.
constexpr int kPrefillChunk = 64;

// Tokens whose logits are computed together: the last one of the sequence and the drafts after it.
constexpr int kMaxLogitRows = 9;

// Working memory of one forward pass of up to kPrefillChunk tokens.
struct Scratch : BlockScratch {
  Scratch(const Config& config, int threads);

  std::vector<float> logits;  // [kMaxLogitRows, padded_vocabulary]
  size_t vocabulary;          // padded
};

// Runs `count` <= kPrefillChunk tokens through a submodel, whose compensation is prepared, right after the cache's last
// position, and appends them to the cache. Leaves the residual stream in scratch.x. Checks `aborted` before each piece
// of a product and of attention, about a millisecond apart even in a large model: if it is set, returns false and
// leaves the cache as it was. Throws std::runtime_error, and leaves the cache as it was, if the weights are so large
// that activations overflow. gathered: if not null, the activations of these tokens are added to it. on_layer: if set,
// is called after each layer
bool forward(const Model& model, const Kernels& kernels, const Compensation& compensation,
             const std::vector<int>& widths, const int32_t* tokens, int count, KvCache& cache, Scratch& scratch,
             ThreadPool& pool, const std::atomic<bool>& aborted, UnitActivations* gathered = nullptr,
             const std::function<void()>& on_layer = nullptr);

// A logit that is never chosen.
constexpr float kMaskedLogit = -1e30f;

// Logits after `count` <= kMaxLogitRows tokens of the last forward(), from token `first` on: see logits_of.
// head: [rows, hidden] the model's, or some rows of it
void lm_head(const Model& model, const Kernels& kernels, const Matrix& head, int first, int count, Scratch& scratch,
             ThreadPool& pool);
inline void lm_head(const Model& model, const Kernels& kernels, int first, int count, Scratch& scratch,
                    ThreadPool& pool) {
  lm_head(model, kernels, model.head(), first, count, scratch, pool);
}

// Where lm_head() left the logits of its i-th token: [padded_vocabulary], those of no token masked.
inline float* logits_of(Scratch& scratch, int i) { return &scratch.logits[i * scratch.vocabulary]; }

// Throws std::runtime_error, which blames the weights, if the value is not finite. It stands for all of `what`.
void check_finite(const Model& model, float value, const char* what);

}  // namespace matcoder
