#include "model.h"

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace matcoder {
namespace {

constexpr int kMaxDimension = 1 << 20;

float half_to_float(uint16_t h) {
  const uint32_t sign = static_cast<uint32_t>(h & 0x8000) << 16;
  const uint32_t exponent = (h >> 10) & 31, fraction = h & 1023;
  float value;
  if (exponent == 0) {
    value = std::ldexp(static_cast<float>(fraction), -24);
  } else if (exponent == 31) {
    value = fraction ? NAN : INFINITY;
  } else {
    value = std::ldexp(static_cast<float>(fraction | 1024), static_cast<int>(exponent) - 25);
  }
  return sign ? -value : value;
}

// int8 rows with a scale each, before packing.
struct Rows {
  int rows = 0, k = 0;
  std::vector<int8_t> values;  // [rows, k]
  std::vector<float> scales;   // [rows]
};

class Reader {
 public:
  Reader(const std::string& path, const std::unordered_map<std::string, TensorEntry>& entries)
      : path_(path), entries_(entries), file_(std::filesystem::u8path(path), std::ios::binary | std::ios::ate) {
    if (!file_) throw std::runtime_error(path + ": cannot be opened");
    size_ = static_cast<uint64_t>(file_.tellg());
  }

  std::vector<float> floats(const std::string& name, const std::vector<int64_t>& shape) {
    std::vector<float> values;
    const TensorEntry& entry = find(name, shape);
    const std::vector<char> raw = read(name, entry);
    if (entry.dtype == "F32") {
      values.resize(raw.size() / 4);
      std::memcpy(values.data(), raw.data(), raw.size());
    } else if (entry.dtype == "F16") {
      values.resize(raw.size() / 2);
      for (size_t i = 0; i < values.size(); i++) {
        uint16_t half;
        std::memcpy(&half, raw.data() + 2 * i, 2);
        values[i] = half_to_float(half);
      }
    } else {
      fail(name, "is " + entry.dtype + ", but must be F32 or F16");
    }
    for (const float value : values)
      if (!std::isfinite(value))
        throw std::runtime_error(path_ + ": the checkpoint's weights appear corrupt: tensor " + name +
                                 " holds a value that is not finite");
    return values;
  }

  // An int8 matrix with its scales, or a float one quantised by row.
  Rows matrix(const std::string& name, int rows, int k) {
    Rows out{rows, k, {}, {}};
    const std::vector<int64_t> shape = {rows, k};
    const TensorEntry& entry = find(name, shape);
    if (entry.dtype == "I8") {
      const std::vector<char> raw = read(name, entry);
      out.values.assign(raw.begin(), raw.end());
      for (int8_t& value : out.values)
        if (value == -128) value = -127;  // the kernels rely on a symmetric range
      out.scales = floats(name + "_scale", {rows, 1});
      return out;
    }
    const std::vector<float> values = floats(name, shape);
    out.values.resize(values.size());
    out.scales.resize(rows);
    for (int r = 0; r < rows; r++) {
      const float* row = values.data() + static_cast<size_t>(r) * k;
      float largest = 0;
      for (int i = 0; i < k; i++) largest = std::fmax(largest, std::fabs(row[i]));
      out.scales[r] = largest / 127;
      const float inverse = largest >= kLeastQuantised ? 127 / largest : 0;
      for (int i = 0; i < k; i++)
        out.values[static_cast<size_t>(r) * k + i] = static_cast<int8_t>(std::lrint(row[i] * inverse));  // -127..127
    }
    return out;
  }

 private:
  [[noreturn]] void fail(const std::string& tensor, const std::string& fault) const {
    throw std::runtime_error(path_ + ": tensor " + tensor + " " + fault);
  }

  const TensorEntry& find(const std::string& name, const std::vector<int64_t>& shape) const {
    const auto found = entries_.find(name);
    if (found == entries_.end()) fail(name, "is missing");
    const TensorEntry& entry = found->second;
    if (entry.shape != shape) {
      std::string expected, given;
      for (const int64_t n : shape) expected += (expected.empty() ? "" : ", ") + std::to_string(n);
      for (const int64_t n : entry.shape) given += (given.empty() ? "" : ", ") + std::to_string(n);
      fail(name, "has the shape [" + given + "], but config.json implies [" + expected + "]");
    }
    uint64_t bytes = entry.dtype == "I8" ? 1 : entry.dtype == "F16" ? 2 : entry.dtype == "F32" ? 4 : 0;
    if (bytes == 0) fail(name, "is " + entry.dtype + ", a type that this engine does not read");
    for (const int64_t n : shape) bytes *= static_cast<uint64_t>(n);
    if (entry.begin > entry.end || entry.end > size_)
      fail(name, "lies beyond the end of the file: the file is truncated");
    if (entry.end - entry.begin != bytes)
      fail(name,
           "has " + std::to_string(entry.end - entry.begin) + " bytes, but its shape needs " + std::to_string(bytes));
    return entry;
  }

  std::vector<char> read(const std::string& name, const TensorEntry& entry) {
    std::vector<char> raw(entry.end - entry.begin);
    file_.seekg(static_cast<std::streamoff>(entry.begin));
    file_.read(raw.data(), static_cast<std::streamsize>(raw.size()));
    if (!file_) fail(name, "cannot be read");
    return raw;
  }

  std::string path_;
  const std::unordered_map<std::string, TensorEntry>& entries_;
  std::ifstream file_;
  uint64_t size_ = 0;
};

// 64-byte aligned memory that lives as long as the model.
template <typename T>
T* allocate(Model& model, size_t count) {
  const size_t bytes = count * sizeof(T);
  model.storage_.push_back(std::make_unique<char[]>(bytes + 64));
  model.weight_bytes_ += bytes;
  const auto address = reinterpret_cast<uintptr_t>(model.storage_.back().get());
  return reinterpret_cast<T*>((address + 63) & ~static_cast<uintptr_t>(63));
}

Matrix pack(Model& model, const Rows& rows, int block_k) {
  Matrix m{rows.rows, rows.k, block_k, nullptr, nullptr};
  m.data = allocate<uint8_t>(model, static_cast<size_t>(rows.rows) * rows.k);
  m.scales = allocate<float>(model, rows.rows);
  std::memcpy(m.scales, rows.scales.data(), rows.scales.size() * sizeof(float));
  uint8_t* out = m.data;
  for (int block = 0; block < rows.k; block += block_k)
    for (int panel = 0; panel < rows.rows; panel += kLanes)
      for (int c = 0; c < block_k; c += 4)
        for (int r = 0; r < kLanes; r++)
          for (int j = 0; j < 4; j++)
            *out++ = static_cast<uint8_t>(rows.values[static_cast<size_t>(panel + r) * rows.k + block + c + j] + 128);
  return m;
}

// Takes `run` rows of each matrix in turn: [q; k; v], or gate and up interleaved by panels.
Rows interleave(const std::vector<Rows>& parts, int run) {
  Rows out{0, parts.front().k, {}, {}};
  std::vector<int> next(parts.size(), 0);
  for (bool more = true; more;) {
    more = false;
    for (size_t p = 0; p < parts.size(); p++) {
      const int rows = std::min(run, parts[p].rows - next[p]);
      if (rows <= 0) continue;
      const auto* values = parts[p].values.data() + static_cast<size_t>(next[p]) * out.k;
      out.values.insert(out.values.end(), values, values + static_cast<size_t>(rows) * out.k);
      out.scales.insert(out.scales.end(), parts[p].scales.begin() + next[p], parts[p].scales.begin() + next[p] + rows);
      out.rows += rows;
      next[p] += rows;
      more = true;
    }
  }
  return out;
}

void check_config(const std::string& path, const Config& c) {
  const auto require = [&](bool holds, const char* what) {
    if (!holds)
      throw std::runtime_error(path + ": its config.json does not describe a model this engine runs: " + what);
  };
  for (const int n : {c.hidden, c.layers, c.heads, c.kv_heads, c.head_dim, c.ffn, c.vocabulary, c.context})
    require(n > 0 && n <= kMaxDimension, "a dimension is not between 1 and 1048576");
  require(c.layers <= 64, "more than 64 layers");
  require(c.heads <= 256, "more than 256 heads");
  // 255 * 127 * k must stay below 2^31, because the sums are int32.
  require(c.hidden <= 65536 && c.ffn <= 65536 && c.heads * c.head_dim <= 65536, "a matrix has more than 65536 columns");
  require(c.head_dim % 16 == 0 && c.head_dim <= 1024, "head_dim must be a multiple of 16, at most 1024");
  require(c.ffn % kWidthStep == 0, "intermediate_size must be a multiple of 32");
  require(c.heads % c.kv_heads == 0, "num_attention_heads must be a multiple of num_key_value_heads");
  const int64_t cached = int64_t{2} * c.layers * c.kv_heads * c.head_dim * c.context;
  require(cached <= int64_t{1} << 30, "max_position_embeddings makes the cache larger than 2 GiB");
  require(c.hidden % 16 == 0 && c.vocabulary % 16 == 0, "hidden_size and vocab_size must be multiples of 16");
  require(c.rope_theta > 0 && std::isfinite(c.rope_theta) && c.norm_eps > 0 && std::isfinite(c.norm_eps),
          "rope_theta and rms_norm_eps must be positive and finite");
}

}  // namespace

std::unique_ptr<Model> load_model(const std::string& path, const Config& c,
                                  const std::unordered_map<std::string, TensorEntry>& entries) {
  check_config(path, c);
  Reader reader(path, entries);
  auto model = std::make_unique<Model>();
  model->path = path;
  model->config = c;
  const int q_rows = c.heads * c.head_dim, kv_rows = c.kv_heads * c.head_dim;
  for (int i = 0; i < c.layers; i++) {
    const std::string layer = "model.layers." + std::to_string(i) + ".";
    const auto norm = [&](const char* name, int n) { return reader.floats(layer + name + ".weight", {n}); };
    const auto matrix = [&](const char* name, int rows, int k) {
      return reader.matrix(layer + name + ".weight", rows, k);
    };
    Layer out;
    out.input_norm = norm("input_layernorm", c.hidden);
    out.ffn_norm = norm("post_attention_layernorm", c.hidden);
    out.q_norm = norm("self_attn.q_norm", c.head_dim);
    out.k_norm = norm("self_attn.k_norm", c.head_dim);
    out.qkv =
        pack(*model,
             interleave({matrix("self_attn.q_proj", q_rows, c.hidden), matrix("self_attn.k_proj", kv_rows, c.hidden),
                         matrix("self_attn.v_proj", kv_rows, c.hidden)},
                        kMaxDimension),
             c.hidden);
    out.o = pack(*model, matrix("self_attn.o_proj", c.hidden, q_rows), q_rows);
    out.gate_up = pack(
        *model, interleave({matrix("mlp.gate_proj", c.ffn, c.hidden), matrix("mlp.up_proj", c.ffn, c.hidden)}, kLanes),
        c.hidden);
    out.down = pack(*model, matrix("mlp.down_proj", c.hidden, c.ffn), kWidthStep);
    model->layers.push_back(std::move(out));
  }
  model->embedding = pack(*model, reader.matrix("model.embed_tokens.weight", c.vocabulary, c.hidden), c.hidden);
  model->norm = reader.floats("model.norm.weight", {c.hidden});
  const int half = c.head_dim / 2;
  model->cos.reserve(static_cast<size_t>(c.context) * half);
  model->sin.reserve(static_cast<size_t>(c.context) * half);
  for (int position = 0; position < c.context; position++)
    for (int i = 0; i < half; i++) {
      const double angle = position * std::pow(static_cast<double>(c.rope_theta), -2.0 * i / c.head_dim);
      model->cos.push_back(static_cast<float>(std::cos(angle)));
      model->sin.push_back(static_cast<float>(std::sin(angle)));
    }
#ifdef __GLIBC__
  malloc_trim(0);  // otherwise the allocator keeps the memory of a matrix or two that were read and packed
#endif
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
