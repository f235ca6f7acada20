#include "input_file.h"

#include <cerrno>
#include <stdexcept>
#include <system_error>

#ifdef _WIN32
#define WIN32_LEAN_AND_MEAN
#define NOMINMAX
#include <windows.h>

#include "windows_path.h"
#endif

namespace matcoder {
namespace {

#ifdef _WIN32
// Empty if the text is not UTF-8.
std::wstring to_wide(const std::string& text) {
  const int bytes = static_cast<int>(text.size());
  std::wstring wide(bytes, L'\0');  // no character of UTF-8 has more units in UTF-16 than bytes
  wide.resize(MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text.data(), bytes, wide.data(), bytes));
  return wide;
}

// Absolute and normalised; empty if the system refuses the path.
std::wstring full_path(const std::wstring& path) {
  std::wstring full(GetFullPathNameW(path.c_str(), 0, nullptr, nullptr), L'\0');  // with room for the last zero
  full.resize(GetFullPathNameW(path.c_str(), static_cast<DWORD>(full.size()), full.data(), nullptr));
  return full;
}

std::FILE* open(const std::string& path) {
  const std::wstring full = full_path(to_wide(path));
  if (full.empty()) {
    errno = EINVAL;
    return nullptr;
  }
  return _wfopen(extended_length_path(full).c_str(), L"rb");
}
int seek(std::FILE* file, int64_t offset, int origin) { return _fseeki64(file, offset, origin); }
int64_t tell(std::FILE* file) { return _ftelli64(file); }
#else
std::FILE* open(const std::string& path) { return std::fopen(path.c_str(), "rb"); }
int seek(std::FILE* file, int64_t offset, int origin) { return fseeko(file, offset, origin); }
int64_t tell(std::FILE* file) { return ftello(file); }
#endif

}  // namespace

InputFile::InputFile(const std::string& path) : file_(open(path)) {
  int64_t end = -1;
  if (file_ && seek(file_.get(), 0, SEEK_END) == 0) end = tell(file_.get());
  if (end < 0) throw std::runtime_error(path + ": cannot be opened: " + std::generic_category().message(errno));
  size_ = static_cast<uint64_t>(end);
}

bool InputFile::read(uint64_t begin, void* out, size_t bytes) {
  return seek(file_.get(), static_cast<int64_t>(begin), SEEK_SET) == 0 &&
         std::fread(out, 1, bytes, file_.get()) == bytes;
}

}  // namespace matcoder
