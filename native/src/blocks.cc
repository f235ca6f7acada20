#include "blocks.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "half.h"

namespace matcoder {
namespace {

// Below this many multiply-adds, waking the helpers costs more than it saves.
constexpr int64_t kSerialWork = 1 << 16;

// A chunk of a product has about this many at most, which takes a millisecond or so: then it looks for an abort.
constexpr int64_t kLargestChunk = 1 << 26;

// Below this many rows, the same holds for work that is done for each row alone.
constexpr int kSerialRows = 8;

// Whether all are finite; a loop that the compiler vectorises.
bool all_finite(const float* x, size_t n) {
  bool finite = true;
  for (size_t i = 0; i < n; i++) finite &= std::fabs(x[i]) <= std::numeric_limits<float>::max();
  return finite;
}

// Rotary position embedding of one head (halves convention), after RMS norm if there are weights for it.
void norm_and_rotate(const Model& model, const Kernels& kernels, const std::vector<float>& weight, int position,
                     float* head) {
  const int dim = model.config.head_dim, half = dim / 2;
  float normed[1024];
  if (weight.empty())
    std::copy(head, head + dim, normed);
  else
    kernels.rms_norm(head, weight.data(), dim, model.config.norm_eps, normed);
  const float* cos = model.cos.data() + static_cast<size_t>(position) * half;
  const float* sin = model.sin.data() + static_cast<size_t>(position) * half;
  for (int i = 0; i < half; i++) {
    head[i] = normed[i] * cos[i] - normed[half + i] * sin[i];
    head[half + i] = normed[half + i] * cos[i] + normed[i] * sin[i];
  }
}

// quantise() gives a vector or a group that is not finite a scale that is not.
bool are_finite(const Inputs& inputs, int k) {
  const auto& [a, vectors, terms] = inputs;
  const size_t scales = a->scale_stride == 1 ? 1 : k / kGroup;
  for (int i = 0; i < vectors; i++)
    if (!all_finite(a->scales + i * a->scale_stride, scales)) return false;
  return true;
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

void add(float* x, const float* delta, size_t n, float scale) {
  if (scale == 1)
    for (size_t i = 0; i < n; i++) x[i] += delta[i];
  else
    for (size_t i = 0; i < n; i++) x[i] += delta[i] * scale;
}

// Adds the activations of `count` rows to the sums of one layer, row by row, so that neither the number of
// threads nor that of rows at once changes a bit. active: [count, stride]; first: place of the layer's first unit in
// the sums
void add_activations(const float* active, size_t stride, int count, int units, size_t first, UnitActivations& sums,
                     ThreadPool& pool) {
  const int chunks = std::min(units / kWidthStep, 2 * pool.threads());
  pool.run(chunks, [&](int i, int) {
    const int begin = units / kWidthStep * i / chunks * kWidthStep,
              end = units / kWidthStep * (i + 1) / chunks * kWidthStep;
    for (int t = 0; t < count; t++)
      for (int j = begin; j < end; j++) {
        const double h = active[t * stride + j];
        sums.mean[first + j] += h;
        sums.square[first + j] += h * h;
      }
  });
}

// The places of all rows, and the queries of one key-value head, in the order of their rows, in runs that pass over
// keys and values together.
void place_rows(const Sequence* sequences, int count, int group, BlockScratch& s) {
  s.places_.clear();
  s.runs_.clear();
  for (const Sequence* of = sequences; of != sequences + count; of++) {
    const int first_row = static_cast<int>(s.places_.size()), queries = of->rows * group;
    for (int position = of->start; position < of->start + of->rows; position++)
      s.places_.push_back({position, of->place + position, of->causal ? position + 1 : of->start + of->rows});
    for (int first = 0; first < queries; first += kMaxQueries)
      s.runs_.push_back({first_row, first, std::min(queries, first + kMaxQueries), of->place});
  }
}

}  // namespace

void fail_not_finite(const Model& model, const std::string& what) {
  throw std::runtime_error(model.path + ": the checkpoint's weights appear corrupt: " + what + " are not finite");
}

void matmul(const Kernels& kernels, const Matrix& w, int rows, int k, const Inputs& inputs, float* out,
            size_t out_stride, ThreadPool& pool, const std::atomic<bool>& aborted) {
  const int panels = rows / kLanes;
  const int64_t work = static_cast<int64_t>(rows) * k * inputs.vectors;
  const int chunks =
      work < kSerialWork ? 1 : std::min<int64_t>(panels, std::max<int64_t>(4 * pool.threads(), work / kLargestChunk));
  pool.run(chunks, [&](int i, int) {
    if (aborted.load(std::memory_order_relaxed)) return;
    const int first = static_cast<int>(static_cast<int64_t>(panels) * i / chunks);
    const int last = static_cast<int>(static_cast<int64_t>(panels) * (i + 1) / chunks);
    kernels.product(w, k, first, last, *inputs.activations, inputs.vectors, inputs.terms, out, out_stride);
  });
}

void embed_token(const Model& model, int32_t token, float* out) {
  const Matrix& e = model.embedding;
  const int row = token % kLanes;
  const size_t panel = token / kLanes;
  const float factor = model.config.embedding_scale;
  if (e.form == Form::kRows) {
    const uint8_t* data = e.data + panel * e.k * kLanes;
    const float scale = e.scales[token] * factor;
    for (int i = 0; i < e.k; i++) out[i] = static_cast<float>(data[i / 4 * 4 * kLanes + row * 4 + i % 4] - 128) * scale;
    return;
  }
  const size_t groups = e.k / kGroup;
  for (int i = 0; i < e.k; i++) {
    const size_t group = panel * groups + i / kGroup;
    const int column = i % kGroup;
    const uint8_t* data = e.data + group * group_bytes(e.form);
    const float scale = float_of_half(e.group_scales[group * kLanes + row]);
    if (e.form == Form::kGroups8) {
      out[i] = static_cast<float>(data[column / 4 * 4 * kLanes + row * 4 + column % 4] - 128) * scale * factor;
      continue;
    }
    const int both = data[column / 8 * 4 * kLanes + row * 4 + column % 4];
    const int q = column % 8 < 4 ? both & 15 : both >> 4;
    const float value = e.form == Form::kGroups4
                            ? static_cast<float>(q - 8) * scale
                            : static_cast<float>(q) * scale + float_of_half(e.group_minimums[group * kLanes + row]);
    out[i] = value * factor;
  }
}

RowScratch::RowScratch(const Config& c, int widest) : normed(c.hidden), active(c.ffn), remainder(widest) {}

BlockScratch::BlockScratch(const Config& c, int most_rows, int positions, int threads, int widest_other)
    : rows(most_rows),
      x(static_cast<size_t>(rows) * c.hidden),
      qkv(static_cast<size_t>(rows) * c.qkv_rows()),
      attn_out(static_cast<size_t>(rows) * c.heads * c.padded_head_dim()),
      gate_up(static_cast<size_t>(rows) * 2 * c.ffn),
      delta(static_cast<size_t>(rows) * c.hidden),
      scores_stride(round_up(positions, kLanes)) {
  const int widest = std::max({c.hidden, c.ffn, c.heads * c.head_dim, widest_other});
  scores.resize(threads * kMaxQueries * scores_stride);
  of_thread.assign(threads, RowScratch(c, widest));
  const size_t stride = widest, groups = widest / kGroup;
  const size_t scales = std::max<size_t>(2 * rows, rows * groups);
  values_.resize(2 * rows * stride);
  scales_.resize(scales);
  sums_.resize(scales);
  by_vector = {values_.data(), scales_.data(), sums_.data(), stride, 1};
  by_group = {values_.data(), scales_.data(), sums_.data(), stride, groups};
}

Inputs quantise_precisely(const Model& model, const Kernels& kernels, const Matrix& w, const float* x, size_t stride,
                          int rows, int k, BlockScratch& s, const std::string& what) {
  const bool in_groups = w.form != Form::kRows;
  const int terms = in_groups ? 1 : 2;
  for (int t = 0; t < rows; t++) {
    const float* row = x + t * stride;
    if (in_groups)
      kernels.quantise_groups(row, k, s.by_group, t);
    else
      quantise_twice(kernels, row, k, s.by_vector, 2 * t, s.of_thread[0].remainder.data());
  }
  const Inputs inputs{in_groups ? &s.by_group : &s.by_vector, terms * rows, terms};
  if (!are_finite(inputs, k)) fail_not_finite(model, what);
  return inputs;
}

bool run_blocks(const Model& model, const Kernels& kernels, const Compensation& compensation,
                const std::vector<int>& widths, const Sequence* sequences, int sequence_count, KvCache& cache,
                BlockScratch& s, ThreadPool& pool, const std::atomic<bool>& aborted, UnitActivations* gathered,
                const std::function<void()>& on_layer) {
  const Config& c = model.config;
  const int dim = c.padded_head_dim(), group = c.heads / c.kv_heads;
  const size_t qkv_stride = static_cast<size_t>(c.qkv_rows());
  const size_t attn_out_stride = static_cast<size_t>(c.heads) * dim;
  place_rows(sequences, sequence_count, group, s);
  const int count = static_cast<int>(s.places_.size());

  // Work on each row alone is shared among threads too, because a prefill waits for it between any two matrices.
  const auto each_row = [&](const auto& body) {
    const int chunks = count < kSerialRows ? 1 : std::min(count, 2 * pool.threads());
    pool.run(chunks, [&](int i, int thread) {
      for (int t = count * i / chunks; t < count * (i + 1) / chunks; t++) body(t, s.of_thread[thread]);
    });
  };
  // Quantises the k inputs of each row for the matrix `w`, in place `t` or, if it takes two vectors, in 2 * t and the
  // next. `input(t, own)` computes them.
  const auto quantise_for = [&](const Matrix& w, int k, int terms, int layer, const char* tensor, const auto& input) {
    const bool in_groups = w.form != Form::kRows;
    if (in_groups) terms = 1;
    const Activations& a = in_groups ? s.by_group : s.by_vector;
    each_row([&](int t, RowScratch& own) {
      const float* x = input(t, own);
      if (in_groups)
        kernels.quantise_groups(x, k, a, t);
      else if (terms == 2)
        quantise_twice(kernels, x, k, a, 2 * t, own.remainder.data());
      else
        kernels.quantise(x, k, a, t);
    });
    const Inputs inputs{&a, terms * count, terms};
    if (!are_finite(inputs, k))
      fail_not_finite(model, "the activations that enter model.layers." + std::to_string(layer) + "." + tensor);
    return inputs;
  };
  const auto normed = [&](const std::vector<float>& weight) {
    return [&](int t, RowScratch& own) {
      kernels.rms_norm(&s.x[static_cast<size_t>(t) * c.hidden], weight.data(), c.hidden, c.norm_eps, own.normed.data());
      return static_cast<const float*>(own.normed.data());
    };
  };

  pool.adapt_spinning();
  for (int l = 0; l < c.layers; l++) {
    const int width = widths[l];
    if (width == 0) continue;
    if (aborted) return false;
    const Layer& layer = model.layers[l];

    const Inputs to_qkv =
        quantise_for(layer.qkv, c.hidden, 1, l, "self_attn.q_proj, k_proj and v_proj", normed(layer.input_norm));
    matmul(kernels, layer.qkv, layer.qkv.rows, c.hidden, to_qkv, s.qkv.data(), qkv_stride, pool, aborted);
    if (aborted) return false;
    std::atomic<bool> finite{true};
    each_row([&](int t, RowScratch&) {
      float* q = &s.qkv[t * qkv_stride];
      float* k = q + static_cast<size_t>(c.heads) * dim;
      const float* v = k + static_cast<size_t>(c.kv_heads) * dim;
      if (!layer.qkv_bias.empty()) add(q, layer.qkv_bias.data(), qkv_stride, 1);
      const auto [position, stored_at, visible] = s.places_[t];
      for (int h = 0; h < c.heads; h++) norm_and_rotate(model, kernels, layer.q_norm, position, q + h * dim);
      for (int h = 0; h < c.kv_heads; h++) norm_and_rotate(model, kernels, layer.k_norm, position, k + h * dim);
      if (!all_finite(q, qkv_stride)) finite = false;  // before float16, which hides it
      for (int h = 0; h < c.kv_heads; h++) {
        uint16_t key[1024], value[1024];
        kernels.to_half(k + h * dim, dim, key);
        kernels.to_half(v + h * dim, dim, value);
        cache.store(l, h, stored_at, key, value, dim);
      }
    });
    if (!finite) fail_not_finite(model, "queries, keys or values of model.layers." + std::to_string(l) + ".self_attn");
    const int runs = static_cast<int>(s.runs_.size());
    pool.run(c.kv_heads * runs, [&](int i, int thread) {
      if (aborted.load(std::memory_order_relaxed)) return;  // in a long context a layer takes tens of milliseconds
      const int kv = i / runs;
      const auto [first_row, first, last, place] = s.runs_[i % runs];
      Query shared[kMaxQueries];
      for (int q = first; q < last; q++) {
        const int t = first_row + q / group, h = kv * group + q % group;
        shared[q - first] = {&s.qkv[t * qkv_stride + h * dim], &s.attn_out[t * attn_out_stride + h * dim],
                             s.places_[t].visible};
      }
      const size_t stored_at = static_cast<size_t>(place) * dim;
      kernels.attention(shared, last - first, cache.keys_of(l, kv) + stored_at, cache.values_of(l, kv) + stored_at, dim,
                        c.attention_scale, &s.scores[thread * kMaxQueries * s.scores_stride], s.scores_stride);
    });
    if (aborted) return false;
    const Inputs to_output =
        quantise_for(layer.o, layer.o.k, 1, l, "self_attn.o_proj", [&](int t, RowScratch&) -> const float* {
          float* heads = &s.attn_out[t * attn_out_stride];
          for (int h = 1; dim != c.head_dim && h < c.heads; h++)  // without their zeros
            std::copy(heads + h * dim, heads + h * dim + c.head_dim, heads + h * c.head_dim);
          return heads;
        });
    matmul(kernels, layer.o, c.hidden, layer.o.k, to_output, s.delta.data(), c.hidden, pool, aborted);
    if (aborted) return false;
    for (int t = 0; t < count && !layer.output_bias.empty(); t++)
      add(&s.delta[static_cast<size_t>(t) * c.hidden], layer.output_bias.data(), c.hidden, 1);
    add(s.x.data(), s.delta.data(), static_cast<size_t>(count) * c.hidden, c.residual_scale);

    const Inputs to_ffn =
        quantise_for(layer.gate_up, c.hidden, 1, l, "mlp.gate_proj and up_proj", normed(layer.ffn_norm));
    matmul(kernels, layer.gate_up, 2 * width, c.hidden, to_ffn, s.gate_up.data(), 2 * c.ffn, pool, aborted);
    if (aborted) return false;
    const Inputs to_down = quantise_for(layer.down, width, 2, l, "mlp.down_proj", [&](int t, RowScratch& own) {
      float* gate_up = &s.gate_up[static_cast<size_t>(t) * 2 * c.ffn];
      kernels.silu_product(gate_up, width, own.active.data());
      if (gathered) std::copy_n(own.active.data(), width, gate_up);  // which is not needed any more
      return static_cast<const float*>(own.active.data());
    });
    if (gathered) add_activations(s.gate_up.data(), 2 * c.ffn, count, width, l * c.ffn, *gathered, pool);
    matmul(kernels, layer.down, c.hidden, width, to_down, s.delta.data(), c.hidden, pool, aborted);
    if (aborted) return false;
    if (const float* bias = compensation.bias(l, width))
      for (int t = 0; t < count; t++) add(&s.delta[static_cast<size_t>(t) * c.hidden], bias, c.hidden, 1);
    add(s.x.data(), s.delta.data(), static_cast<size_t>(count) * c.hidden, c.residual_scale);
    if (on_layer) on_layer();
  }
  return true;
}

}  // namespace matcoder
