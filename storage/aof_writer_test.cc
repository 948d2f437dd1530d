#include "storage/aof_writer.h"
