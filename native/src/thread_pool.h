#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace matcoder {

// Runs chunks of one job on the calling thread and a few helpers.
//
// A matrix product takes microseconds, so helpers spin between jobs. A developer's machine is busy, so they spin
// briefly and then sleep. Chunks are taken one by one, so a helper that the system does not schedule delays only the
// chunk that it has begun.
class ThreadPool {
 public:
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return static_cast<int>(helpers_.size()) + 1; }

  // Between two jobs, on the thread that calls run(): makes waits shorter if other processes want the cores.
  void adapt_spinning();

  // Calls body(i, thread) for i in 0..chunks-1, at most 65535, and returns when all calls have. `thread` is below
  // threads(), and no two calls have the same at the same time. The body must not throw.
  template <typename Body>
  void run(int chunks, Body&& body) {
    if (helpers_.empty() || chunks < 2) {
      for (int i = 0; i < chunks; i++) body(i, 0);
      return;
    }
    run_erased(
        chunks, [](void* b, int i, int thread) { (*static_cast<std::remove_reference_t<Body>*>(b))(i, thread); },
        &body);
  }

 private:
  using Call = void (*)(void*, int, int);
  void run_erased(int chunks, Call call, void* body);
  bool take_one(int thread);
  void help(int thread);

  // Number of the job (32 bits), its chunks (16), chunks taken (16). One compare-and-swap checks that the job is still
  // the current one and takes a chunk of it. A job cannot end while a taken chunk is unfinished, so call_ and body_ are
  // read only after a chunk was taken.
  std::atomic<uint64_t> ticket_{0};
  std::atomic<int> finished_{0};
  Call call_ = nullptr;
  void* body_ = nullptr;

  std::atomic<int> spins_;  // before a wait becomes sleep
  std::chrono::steady_clock::time_point adapted_{};
  long preemptions_ = 0;  // at that time

  std::atomic<bool> stop_{false};
  std::atomic<int> sleepers_{0};      // helpers without a job
  std::atomic<bool> waiting_{false};  // run() sleeps until the last chunk has finished
  std::mutex mutex_;
  std::condition_variable wake_, done_;
  std::vector<std::thread> helpers_;
};

}  // namespace matcoder
