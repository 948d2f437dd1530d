// Precompiled for tests of what a worker is made of.
#include "dataplane/engine/worker.h"
#include "src/base/pch/test.h"
