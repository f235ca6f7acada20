#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "kernels.h"

namespace matcoder {

// The smallest multiple of `step` that is not below n.
constexpr int round_up(int n, int step) { return (n + step - 1) / step * step; }

// The shape of a decoder of the Llama family, whose feed-forward blocks may be nested: ModelConfig in
// src/matlm/shape.ts.
struct Config {
  int hidden = 0;
  int layers = 0;
  int heads = 0;
  int kv_heads = 0;
  int head_dim = 0;
  int ffn = 0;
  int vocabulary = 0;
  int context = 0;
  float norm_eps = 0;
  std::vector<double> rope_frequencies;  // [head_dim / 2] radians per position
  float rope_magnitude = 1;              // factor of the rotation
  bool attention_bias = false;           // of queries, keys and values
  bool output_bias = false;              // of the attention's output
  bool qk_norm = false;                  // each head of queries and keys is normalised
  bool tied_head = true;                 // the embedding is also the head
  bool compensation = false;             // the hidden units have mean activations
  float embedding_scale = 1;
  float attention_scale = 0;  // factor of the products of queries and keys
  float residual_scale = 1;   // factor of what a block adds to the residual stream
  float logit_scale = 1;

  // Heads and rows of logits are stored with zeros at their end.
  int padded_head_dim() const { return round_up(head_dim, kLanes); }
  int padded_vocabulary() const { return round_up(vocabulary, kLanes); }
  int qkv_rows() const { return (heads + 2 * kv_heads) * padded_head_dim(); }
};

// The place of one tensor in the weights file: bytes begin..end from the start of the file.
struct TensorEntry {
  std::string dtype;  // I8, U8, F16 or F32
  std::vector<int64_t> shape;
  uint64_t begin = 0;
  uint64_t end = 0;
};

struct Layer {
  std::vector<float> input_norm, ffn_norm;  // [hidden]
  std::vector<float> q_norm, k_norm;        // [head_dim]; none without qk_norm
  std::vector<float> qkv_bias;              // [qkv_rows]; none without attention_bias
  std::vector<float> output_bias;           // [hidden]; none without output_bias
  std::vector<float> mean_active;           // [ffn]; none without compensation
  Matrix qkv;                               // [qkv_rows, hidden]
  Matrix o;                                 // [hidden, heads * head_dim]
  Matrix gate_up;                           // [2 * ffn, hidden], 16 rows of gate, 16 of up, and so on
  Matrix down;                              // [hidden, ffn]; kRows: in blocks of 32 hidden units
};

// The one copy of the weights. A submodel is a list of widths over it and owns nothing.
struct Model {
  std::string path;  // of the weights file, for error messages
  Config config;
  std::vector<Layer> layers;
  Matrix embedding;         // [padded_vocabulary, hidden], for look-up and, if tied, for the LM head
  Matrix untied_head;       // likewise; no rows if it is tied
  std::vector<float> norm;  // [hidden]
  std::vector<float> cos;   // [context, head_dim / 2]
  std::vector<float> sin;   // [context, head_dim / 2]

  const Matrix& head() const { return config.tied_head ? embedding : untied_head; }
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

// The parts of load_model(), for a model of another kind that has the same blocks.
class WeightReader;
// Throws std::runtime_error if the engine does not run this shape.
// has_tokens: whether there is a vocabulary
void check_config(const std::string& path, const Config& config, bool has_tokens = true);
// The layers, the norm after them, and the rotations.
void load_blocks(Model& model, WeightReader& reader);
void load_embedding(Model& model, WeightReader& reader);

// Throws std::invalid_argument unless there is one width a layer, each 0 or a multiple of kWidthStep up to ffn.
void check_widths(const Config& config, const std::vector<int>& widths);

}  // namespace matcoder
