// What tests write into.
#pragma once

#include "src/base/string_sink.h"

namespace pollux {

using TestSink = StringSink;

}  // namespace pollux
