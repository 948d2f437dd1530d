// CRC-64 of Jones, reflected, from 0: what closes a DUMP payload and an RDB file. The CRC of
// "123456789" is e9c6d914c4b8d9ca. Any thread.
#pragma once

#include <cstdint>
#include <string_view>

namespace pollux {

// `crc`: of the bytes before these, if they come in parts.
uint64_t crc64(std::string_view bytes, uint64_t crc = 0);

// The same without carry-less multiplication, which x86-64-v3 does not promise.
uint64_t crc64_by_tables(std::string_view bytes, uint64_t crc = 0);

}  // namespace pollux
