#include "linux_nvml.h"

#include <dlfcn.h>

#include <algorithm>
#include <utility>

namespace matcoder {
namespace {

// The part of the library's binary interface that we use (NVIDIA's "NVML API Reference Guide"): types and numbers that
// are the same in all its versions.
using Handle = struct NvmlDevice*;
using Status = int;
constexpr Status kSuccess = 0, kNotFound = 6, kInsufficientSize = 7;

struct Utilization {
  unsigned gpu, memory;  // percent of the time
};
struct Memory {
  unsigned long long total, free, used;  // bytes
};
struct Process {  // in _v2 and _v3 of the calls that list processes
  unsigned pid;
  unsigned long long used_memory;  // bytes, or all ones if it is not known
  unsigned gpu_instance, compute_instance;
};
struct ProcessSample {
  unsigned pid;
  unsigned long long time_us;
  unsigned sm, memory, encoder, decoder;  // percent of the time
};

// Grows `list` until it has room for the call's whole answer.
template <typename T, typename Call>
Status collect(std::vector<T>& list, Call call) {
  constexpr unsigned kMost = 1 << 14;
  for (unsigned room = 64; room <= kMost; room *= 4) {
    list.resize(room);
    unsigned count = room;
    const Status status = call(list.data(), &count);
    if (status == kInsufficientSize) continue;
    list.resize(status == kSuccess ? std::min(count, room) : 0);
    return status;
  }
  return kInsufficientSize;
}

}  // namespace

struct Nvml::Calls {
  using List = Status (*)(Handle, unsigned*, Process*);
  void* library = nullptr;
  Status (*init)() = nullptr;
  Status (*shutdown)() = nullptr;
  Status (*count)(unsigned*) = nullptr;
  Status (*handle)(unsigned, Handle*) = nullptr;
  Status (*name)(Handle, char*, unsigned) = nullptr;
  Status (*utilization)(Handle, Utilization*) = nullptr;
  Status (*memory)(Handle, Memory*) = nullptr;
  // Some versions do not have these, or not for every GPU.
  List compute_processes = nullptr, graphics_processes = nullptr;
  Status (*samples)(Handle, ProcessSample*, unsigned*, unsigned long long) = nullptr;
  const char* (*error)(Status) = nullptr;

  // The first of these names that the library has.
  template <typename Call>
  bool find(Call& call, std::initializer_list<const char*> names) {
    for (const char* name : names)
      if (void* found = dlsym(library, name)) {
        call = reinterpret_cast<Call>(found);
        return true;
      }
    return false;
  }

  std::string text_of(Status status) const { return error ? error(status) : "error " + std::to_string(status); }
};

struct Nvml::Device {
  Handle handle;
  std::string name;
  unsigned long long sampled_us = 0;
};

Nvml::Nvml(const std::string& library) : calls_(std::make_unique<Calls>()), library_(library) {
  Calls& c = *calls_;
  c.library = library.empty() ? nullptr : dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (c.library == nullptr) {
    const char* why = library.empty() ? nullptr : dlerror();
    fault_ = why ? why : "no NVIDIA library";
    return;
  }
  const bool complete = c.find(c.init, {"nvmlInit_v2"}) && c.find(c.shutdown, {"nvmlShutdown"}) &&
                        c.find(c.count, {"nvmlDeviceGetCount_v2"}) &&
                        c.find(c.handle, {"nvmlDeviceGetHandleByIndex_v2"}) && c.find(c.name, {"nvmlDeviceGetName"}) &&
                        c.find(c.utilization, {"nvmlDeviceGetUtilizationRates"}) &&
                        c.find(c.memory, {"nvmlDeviceGetMemoryInfo"});
  c.find(c.compute_processes, {"nvmlDeviceGetComputeRunningProcesses_v3", "nvmlDeviceGetComputeRunningProcesses_v2"});
  c.find(c.graphics_processes,
         {"nvmlDeviceGetGraphicsRunningProcesses_v3", "nvmlDeviceGetGraphicsRunningProcesses_v2"});
  c.find(c.samples, {"nvmlDeviceGetProcessUtilization"});
  c.find(c.error, {"nvmlErrorString"});
  if (!complete) {
    fault_ = library + ": functions of NVML are missing";
    return;
  }
  if (const Status status = c.init(); status != kSuccess) {
    c.shutdown = nullptr;
    fault_ = library + ": " + c.text_of(status);
    return;
  }
  unsigned count = 0;
  c.count(&count);
  for (unsigned i = 0; i < count; i++) {
    Device device{nullptr, "", 0};
    char name[128] = "";
    if (c.handle(i, &device.handle) != kSuccess) continue;
    if (c.name(device.handle, name, sizeof name) != kSuccess) name[0] = '\0';
    name[sizeof name - 1] = '\0';
    device.name = name[0] ? name : "NVIDIA GPU " + std::to_string(i);
    devices_.push_back(std::move(device));
  }
  if (devices_.empty()) fault_ = library + ": finds no GPU";
}

Nvml::~Nvml() {
  if (calls_->library == nullptr) return;
  if (calls_->shutdown) calls_->shutdown();
  dlclose(calls_->library);
}

std::vector<Sensed<Gpu>> Nvml::read(unsigned pid) {
  const Calls& c = *calls_;
  std::vector<Sensed<Gpu>> gpus;
  for (Device& device : devices_) {
    Gpu gpu{device.name, {}, {}, {}};
    std::string note = library_;

    // Our own use: none if no list of processes contains us.
    bool listed = false, lists_known = true, own_memory_known = true;
    unsigned long long own_bytes = 0;
    for (const Calls::List list : {c.compute_processes, c.graphics_processes}) {
      std::vector<Process> processes;
      const bool known = list && collect(processes, [&](Process* out, unsigned* count) {
                                   return list(device.handle, count, out);
                                 }) == kSuccess;
      lists_known &= known;
      for (const Process& process : processes) {
        if (process.pid != pid) continue;
        listed = true;
        if (process.used_memory == ~0ull)
          own_memory_known = false;
        else
          own_bytes = std::max(own_bytes, process.used_memory);
      }
    }

    Memory memory{};
    if (const Status status = c.memory(device.handle, &memory); status == kSuccess && memory.total > 0) {
      gpu.memory_bytes = static_cast<double>(memory.total);
      if (lists_known && own_memory_known && memory.used <= memory.total)
        gpu.memory_used_by_others_bytes = static_cast<double>(memory.used - std::min(memory.used, own_bytes));
      else
        note += "; memory: this process's part is not known";
    } else {
      note += "; memory: " + (status == kSuccess ? "no size" : c.text_of(status));
    }

    unsigned own_percent = 0;
    bool own_busy_known = lists_known;
    if (listed || !lists_known) {
      std::vector<ProcessSample> samples;
      const Status status = c.samples ? collect(samples,
                                                [&](ProcessSample* out, unsigned* count) {
                                                  return c.samples(device.handle, out, count, device.sampled_us);
                                                })
                                      : -1;
      own_busy_known = status == kSuccess || status == kNotFound;  // not found: no process worked since
      unsigned long long latest_us = 0;
      for (const ProcessSample& sample : samples) {
        device.sampled_us = std::max(device.sampled_us, sample.time_us);
        if (sample.pid != pid || sample.time_us < latest_us) continue;
        latest_us = sample.time_us;
        own_percent = sample.sm;
      }
    }
    Utilization use{};
    if (const Status status = c.utilization(device.handle, &use); status != kSuccess) {
      note += "; load: " + c.text_of(status);
    } else if (use.gpu > 100) {
      note += "; load: " + std::to_string(use.gpu) + "%";
    } else if (!own_busy_known) {
      note += "; load: this process's part is not known";
    } else {
      gpu.busy_by_others = (use.gpu - std::min(use.gpu, own_percent)) / 100.0;
    }
    gpus.push_back(Sensed<Gpu>::of(std::move(gpu), std::move(note)));
  }
  return gpus;
}

}  // namespace matcoder
