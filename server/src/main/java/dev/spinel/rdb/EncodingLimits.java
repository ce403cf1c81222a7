package dev.spinel.rdb;

import dev.spinel.value.SetValue;

/// The settings that say which encoding a value that was read takes.
///
/// @param hashEntries hash-max-listpack-entries
/// @param hashValue hash-max-listpack-value
/// @param set those of sets
/// @param zsetEntries zset-max-listpack-entries
/// @param zsetValue zset-max-listpack-value
/// @param listFill list-max-listpack-size
public record EncodingLimits(
    int hashEntries,
    int hashValue,
    SetValue.Thresholds set,
    int zsetEntries,
    int zsetValue,
    int listFill) {}
