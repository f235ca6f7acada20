#include "linux_gpu.h"

#include <unistd.h>

#include <algorithm>
#include <set>
#include <utility>

namespace matcoder {
namespace {

// "card0", not "card0-HDMI-A-1" or "renderD128".
bool is_card(const std::string& name) {
  return name.size() > 4 && name.compare(0, 4, "card") == 0 && parse_integer(name.substr(4)).has_value();
}

// The value of "KEY=value".
std::string value_of(std::string_view uevent, std::string_view key) {
  for (std::string_view line; next_line(uevent, line);)
    if (line.size() > key.size() && line.substr(0, key.size()) == key && line[key.size()] == '=')
      return std::string(line.substr(key.size() + 1));
  return "";
}

// Whether a descriptor of this process is known not to be a graphics card. Its link is cheap to read, its fdinfo is
// not.
bool is_no_card(const std::string& link) {
  static constexpr char kCards[] = "/dev/dri/";
  char target[sizeof kCards] = "";
  const ssize_t size = readlink(link.c_str(), target, sizeof kCards - 1);
  return size >= 0 && std::string_view(target, static_cast<size_t>(size)) != kCards;
}

double clamp(double share) { return std::min(1.0, std::max(0.0, share)); }

}  // namespace

Gpus::Sleep::Sleep(const std::string& device)
    : control(device + "/power/control"), status(device + "/power/runtime_status"), boot_vga(device + "/boot_vga") {}

std::string Gpus::Sleep::forbids(bool on_mains) {
  const auto now = status.read();
  if (now && (*now == "suspended" || *now == "suspending")) return "suspended, and not woken for a reading";
  if (on_mains || control.read().value_or("on") != "auto" || boot_vga.read().value_or("0") == "1") return "";
  return "may suspend, and is not kept awake without mains power";
}

Gpus::Gpus(const std::string& root, const std::string& nvml, Clock now_s)
    : root_(root), nvml_name_(nvml), now_s_(std::move(now_s)) {
  for (const std::string& name : names_in(root + "sys/class/drm"))
    if (is_card(name)) add_card(root + "sys/class/drm/" + name, name);
  const std::string folder = root + "sys/bus/pci/drivers/nvidia";
  for (const std::string& name : names_in(folder))
    if (name.find(':') != std::string::npos) nvidia_.emplace_back(folder + "/" + name);
}

void Gpus::add_card(const std::string& folder, const std::string& name) {
  const std::string device = folder + "/device";
  const auto uevent = File(device + "/uevent").read();
  if (!uevent) return;
  const std::string driver = value_of(*uevent, "DRIVER");
  if (driver != "amdgpu" && driver != "i915" && driver != "xe") return;
  Card card{driver + " " + value_of(*uevent, "PCI_ID") + " (" + name + ")",
            driver,
            Sleep(device),
            File(device + "/gpu_busy_percent"),
            File(device + "/mem_info_vram_used"),
            File(device + "/mem_info_vram_total"),
            {},
            std::nullopt};
  // The time in which a part of the GPU was idle: render standby (RC6) of i915, and the same of xe under another name.
  for (const std::string& gt : names_in(folder + "/gt"))
    if (driver == "i915") card.idle_ms.emplace_back(folder + "/gt/" + gt + "/rc6_residency_ms");
  for (const std::string& tile : names_in(device)) {
    if (driver != "xe" || tile.compare(0, 4, "tile") != 0) continue;
    for (const std::string& gt : names_in(device + "/" + tile))
      if (gt.compare(0, 2, "gt") == 0)
        card.idle_ms.emplace_back(device + "/" + tile + "/" + gt + "/gtidle/idle_residency_ms");
  }
  cards_.push_back(std::move(card));
}

void Gpus::read(Reading& reading) {
  const bool on_mains = reading.power_source.value == PowerSource::kMains;
  std::vector<Sensed<Gpu>> found;
  for (Card& card : cards_) found.push_back(read_card(card, on_mains));

  std::string fault = "no GPU with a supported driver";
  std::string asleep;
  for (Sleep& sleep : nvidia_)
    if (asleep.empty()) asleep = sleep.forbids(on_mains);
  if (!asleep.empty()) {
    fault = "an NVIDIA GPU: " + asleep;
  } else if (!nvml_name_.empty()) {
    if (!nvml_) nvml_ = std::make_unique<Nvml>(nvml_name_);
    for (Sensed<Gpu>& gpu : nvml_->read(static_cast<unsigned>(getpid()))) found.push_back(std::move(gpu));
    if (!nvml_->fault().empty()) fault = nvml_->fault();
  }

  const auto largest = std::max_element(found.begin(), found.end(), [](const auto& a, const auto& b) {
    return a.value->memory_bytes.value_or(0) < b.value->memory_bytes.value_or(0);
  });
  reading.gpu = largest == found.end() ? Sensed<Gpu>::unknown(fault) : *largest;
}

Sensed<Gpu> Gpus::read_card(Card& card, bool on_mains) {
  Gpu gpu{card.name, {}, {}, {}};
  if (const std::string why = card.sleep.forbids(on_mains); !why.empty()) {
    card.before.reset();
    return Sensed<Gpu>::of(std::move(gpu), why);
  }
  std::string note = "files of " + card.driver;
  const Own mine = own(card.driver);

  const auto total = card.memory_total.read_integer(), used = card.memory_used.read_integer();
  if (total && *total > 0) gpu.memory_bytes = static_cast<double>(*total);
  if (gpu.memory_bytes && used && *used >= 0 && *used <= *total)
    gpu.memory_used_by_others_bytes = std::max(0.0, static_cast<double>(*used) - mine.memory_bytes);

  Card::Sample now{now_s_(), {}, mine.busy_s};
  for (File& idle : card.idle_ms) now.idle_ms.push_back(idle.read_integer().value_or(-1));
  const auto& before = card.before;
  const double took_s = before ? now.at_s - before->at_s : 0;
  const bool own_known = took_s > 0 && now.own_s && before->own_s;
  const double own_share = own_known ? (*now.own_s - *before->own_s) / took_s : 0;

  if (card.driver == "amdgpu") {
    const auto percent = card.busy.read_integer();
    if (!percent || *percent < 0 || *percent > 100) {
      note += "; load: " + (percent ? std::to_string(*percent) + "%" : card.busy.fault());
    } else if (own_known || mine.busy_s == 0) {
      gpu.busy_by_others = clamp(static_cast<double>(*percent) / 100 - own_share);
    } else {
      note += "; load: this process's part is not known yet";
    }
  } else if (now.idle_ms.empty()) {
    note += "; load: no file of idle times";
  } else if (!own_known) {
    note += "; load: needs two readings";
  } else {
    // Each part of the GPU is idle by itself, and the busiest one counts. A part that is not idle may still wait, so
    // this is an upper bound.
    for (size_t i = 0; i < now.idle_ms.size(); i++) {
      if (now.idle_ms[i] < 0 || before->idle_ms[i] < 0 || now.idle_ms[i] < before->idle_ms[i]) continue;
      const double idle_s = static_cast<double>(now.idle_ms[i] - before->idle_ms[i]) * 1e-3;
      const double busy = clamp(1 - idle_s / took_s - own_share);
      gpu.busy_by_others = std::max(busy, gpu.busy_by_others.value_or(0));
    }
    if (!gpu.busy_by_others) note += "; load: " + card.idle_ms.front().fault();
  }
  card.before = std::move(now);
  return Sensed<Gpu>::of(std::move(gpu), std::move(note));
}

Gpus::Own Gpus::own(const std::string& driver) const {
  Own own;
  std::set<std::string> seen;  // a client with several descriptors counts once
  const std::string folder = root_ + "proc/self/fdinfo";
  for (const std::string& name : names_in(folder)) {
    if (is_no_card(root_ + "proc/self/fd/" + name)) continue;
    const auto text = File(folder + "/" + name).read();
    if (!text || text->find("drm-driver:") == std::string::npos) continue;
    std::string_view rest = *text;
    std::string is_of, client;
    bool has_times = false;
    double busy_s = 0, memory_bytes = 0;
    for (std::string_view line; next_line(rest, line);) {
      const std::string_view key = next_word(line), value = next_word(line);
      if (key == "drm-driver:") is_of = value;
      if (key == "drm-client-id:") client = value;
      const int64_t number = parse_integer(value).value_or(0);
      if (key.substr(0, 11) == "drm-engine-" && key.substr(0, 20) != "drm-engine-capacity-") {
        has_times = true;
        busy_s += static_cast<double>(number) * 1e-9;
      }
      if (key == "drm-memory-vram:" || key == "drm-resident-vram:") {
        const std::string_view unit = next_word(line);
        memory_bytes = static_cast<double>(number) * (unit == "KiB" ? 1024 : unit == "MiB" ? 1 << 20 : 1);
      }
    }
    if (is_of != driver || !seen.insert(client).second) continue;
    own.memory_bytes += memory_bytes;
    if (has_times && own.busy_s) *own.busy_s += busy_s;
    if (!has_times) own.busy_s.reset();
  }
  return own;
}

}  // namespace matcoder
