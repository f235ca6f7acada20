#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "decoding.h"
#include "request.h"

namespace matcoder {

// Scheduling: one model, one thread that serves requests in the order they came.
class Engine {
 public:
  // token_bytes: [tokens] the bytes of each token, empty for special tokens; none if no request has a healing
  // prefix
  // memory: of the workspace; null if no request uses it
  // progress_interval: least time between two progress events of a prefill
  // draft_rows: tokens that drafts choose from, if the vocabulary has more than twice as many; 0: always from all
  // cache_bytes: bound of the keys and values of all documents but the one in use
  Engine(std::unique_ptr<Model> model, const Kernels& kernels, int threads,
         const std::vector<std::string>& token_bytes = {}, std::shared_ptr<const Memory> memory = nullptr,
         std::chrono::milliseconds progress_interval = kProgressInterval, size_t cache_bytes = kCacheBytes,
         int draft_rows = kDraftRows);
  ~Engine();  // aborts the queued and running requests, and waits for them
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Throws std::invalid_argument if the request makes no sense for this model. Otherwise the request ends with exactly
  // one kEnd event, and nothing follows that.
  void submit(std::shared_ptr<Request> request);

  // Ends a request: at once, on the calling thread, if it is still queued; otherwise within one matrix product. The
  // cache keeps the chunks of the prompt that were read.
  void abort(const std::shared_ptr<Request>& request);

  // Frees the keys and values of documents, when the running request has ended.
  void forget(const std::vector<int32_t>& cache_keys);

  const Kernels& kernels() const { return decoder_.kernels(); }
  int threads() const { return decoder_.threads(); }
  size_t weight_bytes() const { return decoder_.weight_bytes(); }
  size_t kv_cache_bytes() const { return decoder_.kv_cache_bytes(); }

 private:
  void serve();

  Decoder decoder_;  // used by thread_ alone, but for its constant properties

  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<std::shared_ptr<Request>> queue_;
  std::shared_ptr<Request> running_;
  std::vector<int32_t> forgotten_;  // cache keys
  bool closing_ = false;
  std::thread thread_;
};

}  // namespace matcoder
