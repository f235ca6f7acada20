#pragma once

#include <napi.h>

namespace matcoder {

// Adds `convertRows` and `dequantise` to what the addon offers.
void define_import(Napi::Env env, Napi::Object exports);

}  // namespace matcoder
