#include "model.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "weights.h"

namespace matcoder {
namespace {

constexpr int kMaxDimension = 1 << 20;

// The heads of queries, keys and values, each with zeros up to a multiple of 16.
std::vector<SourceRow> heads_of(const std::vector<Rows>& parts, int head_dim) {
  std::vector<SourceRow> source;
  for (const Rows& part : parts)
    for (int r = 0; r < part.rows; r++) {
      source.push_back({&part, r});
      if (r % head_dim == head_dim - 1) source.resize(round_up(static_cast<int>(source.size()), kLanes), {nullptr, 0});
    }
  return source;
}

// 16 rows of gate, 16 of up, and so on.
std::vector<SourceRow> in_turn(const Rows& gate, const Rows& up) {
  std::vector<SourceRow> source;
  for (int panel = 0; panel < gate.rows; panel += kLanes)
    for (const Rows* part : {&gate, &up})
      for (int r = 0; r < kLanes; r++) source.push_back({part, panel + r});
  return source;
}

// [qkv_rows] in the order of heads_of.
std::vector<float> bias_of_heads(const std::vector<std::vector<float>>& parts, int head_dim) {
  std::vector<float> bias;
  for (const auto& part : parts)
    for (size_t r = 0; r < part.size(); r++) {
      bias.push_back(part[r]);
      if (r % head_dim == static_cast<size_t>(head_dim - 1))
        bias.resize(round_up(static_cast<int>(bias.size()), kLanes), 0);
    }
  return bias;
}

}  // namespace

void check_config(const std::string& path, const Config& c, bool has_tokens) {
  const auto require = [&](bool holds, const char* what) {
    if (!holds)
      throw std::runtime_error(path + ": its config.json does not describe a model this engine runs: " + what);
  };
  const int vocabulary = has_tokens ? c.vocabulary : 1;
  for (const int n : {c.hidden, c.layers, c.heads, c.kv_heads, c.head_dim, c.ffn, vocabulary, c.context})
    require(n > 0 && n <= kMaxDimension, "a dimension is not between 1 and 1048576");
  require(c.layers <= 64, "more than 64 layers");
  require(c.heads <= 256, "more than 256 heads");
  // 255 * 127 * k must stay below 2^31, because the sums are int32.
  require(c.hidden <= 65536 && c.ffn <= 65536 && c.heads * c.head_dim <= 65536, "a matrix has more than 65536 columns");
  require(c.head_dim % 2 == 0 && c.head_dim <= 1024, "head_dim must be an even number, at most 1024");
  require(c.heads * c.head_dim % 16 == 0, "num_attention_heads * head_dim must be a multiple of 16");
  require(c.ffn % kWidthStep == 0, "intermediate_size must be a multiple of 32");
  require(c.heads % c.kv_heads == 0, "num_attention_heads must be a multiple of num_key_value_heads");
  const int64_t cached = int64_t{2} * c.layers * c.kv_heads * c.head_dim * c.context;
  require(cached <= int64_t{1} << 30, "max_position_embeddings makes the cache larger than 2 GiB");
  require(c.hidden % 16 == 0, "hidden_size must be a multiple of 16");
  const auto is_positive = [](double x) { return x > 0 && std::isfinite(x); };
  require(is_positive(c.norm_eps), "rms_norm_eps must be positive and finite");
  require(c.rope_frequencies.size() == static_cast<size_t>(c.head_dim / 2),
          "there is not one frequency of the rotation for each pair of a head");
  require(
      is_positive(c.rope_magnitude) && std::all_of(c.rope_frequencies.begin(), c.rope_frequencies.end(), is_positive),
      "the rotation's frequencies and magnitude must be positive and finite");
  for (const float scale : {c.embedding_scale, c.attention_scale, c.residual_scale, c.logit_scale})
    require(is_positive(scale), "a scale is not positive and finite");
}

void load_blocks(Model& model, WeightReader& reader) {
  const Config& c = model.config;
  const int q_rows = c.heads * c.head_dim, kv_rows = c.kv_heads * c.head_dim;
  for (int i = 0; i < c.layers; i++) {
    const std::string layer = "model.layers." + std::to_string(i) + ".";
    const auto norm = [&](const char* name, int n) { return reader.floats(layer + name + ".weight", {n}); };
    const auto matrix = [&](const char* name, int rows, int k) {
      return reader.matrix(layer + name + ".weight", rows, k);
    };
    const auto bias = [&](const char* name, int n) { return reader.floats(layer + name + ".bias", {n}); };
    const auto same_form = [&](const std::vector<Rows>& parts, const char* which) {
      for (const Rows& part : parts)
        if (part.form != parts.front().form)
          throw std::runtime_error(model.path + ": " + layer + which +
                                   " are quantised in different ways, but must be in one");
    };
    Layer out;
    out.input_norm = norm("input_layernorm", c.hidden);
    out.ffn_norm = norm("post_attention_layernorm", c.hidden);
    if (c.qk_norm) {
      out.q_norm = norm("self_attn.q_norm", c.head_dim);
      out.k_norm = norm("self_attn.k_norm", c.head_dim);
    }
    if (c.attention_bias)
      out.qkv_bias = bias_of_heads(
          {bias("self_attn.q_proj", q_rows), bias("self_attn.k_proj", kv_rows), bias("self_attn.v_proj", kv_rows)},
          c.head_dim);
    if (c.output_bias) out.output_bias = bias("self_attn.o_proj", c.hidden);
    {
      const std::vector<Rows> qkv = {matrix("self_attn.q_proj", q_rows, c.hidden),
                                     matrix("self_attn.k_proj", kv_rows, c.hidden),
                                     matrix("self_attn.v_proj", kv_rows, c.hidden)};
      same_form(qkv, "self_attn.q_proj, k_proj and v_proj");
      out.qkv = pack(model, heads_of(qkv, c.head_dim), c.hidden);
    }
    out.o = pack(model, all_rows(matrix("self_attn.o_proj", c.hidden, q_rows)), q_rows);
    {
      const std::vector<Rows> both = {matrix("mlp.gate_proj", c.ffn, c.hidden), matrix("mlp.up_proj", c.ffn, c.hidden)};
      same_form(both, "mlp.gate_proj and up_proj");
      out.gate_up = pack(model, in_turn(both[0], both[1]), c.hidden);
    }
    out.down = pack(model, all_rows(matrix("mlp.down_proj", c.hidden, c.ffn)), kWidthStep);
    if (c.compensation) out.mean_active = reader.floats(layer + "mlp.mean_active", {c.ffn});
    model.layers.push_back(std::move(out));
  }
  model.norm = reader.floats("model.norm.weight", {c.hidden});
  const int half = c.head_dim / 2;
  model.cos.reserve(static_cast<size_t>(c.context) * half);
  model.sin.reserve(static_cast<size_t>(c.context) * half);
  for (int position = 0; position < c.context; position++)
    for (const double frequency : c.rope_frequencies) {
      const double angle = position * frequency;
      model.cos.push_back(static_cast<float>(std::cos(angle) * c.rope_magnitude));
      model.sin.push_back(static_cast<float>(std::sin(angle) * c.rope_magnitude));
    }
}

void load_embedding(Model& model, WeightReader& reader) {
  const Config& c = model.config;
  model.embedding = pack(model, all_rows(reader.matrix("model.embed_tokens.weight", c.vocabulary, c.hidden)), c.hidden);
}

std::unique_ptr<Model> load_model(const std::string& path, const Config& c,
                                  const std::unordered_map<std::string, TensorEntry>& entries) {
  check_config(path, c);
  WeightReader reader(path, entries);
  auto model = std::make_unique<Model>();
  model->path = path;
  model->config = c;
  load_blocks(*model, reader);
  load_embedding(*model, reader);
  if (!c.tied_head)
    model->untied_head = pack(*model, all_rows(reader.matrix("lm_head.weight", c.vocabulary, c.hidden)), c.hidden);
  release_read_memory();
  return model;
}

void check_widths(const Config& config, const std::vector<int>& widths) {
  if (static_cast<int>(widths.size()) != config.layers)
    throw std::invalid_argument("a submodel of this model has " + std::to_string(config.layers) + " widths, not " +
                                std::to_string(widths.size()));
  for (const int width : widths)
    if (width < 0 || width > config.ffn || width % kWidthStep != 0)
      throw std::invalid_argument("the width " + std::to_string(width) + " is not a multiple of " +
                                  std::to_string(kWidthStep) + " between 0 and " + std::to_string(config.ffn));
}

}  // namespace matcoder
