#include "windows_counters.h"

#ifndef NOMINMAX
#define NOMINMAX
#endif
// clang-format off
#include <windows.h>  // before the others
#include <dxgi.h>
#include <pdh.h>
#include <pdhmsg.h>
// clang-format on

#include <algorithm>
#include <cwchar>
#include <map>
#include <utility>
#include <vector>

namespace matcoder {
namespace {

struct Instance {
  std::wstring name;
  double value;
};

// A GPU as DXGI describes it, and its name in the counters.
struct Adapter {
  std::string name;
  std::wstring luid;  // "luid_0x00000000_0x0000c4cf"
  double memory_bytes;
};

std::wstring lower(std::wstring text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](wchar_t c) { return c >= L'A' && c <= L'Z' ? static_cast<wchar_t>(c + (L'a' - L'A')) : c; });
  return text;
}

// The GPU with the most dedicated memory that is not emulated.
std::optional<Adapter> largest_adapter() {
  IDXGIFactory1* factory = nullptr;
  if (CreateDXGIFactory1(__uuidof(IDXGIFactory1), reinterpret_cast<void**>(&factory)) != S_OK) return std::nullopt;
  std::optional<Adapter> largest;
  IDXGIAdapter1* adapter = nullptr;
  for (UINT i = 0; factory->EnumAdapters1(i, &adapter) == S_OK; i++) {
    DXGI_ADAPTER_DESC1 description{};
    const bool known = adapter->GetDesc1(&description) == S_OK;
    adapter->Release();
    if (!known || (description.Flags & DXGI_ADAPTER_FLAG_SOFTWARE)) continue;
    const auto bytes = static_cast<double>(description.DedicatedVideoMemory);
    if (largest && largest->memory_bytes >= bytes) continue;
    char name[4 * 128] = "";
    WideCharToMultiByte(CP_UTF8, 0, description.Description, -1, name, sizeof name - 1, nullptr, nullptr);
    wchar_t luid[64];
    std::swprintf(luid, 64, L"luid_0x%08lx_0x%08lx", static_cast<unsigned long>(description.AdapterLuid.HighPart),
                  static_cast<unsigned long>(description.AdapterLuid.LowPart));
    largest = Adapter{name, luid, bytes};
  }
  factory->Release();
  return largest;
}

}  // namespace

struct Counters::Query {
  PDH_HQUERY query = nullptr;
  PDH_HCOUNTER passive_limit = nullptr, engines = nullptr, adapter_memory = nullptr, process_memory = nullptr;
  std::optional<Adapter> adapter = largest_adapter();
  int collections = 0;

  Query() {
    if (PdhOpenQueryW(nullptr, 0, &query) != ERROR_SUCCESS) {
      query = nullptr;
      return;
    }
    // English names work in every language of Windows. A counter that this version does not have stays null.
    const auto add = [this](const wchar_t* path, PDH_HCOUNTER& counter) {
      if (PdhAddEnglishCounterW(query, path, 0, &counter) != ERROR_SUCCESS) counter = nullptr;
    };
    add(L"\\Thermal Zone Information(*)\\% Passive Limit", passive_limit);
    if (!adapter) return;
    add(L"\\GPU Engine(*)\\Utilization Percentage", engines);
    add(L"\\GPU Adapter Memory(*)\\Dedicated Usage", adapter_memory);
    add(L"\\GPU Process Memory(*)\\Dedicated Usage", process_memory);
  }
  ~Query() {
    if (query) PdhCloseQuery(query);
  }

  // The instances of a counter; nothing if it cannot be read.
  std::optional<std::vector<Instance>> instances(PDH_HCOUNTER counter) const {
    if (!counter || collections == 0) return std::nullopt;
    DWORD bytes = 0, count = 0;
    if (PdhGetFormattedCounterArrayW(counter, PDH_FMT_DOUBLE, &bytes, &count, nullptr) !=
        static_cast<PDH_STATUS>(PDH_MORE_DATA))
      return std::nullopt;
    // Whole items, so that they are aligned; their names follow them in memory.
    std::vector<PDH_FMT_COUNTERVALUE_ITEM_W> items(bytes / sizeof(PDH_FMT_COUNTERVALUE_ITEM_W) + 1);
    bytes = static_cast<DWORD>(items.size() * sizeof items[0]);
    if (PdhGetFormattedCounterArrayW(counter, PDH_FMT_DOUBLE, &bytes, &count, items.data()) != ERROR_SUCCESS)
      return std::nullopt;
    std::vector<Instance> found;
    for (DWORD i = 0; i < count; i++) {
      const PDH_FMT_COUNTERVALUE& value = items[i].FmtValue;
      const bool valid = value.CStatus == PDH_CSTATUS_VALID_DATA || value.CStatus == PDH_CSTATUS_NEW_DATA;
      if (valid && value.doubleValue >= 0) found.push_back({lower(items[i].szName), value.doubleValue});
    }
    return found;
  }
};

Counters::Counters() : query_(std::make_unique<Query>()) {}
Counters::~Counters() = default;

void Counters::collect() {
  if (query_->query && PdhCollectQueryData(query_->query) == ERROR_SUCCESS) query_->collections++;
}

// "% Passive Limit" is 100 while a zone throttles nothing.
Sensed<Thermal> Counters::thermal() const {
  const std::string source = "counter Thermal Zone Information, % Passive Limit";
  const auto zones = query_->instances(query_->passive_limit);
  if (!zones || zones->empty()) return Sensed<Thermal>::unknown(source + ": not available on this machine");
  const bool slowed = std::any_of(zones->begin(), zones->end(), [](const Instance& z) { return z.value < 100; });
  return Sensed<Thermal>::of(slowed ? Thermal::kSerious : Thermal::kNominal, source);
}

Sensed<Gpu> Counters::gpu() const {
  const auto& adapter = query_->adapter;
  if (!adapter) return Sensed<Gpu>::unknown("DXGI lists no GPU");
  Gpu gpu{adapter->name, {}, {}, {}};
  if (adapter->memory_bytes > 0) gpu.memory_bytes = adapter->memory_bytes;
  const auto is_its = [&](const Instance& instance) { return instance.name.find(adapter->luid) != std::wstring::npos; };
  const std::wstring own = L"pid_" + std::to_wstring(GetCurrentProcessId()) + L"_";
  const auto is_own = [&](const Instance& instance) { return instance.name.compare(0, own.size(), own) == 0; };
  std::string note = "DXGI and GPU counters";

  // "pid_1234_luid_0x…_0x…_phys_0_eng_3_engtype_3d": the sum over processes for each engine; the busiest counts.
  const auto engines = query_->collections > 1 ? query_->instances(query_->engines) : std::nullopt;
  if (engines) {
    std::map<std::wstring, double> percent_of;
    for (const Instance& instance : *engines)
      if (is_its(instance) && !is_own(instance)) {
        const size_t engine = instance.name.find(L"_luid_");
        if (engine != std::wstring::npos) percent_of[instance.name.substr(engine)] += instance.value;
      }
    double most = 0;
    for (const auto& [engine, percent] : percent_of) most = std::max(most, percent);
    gpu.busy_by_others = std::min(1.0, most / 100);
  } else {
    note += query_->collections > 1 ? "; load: no counter" : "; load: needs two readings";
  }

  const auto adapters = query_->instances(query_->adapter_memory),
             processes = query_->instances(query_->process_memory);
  if (gpu.memory_bytes && adapters && processes) {
    double bytes = 0;
    for (const Instance& instance : *adapters)
      if (is_its(instance)) bytes += instance.value;
    for (const Instance& instance : *processes)
      if (is_its(instance) && is_own(instance)) bytes -= instance.value;
    gpu.memory_used_by_others_bytes = std::max(0.0, bytes);
  } else {
    note += "; memory: no counter";
  }
  return Sensed<Gpu>::of(std::move(gpu), std::move(note));
}

}  // namespace matcoder
