#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "encoder.h"

namespace matcoder {

struct EncodeResult {
  std::vector<float> embeddings;  // [inputs, embedding]
  bool aborted = false;
  std::string fault;  // if not empty, there are no embeddings
};

struct EncodeRequest {
  EncoderInput input;
  std::vector<int> widths;  // [layers]
  // Called once, on the encoder's thread, or on the one that aborts a request that waits.
  std::function<void(EncodeResult)> on_end;
  std::atomic<bool> aborted{false};
};

// One thread that serves an encoder's requests in the order they came.
class EncoderQueue {
 public:
  explicit EncoderQueue(std::unique_ptr<Encoder> encoder);
  ~EncoderQueue();  // aborts the queued and running requests, and waits for them
  EncoderQueue(const EncoderQueue&) = delete;
  EncoderQueue& operator=(const EncoderQueue&) = delete;

  const Encoder& encoder() const { return *encoder_; }

  // Throws std::invalid_argument, and then on_end is not called, if the request does not fit the encoder.
  void submit(std::shared_ptr<EncodeRequest> request);

  // A request that waits ends at once, a running one within milliseconds.
  void abort(const std::shared_ptr<EncodeRequest>& request);

 private:
  void serve();

  const std::unique_ptr<Encoder> encoder_;
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<std::shared_ptr<EncodeRequest>> queue_;
  std::shared_ptr<EncodeRequest> running_;
  bool closing_ = false;
  std::thread thread_;  // last, because it uses the others
};

}  // namespace matcoder
