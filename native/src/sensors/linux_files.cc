#include "linux_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>

namespace matcoder {
namespace {

// Of a longer file, such as /proc/stat of a very large machine, only the beginning is read.
constexpr size_t kMaxBytes = 1 << 16;

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\0'; }

}  // namespace

File::File(File&& other) noexcept
    : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)), error_(other.error_) {}

File& File::operator=(File&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(fd_, other.fd_);
  std::swap(error_, other.error_);
  return *this;
}

File::~File() { close(); }

bool File::open() {
  fd_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd_ < 0) error_ = errno;
  return fd_ >= 0;
}

void File::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

std::optional<std::string> File::read() {
  // A device that was removed and added again is another file under the same name, so a failed read opens it once more.
  for (const bool again : {false, true}) {
    if (fd_ < 0 && !open()) return std::nullopt;
    std::string text;
    char buffer[4096];
    ssize_t got = 0;
    while (text.size() < kMaxBytes) {
      do got = pread(fd_, buffer, sizeof buffer, static_cast<off_t>(text.size()));
      while (got < 0 && errno == EINTR);
      if (got <= 0) break;
      text.append(buffer, static_cast<size_t>(got));
    }
    struct stat status {};
    const bool removed = got >= 0 && fstat(fd_, &status) == 0 && status.st_nlink == 0;
    if (got >= 0 && !removed) {
      while (!text.empty() && is_space(text.back())) text.pop_back();
      return text;
    }
    error_ = removed ? ENOENT : errno;
    close();
    if (again) break;
  }
  return std::nullopt;
}

std::optional<int64_t> File::read_integer() {
  const auto text = read();
  if (!text) return std::nullopt;
  const auto value = parse_integer(*text);
  if (!value) error_ = EINVAL;
  return value;
}

std::string File::fault() const {
  return path_ + ": " + (error_ == EINVAL ? "contains no number" : std::strerror(error_));
}

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  DIR* open = opendir(folder.c_str());
  if (open == nullptr) return names;
  while (const dirent* entry = readdir(open)) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  closedir(open);
  std::sort(names.begin(), names.end());
  return names;
}

std::optional<int64_t> parse_integer(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string_view next_word(std::string_view& text) {
  size_t begin = 0;
  while (begin < text.size() && is_space(text[begin])) begin++;
  size_t end = begin;
  while (end < text.size() && !is_space(text[end])) end++;
  const std::string_view word = text.substr(begin, end - begin);
  text.remove_prefix(end);
  return word;
}

bool next_line(std::string_view& text, std::string_view& line) {
  if (text.empty()) return false;
  const size_t end = std::min(text.find('\n'), text.size());
  line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return true;
}

}  // namespace matcoder
