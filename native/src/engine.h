#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "forward.h"
#include "healing.h"
#include "score_bound.h"
#include "speculation.h"

namespace matcoder {

// What a request tells its caller, on the engine's thread.
struct Event {
  enum Kind { kPrefill, kToken, kLogits, kEnd } kind = kEnd;
  // kPrefill
  int reused_tokens = 0;
  int prefilled_tokens = 0;
  double prefill_ms = 0;
  // kToken
  int32_t token = 0;
  float probability = 0;
  // kLogits: [tokens, vocabulary]
  std::vector<float> logits;
  // kEnd
  std::string reason;  // stop, line, scoreBound, length, context, aborted or failed
  std::string message;
  int decoded_tokens = 0;
  int passes = 0;  // over the submodel's weights, after the prompt's
  double decode_ms = 0;
  DraftCounts drafts;
};

// One completion. The abort flag is the request's own: aborting one can never stop the next.
struct Request {
  std::vector<int32_t> tokens;
  std::vector<int> widths;
  int max_tokens = 0;
  std::vector<int32_t> stop_tokens;
  std::vector<int32_t> banned_first_tokens;  // never chosen as the first token: the end, where a caller asks for more
  std::vector<float> copy_weights;  // [length of the match - 1]: what the token that followed it weighs; empty for none
  std::string healing_prefix;       // bytes that the first tokens spell: the end of the prompt's text, for healing
  std::vector<int32_t> expected;    // what the answer probably begins with: drafted at once, whatever else is
  bool ends_with_line = false;      // with the first token that spells a line end beyond what is given back
  std::optional<ScoreBound> score_bound;  // that the tokens beyond it have to have a chance of reaching
  Speculation speculation;
  bool all_logits = false;  // instead of decoding, report the logits after every token
  std::function<void(Event)> on_event;
  std::atomic<bool> aborted{false};
};

// Tokens that the target is asked to check, and where they come from: the caller where neither of the others is set.
struct Draft {
  std::vector<int32_t> tokens;
  int match_length = 0;              // of what they were copied after
  std::vector<float> probabilities;  // of the submodel that wrote them, of each
};

// One model, one cache, one thread that serves requests in the order they came.
class Engine {
 public:
  // token_bytes: [vocabulary] the bytes of each token, empty for marks; none where no request gives text back
  Engine(std::unique_ptr<Model> model, const Kernels& kernels, int threads, std::vector<std::string> token_bytes = {});
  ~Engine();  // aborts what is queued and running, and waits for it
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Throws std::invalid_argument where the request makes no sense for this model.
  void submit(std::shared_ptr<Request> request);

  // Ends a request: at once, on the calling thread, where it has not begun; otherwise within a matrix.
  void abort(const std::shared_ptr<Request>& request);

  const Kernels& kernels() const { return kernels_; }
  int threads() const { return pool_.threads(); }
  size_t weight_bytes() const { return model_->weight_bytes(); }
  size_t kv_cache_bytes() const { return cache_.bytes(); }

 private:
  void serve();
  void run(Request& request);
  std::vector<int32_t> expected(const Request& request) const;
  bool prefill(Request& request, Draft& draft);
  Event decode(Request& request, const std::vector<int32_t>& expected, Draft draft);
  void choose(const Request& request, float* logits, const std::vector<int32_t>& text, bool is_first,
              const std::string& healing_prefix, Event& event) const;
  Draft draft(const Request& request, const std::vector<int32_t>& text, int32_t last, int room, Speculator& speculator);

  std::unique_ptr<Model> model_;
  const Kernels& kernels_;
  const TokenBytes token_bytes_;
  ThreadPool pool_;
  KvCache cache_;
  std::vector<int32_t> answered_;  // the tokens of the request before, and its answer's
  Scratch scratch_;
  std::map<std::vector<int>, Speculator> speculators_;  // by the widths of target and draft, one after the other

  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<std::shared_ptr<Request>> queue_;
  std::shared_ptr<Request> running_;
  bool closing_ = false;
  std::thread thread_;
};

}  // namespace matcoder
