#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace matcoder {

// A value and where it came from; or no value, and why.
template <typename T>
struct Sensed {
  std::optional<T> value;
  std::string note = "this system does not tell";

  static Sensed of(T value, std::string source) { return {std::move(value), std::move(source)}; }
  static Sensed unknown(std::string why) { return {std::nullopt, std::move(why)}; }
};

enum class PowerSource { kMains, kBattery };

// As usual; fans are to be heard; the processor is being slowed down; it is about to be stopped.
enum class Thermal { kNominal, kFair, kSerious, kCritical };

struct Gpu {
  std::string name;
  std::optional<double> busy_by_others;  // of the time
  std::optional<double> memory_used_by_others_bytes, memory_bytes;
};

// What the machine is doing beside our own work. Shares are from 0 to 1.
struct Reading {
  Sensed<PowerSource> power_source;
  Sensed<double> charge_share;     // of all batteries together
  Sensed<double> discharge_watts;  // negative while they charge
  Sensed<bool> low_power;
  Sensed<Thermal> thermal;
  Sensed<double> cpu_busy_by_others;  // of the processor time that we may have, since the reading before
  Sensed<double> cpu_pressure;        // of the time, since the reading before
  Sensed<Gpu> gpu;                    // the one with the most memory
  Sensed<double> energy_joules;       // by the processor's packages, since the sensors were opened
};

// A monotonic clock, in seconds.
using Clock = std::function<double()>;
inline double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

struct SensorOptions {
  // On Linux: the folder, with a slash, where sys/ and proc/ lie; and NVIDIA's library, empty for none.
  std::string root = "/";
  std::string nvml = "libnvidia-ml.so.1";
  Clock now_s = steady_seconds;
};

// The sensors of one machine. Values that cannot be read come back without a value, and reading goes on.
class Sensors {
 public:
  virtual ~Sensors() = default;

  // Everything, in well under a millisecond of processor time. Starts no process.
  virtual Reading read() = 0;

  // Returns true when the system announced a change, of the power source say, and false after `timeout` or interrupt().
  virtual bool wait(std::chrono::milliseconds timeout) = 0;

  // From another thread: ends a wait, or the next one.
  virtual void interrupt() = 0;
};

// This system's, or nothing where there are none for it.
std::unique_ptr<Sensors> open_sensors(const SensorOptions& options);

}  // namespace matcoder
