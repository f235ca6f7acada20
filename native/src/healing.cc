#include "healing.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "forward.h"

namespace matcoder {

TokenBytes::TokenBytes(std::vector<std::string> bytes, int vocabulary) : bytes_(std::move(bytes)) {
  if (!bytes_.empty() && static_cast<int>(bytes_.size()) != vocabulary)
    throw std::invalid_argument("there are bytes of " + std::to_string(bytes_.size()) +
                                " tokens, the model's vocabulary has " + std::to_string(vocabulary));
  for (const std::string& token : bytes_)
    if (token.size() == 1) alone_.set(static_cast<uint8_t>(token[0]));
}

void TokenBytes::check(const std::string& given) const {
  if (!given.empty() && bytes_.empty())
    throw std::invalid_argument("text is given back to an engine that was opened without what its tokens spell");
  for (const char byte : given)
    if (!alone_[static_cast<uint8_t>(byte)])
      throw std::invalid_argument("no token spells the byte " + std::to_string(static_cast<uint8_t>(byte)) +
                                  " of the text that is given back");
}

bool TokenBytes::may_come(int32_t token, const std::string& given) const {
  const std::string& bytes = bytes_[token];
  // Nearly all differ in the first byte.
  return !bytes.empty() && bytes[0] == given[0] &&
         std::memcmp(bytes.data(), given.data(), std::min(bytes.size(), given.size())) == 0;
}

void TokenBytes::bar_others(const std::string& given, float* logits) const {
  for (size_t token = 0; token < bytes_.size(); token++)
    if (!may_come(static_cast<int32_t>(token), given)) logits[token] = kBarred;
}

std::string_view TokenBytes::beyond(int32_t token, const std::string& given) const {
  if (bytes_.empty()) return {};
  const std::string_view bytes = bytes_[token];
  return bytes.substr(std::min(bytes.size(), given.size()));
}

void TokenBytes::spelled(int32_t token, std::string& given) const {
  given.erase(0, std::min(given.size(), bytes_[token].size()));
}

}  // namespace matcoder
