#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "../model.h"

namespace matcoder {

// The shape of an encoder: EncoderConfig in src/encoders/config.ts.
struct EncoderConfig {
  Config blocks;             // its vocabulary is not read if the input is pictures
  bool causal = false;       // a position attends to those before it; otherwise to all
  bool pools_last = false;   // the last position stands for the input; otherwise the mean of all
  int embedding = 0;         // numbers of an embedding
  int max_input = 0;         // tokens or patches
  int picture_size = 0;      // pixels of each side; 0 if the input is tokens
  int patch_size = 0;        // likewise, of a patch
  int picture_channels = 0;  // bytes of a pixel

  bool reads_pictures() const { return picture_size > 0; }
  int patches_per_side() const { return picture_size / patch_size; }
  int patches() const { return patches_per_side() * patches_per_side(); }
  int patch_values() const { return patch_size * patch_size * picture_channels; }
  size_t picture_bytes() const { return static_cast<size_t>(picture_size) * picture_size * picture_channels; }
};

struct EncoderModel {
  EncoderConfig config;
  Model blocks;                           // with the embedding of tokens, without a head
  Matrix patch_embedding;                 // [hidden, patch_values], of pictures
  std::vector<float> position_embedding;  // [patches, hidden], of pictures
  Matrix projection;                      // [embedding, hidden]
};

// As load_model().
std::unique_ptr<EncoderModel> load_encoder(const std::string& path, const EncoderConfig& config,
                                           const std::unordered_map<std::string, TensorEntry>& entries);

}  // namespace matcoder
