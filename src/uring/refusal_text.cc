#include "src/uring/refusal_text.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace pollux {
namespace {

constexpr std::string_view kRaiseFiles =
    "Raise the limit of open files (`ulimit -n`, LimitNOFILE= of a unit)";

int io_uring_disabled_sysctl() {
  std::FILE* file = std::fopen("/proc/sys/kernel/io_uring_disabled", "re");
  if (file == nullptr) {
    return 0;
  }
  int value = 0;
  int fields = std::fscanf(file, "%d", &value);
  std::fclose(file);
  return fields == 1 ? value : 0;
}

}  // namespace

std::string uring_refusal(int error) {
  std::string text = std::string("io_uring cannot be used here: ") + std::strerror(error) + ". ";
  if (error == EPERM && io_uring_disabled_sysctl() != 0) {
    return text +
           "The host has switched it off; set `sysctl -w kernel.io_uring_disabled=0` (and"
           " keep it in /etc/sysctl.d), or run as a user whom its value 1 permits";
  }
  if (error == EPERM || error == EACCES) {
    return text +
           "A seccomp filter forbids it, as the default profile of many containers does; run"
           " with a profile that allows io_uring_setup, io_uring_enter and"
           " io_uring_register (docker, podman: --security-opt seccomp=PROFILE)";
  }
  if (error == ENOSYS) {
    return text +
           "The kernel was built without it, or a sandbox hides it; Linux 6.1 or newer with"
           " CONFIG_IO_URING is needed";
  }
  if (error == EINVAL) {
    return text + "The kernel is too old; Linux 6.1 or newer is needed";
  }
  if (error == ENOMEM) {
    return text + "Raise the limit of locked memory (`ulimit -l`, LimitMEMLOCK= of a unit)";
  }
  if (error == EMFILE || error == ENFILE) {
    return text + std::string(kRaiseFiles);
  }
  return text;
}

std::string descriptor_refusal(std::string_view call, int error) {
  std::string text = "the system call " + std::string(call) + " failed: " + std::strerror(error);
  if (error == EMFILE || error == ENFILE) {
    return text + ". " + std::string(kRaiseFiles);
  }
  if (error == ENOMEM) {
    return text + ". Give the process more memory (MemoryMax= of a unit, --memory of a container)";
  }
  return text + ". A seccomp filter or a sandbox forbids it; run with a profile that allows " +
         std::string(call);
}

}  // namespace pollux
