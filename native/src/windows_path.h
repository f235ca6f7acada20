#pragma once

#include <string>

namespace matcoder {

// An absolute Windows path that was normalised (backslashes, no "." or ".."), in the form that may be longer than 260
// characters: C:\a becomes \\?\C:\a, and \\server\share\a becomes \\?\UNC\server\share\a. A path that has such a
// prefix, or names a device (\\.\), stays as it is.
std::wstring extended_length_path(const std::wstring& absolute);

}  // namespace matcoder
