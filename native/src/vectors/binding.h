#pragma once

#include <napi.h>

namespace matcoder {

// The class `VectorIndex` for JavaScript.
Napi::Function define_vector_index(Napi::Env env);

}  // namespace matcoder
