#include "forward.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

namespace matcoder {
namespace {

// Below this many multiply-adds, waking the helpers costs more than it saves.
constexpr int64_t kSerialWork = 1 << 16;

// Below this many tokens, the same holds for work that is done for each token alone.
constexpr int kSerialTokens = 8;

[[noreturn]] void fail_not_finite(const Model& model, const std::string& what) {
  throw std::runtime_error(model.path + ": the checkpoint's weights appear corrupt: " + what + " are not finite");
}

// quantise() gives a vector that is not finite a scale that is not. `count` vectors are the inputs of `tensor`.
void check_inputs(const Model& model, const Activations& a, int count, int layer, const char* tensor) {
  for (int t = 0; t < count; t++)
    if (!std::isfinite(a.scales[t]))
      fail_not_finite(model, "the activations that enter model.layers." + std::to_string(layer) + "." + tensor);
}

// Whether all are finite; a loop that the compiler vectorises.
bool all_finite(const float* x, size_t n) {
  bool finite = true;
  for (size_t i = 0; i < n; i++) finite &= std::fabs(x[i]) <= std::numeric_limits<float>::max();
  return finite;
}

// out[t, r] = w[r, :k] . a[t, :k] for the first `rows` rows, shared among threads by runs of panels. With `terms` of 2,
// pairs of vectors add up to one row of `out`.
void matmul(const Kernels& kernels, const Matrix& w, int rows, int k, const Activations& a, int count, int terms,
            float* out, size_t out_stride, ThreadPool& pool) {
  const int panels = rows / kLanes;
  const int64_t work = static_cast<int64_t>(rows) * k * count;
  const int chunks = work < kSerialWork ? 1 : std::min(panels, 4 * pool.threads());
  pool.run(chunks, [&](int i, int) {
    kernels.product(w, k, panels * i / chunks, panels * (i + 1) / chunks, a, count, terms, out, out_stride);
  });
}

void embed(const Model& model, int32_t token, float* out) {
  const Matrix& e = model.embedding;
  const uint8_t* panel = e.data + static_cast<size_t>(token / kLanes) * e.k * kLanes;
  const int row = token % kLanes;
  for (int i = 0; i < e.k; i++)
    out[i] = static_cast<float>(panel[i / 4 * 4 * kLanes + row * 4 + i % 4] - 128) * e.scales[token];
}

// RMS norm of one head, then rotary position embedding (halves convention).
void qk_norm_rope(const Model& model, const Kernels& kernels, const float* weight, int position, float* head) {
  const int dim = model.config.head_dim, half = dim / 2;
  float normed[1024];
  kernels.rms_norm(head, weight, dim, model.config.norm_eps, normed);
  const float* cos = model.cos.data() + static_cast<size_t>(position) * half;
  const float* sin = model.sin.data() + static_cast<size_t>(position) * half;
  for (int i = 0; i < half; i++) {
    head[i] = normed[i] * cos[i] - normed[half + i] * sin[i];
    head[half + i] = normed[half + i] * cos[i] + normed[i] * sin[i];
  }
}

void store_key(const uint16_t* key, int position, int dim, uint16_t* keys) {
  uint16_t* block = keys + static_cast<size_t>(position / kLanes) * dim * kLanes + position % kLanes;
  for (int d = 0; d < dim; d++) block[d * kLanes] = key[d];
}

// Two int8 vectors for one of floats: the second holds the remainder of the first, and their products are added
// (`terms` of 2). The inputs of `down` and of the head have outliers; one vector would cost 2 to 3% of the logits'
// spread.
void quantise_twice(const Kernels& kernels, const float* x, int n, const Activations& a, int t, float* remainder) {
  kernels.quantise(x, n, a, t);
  const int8_t* values = a.values + t * a.stride;
  for (int i = 0; i < n; i++) remainder[i] = x[i] - static_cast<float>(values[i]) * a.scales[t];
  kernels.quantise(remainder, n, a, t + 1);
}

void add(float* x, const float* delta, size_t n) {
  for (size_t i = 0; i < n; i++) x[i] += delta[i];
}

}  // namespace

TokenScratch::TokenScratch(const Config& c) : normed(c.hidden), active(c.ffn), remainder(std::max(c.hidden, c.ffn)) {}

Scratch::Scratch(const Config& c, int threads)
    : x(static_cast<size_t>(kPrefillChunk) * c.hidden),
      qkv(static_cast<size_t>(kPrefillChunk) * (c.heads + 2 * c.kv_heads) * c.head_dim),
      attn_out(static_cast<size_t>(kPrefillChunk) * c.heads * c.head_dim),
      gate_up(static_cast<size_t>(kPrefillChunk) * 2 * c.ffn),
      delta(static_cast<size_t>(kPrefillChunk) * c.hidden),
      scores(static_cast<size_t>(threads) * kMaxQueries * ((c.context + kLanes - 1) / kLanes * kLanes)),
      logits(static_cast<size_t>(kMaxLogitRows) * c.vocabulary),
      of_thread(threads, TokenScratch(c)),
      vocabulary(c.vocabulary) {
  const size_t widest = std::max({c.hidden, c.ffn, c.heads * c.head_dim});
  values_.resize(2 * kPrefillChunk * widest);
  scales_.resize(2 * kPrefillChunk);
  sums_.resize(2 * kPrefillChunk);
  quantised = {values_.data(), scales_.data(), sums_.data(), widest};
}

bool forward(const Model& model, const Kernels& kernels, const std::vector<int>& widths, const int32_t* tokens,
             int count, KvCache& cache, Scratch& s, ThreadPool& pool, const std::atomic<bool>& aborted) {
  const Config& c = model.config;
  const int start = static_cast<int>(cache.tokens.size());
  const int dim = c.head_dim, group = c.heads / c.kv_heads;
  const size_t qkv_stride = static_cast<size_t>(c.heads + 2 * c.kv_heads) * dim;
  const size_t attn_out_stride = static_cast<size_t>(c.heads) * dim;
  const size_t scores_stride = s.scores.size() / (static_cast<size_t>(pool.threads()) * kMaxQueries);

  // Work on each token alone is shared among threads too, because a prefill waits for it between any two matrices.
  const auto each_token = [&](const auto& body) {
    const int chunks = count < kSerialTokens ? 1 : std::min(count, 2 * pool.threads());
    pool.run(chunks, [&](int i, int thread) {
      for (int t = count * i / chunks; t < count * (i + 1) / chunks; t++) body(t, s.of_thread[thread]);
    });
  };
  const auto norm_and_quantise = [&](const std::vector<float>& weight, int layer, const char* tensor) {
    each_token([&](int t, TokenScratch& own) {
      kernels.rms_norm(&s.x[static_cast<size_t>(t) * c.hidden], weight.data(), c.hidden, c.norm_eps, own.normed.data());
      kernels.quantise(own.normed.data(), c.hidden, s.quantised, t);
    });
    check_inputs(model, s.quantised, count, layer, tensor);
  };

  pool.adapt_spinning();
  for (int t = 0; t < count; t++) embed(model, tokens[t], &s.x[static_cast<size_t>(t) * c.hidden]);

  for (int l = 0; l < c.layers; l++) {
    const int width = widths[l];
    if (width == 0) continue;
    if (aborted) return false;
    const Layer& layer = model.layers[l];

    norm_and_quantise(layer.input_norm, l, "self_attn.q_proj, k_proj and v_proj");
    matmul(kernels, layer.qkv, layer.qkv.rows, c.hidden, s.quantised, count, 1, s.qkv.data(), qkv_stride, pool);
    std::atomic<bool> finite{true};
    each_token([&](int t, TokenScratch&) {
      float* q = &s.qkv[t * qkv_stride];
      float* k = q + static_cast<size_t>(c.heads) * dim;
      const float* v = k + static_cast<size_t>(c.kv_heads) * dim;
      for (int h = 0; h < c.heads; h++) qk_norm_rope(model, kernels, layer.q_norm.data(), start + t, q + h * dim);
      for (int h = 0; h < c.kv_heads; h++) qk_norm_rope(model, kernels, layer.k_norm.data(), start + t, k + h * dim);
      if (!all_finite(q, qkv_stride)) finite = false;  // before float16, which hides it
      for (int h = 0; h < c.kv_heads; h++) {
        uint16_t key[1024];
        kernels.to_half(k + h * dim, dim, key);
        store_key(key, start + t, dim, cache.keys_of(l, h));
        kernels.to_half(v + h * dim, dim, cache.values_of(l, h) + static_cast<size_t>(start + t) * dim);
      }
    });
    if (!finite) fail_not_finite(model, "queries, keys or values of model.layers." + std::to_string(l) + ".self_attn");
    // Queries of one key-value head, in token order, pass over its keys and values a few at a time.
    const int queries = count * group, runs = (queries + kMaxQueries - 1) / kMaxQueries;
    pool.run(c.kv_heads * runs, [&](int i, int thread) {
      const int kv = i / runs, first = i % runs * kMaxQueries, last = std::min(queries, first + kMaxQueries);
      Query shared[kMaxQueries];
      for (int q = first; q < last; q++) {
        const int t = q / group, h = kv * group + q % group;
        shared[q - first] = {&s.qkv[t * qkv_stride + h * dim], &s.attn_out[t * attn_out_stride + h * dim],
                             start + t + 1};
      }
      kernels.attention(shared, last - first, cache.keys_of(l, kv), cache.values_of(l, kv), dim,
                        &s.scores[thread * kMaxQueries * scores_stride], scores_stride);
    });
    each_token([&](int t, TokenScratch&) {
      kernels.quantise(&s.attn_out[t * attn_out_stride], static_cast<int>(attn_out_stride), s.quantised, t);
    });
    check_inputs(model, s.quantised, count, l, "self_attn.o_proj");
    matmul(kernels, layer.o, c.hidden, layer.o.k, s.quantised, count, 1, s.delta.data(), c.hidden, pool);
    add(s.x.data(), s.delta.data(), static_cast<size_t>(count) * c.hidden);

    if (aborted) return false;
    norm_and_quantise(layer.ffn_norm, l, "mlp.gate_proj and up_proj");
    matmul(kernels, layer.gate_up, 2 * width, c.hidden, s.quantised, count, 1, s.gate_up.data(), 2 * c.ffn, pool);
    if (aborted) return false;
    each_token([&](int t, TokenScratch& own) {
      kernels.silu_product(&s.gate_up[static_cast<size_t>(t) * 2 * c.ffn], width, own.active.data());
      quantise_twice(kernels, own.active.data(), width, s.quantised, 2 * t, own.remainder.data());
    });
    check_inputs(model, s.quantised, 2 * count, l, "mlp.down_proj");
    matmul(kernels, layer.down, c.hidden, width, s.quantised, 2 * count, 2, s.delta.data(), c.hidden, pool);
    add(s.x.data(), s.delta.data(), static_cast<size_t>(count) * c.hidden);
  }
  for (int t = 0; t < count; t++) {
    cache.tokens.push_back(tokens[t]);
    cache.layers_written.push_back(layer_mask(widths));
  }
  return true;
}

void lm_head(const Model& model, const Kernels& kernels, int first, int count, Scratch& s, ThreadPool& pool) {
  const Config& c = model.config;
  for (int i = 0; i < count; i++) {
    const float* x = &s.x[static_cast<size_t>(first + i) * c.hidden];
    TokenScratch& own = s.of_thread[0];
    kernels.rms_norm(x, model.norm.data(), c.hidden, c.norm_eps, own.normed.data());
    quantise_twice(kernels, own.normed.data(), c.hidden, s.quantised, 2 * i, own.remainder.data());
  }
  for (int i = 0; i < 2 * count; i++) check_finite(model, s.quantised.scales[i], "the activations after model.norm");
  matmul(kernels, model.embedding, c.vocabulary, c.hidden, s.quantised, 2 * count, 2, s.logits.data(), c.vocabulary,
         pool);
}

void check_finite(const Model& model, float value, const char* what) {
  if (!std::isfinite(value)) fail_not_finite(model, what);
}

}  // namespace matcoder
