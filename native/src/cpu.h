#pragma once

#include <string>
#include <vector>

#include "kernels.h"

namespace matcoder {

// The kernels that this processor and operating system can run, fastest first.
std::vector<const Kernels*> supported_kernels();

// The fastest kernels, or the named ones; throws std::invalid_argument if this machine cannot run them.
const Kernels& choose_kernels(const std::string& name);

}  // namespace matcoder
