// Precompiled for the tests of commands.
#include "src/base/pch/test.h"
#include "src/commands/test_store.h"
