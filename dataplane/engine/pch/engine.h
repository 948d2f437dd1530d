// Precompiled for this library (src/base/README.md, "Precompiled headers").
#include <algorithm>

#include "dataplane/engine/worker.h"
