#include "forward.h"

#include <algorithm>
#include <cmath>

namespace matcoder {

Scratch::Scratch(const Config& c, int threads)
    : BlockScratch(c, kPrefillChunk, c.context, threads),
      logits(static_cast<size_t>(kMaxLogitRows) * c.padded_vocabulary()),
      vocabulary(c.padded_vocabulary()) {}

bool forward(const Model& model, const Kernels& kernels, const Compensation& compensation,
             const std::vector<int>& widths, const int32_t* tokens, int count, KvCache& cache, Scratch& s,
             ThreadPool& pool, const std::atomic<bool>& aborted, UnitActivations* gathered,
             const std::function<void()>& on_layer) {
  const Sequence sequence{count, static_cast<int>(cache.tokens.size()), 0, true};
  cache.reserve(sequence.start + count);
  for (int t = 0; t < count; t++) embed_token(model, tokens[t], &s.x[static_cast<size_t>(t) * model.config.hidden]);
  if (!run_blocks(model, kernels, compensation, widths, &sequence, 1, cache, s, pool, aborted, gathered, on_layer))
    return false;
  cache.append(tokens, count, layer_mask(widths));
  return true;
}

void lm_head(const Model& model, const Kernels& kernels, const Matrix& head, int first, int count, Scratch& s,
             ThreadPool& pool) {
  const Config& c = model.config;
  // In `delta`, which is not needed any more.
  for (int i = 0; i < count; i++)
    kernels.rms_norm(&s.x[static_cast<size_t>(first + i) * c.hidden], model.norm.data(), c.hidden, c.norm_eps,
                     &s.delta[static_cast<size_t>(i) * c.hidden]);
  const Inputs inputs = quantise_precisely(model, kernels, head, s.delta.data(), c.hidden, count, c.hidden, s,
                                           "the activations after model.norm");
  static const std::atomic<bool> kNever{false};
  matmul(kernels, head, head.rows, c.hidden, inputs, s.logits.data(), s.vocabulary, pool, kNever);
  for (int i = 0; i < count; i++) {
    float* logits = logits_of(s, i);
    if (c.logit_scale != 1)
      for (int row = 0; row < head.rows; row++) logits[row] *= c.logit_scale;
    if (head.rows > c.vocabulary) std::fill(logits + c.vocabulary, logits + head.rows, kMaskedLogit);
  }
}

void check_finite(const Model& model, float value, const char* what) {
  if (!std::isfinite(value)) fail_not_finite(model, what);
}

}  // namespace matcoder
