#include "healing.h"

#include <algorithm>
#include <stdexcept>

#include "forward.h"

namespace matcoder {

TokenBytes::TokenBytes(const std::vector<std::string>& bytes, int vocabulary)
    : count_(static_cast<int32_t>(bytes.size())) {
  if (bytes.size() > static_cast<size_t>(vocabulary))
    throw std::invalid_argument("there are bytes of " + std::to_string(bytes.size()) +
                                " tokens, the model's vocabulary has " + std::to_string(vocabulary));
  begins_.reserve(bytes.size() + 1);
  begins_.push_back(0);
  for (const std::string& token : bytes) {
    if (!token.empty()) sorted_.push_back(static_cast<int32_t>(begins_.size()) - 1);
    if (token.size() == 1) has_token_.set(static_cast<uint8_t>(token[0]));
    bytes_ += token;
    begins_.push_back(static_cast<uint32_t>(bytes_.size()));
  }
  bytes_.shrink_to_fit();
  std::stable_sort(sorted_.begin(), sorted_.end(), [this](int32_t a, int32_t b) { return of(a) < of(b); });
}

void TokenBytes::mask_padding(float* logits, int rows) const {
  if (count_ > 0 && count_ < rows) std::fill(logits + count_, logits + rows, kMaskedLogit);
}

void TokenBytes::check_prefix(const std::string& prefix) const {
  if (!prefix.empty() && count_ == 0)
    throw std::invalid_argument("a request has a healing prefix, but the engine was opened without the tokens' bytes");
  for (const char byte : prefix)
    if (!has_token_[static_cast<uint8_t>(byte)])
      throw std::invalid_argument("no token spells the byte " + std::to_string(static_cast<uint8_t>(byte)) +
                                  " of the healing prefix");
}

bool TokenBytes::matches(int32_t token, const std::string& prefix) const {
  const std::string_view bytes = of(token);
  const size_t common = std::min(bytes.size(), prefix.size());
  return common > 0 && bytes.substr(0, common) == std::string_view(prefix).substr(0, common);
}

std::vector<int32_t> TokenBytes::matching(const std::string& prefix) const {
  std::vector<int32_t> found;
  // In the order of bytes, those that spell a beginning of the prefix come before those that spell all of it, so the
  // search for the next longer beginning goes on where the last one ended.
  auto first = sorted_.begin();
  for (size_t length = 1; length <= prefix.size(); length++) {
    const std::string_view beginning(prefix.data(), length);
    first = std::partition_point(first, sorted_.end(), [&](int32_t token) { return of(token) < beginning; });
    auto last = first;
    if (length < prefix.size())
      last = std::partition_point(first, sorted_.end(), [&](int32_t token) { return of(token) == beginning; });
    else
      last = std::partition_point(first, sorted_.end(),
                                  [&](int32_t token) { return of(token).substr(0, length) == beginning; });
    found.insert(found.end(), first, last);
    first = last;
  }
  return found;
}

std::string_view TokenBytes::bytes_beyond(int32_t token, const std::string& prefix) const {
  const std::string_view bytes = of(token);
  return bytes.substr(std::min(bytes.size(), prefix.size()));
}

void TokenBytes::consume(int32_t token, std::string& prefix) const {
  prefix.erase(0, std::min(prefix.size(), of(token).size()));
}

}  // namespace matcoder
