#include "memory.h"

#include <algorithm>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>

#if defined(__linux__)
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#elif defined(__APPLE__)
#include <pthread.h>
#include <pthread/qos.h>
#elif defined(_WIN32)
#define WIN32_LEAN_AND_MEAN
#define NOMINMAX
#include <windows.h>
#endif

namespace matcoder {
namespace {

// Merging may take a second for the largest segments, and everything else is more urgent. A failure changes nothing
// else.
void lower_priority_of_this_thread() {
#if defined(__linux__)
  setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), 10);
#elif defined(__APPLE__)
  pthread_set_qos_class_self_np(QOS_CLASS_UTILITY, 0);
#elif defined(_WIN32)
  SetThreadPriority(GetCurrentThread(), THREAD_PRIORITY_LOWEST);
#endif
}

// A segment is written again once this share of its tokens is dead.
constexpr double kDeadShare = 0.25;

// Segments of less different sizes are merged.
constexpr size_t kMergeRatio = 2;

// Each segment costs a look-up a microsecond or two, so documents wait for merges if there are more. Those that are
// left without work to merge are fewer than the logarithm of all tokens.
constexpr size_t kMostSegments = 64;

bool is_smaller(const std::shared_ptr<Segment>& a, const std::shared_ptr<Segment>& b) {
  return a->tokens() < b->tokens();
}

}  // namespace

Memory::Memory(std::vector<uint8_t> line_feeds, Gate gate)
    : line_feeds_(std::move(line_feeds)), gate_(std::move(gate)) {
  thread_ = std::thread([this] { merge_in_background(); });
}

Memory::~Memory() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    closing_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

uint64_t Memory::announce(int32_t document) {
  const std::lock_guard<std::mutex> lock(mutex_);
  return documents_[document].announced = ++tickets_;
}

void Memory::add(int32_t document, uint64_t ticket, const std::vector<int32_t>& tokens) {
  for (const int32_t token : tokens)
    if (token < 0 || static_cast<size_t>(token) >= line_feeds_.size())
      throw std::invalid_argument("the token " + std::to_string(token) + " is not in the vocabulary of " +
                                  std::to_string(line_feeds_.size()));
  const bool is_wide = line_feeds_.size() > TokenText::kMostNarrow;
  const auto segment = std::make_shared<Segment>(document, ticket, tokens, is_wide);
  std::unique_lock<std::mutex> lock(mutex_);
  merged_.wait(lock, [&] { return closing_ || cannot_merge_ || segments_.size() < kMostSegments; });
  const auto location = documents_.find(document);
  if (location == documents_.end() || location->second.announced != ticket) return;
  forget(location->second);
  location->second = {ticket, ticket, segment, 0};
  living_++;
  insert(segment);
  cannot_merge_ = false;
  changed_.notify_all();
}

void Memory::remove(int32_t document) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto location = documents_.find(document);
  if (location == documents_.end()) return;
  forget(location->second);
  documents_.erase(location);
  changed_.notify_all();
}

// Marks a document as dead, and drops its segment if nothing else is alive in it.
void Memory::forget(Location& location) {
  const auto segment = std::move(location.segment);
  location.segment = nullptr;
  if (!segment) return;
  living_--;
  segment->kill(location.index);
  const auto& document = segment->documents()[location.index];
  size_t& dead = dead_tokens_[segment.get()];
  dead += document.size();
  if (dead < segment->tokens()) return;
  dead_tokens_.erase(segment.get());
  segments_.erase(std::remove(segments_.begin(), segments_.end(), segment), segments_.end());
}

MemoryView Memory::view(const MemoryPlace& place) const {
  MemoryView view;
  const std::lock_guard<std::mutex> lock(mutex_);
  view.segments.assign(segments_.begin(), segments_.end());
  const auto location = documents_.find(place.document);
  if (location == documents_.end() || !location->second.segment) return view;
  const Segment& own = *location->second.segment;
  const auto& document = own.documents()[location->second.index];
  view.own = &own;
  view.hidden_begin = view.hidden_end = document.end;
  int32_t line = 0;
  for (uint32_t position = document.begin; position < document.end && line <= place.last_hidden; position++) {
    if (line >= place.first_hidden) view.hidden_begin = std::min(view.hidden_begin, position);
    view.hidden_end = position + 1;
    line += line_feeds_[own.token(position)];
  }
  return view;
}

MemoryStats Memory::stats() const {
  MemoryStats stats;
  const std::lock_guard<std::mutex> lock(mutex_);
  stats.documents = living_;
  for (const auto& segment : segments_) {
    const auto dead = dead_tokens_.find(segment.get());
    stats.tokens += segment->tokens() - (dead == dead_tokens_.end() ? 0 : dead->second);
    stats.bytes += segment->bytes();
  }
  return stats;
}

void Memory::settle() const {
  std::unique_lock<std::mutex> lock(mutex_);
  std::shared_ptr<Segment> first, second;
  merged_.wait(lock, [&] { return closing_ || (!is_merging_ && !next_merge(first, second)); });
}

void Memory::merge_in_background() {
  lower_priority_of_this_thread();
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    std::shared_ptr<Segment> first, second;
    while (!closing_ && (cannot_merge_ || !next_merge(first, second))) {
      merged_.notify_all();  // documents that were removed may have left nothing to merge
      changed_.wait(lock);
    }
    if (closing_) break;
    is_merging_ = true;
    lock.unlock();
    std::shared_ptr<Segment> merged;
    try {
      merged = std::make_shared<Segment>(*first, second.get());
    } catch (const std::bad_alloc&) {
      // It is tried again after the next change. Until then look-ups are slower, and right.
    }
    lock.lock();
    cannot_merge_ = !merged;
    if (merged) publish(merged, first, second);
    is_merging_ = false;
    merged_.notify_all();
    lock.unlock();
    first = second = merged = nullptr;  // frees megabytes, for which no request should wait
    lock.lock();
  }
  merged_.notify_all();
}

// The next work: a segment with many dead tokens alone, or the smallest two neighbours in size that differ little.
bool Memory::next_merge(std::shared_ptr<Segment>& first, std::shared_ptr<Segment>& second) const {
  for (size_t i = 0; i + 1 < segments_.size(); i++) {
    if (segments_[i + 1]->tokens() > kMergeRatio * segments_[i]->tokens()) continue;
    first = segments_[i];
    second = segments_[i + 1];
    return true;
  }
  for (const auto& segment : segments_) {
    const auto dead = dead_tokens_.find(segment.get());
    if (dead == dead_tokens_.end() || static_cast<double>(dead->second) < kDeadShare * segment->tokens()) continue;
    first = segment;
    second = nullptr;
    return true;
  }
  return false;
}

void Memory::insert(const std::shared_ptr<Segment>& segment) {
  segments_.insert(std::upper_bound(segments_.begin(), segments_.end(), segment, is_smaller), segment);
}

// Puts a merged segment in the place of its sources. Documents that died during the merge are dead in it too.
void Memory::publish(const std::shared_ptr<Segment>& merged, const std::shared_ptr<Segment>& first,
                     const std::shared_ptr<Segment>& second) {
  size_t dead = 0;
  for (size_t d = 0; d < merged->documents().size(); d++) {
    const auto& document = merged->documents()[d];
    const auto location = documents_.find(document.id);
    if (location == documents_.end() || !location->second.segment || location->second.version != document.version) {
      dead += document.size();
      continue;
    }
    location->second.segment = merged;
    location->second.index = d;
  }
  for (const auto& source : {first, second}) {
    if (!source) continue;
    dead_tokens_.erase(source.get());
    segments_.erase(std::remove(segments_.begin(), segments_.end(), source), segments_.end());
  }
  if (dead == merged->tokens()) return;
  if (dead > 0) dead_tokens_[merged.get()] = dead;
  insert(merged);
}

}  // namespace matcoder
