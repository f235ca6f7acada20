#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include "gate.h"
#include "memory_view.h"

namespace matcoder {

struct MemoryStats {
  size_t documents = 0;
  size_t tokens = 0;
  size_t bytes = 0;
};

// Documents of the workspace as tokens, in which the end of a text is looked up. A document is a segment of its own at
// first, and a thread merges segments of similar size, so that there are about as many as the logarithm of all tokens.
class Memory {
 public:
  // line_feeds: [vocabulary] line feeds in each token; gate: how much matches weigh in predictions
  Memory(std::vector<uint8_t> line_feeds, Gate gate);
  ~Memory();
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  // Adds or replaces a document in two steps: `announce` in the order of the changes, then `add` on any thread. A
  // document that was announced again or removed in between is not added.
  uint64_t announce(int32_t document);
  // Waits for merges if many documents are not merged yet, because each would make look-ups slower.
  // Throws std::invalid_argument for a token that is not in the vocabulary.
  void add(int32_t document, uint64_t ticket, const std::vector<int32_t>& tokens);

  // From now on nothing of the document is found, by running requests either.
  void remove(int32_t document);

  size_t vocabulary() const { return line_feeds_.size(); }
  const Gate& gate() const { return gate_; }
  MemoryView view(const MemoryPlace& place) const;
  MemoryStats stats() const;

  // Waits until there is nothing to merge. For tests and measurements.
  void settle() const;

 private:
  struct Location {
    uint64_t announced = 0;
    uint64_t version = 0;              // the ticket with which it was added
    std::shared_ptr<Segment> segment;  // null until then
    size_t index = 0;
  };
  void forget(Location& location);
  void insert(const std::shared_ptr<Segment>& segment);
  void merge_in_background();
  bool next_merge(std::shared_ptr<Segment>& first, std::shared_ptr<Segment>& second) const;
  void publish(const std::shared_ptr<Segment>& merged, const std::shared_ptr<Segment>& first,
               const std::shared_ptr<Segment>& second);

  const std::vector<uint8_t> line_feeds_;
  const Gate gate_;
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_, merged_;
  std::vector<std::shared_ptr<Segment>> segments_;  // the smallest first
  std::unordered_map<int32_t, Location> documents_;
  std::unordered_map<const Segment*, size_t> dead_tokens_;
  size_t living_ = 0;  // documents that were added and not removed
  uint64_t tickets_ = 0;
  bool is_merging_ = false, closing_ = false;
  bool cannot_merge_ = false;  // for want of memory
  std::thread thread_;
};

}  // namespace matcoder
