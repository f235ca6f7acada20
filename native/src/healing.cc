#include "healing.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "forward.h"

namespace matcoder {

TokenBytes::TokenBytes(std::vector<std::string> bytes, int vocabulary) : bytes_(std::move(bytes)) {
  if (!bytes_.empty() && bytes_.size() != static_cast<size_t>(vocabulary))
    throw std::invalid_argument("there are bytes of " + std::to_string(bytes_.size()) +
                                " tokens, the model's vocabulary has " + std::to_string(vocabulary));
  for (const std::string& token : bytes_)
    if (token.size() == 1) has_token_.set(static_cast<uint8_t>(token[0]));
}

void TokenBytes::check_prefix(const std::string& prefix) const {
  if (!prefix.empty() && bytes_.empty())
    throw std::invalid_argument("a request has a healing prefix, but the engine was opened without the tokens' bytes");
  for (const char byte : prefix)
    if (!has_token_[static_cast<uint8_t>(byte)])
      throw std::invalid_argument("no token spells the byte " + std::to_string(static_cast<uint8_t>(byte)) +
                                  " of the healing prefix");
}

bool TokenBytes::matches(int32_t token, const std::string& prefix) const {
  const std::string& bytes = bytes_[token];
  // Nearly all tokens differ in the first byte.
  return !bytes.empty() && bytes[0] == prefix[0] &&
         std::memcmp(bytes.data(), prefix.data(), std::min(bytes.size(), prefix.size())) == 0;
}

void TokenBytes::mask_other_tokens(const std::string& prefix, float* logits) const {
  for (size_t token = 0; token < bytes_.size(); token++)
    if (!matches(static_cast<int32_t>(token), prefix)) logits[token] = kMaskedLogit;
}

std::string_view TokenBytes::bytes_beyond(int32_t token, const std::string& prefix) const {
  if (bytes_.empty()) return {};
  const std::string_view bytes = bytes_[token];
  return bytes.substr(std::min(bytes.size(), prefix.size()));
}

void TokenBytes::consume(int32_t token, std::string& prefix) const {
  prefix.erase(0, std::min(prefix.size(), bytes_[token].size()));
}

}  // namespace matcoder
