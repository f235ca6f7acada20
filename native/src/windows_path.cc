#include "windows_path.h"

namespace matcoder {

// https://learn.microsoft.com/windows/win32/fileio/naming-a-file#win32-file-namespaces
std::wstring extended_length_path(const std::wstring& absolute) {
  const auto starts_with = [&](const wchar_t* prefix) { return absolute.rfind(prefix, 0) == 0; };
  if (starts_with(LR"(\\?\)") || starts_with(LR"(\\.\)")) return absolute;
  if (starts_with(LR"(\\)")) return LR"(\\?\UNC\)" + absolute.substr(2);
  return LR"(\\?\)" + absolute;
}

}  // namespace matcoder
