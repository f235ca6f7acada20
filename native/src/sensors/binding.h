#pragma once

#include <napi.h>

namespace matcoder {

// The sensors as a JavaScript class: `new Sensors({root?, nvml?})`, `read()`, `watch(intervalMs, listener)`, `close()`.
Napi::Function define_sensors(Napi::Env env);

}  // namespace matcoder
