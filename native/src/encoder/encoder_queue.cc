#include "encoder_queue.h"

#include <algorithm>
#include <new>
#include <utility>

namespace matcoder {
namespace {

EncodeResult run(Encoder& encoder, const EncodeRequest& request) {
  EncodeResult result;
  try {
    result.aborted = !encoder.embed(request.input, request.widths, request.aborted, result.embeddings);
  } catch (const std::bad_alloc&) {
    result.fault = "there is not enough memory for these embeddings";
  } catch (const std::exception& error) {
    result.fault = error.what();
  }
  return result;
}

EncodeResult aborted() {
  EncodeResult result;
  result.aborted = true;
  return result;
}

}  // namespace

EncoderQueue::EncoderQueue(std::unique_ptr<Encoder> encoder)
    : encoder_(std::move(encoder)), thread_([this] { serve(); }) {}

EncoderQueue::~EncoderQueue() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    closing_ = true;
    for (auto& request : queue_) request->aborted = true;
    if (running_) running_->aborted = true;
  }
  arrived_.notify_one();
  thread_.join();
}

void EncoderQueue::submit(std::shared_ptr<EncodeRequest> request) {
  encoder_->check(request->input, request->widths);
  {
    std::lock_guard<std::mutex> lock(mutex_);
    queue_.push_back(std::move(request));
  }
  arrived_.notify_one();
}

void EncoderQueue::abort(const std::shared_ptr<EncodeRequest>& request) {
  request->aborted = true;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    const auto waiting = std::find(queue_.begin(), queue_.end(), request);
    if (waiting == queue_.end()) return;
    queue_.erase(waiting);
  }
  request->on_end(aborted());
}

void EncoderQueue::serve() {
  for (;;) {
    {
      std::unique_lock<std::mutex> lock(mutex_);
      running_.reset();
      arrived_.wait(lock, [this] { return closing_ || !queue_.empty(); });
      if (queue_.empty()) return;
      running_ = queue_.front();
      queue_.pop_front();
    }
    running_->on_end(running_->aborted ? aborted() : run(*encoder_, *running_));
  }
}

}  // namespace matcoder
