#include "linux_cpu.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

namespace matcoder {
namespace {

using Share = Sensed<double>;

double seconds(double ticks) { return ticks / static_cast<double>(sysconf(_SC_CLK_TCK)); }

// User and system time of this process, all threads: fields 14 and 15 of proc_pid_stat(5). The name before them may
// contain blanks and brackets.
Share own_time(File& file) {
  const auto text = file.read();
  if (!text) return Share::unknown(file.fault());
  const size_t name_end = text->rfind(')');
  std::string_view rest = name_end == std::string::npos ? "" : std::string_view(*text).substr(name_end + 1);
  for (int field = 3; field < 14; field++) next_word(rest);
  const auto user = parse_integer(next_word(rest)), system = parse_integer(next_word(rest));
  if (!user || !system || *user < 0 || *system < 0) return Share::unknown(file.path() + ": contains no CPU times");
  return Share::of(seconds(static_cast<double>(*user) + static_cast<double>(*system)), file.path());
}

// "some avg10=… avg60=… avg300=… total=<microseconds>" (Documentation/accounting/psi.rst).
Share waited(File& file) {
  const auto text = file.read();
  if (!text) return Share::unknown(file.fault());
  std::string_view rest = *text, line;
  next_line(rest, line);
  if (next_word(line) == "some") {
    static const std::string_view kTotal = "total=";
    for (std::string_view word; !(word = next_word(line)).empty();) {
      if (word.substr(0, kTotal.size()) != kTotal) continue;
      if (const auto total = parse_integer(word.substr(kTotal.size()))) return Share::of(*total * 1e-6, file.path());
    }
  }
  return Share::unknown(file.path() + ": contains no total");
}

double clamp(double share) { return std::min(1.0, std::max(0.0, share)); }

}  // namespace

CpuLoad::CpuLoad(const std::string& root, Clock now_s)
    : now_s_(std::move(now_s)),
      stat_(root + "proc/stat"),
      own_stat_(root + "proc/self/stat"),
      own_status_(root + "proc/self/status"),
      pressure_(root + "proc/pressure/cpu"),
      quotas_(root),
      before_(sample()) {
  busy_by_others_ = Share::unknown("needs two readings");
  cpu_pressure_ = Share::unknown("needs two readings");
}

void CpuLoad::read(Reading& reading) {
  if (now_s_() - before_.at_s >= kMinWindowS) {
    Sample now = sample();
    const Share cores = cores_by_others(now), quota = quota_by_others(now);
    busy_by_others_ = quota.value && (!cores.value || *quota.value > *cores.value) ? quota : cores;
    const bool known = now.waited.value && before_.waited.value;
    cpu_pressure_ = known ? Share::of(clamp((*now.waited.value - *before_.waited.value) / (now.at_s - before_.at_s)),
                                      now.waited.note)
                          : Share::unknown(now.waited.value ? before_.waited.note : now.waited.note);
    before_ = std::move(now);
  }
  reading.cpu_busy_by_others = busy_by_others_;
  reading.cpu_pressure = cpu_pressure_;
}

Share CpuLoad::cores_by_others(const Sample& now) const {
  for (const Share* part : {&before_.busy, &now.busy, &before_.own, &now.own})
    if (!part->value) return Share::unknown(part->note);
  const double total_s = *now.total.value - *before_.total.value;
  if (total_s <= 0) return Share::unknown(stat_.path() + ": the times do not advance");
  const double own_s = *now.own.value - *before_.own.value;
  const double others_s = *now.busy.value - *before_.busy.value - own_s;
  return Share::of(clamp(others_s / total_s), now.busy.note + " minus " + now.own.note);
}

Share CpuLoad::quota_by_others(const Sample& now) const {
  Share most = Share::unknown("no quota");
  if (!now.own.value || !before_.own.value) return most;
  const double own_s = *now.own.value - *before_.own.value;
  for (size_t i = 0; i < now.quotas.size() && i < before_.quotas.size(); i++) {
    const CpuQuotas::Use &use = now.quotas[i], &use_before = before_.quotas[i];
    if (!use.used_s || !use_before.used_s || use.cores <= 0) continue;
    const double had_s = use.cores * (now.at_s - before_.at_s);
    const double share = clamp((*use.used_s - *use_before.used_s - own_s) / had_s);
    if (!most.value || share > *most.value) most = Share::of(share, use.source + " minus " + now.own.note);
  }
  return most;
}

CpuLoad::Sample CpuLoad::sample() {
  Sample sample;
  sample.at_s = now_s_();
  sample.own = own_time(own_stat_);
  read_cores(sample);
  sample.waited = waited(pressure_);
  sample.quotas = quotas_.read();
  return sample;
}

void CpuLoad::read_cores(Sample& sample) {
  const auto text = stat_.read();
  if (!text) {
    sample.busy = Share::unknown(stat_.fault());
    return;
  }
  std::vector<bool> allowed;
  if (const auto status = own_status_.read()) {
    std::string_view rest = *status;
    for (std::string_view line; next_line(rest, line);)
      if (next_word(line) == "Cpus_allowed_list:") allowed = parse_core_list(next_word(line));
  }
  double busy = 0, total = 0;  // ticks
  int cores = 0;
  std::string_view rest = *text;
  for (std::string_view line; next_line(rest, line);) {
    std::string_view name = next_word(line);
    if (name.substr(0, 3) != "cpu" || name.size() == 3) continue;  // the sum of all cores
    const auto core = parse_integer(name.substr(3));
    if (!core || *core < 0) continue;
    const auto index = static_cast<size_t>(*core);
    if (!allowed.empty() && (index >= allowed.size() || !allowed[index])) continue;
    // user nice system idle iowait irq softirq steal; user includes guests (proc_stat(5)).
    double times[8];
    bool whole = true;
    for (double& time : times) {
      const auto value = parse_integer(next_word(line));
      whole &= value && *value >= 0;
      time = static_cast<double>(value.value_or(0));
    }
    if (!whole) continue;
    cores++;
    for (int i = 0; i < 8; i++) {
      total += times[i];
      if (i != 3 && i != 4) busy += times[i];
    }
  }
  if (cores == 0) {
    sample.busy = Share::unknown(stat_.path() + ": contains no times of the allowed cores");
    return;
  }
  sample.busy = Share::of(seconds(busy), stat_.path() + " (" + std::to_string(cores) + " cores)");
  sample.total = Share::of(seconds(total), sample.busy.note);
}

std::vector<bool> parse_core_list(std::string_view text) {
  constexpr int64_t kMaxCores = 4096;
  std::vector<bool> cores;
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    const std::string_view range = text.substr(0, comma);
    text.remove_prefix(std::min(comma + 1, text.size()));
    const size_t dash = std::min(range.find('-'), range.size());
    const auto first = parse_integer(range.substr(0, dash));
    const auto last = dash == range.size() ? first : parse_integer(range.substr(dash + 1));
    if (!first || !last || *first < 0 || *last < *first || *last >= kMaxCores) return {};
    if (cores.size() <= static_cast<size_t>(*last)) cores.resize(static_cast<size_t>(*last) + 1);
    for (int64_t core = *first; core <= *last; core++) cores[static_cast<size_t>(core)] = true;
  }
  return cores;
}

}  // namespace matcoder
