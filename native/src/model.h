#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "kernels.h"

namespace matcoder {

// The shape of a Qwen3-style decoder with nested feed-forward blocks.
struct Config {
  int hidden = 0;
  int layers = 0;
  int heads = 0;
  int kv_heads = 0;
  int head_dim = 0;
  int ffn = 0;
  int vocabulary = 0;
  int context = 0;
  float rope_theta = 0;
  float norm_eps = 0;
};

// The place of one tensor in the weights file: bytes begin..end from the start of the file.
struct TensorEntry {
  std::string dtype;  // I8, F16 or F32
  std::vector<int64_t> shape;
  uint64_t begin = 0;
  uint64_t end = 0;
};

struct Layer {
  std::vector<float> input_norm, ffn_norm;  // [hidden]
  std::vector<float> q_norm, k_norm;        // [head_dim]
  Matrix qkv;                               // [(heads + 2 * kv_heads) * head_dim, hidden]
  Matrix o;                                 // [hidden, heads * head_dim]
  Matrix gate_up;                           // [2 * ffn, hidden], 16 rows of gate, 16 of up, and so on
  Matrix down;                              // [hidden, ffn], in blocks of 32 hidden units
};

// The one copy of the weights. A submodel is a list of widths over it and owns nothing.
struct Model {
  std::string path;  // of the weights file, for error messages
  Config config;
  std::vector<Layer> layers;
  Matrix embedding;         // [vocabulary, hidden], for look-up and for the LM head
  std::vector<float> norm;  // [hidden]
  std::vector<float> cos;   // [context, head_dim / 2]
  std::vector<float> sin;   // [context, head_dim / 2]

  size_t weight_bytes() const { return weight_bytes_; }

  std::vector<std::unique_ptr<char[]>> storage_;  // the matrices point into it
  size_t weight_bytes_ = 0;
};

// Hidden units come in blocks of this many; so do the widths of submodels.
constexpr int kWidthStep = 32;

// Reads and packs the tensors under their Hugging Face names. Throws std::runtime_error with the file, the tensor and
// the fault: nothing in `entries` is trusted before it is checked against the file.
std::unique_ptr<Model> load_model(const std::string& path, const Config& config,
                                  const std::unordered_map<std::string, TensorEntry>& entries);

// Throws std::invalid_argument unless there is one width a layer, each 0 or a multiple of kWidthStep up to ffn.
void check_widths(const Config& config, const std::vector<int>& widths);

}  // namespace matcoder
