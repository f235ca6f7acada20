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

// About 50 microseconds: longer than the serial parts between two matrices, for waking a core takes longer than a
// matrix.
constexpr int kSpins = 2000;

// Where others want the cores, whoever waits must leave its core at once: sleeping keeps its claim to a share, which
// brings it back as soon as it is woken, while spinning spends it on nothing.
constexpr int kCrowdedSpins = 200;

// Others want the cores if this thread lost its own twice in one of these spans; the system's own work does so rarely.
constexpr auto kLook = std::chrono::milliseconds(20);
constexpr int kLosses = 2;

// How often the calling thread had to give its core to another, since it began.
long losses() {
#ifdef RUSAGE_THREAD
  rusage usage;
  return getrusage(RUSAGE_THREAD, &usage) == 0 ? usage.ru_nivcsw : 0;
#else
  return 0;  // not told of a thread: taken for quiet
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
    // The system has no more threads for this process: those there are do the work.
  }
}

ThreadPool::~ThreadPool() {
  stop_ = true;
  { std::lock_guard<std::mutex> lock(mutex_); }
  wake_.notify_all();
  for (auto& helper : helpers_) helper.join();
}

void ThreadPool::look_around() {
  const auto now = std::chrono::steady_clock::now(), before = looked_;
  if (now - before < kLook) return;
  const long lost = losses();
  // A span of which most was spent asleep tells nothing of the cores.
  spins_ = lost - lost_ >= kLosses && now - before < 4 * kLook ? kCrowdedSpins : kSpins;
  looked_ = now;
  lost_ = lost;
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
