#pragma once

#include <napi.h>

namespace matcoder {

// The class `Encoder` for JavaScript.
Napi::Function define_encoder(Napi::Env env);

}  // namespace matcoder
