#pragma once

#include <string>

namespace matcoder {

// Let a library that is loaded call `replacement` instead of a function that it imports, from now on.
// Throws std::runtime_error if the library is not loaded or does not import the function.
void replace_import(const std::string& library_file, const char* function, void* replacement);

}  // namespace matcoder
