#pragma once

#include <napi.h>

#include <memory>

namespace matcoder {

class Memory;

// The class `Memory` for JavaScript.
Napi::Function define_memory(Napi::Env env);

// The memory in an option of the engine; null if the option is missing.
std::shared_ptr<const Memory> memory_of(const Napi::Value& value);

}  // namespace matcoder
