#include "engine.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace matcoder {

Engine::Engine(std::unique_ptr<Model> model, const Kernels& kernels, int threads,
               const std::vector<std::string>& token_bytes, std::shared_ptr<const Memory> memory,
               std::chrono::milliseconds progress_interval, size_t cache_bytes, int draft_rows)
    : decoder_(std::move(model), kernels, threads, token_bytes, std::move(memory), progress_interval, cache_bytes,
               draft_rows),
      thread_([this] { serve(); }) {}

Engine::~Engine() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    closing_ = true;
    for (auto& request : queue_) request->aborted = true;
    if (running_) running_->aborted = true;
  }
  arrived_.notify_one();
  thread_.join();
}

void Engine::submit(std::shared_ptr<Request> request) {
  decoder_.check(*request);
  {
    std::lock_guard<std::mutex> lock(mutex_);
    queue_.push_back(std::move(request));
  }
  arrived_.notify_one();
}

void Engine::abort(const std::shared_ptr<Request>& request) {
  request->aborted = true;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    const auto waiting = std::find(queue_.begin(), queue_.end(), request);
    if (waiting == queue_.end()) return;
    queue_.erase(waiting);
  }
  request->on_event(end_event("aborted"));
}

void Engine::forget(const std::vector<int32_t>& cache_keys) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    forgotten_.insert(forgotten_.end(), cache_keys.begin(), cache_keys.end());
  }
  arrived_.notify_one();
}

void Engine::serve() {
  for (;;) {
    std::vector<int32_t> forgotten;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      running_.reset();
      arrived_.wait(lock, [this] { return closing_ || !queue_.empty() || !forgotten_.empty(); });
      forgotten.swap(forgotten_);
      if (queue_.empty() && forgotten.empty()) return;
      if (!queue_.empty()) {
        running_ = queue_.front();
        queue_.pop_front();
      }
    }
    if (!forgotten.empty()) decoder_.forget(forgotten);
    if (!running_) continue;
    Event end;
    try {
      end = decoder_.run(*running_);
    } catch (const std::exception& error) {
      end = end_event("failed", error.what());
    }
    running_->on_event(std::move(end));
  }
}

}  // namespace matcoder
