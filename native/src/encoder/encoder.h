#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "../blocks.h"
#include "encoder_model.h"

namespace matcoder {

// Texts or pictures, whichever the encoder reads.
struct EncoderInput {
  std::vector<int32_t> tokens;  // of all texts, one after the other
  std::vector<int32_t> ends;    // [texts] where each ends in `tokens`
  std::vector<uint8_t> pixels;  // [pictures, size, size, channels]
};

// One encoder and its working memory, which does not depend on the number of inputs.
class Encoder {
 public:
  Encoder(std::unique_ptr<EncoderModel> model, const Kernels& kernels, int threads);

  const EncoderConfig& config() const { return model_->config; }
  const Kernels& kernels() const { return kernels_; }
  int threads() const { return pool_.threads(); }
  size_t weight_bytes() const { return model_->blocks.weight_bytes(); }

  // Throws std::invalid_argument, which names the fault, for what embed() does not take. It may be called at any time.
  void check(const EncoderInput& input, const std::vector<int>& widths) const;

  // The embeddings of all inputs, [inputs, embedding], each of length 1. An embedding has the same bits whichever
  // inputs come with it, on any number of threads and with any kernels. Checks `aborted` about each millisecond: if it
  // is set, returns false. Throws std::runtime_error, which blames the weights, if a value is not finite.
  // input, widths: that were checked
  bool embed(const EncoderInput& input, const std::vector<int>& widths, const std::atomic<bool>& aborted,
             std::vector<float>& out);

 private:
  int rows_of(const EncoderInput& input, int index) const;
  void read_text(const EncoderInput& input, int index, float* x) const;
  void read_picture(const EncoderInput& input, int index, float* x);
  void pool_and_project(float* out);

  const std::unique_ptr<EncoderModel> model_;
  const Kernels& kernels_;
  ThreadPool pool_;
  Compensation compensation_;
  KvCache cache_;  // of one layer at a time
  BlockScratch scratch_;
  std::vector<Sequence> sequences_;  // of the pass: its inputs
  std::vector<float> pooled_;        // [inputs of a pass, hidden]
  std::vector<float> patches_;       // [patches, patch_values] of a picture
};

}  // namespace matcoder
