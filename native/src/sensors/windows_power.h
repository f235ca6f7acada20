// Declarations of powrprof.h and winnt.h that MinGW's headers lack; by Microsoft's documentation of both.
#pragma once

#include <powrprof.h>
#include <windows.h>

#ifndef DEVICE_NOTIFY_CALLBACK
#define DEVICE_NOTIFY_CALLBACK 2
typedef ULONG CALLBACK DEVICE_NOTIFY_CALLBACK_ROUTINE(PVOID context, ULONG type, PVOID setting);
typedef struct {
  DEVICE_NOTIFY_CALLBACK_ROUTINE* Callback;
  PVOID Context;
} DEVICE_NOTIFY_SUBSCRIBE_PARAMETERS;
#endif

namespace matcoder {

// GUID_POWER_SAVING_STATUS: battery saver was switched on or off.
constexpr GUID kPowerSavingStatus = {0xe00958c0, 0xc213, 0x4ace, {0xac, 0x77, 0xfe, 0xcc, 0xed, 0x2e, 0xee, 0xa5}};

}  // namespace matcoder
