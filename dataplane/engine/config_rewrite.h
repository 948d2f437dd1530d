// CONFIG REWRITE: a configuration file brought up to date with what stands. Comments, blank lines,
// the order of options and what is no option (include) stay; an option's lines take its value where
// they are; options that are new to the file and not at their default go to its end.
//
// rewritten_config is a function of texts, for any thread. rewrite_config_file blocks on the disk:
// it runs where that is allowed (errands.h).
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace pollux {

// The new text of a file that read `old` (empty if there was none). `texts` are the values of all
// options (Config::texts).
// `all`: also those that are new to the file and at their default.
std::string rewritten_config(std::string_view old, std::span<const std::string> texts,
                             bool all = false);

// Rewrites the file at `path`: the new text goes to a temporary file beside it, to the disk, and
// takes the old one's place (and its mode). Empty on success, else what went wrong, from errno.
std::string rewrite_config_file(const std::string& path, std::span<const std::string> texts,
                                bool all = false);

}  // namespace pollux
