/// Measurements: of a structure, of a part in isolation, of the whole beside its peers. Sees every
/// room of the house, and nobody sees it.
@NullMarked
package dev.spinel.bench;

import org.jspecify.annotations.NullMarked;
