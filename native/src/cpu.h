#pragma once

#include <string>
#include <vector>

#include "kernels.h"

namespace matcoder {

// The kernels this processor and operating system can run, fastest first.
std::vector<const Kernels*> supported_kernels();

// The fastest, or the one named; throws std::invalid_argument where this machine cannot run it.
const Kernels& choose_kernels(const std::string& name);

}  // namespace matcoder
