#include "encoder_model.h"

#include <stdexcept>

#include "../weights.h"

namespace matcoder {
namespace {

// Attention is shared among threads in pieces, and a thread pool takes at most 65535: this many rows of all heads make
// half of them.
constexpr int kMaxInputHeads = 1 << 17;

constexpr int kMaxEmbedding = 4096;
constexpr int kMaxPictureSize = 4096;

void check_encoder(const std::string& path, const EncoderConfig& c) {
  check_config(path, c.blocks, !c.reads_pictures());
  const auto require = [&](bool holds, const char* what) {
    if (!holds)
      throw std::runtime_error(path + ": its config.json does not describe an encoder this engine runs: " + what);
  };
  require(c.embedding > 0 && c.embedding <= kMaxEmbedding && c.embedding % kLanes == 0,
          "encoder.embedding must be a multiple of 16, at most 4096");
  require(c.max_input > 0 && c.max_input <= c.blocks.context,
          "encoder.max_input must be between 1 and max_position_embeddings");
  require(c.max_input <= kMaxInputHeads / c.blocks.heads,
          "encoder.max_input * num_attention_heads must be at most 131072");
  if (!c.reads_pictures()) return;
  require(c.picture_size <= kMaxPictureSize, "encoder.picture.size must be at most 4096");
  require(c.patch_size > 0 && c.picture_size % c.patch_size == 0,
          "encoder.picture.size must be a multiple of encoder.picture.patch");
  require(c.picture_channels > 0 && c.picture_channels <= 4, "encoder.picture.channels must be between 1 and 4");
  require(c.patch_values() % kLanes == 0 && c.patch_values() <= 65536,
          "the values of a patch must be a multiple of 16, at most 65536");
  require(c.patches() <= c.max_input, "a picture has more patches than encoder.max_input");
}

}  // namespace

std::unique_ptr<EncoderModel> load_encoder(const std::string& path, const EncoderConfig& c,
                                           const std::unordered_map<std::string, TensorEntry>& entries) {
  check_encoder(path, c);
  WeightReader reader(path, entries);
  auto model = std::make_unique<EncoderModel>();
  model->config = c;
  Model& blocks = model->blocks;
  blocks.path = path;
  blocks.config = c.blocks;
  const int hidden = c.blocks.hidden;
  load_blocks(blocks, reader);
  if (c.reads_pictures()) {
    const int values = c.patch_values();
    model->patch_embedding = pack(blocks, all_rows(reader.matrix("patch_embedding.weight", hidden, values)), values);
    model->position_embedding = reader.floats("position_embedding.weight", {c.patches(), hidden});
  } else {
    load_embedding(blocks, reader);
  }
  model->projection = pack(blocks, all_rows(reader.matrix("projection.weight", c.embedding, hidden)), hidden);
  release_read_memory();
  return model;
}

}  // namespace matcoder
