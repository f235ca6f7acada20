#include "encoder.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

namespace matcoder {
namespace {

const std::atomic<bool> kNever{false};

// An input takes whole blocks of keys in the cache.
int stored_positions(int rows) { return round_up(rows, kLanes); }

}  // namespace

Encoder::Encoder(std::unique_ptr<EncoderModel> model, const Kernels& kernels, int threads)
    : model_(std::move(model)),
      kernels_(kernels),
      pool_(threads),
      compensation_(model_->blocks),
      cache_(config().blocks, 1),
      scratch_(config().blocks, config().max_input, config().max_input, pool_.threads(), config().patch_values()) {
  const int positions = stored_positions(config().max_input), inputs = positions / kLanes;
  cache_.reserve(positions);
  pooled_.resize(static_cast<size_t>(inputs) * config().blocks.hidden);
  if (config().reads_pictures()) patches_.resize(static_cast<size_t>(config().patches()) * config().patch_values());
}

void Encoder::check(const EncoderInput& input, const std::vector<int>& widths) const {
  check_widths(config().blocks, widths);
  const auto fail = [](const std::string& fault) { throw std::invalid_argument(fault); };
  if (config().reads_pictures()) {
    if (!input.tokens.empty() || !input.ends.empty()) fail("this encoder reads pictures, not tokens");
    if (input.pixels.size() % config().picture_bytes() != 0)
      fail("the pixels have " + std::to_string(input.pixels.size()) + " bytes, which is not a multiple of the " +
           std::to_string(config().picture_bytes()) + " of a picture");
    return;
  }
  if (!input.pixels.empty()) fail("this encoder reads tokens, not pictures");
  int begin = 0;
  for (size_t i = 0; i < input.ends.size(); i++) {
    const int64_t length = static_cast<int64_t>(input.ends[i]) - begin;
    if (length < 1 || length > config().max_input)
      fail("input " + std::to_string(i) + " has " + std::to_string(length) + " tokens, but must have between 1 and " +
           std::to_string(config().max_input));
    begin = input.ends[i];
  }
  if (static_cast<size_t>(begin) != input.tokens.size())
    fail("there are " + std::to_string(input.tokens.size()) + " tokens, but the last input ends after " +
         std::to_string(begin));
  for (const int32_t token : input.tokens)
    if (token < 0 || token >= config().blocks.vocabulary)
      fail("the token " + std::to_string(token) + " is not in the vocabulary of " +
           std::to_string(config().blocks.vocabulary));
}

bool Encoder::embed(const EncoderInput& input, const std::vector<int>& widths, const std::atomic<bool>& aborted,
                    std::vector<float>& out) {
  const EncoderConfig& c = config();
  const bool reads_pictures = c.reads_pictures();
  const int inputs = static_cast<int>(reads_pictures ? input.pixels.size() / c.picture_bytes() : input.ends.size());
  out.resize(static_cast<size_t>(inputs) * c.embedding);
  if (!compensation_.prepare(widths, pool_, aborted)) return false;
  for (int done = 0; done < inputs; done += static_cast<int>(sequences_.size())) {
    if (aborted) return false;
    // As many whole inputs as fit into the working memory; one always does.
    sequences_.clear();
    for (int i = done, first_row = 0, place = 0; i < inputs; i++) {
      const int rows = rows_of(input, i);
      if (i > done && place + rows > c.max_input) break;
      sequences_.push_back({rows, 0, place, c.causal});
      float* x = &scratch_.x[static_cast<size_t>(first_row) * c.blocks.hidden];
      if (reads_pictures)
        read_picture(input, i, x);
      else
        read_text(input, i, x);
      first_row += rows;
      place += stored_positions(rows);
    }
    if (!run_blocks(model_->blocks, kernels_, compensation_, widths, sequences_.data(),
                    static_cast<int>(sequences_.size()), cache_, scratch_, pool_, aborted))
      return false;
    pool_and_project(&out[static_cast<size_t>(done) * c.embedding]);
  }
  return true;
}

int Encoder::rows_of(const EncoderInput& input, int index) const {
  if (config().reads_pictures()) return config().patches();
  return input.ends[index] - (index > 0 ? input.ends[index - 1] : 0);
}

// x: [tokens, hidden]
void Encoder::read_text(const EncoderInput& input, int index, float* x) const {
  const int first = index > 0 ? input.ends[index - 1] : 0;
  for (int t = first; t < input.ends[index]; t++, x += config().blocks.hidden)
    embed_token(model_->blocks, input.tokens[t], x);
}

// x: [patches, hidden]
void Encoder::read_picture(const EncoderInput& input, int index, float* x) {
  const EncoderConfig& c = config();
  const uint8_t* pixels = &input.pixels[index * c.picture_bytes()];
  const size_t row_bytes = static_cast<size_t>(c.picture_size) * c.picture_channels;
  const size_t patch_row_bytes = static_cast<size_t>(c.patch_size) * c.picture_channels;
  float* value = patches_.data();
  for (int patch = 0; patch < c.patches(); patch++) {
    const int top = patch / c.patches_per_side() * c.patch_size, column = patch % c.patches_per_side();
    for (int y = top; y < top + c.patch_size; y++) {
      const uint8_t* row = pixels + y * row_bytes + column * patch_row_bytes;
      for (size_t i = 0; i < patch_row_bytes; i++) *value++ = static_cast<float>(row[i]) / 127.5f - 1.0f;
    }
  }
  const int values = c.patch_values(), hidden = c.blocks.hidden;
  const Inputs inputs = quantise_precisely(model_->blocks, kernels_, model_->patch_embedding, patches_.data(), values,
                                           c.patches(), values, scratch_, "the pixels");
  matmul(kernels_, model_->patch_embedding, hidden, values, inputs, x, hidden, pool_, kNever);
  for (size_t i = 0; i < model_->position_embedding.size(); i++) x[i] += model_->position_embedding[i];
}

// From the residual streams of the pass to its embeddings. out: [inputs of the pass, embedding]
void Encoder::pool_and_project(float* out) {
  const EncoderConfig& c = config();
  const int hidden = c.blocks.hidden, inputs = static_cast<int>(sequences_.size());
  std::vector<float>& normed = scratch_.of_thread[0].normed;
  const float* x = scratch_.x.data();
  for (int i = 0; i < inputs; i++) {
    float* pooled = &pooled_[static_cast<size_t>(i) * hidden];
    std::fill_n(pooled, hidden, 0.0f);
    const int rows = sequences_[i].rows, first = c.pools_last ? rows - 1 : 0;
    for (int t = first; t < rows; t++) {
      kernels_.rms_norm(x + static_cast<size_t>(t) * hidden, model_->blocks.norm.data(), hidden, c.blocks.norm_eps,
                        normed.data());
      for (int j = 0; j < hidden; j++) pooled[j] += normed[j];
    }
    for (int j = 0; j < hidden; j++) pooled[j] /= static_cast<float>(rows - first);
    x += static_cast<size_t>(rows) * hidden;
  }
  const Inputs to_embedding = quantise_precisely(model_->blocks, kernels_, model_->projection, pooled_.data(), hidden,
                                                 inputs, hidden, scratch_, "the activations after model.norm");
  matmul(kernels_, model_->projection, c.embedding, hidden, to_embedding, out, c.embedding, pool_, kNever);
  for (float* embedding = out; embedding != out + inputs * c.embedding; embedding += c.embedding) {
    double squares = 0;
    for (int j = 0; j < c.embedding; j++) squares += static_cast<double>(embedding[j]) * embedding[j];
    if (!std::isfinite(squares)) fail_not_finite(model_->blocks, "the products of projection.weight");
    const double length = std::max(std::sqrt(squares), 1e-12);  // as PyTorch's normalize()
    for (int j = 0; j < c.embedding; j++) embedding[j] = static_cast<float>(embedding[j] / length);
  }
}

}  // namespace matcoder
