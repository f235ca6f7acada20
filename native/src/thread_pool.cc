#include "thread_pool.h"

#include <system_error>

#if defined(__unix__) || defined(__APPLE__)
#include <sys/resource.h>
#endif

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace matcoder {
namespace {

// About 50 microseconds: longer than the serial parts between two matrix products, because waking a core takes longer
// than a product.
constexpr int kSpins = 2000;

// If other processes want the cores, a thread that waits must leave its core soon. A thread that sleeps keeps its claim
// to a share of the core, so it is scheduled as soon as it is woken; a thread that spins uses up its share.
constexpr int kCrowdedSpins = 200;

// Other processes want the cores if this thread was preempted twice within this time; system tasks do that rarely.
constexpr auto kObserved = std::chrono::milliseconds(20);
constexpr int kPreemptions = 2;

// How often the calling thread has been preempted since it began.
long preemptions() {
#ifdef RUSAGE_THREAD
  rusage usage;
  return getrusage(RUSAGE_THREAD, &usage) == 0 ? usage.ru_nivcsw : 0;
#else
  return 0;  // the system does not count this per thread
#endif
}

void pause() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

uint64_t chunks_of(uint64_t ticket) { return (ticket >> 16) & 0xffff; }
uint64_t taken_of(uint64_t ticket) { return ticket & 0xffff; }

}  // namespace

ThreadPool::ThreadPool(int threads) : spins_(kSpins) {
  try {
    for (int i = 1; i < threads; i++) helpers_.emplace_back([this, i] { help(i); });
  } catch (const std::system_error&) {
    // The system allows no more threads: those that were started do the work.
  }
}

ThreadPool::~ThreadPool() {
  stop_ = true;
  { std::lock_guard<std::mutex> lock(mutex_); }
  wake_.notify_all();
  for (auto& helper : helpers_) helper.join();
}

void ThreadPool::adapt_spinning() {
  const auto now = std::chrono::steady_clock::now(), before = adapted_;
  if (now - before < kObserved) return;
  const long count = preemptions();
  // A longer time was mostly spent asleep, so its preemptions say nothing about the cores.
  const bool crowded = count - preemptions_ >= kPreemptions && now - before < 4 * kObserved;
  spins_ = crowded ? kCrowdedSpins : kSpins;
  adapted_ = now;
  preemptions_ = count;
}

bool ThreadPool::take_one(int thread) {
  uint64_t ticket = ticket_.load(std::memory_order_acquire);
  while (taken_of(ticket) < chunks_of(ticket)) {
    if (ticket_.compare_exchange_weak(ticket, ticket + 1, std::memory_order_acq_rel)) {
      const int chunks = static_cast<int>(chunks_of(ticket));
      call_(body_, static_cast<int>(taken_of(ticket)), thread);
      if (finished_.fetch_add(1) + 1 == chunks && waiting_) {  // sequentially consistent, as in run_erased
        { std::lock_guard<std::mutex> lock(mutex_); }
        done_.notify_one();
      }
      return true;
    }
  }
  return false;
}

void ThreadPool::run_erased(int chunks, Call call, void* body) {
  call_ = call;
  body_ = body;
  finished_.store(0, std::memory_order_relaxed);
  const uint64_t job = (ticket_.load(std::memory_order_relaxed) >> 32) + 1;
  ticket_.store(job << 32 | static_cast<uint64_t>(chunks) << 16);  // sequentially consistent, against sleepers_
  if (sleepers_.load() > 0) {
    { std::lock_guard<std::mutex> lock(mutex_); }
    wake_.notify_all();
  }
  while (take_one(0)) {
  }
  const auto done = [&] { return finished_.load() == chunks; };
  for (int i = 0, spins = spins_; i < spins; i++) {
    if (done()) return;
    pause();
  }
  std::unique_lock<std::mutex> lock(mutex_);
  waiting_ = true;
  done_.wait(lock, done);
  waiting_ = false;
}

void ThreadPool::help(int thread) {
  int idle = 0;
  while (!stop_.load(std::memory_order_relaxed)) {
    if (take_one(thread)) {
      idle = 0;
    } else if (idle < spins_) {
      idle++;
      pause();
    } else {
      std::unique_lock<std::mutex> lock(mutex_);
      sleepers_.fetch_add(1);
      wake_.wait(lock, [this] {
        const uint64_t ticket = ticket_.load();
        return stop_.load() || taken_of(ticket) < chunks_of(ticket);
      });
      sleepers_.fetch_sub(1);
      idle = 0;
    }
  }
}

}  // namespace matcoder
