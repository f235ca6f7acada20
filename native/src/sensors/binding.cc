#include "binding.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>

#include "sensors.h"

namespace matcoder {
namespace {

Napi::Value to_value(Napi::Env env, PowerSource source) {
  return Napi::String::New(env, source == PowerSource::kMains ? "mains" : "battery");
}
Napi::Value to_value(Napi::Env env, Thermal thermal) {
  static constexpr const char* kNames[] = {"nominal", "fair", "serious", "critical"};
  return Napi::String::New(env, kNames[static_cast<int>(thermal)]);
}
Napi::Value to_value(Napi::Env env, double value) { return Napi::Number::New(env, value); }
Napi::Value to_value(Napi::Env env, bool value) { return Napi::Boolean::New(env, value); }
Napi::Value to_value(Napi::Env env, const Gpu& gpu) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("name", gpu.name);
  if (gpu.busy_by_others) object.Set("busyByOthersShare", *gpu.busy_by_others);
  if (gpu.memory_used_by_others_bytes) object.Set("memoryUsedByOthersBytes", *gpu.memory_used_by_others_bytes);
  if (gpu.memory_bytes) object.Set("memoryBytes", *gpu.memory_bytes);
  return object;
}

// {powerSource: {value?, note}, …}
Napi::Object to_object(Napi::Env env, const Reading& reading) {
  Napi::Object object = Napi::Object::New(env);
  const auto set = [&](const char* name, const auto& sensed) {
    Napi::Object entry = Napi::Object::New(env);
    if (sensed.value) entry.Set("value", to_value(env, *sensed.value));
    entry.Set("note", sensed.note);
    object.Set(name, entry);
  };
  set("powerSource", reading.power_source);
  set("chargeShare", reading.charge_share);
  set("dischargeWatts", reading.discharge_watts);
  set("lowPower", reading.low_power);
  set("thermal", reading.thermal);
  set("cpuBusyByOthersShare", reading.cpu_busy_by_others);
  set("cpuPressureShare", reading.cpu_pressure);
  set("gpu", reading.gpu);
  set("energyJoules", reading.energy_joules);
  return object;
}

// Reads once an interval, and at each change that the system announces. On a thread of its own, because a battery's
// controller or a graphics driver may be slow.
class Watch {
 public:
  Watch(std::shared_ptr<Sensors> sensors, std::chrono::milliseconds interval, Napi::ThreadSafeFunction listener)
      : sensors_(std::move(sensors)), thread_([this, interval, listener] { run(interval, listener); }) {}
  ~Watch() {
    stop_ = true;
    sensors_->interrupt();
    thread_.join();
  }

 private:
  // The latest reading that JavaScript has not taken yet.
  struct Slot {
    std::mutex mutex;
    std::optional<Reading> reading;
  };

  void run(std::chrono::milliseconds interval, Napi::ThreadSafeFunction listener) {
    const auto slot = std::make_shared<Slot>();
    const auto deliver = [slot](Napi::Env env, Napi::Function callback) {
      std::optional<Reading> reading;
      {
        const std::lock_guard<std::mutex> lock(slot->mutex);
        reading = std::exchange(slot->reading, std::nullopt);
      }
      if (env == nullptr || !reading) return;
      try {
        callback.Call({to_object(env, *reading)});
      } catch (const Napi::Error& error) {
        napi_fatal_exception(env, error.Value());  // as in addon.cc
      }
    };
    while (!stop_) {
      Reading reading = sensors_->read();
      {
        const std::lock_guard<std::mutex> lock(slot->mutex);
        slot->reading = std::move(reading);
      }
      if (listener.NonBlockingCall(deliver) == napi_closing) return;  // the environment is torn down
      sensors_->wait(interval);
    }
    listener.Release();
  }

  std::shared_ptr<Sensors> sensors_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

class SensorsObject : public Napi::ObjectWrap<SensorsObject> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "Sensors",
                       {
                           InstanceMethod<&SensorsObject::read>("read"),
                           InstanceMethod<&SensorsObject::watch>("watch"),
                           InstanceMethod<&SensorsObject::close>("close"),
                       });
  }

  explicit SensorsObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<SensorsObject>(info) {
    SensorOptions options;
    if (info[0].IsObject()) {
      const Napi::Object o = info[0].As<Napi::Object>();
      if (o.Has("root")) options.root = o.Get("root").ToString();
      if (o.Has("nvml")) options.nvml = o.Get("nvml").ToString();
    }
    if (options.root.empty() || options.root.back() != '/') options.root += '/';
    sensors_ = open_sensors(options);
  }

 private:
  Sensors& sensors(Napi::Env env) const {
    if (!sensors_) throw Napi::Error::New(env, "the sensors were closed");
    return *sensors_;
  }

  // read(): one reading, here and now.
  Napi::Value read(const Napi::CallbackInfo& info) {
    if (watch_) throw Napi::Error::New(info.Env(), "the sensors are being watched");
    return to_object(info.Env(), sensors(info.Env()).read());
  }

  // watch(intervalMs, listener): reads until close(); does not keep the process alive.
  void watch(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    sensors(env);
    if (watch_) throw Napi::Error::New(env, "the sensors are being watched");
    if (!info[0].IsNumber() || !info[1].IsFunction())
      throw Napi::TypeError::New(env, "watch needs an interval in milliseconds and a listener");
    constexpr int64_t kMaxMs = 24 * 3600 * 1000;  // a time that is added to a clock must not overflow it
    const std::chrono::milliseconds interval(std::clamp(info[0].As<Napi::Number>().Int64Value(), int64_t{1}, kMaxMs));
    auto listener = Napi::ThreadSafeFunction::New(env, info[1].As<Napi::Function>(), "matcoder sensors", 0, 1);
    listener.Unref(env);
    try {
      watch_ = std::make_unique<Watch>(sensors_, interval, listener);
    } catch (const std::system_error& error) {
      listener.Abort();
      throw Napi::Error::New(env,
                             std::string("the sensors cannot be watched: no thread could be started: ") + error.what());
    }
  }

  void close(const Napi::CallbackInfo&) {
    watch_.reset();
    sensors_.reset();
  }

  std::shared_ptr<Sensors> sensors_;
  std::unique_ptr<Watch> watch_;
};

}  // namespace

Napi::Function define_sensors(Napi::Env env) { return SensorsObject::define(env); }

}  // namespace matcoder
