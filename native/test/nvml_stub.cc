// A stand-in for libnvidia-ml.so: two GPUs that do what the test says.
#include "nvml_stub.h"

#include <cstring>

namespace {
StubNvml state;
struct Memory {
  unsigned long long total, free, used;
};
struct Process {
  unsigned pid;
  unsigned long long used;
  unsigned gpu_instance, compute_instance;
};
struct Sample {
  unsigned pid;
  unsigned long long time_us;
  unsigned sm, memory, encoder, decoder;
};
constexpr int kUnsupported = 3, kNotFound = 6, kInsufficientSize = 7, kDriverNotLoaded = 9, kGpuIsLost = 15;

size_t index_of(void* handle) { return reinterpret_cast<size_t>(handle) - 1; }
}  // namespace

extern "C" {

StubNvml* stub_nvml() { return &state; }

int nvmlInit_v2() {
  if (state.init_fails) return kDriverNotLoaded;
  state.open++;
  return 0;
}
int nvmlShutdown() {
  state.open--;
  return 0;
}
const char* nvmlErrorString(int status) {
  switch (status) {
    case kDriverNotLoaded:
      return "Driver Not Loaded";
    case kGpuIsLost:
      return "GPU is lost";
    default:
      return "Not Supported";
  }
}
int nvmlDeviceGetCount_v2(unsigned* count) {
  *count = 2;
  return 0;
}
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void** handle) {
  *handle = reinterpret_cast<void*>(static_cast<size_t>(index) + 1);
  return 0;
}
int nvmlDeviceGetName(void* handle, char* name, unsigned size) {
  std::strncpy(name, index_of(handle) == 0 ? "NVIDIA T4" : "NVIDIA A100", size);
  return 0;
}
int nvmlDeviceGetUtilizationRates(void*, unsigned* percents) {
  if (state.lost) return kGpuIsLost;
  percents[0] = state.busy_percent;
  percents[1] = 0;
  return 0;
}
int nvmlDeviceGetMemoryInfo(void* handle, Memory* memory) {
  if (state.lost) return kGpuIsLost;
  memory->total = index_of(handle) == 0 ? 16ull << 30 : 40ull << 30;
  memory->used = 10ull << 30;
  memory->free = memory->total - memory->used;
  return 0;
}
int nvmlDeviceGetComputeRunningProcesses_v3(void*, unsigned* count, Process* processes) {
  // Others' processes first, more than a caller would make room for at once.
  const unsigned processes_count = 100 + (state.own_pid ? 1 : 0);
  if (*count < processes_count) return kInsufficientSize;
  *count = processes_count;
  for (unsigned i = 0; i < processes_count; i++) processes[i] = {1000000 + i, 1 << 20, 0, 0};
  if (state.own_pid) processes[100] = {state.own_pid, state.own_bytes, 0, 0};
  return 0;
}
int nvmlDeviceGetGraphicsRunningProcesses_v3(void*, unsigned* count, Process*) {
  *count = 0;
  return 0;
}
int nvmlDeviceGetProcessUtilization(void*, Sample* samples, unsigned* count, unsigned long long last_us) {
  if (state.no_samples) return kUnsupported;
  if (last_us >= 2000) return kNotFound;
  samples[0] = {state.own_pid, 2000, state.own_percent, 0, 0, 0};
  samples[1] = {state.own_pid, 1000, 99, 0, 0, 0};
  samples[2] = {1000000, 2000, 50, 0, 0, 0};
  *count = 3;
  return 0;
}
}
