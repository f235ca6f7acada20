#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "forward.h"
#include "memory/memory.h"
#include "request.h"

namespace matcoder {

// A prefill that takes long is reported this often, so that a watchdog can tell it from a hang.
constexpr std::chrono::milliseconds kProgressInterval{100};

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
  Decoder(std::unique_ptr<Model> model, const Kernels& kernels, int threads, std::vector<std::string> token_bytes,
          std::shared_ptr<const Memory> memory, std::chrono::milliseconds progress_interval);

  // Throws std::invalid_argument if the request makes no sense for this model. On any thread.
  void check(const Request& request) const { check_request(request, model_->config, token_bytes_, memory_.get()); }

  // Reads the prompt and decodes the answer; reports events on the way and returns the last one. Throws
  // std::runtime_error if the weights turn out to be corrupt.
  Event run(Request& request);

  const Kernels& kernels() const { return kernels_; }
  int threads() const { return pool_.threads(); }
  size_t weight_bytes() const { return model_->weight_bytes(); }
  size_t kv_cache_bytes() const { return cache_.bytes(); }

 private:
  struct Answer;
  std::vector<int32_t> expected_tokens(const Request& request) const;
  bool prefill(Request& request, Draft& draft);
  Draft first_draft(const Request& request, const std::vector<int32_t>& expected, Answer& answer) const;
  Event decode(Request& request, const std::vector<int32_t>& expected, Draft draft, Answer& answer);
  const char* verify(Request& request, const std::vector<int32_t>& expected, const Draft& draft, Answer& answer);
  Draft next_draft(const Request& request, const std::vector<int32_t>& expected, Answer& answer);
  Draft speculate(const Request& request, int room, Answer& answer);
  Draft speculate_from_matches(int room, bool always, bool explore, Answer& answer) const;
  bool run_forward(const Request& request, const std::vector<int>& widths, const int32_t* tokens, int count);

  std::unique_ptr<Model> model_;
  const Kernels& kernels_;
  const TokenBytes token_bytes_;
  const std::shared_ptr<const Memory> memory_;
  const std::chrono::milliseconds progress_interval_;
  ThreadPool pool_;
  KvCache cache_;
  Scratch scratch_;
  std::vector<int32_t> last_sequence_;                  // prompt and answer of the previous request
  std::map<std::vector<int>, Speculator> speculators_;  // by the target's widths, followed by the draft's
};

}  // namespace matcoder
