#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "compensation.h"
#include "draft_head.h"
#include "forward.h"
#include "memory/memory.h"
#include "request.h"

namespace matcoder {

// A prefill that takes long is reported this often, so that a watchdog can tell it from a hang.
constexpr std::chrono::milliseconds kProgressInterval{100};

// Rows of the head for drafts, if the vocabulary has more than twice as many.
constexpr int kDraftRows = 16384;

// Keys and values of all documents together, unless another bound is given.
constexpr size_t kCacheBytes = size_t{256} << 20;

// Tokens that the target submodel is asked to verify. Each followed an earlier match, or comes from the draft submodel,
// or else is what the caller expects.
struct Draft {
  std::vector<int32_t> tokens;
  std::vector<FoundMatch> matches;   // [tokens] that each followed, of length 0 for an expected token
  std::vector<float> probabilities;  // [tokens] by the draft submodel
};

// Decoding: one model and its cache run one request after the other, on one thread.
class Decoder {
 public:
  // As for Engine.
  Decoder(std::unique_ptr<Model> model, const Kernels& kernels, int threads,
          const std::vector<std::string>& token_bytes, std::shared_ptr<const Memory> memory,
          std::chrono::milliseconds progress_interval, size_t cache_bytes, int draft_rows);

  // Throws std::invalid_argument if the request makes no sense for this model. On any thread.
  void check(const Request& request) const {
    check_request(request, model_->config, token_bytes_, memory_for(request));
  }

  // Reads the prompt and decodes the answer; reports events on the way and returns the last one. Throws
  // std::runtime_error if the weights turn out to be corrupt.
  Event run(Request& request);

  // Frees the keys and values of documents.
  void forget(const std::vector<int32_t>& cache_keys);

  const Kernels& kernels() const { return kernels_; }
  int threads() const { return pool_.threads(); }
  size_t weight_bytes() const { return model_->weight_bytes(); }
  size_t kv_cache_bytes() const { return cached_bytes_; }

 private:
  struct Answer;
  const Memory* memory_for(const Request& request) const {
    return request.memory ? request.memory.get() : memory_.get();
  }
  std::vector<int32_t> expected_tokens(const Request& request) const;
  bool prefill(Request& request, Draft& draft);
  Draft first_draft(const Request& request, const std::vector<int32_t>& expected, Answer& answer) const;
  Event decode(Request& request, const std::vector<int32_t>& expected, Draft draft, Answer& answer);
  const char* verify(Request& request, const std::vector<int32_t>& expected, const Draft& draft, Answer& answer);
  Draft next_draft(const Request& request, const std::vector<int32_t>& expected, Answer& answer);
  Draft speculate(const Request& request, int room, Answer& answer);
  Draft speculate_from_matches(int room, bool always, bool explore, Answer& answer) const;
  std::vector<int32_t> text_of(const Request& request, int end) const;
  void add_text(const Request& request, int begin, int end, std::vector<int32_t>& text) const;
  Event score(Request& request);
  Event gather_activations(Request& request);
  Event look_up(const Request& request) const;
  Event import_keys_and_values(const Request& request);
  static void add_match_scores(const Components& components, const ModelPrediction& model, int32_t token,
                               std::vector<float>& out);
  void prepare_draft_head(const Request& request);
  void use(int32_t token);
  std::pair<int32_t, float> most_likely_draft();
  bool run_forward(const Request& request, const std::vector<int>& widths, const int32_t* tokens, int count,
                   const std::function<void()>& on_layer = nullptr);

  std::unique_ptr<Model> model_;
  Compensation compensation_;
  const Kernels& kernels_;
  const TokenBytes token_bytes_;
  const std::shared_ptr<const Memory> memory_;
  const std::chrono::milliseconds progress_interval_;
  ThreadPool pool_;
  const int draft_rows_;
  std::unique_ptr<DraftHead> draft_head_;  // null: drafts need none, or not yet
  KvCachePool caches_;
  KvCache* cache_;  // of the request that runs
  std::atomic<size_t> cached_bytes_{0};
  Scratch scratch_;
  std::map<std::vector<int>, Speculator> speculators_;  // by the target's widths, followed by the draft's
};

}  // namespace matcoder
