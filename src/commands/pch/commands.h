// Precompiled for this library (src/base/README.md, "Precompiled headers").
#include <algorithm>

#include "src/commands/command_table.h"
#include "src/commands/context.h"
